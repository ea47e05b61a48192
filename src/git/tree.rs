//! A tree object: the entries of one directory, read until the first that makes no sense.

use super::object::{ObjectFormat, ObjectId, is_directory, is_submodule};

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeEntry<'a> {
    /// File mode: it tells files, directories, symbolic links and submodules apart.
    pub mode: u32,
    /// The name; never empty, otherwise anything but a zero byte.
    pub name: &'a [u8],
    /// The 20 or 32 bytes of the id of what it names.
    pub id: &'a [u8],
}

impl<'a> TreeEntry<'a> {
    /// The first entry of `tree`, and its length in bytes; `None` if it is malformed.
    #[must_use]
    pub fn parse(tree: &'a [u8], format: ObjectFormat) -> Option<(Self, usize)> {
        // Git writes six digits, old programs wrote a leading zero.
        let space = memchr::memchr(b' ', tree.get(..tree.len().min(12))?)?;
        let digits = tree.get(..space).filter(|digits| !digits.is_empty())?;
        let mode = digits.iter().try_fold(0u32, |mode, &digit| {
            matches!(digit, b'0'..=b'7').then(|| mode << 3 | u32::from(digit - b'0'))
        })?;
        let rest = tree.get(space + 1..)?;
        let end = memchr::memchr(0, rest).filter(|&end| end > 0)?;
        let id = rest.get(end + 1..end + 1 + format.id_bytes())?;
        Some((Self { mode, name: &rest[..end], id }, space + end + 2 + format.id_bytes()))
    }

    /// The first entry of `tree` with its id, and what follows it.
    pub(super) fn take(tree: &'a [u8], format: ObjectFormat) -> Option<(Self, ObjectId, &'a [u8])> {
        let (entry, length) = Self::parse(tree, format)?;
        Some((entry, ObjectId::from_bytes(entry.id)?, tree.get(length..)?))
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        is_directory(self.mode)
    }

    /// Whether it is a submodule: its id belongs to another repository.
    #[must_use]
    pub fn is_submodule(&self) -> bool {
        is_submodule(self.mode)
    }
}

/// The entries of a tree, in the order in which they stand there. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct TreeEntries<'a> {
    tree: &'a [u8],
    at: usize,
    format: ObjectFormat,
}

impl<'a> TreeEntries<'a> {
    /// The entries of the tree with these bytes.
    #[must_use]
    pub fn new(tree: &'a [u8], format: ObjectFormat) -> Self {
        Self { tree, at: 0, format }
    }

    /// Where the next entry begins.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for TreeEntries<'a> {
    type Item = Result<TreeEntry<'a>, MalformedTree>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.tree.get(self.at..).filter(|rest| !rest.is_empty())?;
        match TreeEntry::parse(rest, self.format) {
            Some((entry, length)) => {
                self.at += length;
                Some(Ok(entry))
            }
            None => {
                let offset = self.at;
                self.at = self.tree.len();
                Some(Err(MalformedTree { offset }))
            }
        }
    }
}

/// A tree that makes no sense from some byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tree is malformed at byte {offset}")]
pub struct MalformedTree {
    /// The first byte of the malformed entry.
    pub offset: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_ids_of_both_lengths_and_end_at_a_malformed_one() {
        for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
            let id = vec![7; format.id_bytes()];
            let mut tree = [b"40000 dir\0", &id[..], b"100644 a b\0", &id[..]].concat();
            let all: Result<Vec<_>, _> = TreeEntries::new(&tree, format).collect();
            let all = all.unwrap();
            assert!(all[0].is_directory() && !all[1].is_directory());
            assert_eq!((all[1].mode, all[1].name, all[1].id), (0o100_644, &b"a b"[..], &id[..]));
            let whole = tree.len();
            for odd in [&b"160000 sub\0short"[..], b" x\0", b"8 x\0", b"100644 \0", b"100644 x", b"1"] {
                tree.truncate(whole);
                tree.extend_from_slice(odd);
                let found: Vec<_> = TreeEntries::new(&tree, format).skip(2).collect();
                assert_eq!(found, [Err(MalformedTree { offset: whole })]);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_as_a_tree_do_not_panic(bytes: Vec<u8>) {
            let all: Vec<_> = TreeEntries::new(&bytes, ObjectFormat::Sha1).collect();
            proptest::prop_assert!(all.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
