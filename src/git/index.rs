//! The git index: the list of paths and blobs that the next commit will hold.

mod bitmap;
mod cache_tree;
mod parse;
mod split;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

pub(super) use cache_tree::CacheTree;

use self::parse::{ParseError, Parsed};
use super::GitError;
use super::object::{ObjectFormat, ObjectId};

/// An index in memory, without what the file system said about the files.
///
/// Paths are stored as the difference to the one before: a list of 100 000 needs 4 MB so, and 12 MB in the file.
pub struct Index {
    entries: Packed,
    cache_tree: Vec<u8>,
    format: ObjectFormat,
}

impl fmt::Debug for Index {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Index({} entries)", self.entries.count)
    }
}

/// An index file without meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {what}")]
pub struct IndexError {
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

/// One path of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Relative to the root of the work tree, with `/` between the parts; a sparse directory ends with one.
    pub path: &'a [u8],
    /// The blob, the commit of a submodule, or the tree of a sparse directory.
    pub id: ObjectId,
    /// File type and permission as in a tree: `0o100644`.
    pub mode: u32,
    flags: u8,
}

/// The bits of [`Entry::flags`]; the lowest two are the stage.
const INTENT_TO_ADD: u8 = 4;
const SKIP_WORKTREE: u8 = 8;

impl Entry<'_> {
    /// 0, or during a merge with conflicts: 1 the common ancestor, 2 ours, 3 theirs.
    #[must_use]
    pub fn stage(&self) -> u8 {
        self.flags & 3
    }

    /// Whether only the intention to add this path is recorded (`git add -N`), not its content.
    #[must_use]
    pub fn is_intent_to_add(&self) -> bool {
        self.flags & INTENT_TO_ADD != 0
    }

    /// Whether the file is left out of the work tree (sparse checkout).
    #[must_use]
    pub fn is_skip_worktree(&self) -> bool {
        self.flags & SKIP_WORKTREE != 0
    }
}

impl Index {
    /// Reads the index `path`, and the shared index in `git_dir` that it builds on, if any. `None`: there is no file.
    pub(super) fn open(path: &Path, git_dir: &Path, format: ObjectFormat) -> Result<Option<Self>, GitError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(GitError::Unreadable { path: path.to_path_buf(), cause }),
        };
        let mut own = read(path, file, format)?;
        let damaged = |what: &str| GitError::Index {
            path: path.to_path_buf(),
            cause: IndexError { offset: own.link_offset, what: what.to_owned() },
        };
        let Some(link) = split::Link::parse(&own.link, format).map_err(damaged)? else {
            return Ok(Some(Self { entries: own.entries, cache_tree: own.cache_tree, format }));
        };
        let shared = git_dir.join(format!("sharedindex.{}", link.base));
        let file =
            File::open(&shared).map_err(|cause| GitError::Unreadable { path: shared.clone(), cause })?;
        let base = read(&shared, file, format)?;
        let entries = split::merge(&base.entries, &own.entries, &link).map_err(damaged)?;
        Ok(Some(Self { entries, cache_tree: std::mem::take(&mut own.cache_tree), format }))
    }

    /// Number of entries; a path with a conflict has several.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.count as usize
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A walk over all entries, in the order of the file: by path, then by stage.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        self.entries.iter()
    }

    /// The trees that git had computed already when it wrote the index; empty if there are none or they make no sense.
    pub(super) fn cache_tree(&self) -> CacheTree<'_> {
        CacheTree::parse(&self.cache_tree, self.format).unwrap_or_default()
    }

    pub(super) fn format(&self) -> ObjectFormat {
        self.format
    }
}

fn read(path: &Path, file: File, format: ObjectFormat) -> Result<Parsed, GitError> {
    let unreadable = |cause| GitError::Unreadable { path: path.to_path_buf(), cause };
    let length = file.metadata().map_err(unreadable)?.len();
    parse::parse(file, length, format).map_err(|error| match error {
        ParseError::Io(cause) => unreadable(cause),
        ParseError::Bad(cause) => GitError::Index { path: path.to_path_buf(), cause },
    })
}

/// Entries, one after the other: mode, flags, id, how much of the last path stays, how much follows, what follows.
#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    count: u32,
    id_bytes: usize,
    last: Vec<u8>,
}

impl Packed {
    fn new(format: ObjectFormat) -> Self {
        Self { id_bytes: format.id_bytes(), ..Self::default() }
    }

    fn push(&mut self, entry: &Entry<'_>) {
        let keep = common_prefix(&self.last, entry.path);
        let added = &entry.path[keep..];
        // The upper half of the mode is unused by definition of the format.
        self.bytes.extend_from_slice(&entry.mode.to_le_bytes()[..2]);
        self.bytes.push(entry.flags);
        self.bytes.extend_from_slice(entry.id.as_bytes());
        push_number(&mut self.bytes, keep);
        push_number(&mut self.bytes, added.len());
        self.bytes.extend_from_slice(added);
        self.last.truncate(keep);
        self.last.extend_from_slice(added);
        self.count += 1;
    }

    fn iter(&self) -> Entries<'_> {
        Entries { rest: &self.bytes, id_bytes: self.id_bytes, path: Vec::new() }
    }
}

/// How many bytes both begin with; by eights first, because neighbouring paths have much in common.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let eights = a.chunks_exact(8).zip(b.chunks_exact(8)).take_while(|(a, b)| a == b).count() * 8;
    eights + a[eights..].iter().zip(&b[eights..]).take_while(|(a, b)| a == b).count()
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn push_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7F {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A walk over the entries of an index. It lends each entry until the next call, hence no `Iterator`.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
    id_bytes: usize,
    path: Vec<u8>,
}

impl Entries<'_> {
    /// The next entry.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not lend the path that is unpacked here"
    )]
    pub fn next(&mut self) -> Option<Entry<'_>> {
        let (head, rest) = self.rest.split_at_checked(3 + self.id_bytes)?;
        self.rest = rest;
        let (keep, added) = (self.number()?, self.number()?);
        let (added, rest) = self.rest.split_at_checked(added)?;
        self.rest = rest;
        self.path.truncate(keep);
        self.path.extend_from_slice(added);
        let mode = u32::from(u16::from_le_bytes([head[0], head[1]]));
        Some(Entry { path: &self.path, id: ObjectId::from_bytes(&head[3..])?, mode, flags: head[2] })
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0;
        for (position, &byte) in self.rest.iter().enumerate().take(9) {
            number |= usize::from(byte & 0x7F) << (7 * position);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[position + 1..];
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixture::Fixture;
    use super::*;

    fn parse(bytes: &[u8], format: ObjectFormat) -> Result<Index, IndexError> {
        match parse::parse(bytes, bytes.len() as u64, format) {
            Ok(parsed) => {
                let _ = split::Link::parse(&parsed.link, format);
                Ok(Index { entries: parsed.entries, cache_tree: parsed.cache_tree, format })
            }
            Err(ParseError::Bad(error)) => Err(error),
            Err(ParseError::Io(error)) => panic!("{error}"),
        }
    }

    fn opened(repo: &Fixture, format: ObjectFormat) -> Index {
        Index::open(&repo.path(".git/index"), &repo.path(".git"), format).unwrap().unwrap()
    }

    /// The index as `git ls-files --stage -z` prints it.
    fn listed(index: &Index) -> String {
        let mut entries = index.entries();
        let mut out = String::new();
        while let Some(entry) = entries.next() {
            let path = String::from_utf8_lossy(entry.path);
            out += &format!("{:06o} {} {}\t{path}\0", entry.mode, entry.id, entry.stage());
        }
        out
    }

    fn filled(arguments: &[&str]) -> Option<Fixture> {
        let repo = Fixture::with_init(arguments)?;
        for name in ["a", "a.b", "a-b/c", "dir/deep/er/file", "dir/deep/er/file2", "dir/ö", "z"] {
            repo.write(name, format!("content of {name}"));
        }
        repo.write(&format!("long/{}/{}", "n".repeat(200), "m".repeat(180)), "x");
        repo.git(&["add", "-A"]);
        Some(repo)
    }

    #[test]
    fn every_version_reads_as_git_reads_it() {
        for version in ["2", "3", "4"] {
            for (arguments, format) in
                [(&[][..], ObjectFormat::Sha1), (&["--object-format=sha256"], ObjectFormat::Sha256)]
            {
                let Some(repo) = filled(arguments) else { continue };
                repo.git(&["commit", "-q", "-m", "one"]);
                repo.git(&["update-index", "--index-version", version]);
                repo.write("new", "only intended");
                if version != "2" {
                    repo.git(&["add", "-N", "new"]);
                    repo.git(&["update-index", "--skip-worktree", "z"]);
                }
                let index = opened(&repo, format);
                let bytes = fs::read(repo.path(".git/index")).unwrap();
                assert_eq!(bytes[7].to_string(), version);
                assert_eq!(listed(&index), repo.git(&["ls-files", "--stage", "-z"]));
                let mut entries = index.entries();
                let mut marked = Vec::new();
                while let Some(entry) = entries.next() {
                    if entry.is_intent_to_add() || entry.is_skip_worktree() {
                        marked.push(entry.path.to_vec());
                    }
                }
                let expected: &[&[u8]] = if version == "2" { &[] } else { &[b"new", b"z"] };
                assert_eq!(marked, expected);
            }
        }
    }

    #[test]
    fn conflicts_have_stages_and_a_split_index_is_put_together() {
        let repo = filled(&[]).unwrap();
        repo.git(&["commit", "-q", "-m", "one"]);
        for (branch, content) in [("side", "theirs"), ("main", "ours")] {
            repo.git(&["checkout", "-q", "-B", branch]);
            repo.write("a", content);
            repo.git(&["commit", "-qam", branch]);
            if branch == "side" {
                repo.git(&["checkout", "-q", "-B", "main", "HEAD~"]);
            }
        }
        assert!(!repo.command(&["merge", "-q", "side"]).output().unwrap().status.success());
        let expected = repo.git(&["ls-files", "--stage", "-z"]);
        assert!(expected.contains(" 3\ta\0"));
        assert_eq!(listed(&opened(&repo, ObjectFormat::Sha1)), expected);

        repo.git(&["reset", "-q", "--hard"]);
        repo.git(&["update-index", "--split-index"]);
        repo.write("dir/ö", "replaced");
        repo.write("b", "added");
        repo.git(&["rm", "-q", "z"]);
        repo.git(&["add", "-A"]);
        repo.git(&["-c", "splitIndex.maxPercentChange=100", "update-index", "--chmod=+x", "a.b"]);
        let bytes = fs::read(repo.path(".git/index")).unwrap();
        assert!(memchr::memmem::find(&bytes, b"link").is_some(), "git has split the index");
        assert_eq!(listed(&opened(&repo, ObjectFormat::Sha1)), repo.git(&["ls-files", "--stage", "-z"]));
    }

    #[test]
    fn a_sparse_index_has_directories() {
        let repo = filled(&[]).unwrap();
        repo.git(&["commit", "-q", "-m", "one"]);
        repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "long"]);
        let index = opened(&repo, ObjectFormat::Sha1);
        assert!(listed(&index).contains("\tdir/\0"), "git has made the index sparse");
        assert_eq!(listed(&index), repo.git(&["ls-files", "--stage", "--sparse", "-z"]));
    }

    #[test]
    fn a_checksum_of_zeros_is_accepted_and_a_wrong_one_is_not() {
        let repo = filled(&[]).unwrap();
        let mut bytes = fs::read(repo.path(".git/index")).unwrap();
        let end = bytes.len();
        bytes[end - 1] ^= 1;
        let error = parse(&bytes, ObjectFormat::Sha1).unwrap_err();
        assert_eq!(error.to_string(), format!("byte {}: the checksum does not fit the content", end - 20));
        bytes[end - 20..].fill(0);
        assert!(parse(&bytes, ObjectFormat::Sha1).is_ok());
    }

    #[test]
    fn every_truncation_and_wrong_header_is_an_error() {
        let repo = filled(&[]).unwrap();
        for version in ["2", "4"] {
            repo.git(&["update-index", "--index-version", version]);
            let bytes = fs::read(repo.path(".git/index")).unwrap();
            for length in 0..bytes.len() {
                assert!(parse(&bytes[..length], ObjectFormat::Sha1).is_err(), "{length}");
            }
            // Without the checksum, the lengths alone have to reveal that something is missing.
            let body = bytes.len() - 20;
            let last = listed(&parse(&bytes, ObjectFormat::Sha1).unwrap());
            for length in 12..body {
                let mut cut = bytes[..length].to_vec();
                cut.extend([0; 20]);
                if let Ok(index) = parse(&cut, ObjectFormat::Sha1) {
                    assert_eq!(listed(&index), last, "only extensions may be missing");
                }
            }
            let wrong = |at: usize, byte: u8| {
                let mut bytes = bytes.clone();
                bytes[at] = byte;
                parse(&bytes, ObjectFormat::Sha1).unwrap_err().offset
            };
            assert_eq!((wrong(0, b'X'), wrong(7, 5)), (0, 4));
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(version in 2u8..5, entries: u16, body: Vec<u8>, sha256: bool) {
            let format = if sha256 { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 };
            let mut bytes = vec![b'D', b'I', b'R', b'C', 0, 0, 0, version, 0, 0];
            bytes.extend((entries % 4).to_be_bytes());
            bytes.extend(body);
            bytes.extend(vec![0; format.id_bytes()]);
            if let Ok(index) = parse(&bytes, format) {
                let mut entries = index.entries();
                let mut count = 0;
                while entries.next().is_some() {
                    count += 1;
                }
                proptest::prop_assert_eq!(count, index.len());
                let _ = index.cache_tree();
            }
        }

        #[test]
        fn a_real_index_with_one_wrong_byte_never_panics(at in 0usize..4000, byte: u8) {
            static REAL: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
            let mut bytes = REAL
                .get_or_init(|| {
                    let repo = filled(&[]).unwrap();
                    repo.git(&["commit", "-q", "-m", "one"]);
                    fs::read(repo.path(".git/index")).unwrap()
                })
                .clone();
            let body = bytes.len() - 20;
            bytes[body..].fill(0);
            let at = at % body;
            bytes[at] = byte;
            if let Ok(index) = parse(&bytes, ObjectFormat::Sha1) {
                proptest::prop_assert!(listed(&index).len() > index.len());
                let _ = index.cache_tree();
            }
        }
    }
}
