//! A draft: a new file or folder that nobody else can read and that gets its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands under a temporary name beside its target, and is removed unless it is published.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    target: PathBuf,
}

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub struct WriteError {
    /// What was to be written.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub cause: io::Error,
}

impl WriteError {
    /// What the user can do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.cause.kind() {
            io::ErrorKind::AlreadyExists => "it exists, and nothing is ever replaced; choose another name",
            io::ErrorKind::NotFound => "its folder does not exist; make it first",
            io::ErrorKind::NotADirectory => "name a folder, not a file",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "choose a folder in which you may write"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space or choose another disk; nothing was left behind"
            }
            _ => "choose another folder; nothing was left behind",
        }
    }
}

impl Draft {
    /// An empty file that will be `target`.
    ///
    /// # Errors
    /// When `target` exists or nothing can be written beside it.
    pub fn file(target: &Path) -> Result<(Self, File), WriteError> {
        Self::create(target, private_file)
    }

    /// An empty folder that will be `target`.
    ///
    /// # Errors
    /// When `target` exists or nothing can be written beside it.
    pub fn folder(target: &Path) -> Result<Self, WriteError> {
        Ok(Self::create(target, private_folder)?.0)
    }

    /// A file with this content that will be `target`; its bytes are on the disk.
    ///
    /// # Errors
    /// When `target` exists or the bytes cannot be written.
    pub fn with_content(target: &Path, content: &[u8]) -> Result<Self, WriteError> {
        let (draft, mut file) = Self::file(target)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        written.map_err(|cause| WriteError { path: target.to_owned(), cause })?;
        Ok(draft)
    }

    /// Where it stands for now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same draft under way to another name in the same folder.
    #[must_use]
    pub fn retarget(mut self, target: &Path) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Gives it its name, for good. What is in it must be on the disk already.
    ///
    /// # Errors
    /// When something has that name by now, or the system refuses; then the draft is gone.
    pub fn publish(self) -> Result<(), WriteError> {
        let named = rename(&self.path, &self.target).and_then(|()| {
            // A name that may be gone after a crash is not given at all; the target was ours a moment ago.
            sync_folder(parent(&self.target)).inspect_err(|_| remove(&self.target))
        });
        named.map_err(|cause| WriteError { path: self.target.clone(), cause })
    }

    fn create<T>(target: &Path, make: impl Fn(&Path) -> io::Result<T>) -> Result<(Self, T), WriteError> {
        let fail = |cause: io::Error| WriteError { path: target.to_owned(), cause };
        if target.symlink_metadata().is_ok() {
            return Err(fail(io::ErrorKind::AlreadyExists.into()));
        }
        let name = target.file_name().ok_or_else(|| fail(io::ErrorKind::InvalidInput.into()))?;
        loop {
            let path = parent(target).join(temporary(&name.to_string_lossy()));
            match make(&path) {
                Ok(made) => return Ok((Self { path, target: target.to_owned() }, made)),
                // Another process with our number died here, on a machine that shares the folder or long ago.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(fail(error)),
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was published nothing has this name any more.
        remove(&self.path);
    }
}

/// Removes a file or a folder as well as it can be done.
fn remove(path: &Path) {
    let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
}

/// A new file that only its owner can read and write.
///
/// # Errors
/// When it exists or cannot be made.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Sees to it that the names in a folder are on the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder in which something stands.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A name that no other draft of this process has. It is kept short, because the target may be as long as names can be.
fn temporary(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let start: String = name.chars().take(40).collect();
    format!(".{start}.{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Renames without replacing anything.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            done => return Ok(done?),
        }
    }
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::witness::names;

    #[test]
    fn a_draft_appears_complete_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        drop(Draft::with_content(&target, b"x").unwrap());
        let drafts = [(); 2].map(|()| Draft::with_content(&target, b"x").unwrap());
        let published = drafts.map(|draft| draft.publish().map_err(|error| error.cause.kind()));
        assert_eq!(published, [Ok(()), Err(io::ErrorKind::AlreadyExists)]);
        assert_eq!(Draft::file(&target).unwrap_err().cause.kind(), io::ErrorKind::AlreadyExists);
        let draft = Draft::folder(&folder.path().join("b")).unwrap();
        fs::write(draft.path().join("c"), "c").unwrap();
        drop(draft);
        assert_eq!(names(folder.path()), ["a"]);
        assert_eq!(fs::read(&target).unwrap(), b"x");
    }
}
