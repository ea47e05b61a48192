//! A commit object: the tree, the parents and the people that its bytes name, as far as they can be understood.

use std::ops::Range;

use super::object::ObjectId;
use super::signature::{self, Signature};

/// What a commit says. Malformed parts are absent or empty; nothing is an error, because all its bytes are scanned anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedCommit<'a> {
    /// The root directory.
    pub tree: Option<ObjectId>,
    /// The commits before it.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Option<Signature<'a>>,
    /// Who made the commit.
    pub committer: Option<Signature<'a>>,
    /// The name of the encoding of message and names, if it is not UTF-8.
    pub encoding: Option<&'a [u8]>,
    /// Where in the object the message stands.
    pub message: Range<usize>,
}

impl<'a> ParsedCommit<'a> {
    /// Takes from the bytes of a commit what can be had.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        let mut commit = Self::default();
        let mut headers = Headers::new(bytes);
        for (keyword, value) in &mut headers {
            match keyword {
                b"tree" if commit.tree.is_none() => commit.tree = ObjectId::from_hex(value),
                // Git stops reading parents at the author.
                b"parent" if commit.author.is_none() => commit.parents.extend(ObjectId::from_hex(value)),
                b"author" if commit.author.is_none() => commit.author = Some(Signature::parse(value)),
                b"committer" if commit.committer.is_none() => {
                    commit.committer = Some(Signature::parse(value));
                }
                b"encoding" if commit.encoding.is_none() => commit.encoding = Some(value),
                _ => {}
            }
        }
        commit.message = headers.body();
        commit
    }

    /// A name, address or message of this commit for people.
    #[must_use]
    pub fn text(&self, raw: &[u8]) -> String {
        signature::decode(raw, self.encoding)
    }
}

/// The header lines of a commit or tag, as keyword and value, up to the first empty line.
pub(super) struct Headers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Headers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// What follows the empty line; of use when all headers were taken.
    pub(super) fn body(&self) -> Range<usize> {
        self.at..self.bytes.len()
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
            if line.is_empty() {
                let body = self.at + 1;
                // From here on `body` is the answer, and there are no more headers.
                *self = Self { bytes: self.bytes, at: body };
                return None;
            }
            self.at = (self.at + line.len() + 1).min(self.bytes.len());
            // A line that begins with a space continues the one before: a signature or an embedded tag.
            if line[0] == b' ' {
                continue;
            }
            let space = memchr::memchr(b' ', line).unwrap_or(line.len());
            return Some((&line[..space], line.get(space + 1..).unwrap_or_default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn all_parts_of_a_commit_are_found() {
        let text = format!(
            "tree {ID}\nparent {ID}\nparent {ID}\nauthor A <a@b> 5 +0000\ncommitter C <c@d> 6 +0000\n\
             encoding latin1\ngpgsig -----BEGIN\n parent {ID}\n \n -----END\n\nsubject\n\nbody\n"
        );
        let commit = ParsedCommit::parse(text.as_bytes());
        assert_eq!(commit.tree.unwrap().to_string(), ID);
        assert_eq!(commit.parents.len(), 2);
        assert_eq!(commit.author.unwrap().name, b"A");
        assert_eq!(commit.committer.unwrap().time, 6);
        assert_eq!(commit.text(b"\xe4"), "\u{e4}");
        assert_eq!(&text[commit.message], "subject\n\nbody\n");
    }

    #[test]
    fn what_is_missing_or_malformed_is_absent() {
        assert_eq!(ParsedCommit::parse(b""), ParsedCommit::default());
        let odd = b"tree 12\nparent x\nauthor\n";
        let commit = ParsedCommit::parse(odd);
        assert_eq!((commit.tree, commit.parents.len(), commit.message), (None, 0, odd.len()..odd.len()));
        assert_eq!(ParsedCommit::parse(b"\nonly a message").message, 1..15);
        let sha256 = format!("tree {}\n\n", "ab".repeat(32));
        assert_eq!(ParsedCommit::parse(sha256.as_bytes()).tree.unwrap().as_bytes().len(), 32);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_as_a_commit_do_not_panic(bytes: Vec<u8>) {
            let commit = ParsedCommit::parse(&bytes);
            proptest::prop_assert!(bytes.get(commit.message).is_some());
        }

        #[test]
        fn any_lines_as_a_commit_do_not_panic(
            text in "((tree|parent|author|committer|encoding|gpgsig|) ?[0-9a-f<> ]{0,42}\n?){0,6}"
        ) {
            let commit = ParsedCommit::parse(text.as_bytes());
            proptest::prop_assert!(text.get(commit.message).is_some());
        }
    }
}
