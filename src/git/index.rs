//! The git index: the list of paths and blobs that the next commit will hold (gitformat-index(5), versions 2 to 4).

mod bitmap;
mod cache_tree;
mod split;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use memchr::memchr;
use sha1::Digest;

pub(super) use cache_tree::CacheTree;

use super::GitError;
use super::object::{ObjectFormat, ObjectId};

/// An index in memory: the bytes of the file, checked, and where its parts begin.
///
/// Entries are decoded while they are walked over, because 100 000 paths on the heap would cost more than all the rest.
pub struct Index {
    bytes: Vec<u8>,
    layout: Layout,
    entries_end: usize,
    cache_tree: Option<Range<usize>>,
    link: Option<Range<usize>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Index(version {}, {} entries)", self.layout.version, self.layout.entries)
    }
}

#[derive(Clone, Copy, Debug)]
struct Layout {
    version: u32,
    entries: u32,
    format: ObjectFormat,
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

impl IndexError {
    fn new(offset: usize, what: impl Into<String>) -> Self {
        Self { offset: offset as u64, what: what.into() }
    }
}

/// One path of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Relative to the root of the work tree, with `/` between the parts; a sparse directory ends with one.
    pub path: &'a [u8],
    /// File type and permission as in a tree: `0o100644`.
    pub mode: u32,
    /// The blob, the commit of a submodule, or the tree of a sparse directory.
    pub id: ObjectId,
    flags: u16,
    extended: u16,
}

impl Entry<'_> {
    /// 0, or during a merge with conflicts: 1 the common ancestor, 2 ours, 3 theirs.
    #[must_use]
    pub fn stage(&self) -> u8 {
        (self.flags >> 12 & 3) as u8
    }

    /// Whether only the intention to add this path is recorded (`git add -N`), not its content.
    #[must_use]
    pub fn is_intent_to_add(&self) -> bool {
        self.extended & 0x2000 != 0
    }

    /// Whether the file is left out of the work tree (sparse checkout).
    #[must_use]
    pub fn is_skip_worktree(&self) -> bool {
        self.extended & 0x4000 != 0
    }
}

/// Set in the flags of an entry that has a second word of flags.
const EXTENDED: u16 = 0x4000;
/// The length of a path as the flags hold it; this value means "at least".
const NAME_MASK: u16 = 0x0FFF;
/// Times, device, inode, mode, owner and size: everything before the object id.
const STAT_BYTES: usize = 40;
const HEADER_BYTES: usize = 12;

impl Index {
    /// Reads the index `path`, and the shared index in `git_dir` that it builds on, if any. `None`: there is no file.
    pub(super) fn open(path: &Path, git_dir: &Path, format: ObjectFormat) -> Result<Option<Self>, GitError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(GitError::Unreadable { path: path.to_path_buf(), cause }),
        };
        let damaged = |path: &Path, cause| GitError::Index { path: path.to_path_buf(), cause };
        let index = Self::parse(bytes, format).map_err(|cause| damaged(path, cause))?;
        let Some(link) = index.link().map_err(|cause| damaged(path, cause))? else { return Ok(Some(index)) };
        let shared = git_dir.join(format!("sharedindex.{}", link.base));
        let bytes =
            fs::read(&shared).map_err(|cause| GitError::Unreadable { path: shared.clone(), cause })?;
        let base = Self::parse(bytes, format).map_err(|cause| damaged(&shared, cause))?;
        split::merge(&base, &index, &link).map(Some).map_err(|cause| damaged(path, cause))
    }

    /// Checks the whole file, its checksum included.
    fn parse(bytes: Vec<u8>, format: ObjectFormat) -> Result<Self, IndexError> {
        let layout = header(&bytes, format)?;
        let end = bytes.len() - format.id_bytes();
        let walk = || {
            let mut entries = Entries::new(&bytes[..end], layout);
            let mut unnamed = None;
            while entries.step()? {
                unnamed = unnamed.or(entries.path().is_empty().then_some(entries.current.start));
            }
            let parts = extensions(&bytes, entries.at, end)?;
            match unnamed.filter(|_| parts.link.is_none()) {
                Some(at) => Err(IndexError::new(at, "an entry has no path")),
                None => Ok(parts),
            }
        };
        // Both passes read the whole file, and a commit waits for them: large files are worth a second thread.
        let (parts, sum) = if bytes.len() > 1 << 20 {
            std::thread::scope(|scope| {
                let sum = scope.spawn(|| checksum(&bytes, format));
                (walk(), sum.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })
        } else {
            (walk(), checksum(&bytes, format))
        };
        let parts = parts?;
        sum?;
        let index = Self {
            layout,
            entries_end: parts.entries_end,
            cache_tree: parts.cache_tree,
            link: parts.link,
            bytes,
        };
        Ok(index)
    }

    /// Number of entries; a path with a conflict has several.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.entries as usize
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A walk over all entries, in the order of the file: by path, then by stage.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries::new(&self.bytes[..self.entries_end], self.layout)
    }

    /// The trees that git had computed already when it wrote the index; empty if there are none or they make no sense.
    pub(super) fn cache_tree(&self) -> CacheTree<'_> {
        let bytes = self.cache_tree.clone().map_or(&[][..], |range| &self.bytes[range]);
        CacheTree::parse(bytes, self.layout.format).unwrap_or_default()
    }

    pub(super) fn format(&self) -> ObjectFormat {
        self.layout.format
    }

    fn link(&self) -> Result<Option<split::Link>, IndexError> {
        let Some(range) = self.link.clone() else { return Ok(None) };
        split::Link::parse(&self.bytes[range.clone()], self.layout.format)
            .map_err(|what| IndexError::new(range.start, what))
    }
}

fn header(bytes: &[u8], format: ObjectFormat) -> Result<Layout, IndexError> {
    if bytes.len() < HEADER_BYTES + format.id_bytes() {
        return Err(IndexError::new(bytes.len(), "the file is too short for an index"));
    }
    if !bytes.starts_with(b"DIRC") {
        return Err(IndexError::new(0, "the file does not begin with DIRC"));
    }
    let version = be32(bytes, 4).unwrap_or_default();
    if !matches!(version, 2..=4) {
        return Err(IndexError::new(4, format!("version {version} is unknown; 2, 3 and 4 are known")));
    }
    Ok(Layout { version, entries: be32(bytes, 8).unwrap_or_default(), format })
}

struct Parts {
    entries_end: usize,
    cache_tree: Option<Range<usize>>,
    link: Option<Range<usize>>,
}

/// Walks over the extensions between the entries and the checksum.
fn extensions(bytes: &[u8], start: usize, end: usize) -> Result<Parts, IndexError> {
    let mut parts = Parts { entries_end: start, cache_tree: None, link: None };
    let mut at = start;
    while at < end {
        let too_short = || IndexError::new(at, "an extension ends after the file");
        let name = bytes.get(at..at + 4).filter(|_| at + 8 <= end).ok_or_else(too_short)?;
        let size = be32(bytes, at + 4).ok_or_else(too_short)? as usize;
        let content = at + 8..(at + 8).checked_add(size).filter(|&stop| stop <= end).ok_or_else(too_short)?;
        let next = content.end;
        match name {
            b"TREE" => parts.cache_tree = Some(content),
            b"link" => parts.link = Some(content),
            // Says only that sparse directories may occur; they are recognised by their mode.
            b"sdir" => {}
            // An upper-case letter marks what a reader may leave out.
            [b'A'..=b'Z', ..] => {}
            _ => {
                let name = name.escape_ascii().to_string();
                return Err(IndexError::new(
                    at,
                    format!("the extension {name} is unknown and must not be left out"),
                ));
            }
        }
        at = next;
    }
    Ok(parts)
}

/// Compares the last bytes with the hash of all others; zeros mean that git was told not to hash (`index.skipHash`).
fn checksum(bytes: &[u8], format: ObjectFormat) -> Result<(), IndexError> {
    let (content, stored) = bytes.split_at(bytes.len() - format.id_bytes());
    if stored.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    let same = match format {
        ObjectFormat::Sha1 => sha1::Sha1::digest(content).as_slice() == stored,
        ObjectFormat::Sha256 => sha2::Sha256::digest(content).as_slice() == stored,
    };
    if same { Ok(()) } else { Err(IndexError::new(content.len(), "the checksum does not fit the content")) }
}

/// A walk over the entries of an index. It lends each entry until the next call, hence no `Iterator`.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    layout: Layout,
    /// Offset of the next entry.
    at: usize,
    left: u32,
    /// The path of the current entry where the file holds only its difference to the one before (version 4).
    unpacked: Vec<u8>,
    current: Raw,
}

/// Where the parts of the current entry stand.
#[derive(Clone, Debug, Default)]
struct Raw {
    start: usize,
    path: Range<usize>,
    flags: u16,
    extended: u16,
}

impl<'a> Entries<'a> {
    fn new(bytes: &'a [u8], layout: Layout) -> Self {
        let (left, unpacked) = (layout.entries, Vec::new());
        Self { bytes, layout, at: HEADER_BYTES, left, unpacked, current: Raw::default() }
    }

    /// The next entry.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not lend the path that version 4 unpacks"
    )]
    pub fn next(&mut self) -> Option<Entry<'_>> {
        // A walk over an `Index` cannot fail: reading it has walked over the same bytes.
        if !matches!(self.step(), Ok(true)) {
            return None;
        }
        let raw = &self.current;
        let id = raw.start + STAT_BYTES;
        Some(Entry {
            path: self.path(),
            mode: be32(self.bytes, raw.start + 24)?,
            id: ObjectId::from_bytes(self.bytes.get(id..id + self.layout.format.id_bytes())?)?,
            flags: raw.flags,
            extended: raw.extended,
        })
    }

    fn path(&self) -> &[u8] {
        if self.layout.version == 4 { &self.unpacked } else { &self.bytes[self.current.path.clone()] }
    }

    /// Moves to the next entry; false at the end.
    fn step(&mut self) -> Result<bool, IndexError> {
        if self.left == 0 {
            return Ok(false);
        }
        let start = self.at;
        let cut = || IndexError::new(start, "an entry ends after the file");
        let mut at = start + STAT_BYTES + self.layout.format.id_bytes();
        let flags = be16(self.bytes, at).ok_or_else(cut)?;
        at += 2;
        let mut extended = 0;
        if flags & EXTENDED != 0 {
            if self.layout.version < 3 {
                return Err(IndexError::new(start, "an entry of version 2 has the flags of version 3"));
            }
            extended = be16(self.bytes, at).ok_or_else(cut)?;
            at += 2;
        }
        let path;
        (path, self.at) = if self.layout.version == 4 {
            let after = self
                .unpack(at)
                .ok_or_else(|| IndexError::new(at, "the path of an entry cannot be unpacked"))?;
            (at..at, after)
        } else {
            let length = match flags & NAME_MASK {
                NAME_MASK => memchr(0, self.bytes.get(at..).ok_or_else(cut)?).ok_or_else(cut)?,
                length => usize::from(length),
            };
            let end = at + length;
            // One to eight zeros fill up to a multiple of eight.
            let after = start + ((end - start) / 8 + 1) * 8;
            let padding = self.bytes.get(end..after).ok_or_else(cut)?;
            if padding.iter().any(|&byte| byte != 0) {
                return Err(IndexError::new(end, "a path is longer than its entry says"));
            }
            (at..end, after)
        };
        self.current = Raw { start, path, flags, extended };
        self.left -= 1;
        Ok(true)
    }

    /// Decodes a path of version 4: how many bytes of the last path go, then what follows, up to a zero.
    fn unpack(&mut self, mut at: usize) -> Option<usize> {
        let mut byte = *self.bytes.get(at)?;
        let mut drop = u64::from(byte & 0x7F);
        while byte & 0x80 != 0 {
            at += 1;
            byte = *self.bytes.get(at)?;
            drop = drop.checked_add(1).filter(|drop| drop >> 57 == 0)? << 7 | u64::from(byte & 0x7F);
        }
        let rest = self.bytes.get(at + 1..)?;
        let added = &rest[..memchr(0, rest)?];
        let keep = self.unpacked.len().checked_sub(usize::try_from(drop).ok()?)?;
        self.unpacked.truncate(keep);
        self.unpacked.extend_from_slice(added);
        Some(at + 1 + added.len() + 1)
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

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
                assert_eq!(index.layout.version.to_string(), version);
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
        let error = Index::parse(bytes.clone(), ObjectFormat::Sha1).unwrap_err();
        assert_eq!(error.to_string(), format!("byte {}: the checksum does not fit the content", end - 20));
        bytes[end - 20..].fill(0);
        assert!(Index::parse(bytes, ObjectFormat::Sha1).is_ok());
    }

    #[test]
    fn every_truncation_and_wrong_header_is_an_error() {
        let repo = filled(&[]).unwrap();
        for version in ["2", "4"] {
            repo.git(&["update-index", "--index-version", version]);
            let bytes = fs::read(repo.path(".git/index")).unwrap();
            for length in 0..bytes.len() {
                assert!(Index::parse(bytes[..length].to_vec(), ObjectFormat::Sha1).is_err(), "{length}");
            }
            // Without the checksum, the lengths alone have to reveal that something is missing.
            let body = bytes.len() - 20;
            let last = listed(&Index::parse(bytes.clone(), ObjectFormat::Sha1).unwrap());
            for length in 12..body {
                let mut cut = bytes[..length].to_vec();
                cut.extend([0; 20]);
                if let Ok(index) = Index::parse(cut, ObjectFormat::Sha1) {
                    assert_eq!(listed(&index), last, "only extensions may be missing");
                }
            }
            let wrong = |at: usize, byte: u8| {
                let mut bytes = bytes.clone();
                bytes[at] = byte;
                Index::parse(bytes, ObjectFormat::Sha1).unwrap_err().offset
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
            if let Ok(index) = Index::parse(bytes, format) {
                let mut entries = index.entries();
                let mut count = 0;
                while entries.next().is_some() {
                    count += 1;
                }
                proptest::prop_assert_eq!(count, index.len());
                let _ = index.cache_tree();
                let _ = index.link();
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
            if let Ok(index) = Index::parse(bytes, ObjectFormat::Sha1) {
                proptest::prop_assert!(listed(&index).len() > index.len());
                let _ = index.cache_tree();
            }
        }
    }
}
