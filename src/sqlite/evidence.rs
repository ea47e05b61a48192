//! Evidence: a file that is read and never changed, or bytes in memory that stand for one.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open file, or bytes. Many threads may read it at once.
#[derive(Debug)]
pub struct Evidence {
    path: PathBuf,
    content: Content,
    length: u64,
}

#[derive(Debug)]
enum Content {
    File(File, Traits),
    Bytes(Arc<[u8]>),
}

/// Why a file cannot be examined.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The system does not let us read it.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A directory, a device, a pipe or a socket.
    #[error("{path} is {what}, not a file")]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is, with an article.
        what: &'static str,
    },
}

impl EvidenceError {
    /// What the user can do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { cause, .. } => match cause.kind() {
                io::ErrorKind::NotFound => "check the path",
                io::ErrorKind::PermissionDenied => {
                    "run this as a user who may read it; nothing is written to it"
                }
                _ => "copy the file to another disk, and examine the copy",
            },
            Self::NotAFile { .. } => "name the database file itself",
        }
    }
}

impl Evidence {
    /// Opens a file for reading only. Its bytes, its time of change and the files beside it stay as they are.
    ///
    /// # Errors
    /// When it is no regular file or cannot be read.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        let unreadable = |cause| EvidenceError::Unreadable { path: path.to_owned(), cause };
        // Opening a pipe would wait for its other end.
        let about = path.metadata().map_err(unreadable)?;
        if let Some(what) = unusual(&about) {
            return Err(EvidenceError::NotAFile { path: path.to_owned(), what });
        }
        let file = open_quietly(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        let content = Content::File(file, Traits::of(&about));
        Ok(Self { path: path.to_owned(), content, length: about.len() })
    }

    /// The same for a file that need not be there.
    ///
    /// # Errors
    /// When something is there that is no regular file or cannot be read.
    pub fn open_if_there(path: &Path) -> Result<Option<Self>, EvidenceError> {
        match Self::open(path) {
            Err(EvidenceError::Unreadable { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }

    /// Bytes in memory under the name of a file.
    #[must_use]
    pub fn of_bytes(path: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { path: path.into(), length: bytes.len() as u64, content: Content::Bytes(bytes) }
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes when it was opened.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Fills `out` from `offset` on and tells how many bytes there are; the rest of `out` becomes zero.
    ///
    /// # Errors
    /// When the system cannot read there, as on a bad sector. A file that ends earlier is no error.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let count = match &self.content {
            Content::File(file, _) => read_fully(file, offset, out)?,
            Content::Bytes(bytes) => {
                let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
                let count = out.len().min(bytes.len() - start);
                out[..count].copy_from_slice(&bytes[start..start + count]);
                count
            }
        };
        out[count..].fill(0);
        Ok(count)
    }

    /// Its time of change when it was opened; `None` for bytes in memory.
    #[must_use]
    pub fn modified(&self) -> Option<std::time::SystemTime> {
        match &self.content {
            Content::File(_, then) => then.modified,
            Content::Bytes(_) => None,
        }
    }

    /// Makes an empty file share the blocks of this one, which costs neither time nor space.
    ///
    /// # Errors
    /// When the filesystem cannot do it, as most cannot: then the bytes have to be copied.
    pub fn share_with(&self, target: &File) -> io::Result<()> {
        match &self.content {
            #[cfg(target_os = "linux")]
            Content::File(file, _) => Ok(rustix::fs::ioctl_ficlone(target, file)?),
            _ => {
                let _ = target;
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Whether somebody wrote to the file, cut it or replaced it since it was opened.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        match &self.content {
            Content::File(file, then) => {
                let now = |about: io::Result<Metadata>| about.is_ok_and(|about| Traits::of(&about) == *then);
                !now(file.metadata()) || !now(self.path.metadata())
            }
            Content::Bytes(_) => false,
        }
    }
}

/// Opens a file for reading, without a trace in its time of access where that is allowed: to its owner and to root.
fn open_quietly(path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOATIME.bits().cast_signed();
        if let Ok(file) = File::options().read(true).custom_flags(flags).open(path) {
            return Ok(file);
        }
    }
    File::open(path)
}

/// What something is that is no file.
fn unusual(about: &Metadata) -> Option<&'static str> {
    if about.is_file() {
        return None;
    }
    if about.is_dir() {
        return Some("a directory");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = about.file_type();
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    Some("a device")
}

/// What changes when a file changes.
#[derive(Debug, PartialEq, Eq)]
struct Traits {
    length: u64,
    modified: Option<std::time::SystemTime>,
    file: (u64, u64),
}

impl Traits {
    fn of(about: &Metadata) -> Self {
        #[cfg(unix)]
        let file = {
            use std::os::unix::fs::MetadataExt as _;
            (about.dev(), about.ino())
        };
        #[cfg(not(unix))]
        let file = (0, 0);
        Self { length: about.len(), modified: about.modified().ok(), file }
    }
}

fn read_fully(file: &File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match read_some(file, offset.saturating_add(done as u64), &mut out[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(unix)]
fn read_some(file: &File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

#[cfg(windows)]
fn read_some(file: &File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_past_the_end_gives_zeros() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"abc").unwrap();
        for evidence in [Evidence::open(&path).unwrap(), Evidence::of_bytes("a", *b"abc")] {
            let mut out = [9; 4];
            assert_eq!(evidence.read_at(1, &mut out).unwrap(), 2);
            assert_eq!(out, *b"bc\0\0");
            assert_eq!(evidence.read_at(u64::MAX, &mut out).unwrap_or(0), 0);
            assert!(!evidence.has_changed());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reading_leaves_the_time_of_access() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"abc").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let file = File::options().write(true).open(&path).unwrap();
        file.set_times(std::fs::FileTimes::new().set_accessed(long_ago)).unwrap();
        Evidence::open(&path).unwrap().read_at(0, &mut [0; 3]).unwrap();
        assert_eq!(path.metadata().unwrap().accessed().unwrap(), long_ago);
    }

    #[test]
    fn changes_and_what_is_no_file_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"abc").unwrap();
        let evidence = Evidence::open(&path).unwrap();
        std::fs::write(&path, b"abcd").unwrap();
        assert!(evidence.has_changed());
        assert!(matches!(Evidence::open(folder.path()), Err(EvidenceError::NotAFile { .. })));
        assert!(matches!(Evidence::open(&folder.path().join("x")), Err(EvidenceError::Unreadable { .. })));
    }
}
