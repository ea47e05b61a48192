//! A git object: a commit, tree or blob under the hash of its content, and the reader that fetches it.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::GitError;

/// The hash function that names the objects of a repository (`extensions.objectFormat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    /// 20 bytes; what nearly every repository uses.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl ObjectFormat {
    /// Bytes of an object id.
    #[must_use]
    pub fn id_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// The name of an object: the hash of its kind, size and content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    bytes: [u8; 32],
    length: u8,
}

impl ObjectId {
    /// An id from its 20 or 32 bytes.
    #[must_use]
    pub fn from_bytes(raw: &[u8]) -> Option<Self> {
        let length = u8::try_from(raw.len()).ok().filter(|length| matches!(length, 20 | 32))?;
        let mut bytes = [0; 32];
        bytes.get_mut(..raw.len())?.copy_from_slice(raw);
        Some(Self { bytes, length })
    }

    /// An id from its 40 or 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        if !matches!(text.len(), 40 | 64) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let high = char::from(digits[0]).to_digit(16)?;
            let low = char::from(digits[1]).to_digit(16)?;
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        Some(Self { bytes, length: u8::try_from(text.len() / 2).ok()? })
    }

    /// The 20 or 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether every byte is zero: git's way to write "no object".
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.bytes == [0; 32]
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A directory.
    Tree,
    /// The content of a file.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// Git's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// An object that was read.
#[derive(Debug)]
pub struct Object<'a> {
    /// What it is.
    pub kind: ObjectKind,
    data: Data<'a>,
}

enum Data<'a> {
    Libgit(git2::OdbObject<'a>),
    Own(Vec<u8>),
}

impl fmt::Debug for Data<'_> {
    /// Shows the size only: a blob may hold a secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = self;
        write!(out, "{} bytes", bytes.len())
    }
}

impl Deref for Data<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Libgit(object) => object.data(),
            Self::Own(bytes) => bytes,
        }
    }
}

impl Object<'_> {
    pub(super) fn own(kind: ObjectKind, bytes: Vec<u8>) -> Self {
        Self { kind, data: Data::Own(bytes) }
    }

    pub(super) fn libgit(kind: ObjectKind, object: git2::OdbObject<'_>) -> Object<'_> {
        Object { kind, data: Data::Libgit(object) }
    }

    /// The content.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is nowhere: the clone is partial or shallow, or the repository is damaged.
    #[error("the object is missing")]
    Missing,
    /// It is larger than the caller wants to have in memory.
    #[error("the object has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// It is there but its bytes are wrong.
    #[error("the object is damaged: {0}")]
    Damaged(String),
    /// The git program, which is needed for this repository, cannot be used.
    #[error("{0}")]
    Program(#[source] Box<GitError>),
}

/// Where the objects of a repository lie.
#[derive(Clone, Debug)]
pub(super) struct ObjectDirectories {
    pub(super) git_dir: PathBuf,
    pub(super) main: PathBuf,
    pub(super) alternates: Vec<PathBuf>,
}

/// Whether a mode of a tree or index entry says directory.
pub(super) fn is_directory(mode: u32) -> bool {
    mode & 0o170_000 == 0o040_000
}

/// Whether a mode of a tree or index entry says submodule.
pub(super) fn is_submodule(mode: u32) -> bool {
    mode & 0o170_000 == 0o160_000
}

/// A path as git stores it, for the file system.
#[cfg(unix)]
#[must_use]
pub fn path_from_git(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes)).to_path_buf()
}

/// A path as git stores it, for the file system.
#[cfg(not(unix))]
#[must_use]
pub fn path_from_git(bytes: &[u8]) -> PathBuf {
    Path::new(&*String::from_utf8_lossy(bytes)).to_path_buf()
}

/// Whether a path below `objects` is one that git reads objects from, or an index of them.
#[must_use]
pub fn is_object_file(name: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.split_once('/') {
        Some(("pack", file)) => {
            let stem = file.strip_prefix("pack-").and_then(|file| file.split_once('.'));
            stem.is_some_and(|(hash, _)| is_hex(hash)) || file.starts_with("multi-pack-index")
        }
        Some(("info", file)) => file.starts_with("commit-graph"),
        Some((fan, rest)) => fan.len() == 2 && is_hex(fan) && matches!(rest.len(), 38 | 62) && is_hex(rest),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_and_read_in_both_lengths() {
        for digits in [40, 64] {
            let text: String = "0123456789abcdef".chars().cycle().take(digits).collect();
            let id = ObjectId::from_hex(text.as_bytes()).unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(ObjectId::from_bytes(id.as_bytes()), Some(id));
        }
        assert_eq!(ObjectId::from_hex(&[b'a'; 41]), None);
        assert_eq!(ObjectId::from_hex(&[b'x'; 40]), None);
        assert_eq!(ObjectId::from_bytes(&[0; 21]), None);
    }

    #[test]
    fn objects_are_known_by_their_names() {
        let hash = "ab".repeat(19);
        for (name, expected) in [
            (format!("ab/{hash}"), true),
            (format!("pack/pack-{hash}ab.idx"), true),
            ("pack/multi-pack-index".into(), true),
            ("info/commit-graphs/graph-1.graph".into(), true),
            ("info/alternates".into(), false),
            ("ab/notes".into(), false),
        ] {
            assert_eq!(is_object_file(&name), expected, "{name}");
        }
    }
}
