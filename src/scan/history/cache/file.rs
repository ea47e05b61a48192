//! The cache file: read only if nobody else can have written it, replaced in one step.

use std::path::{Path, PathBuf};

use crate::git::{Repository, remembered_in};

/// `kbsec/history.cache` in the git directory that all work trees share.
pub(super) struct CacheFile {
    path: PathBuf,
}

impl CacheFile {
    pub(super) fn of(repository: &Repository) -> Self {
        Self { path: remembered_in(repository.common_dir()) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(not(unix))]
impl CacheFile {
    /// Who can write to a file is not known here.
    pub(super) fn read(&self) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn write(&self, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
    use std::io::{self, Read as _, Write as _};
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::CacheFile;

    /// A larger file was not written by kbsec.
    const MOST_BYTES: u64 = 256 << 20;

    impl CacheFile {
        /// The content; `None` if there is none, or somebody else can have written it.
        pub(in super::super) fn read(&self) -> Option<Vec<u8>> {
            let is_private = |about: &Metadata| about.is_file() && about.mode() & 0o177 == 0;
            let seen = self.path.symlink_metadata().ok().filter(is_private)?;
            let folder = self.path.parent()?;
            let folder_seen = folder.symlink_metadata().ok().filter(is_private_folder)?;
            let around = folder.parent()?.metadata().ok()?;
            // The owner of a new file is who this process runs as.
            let draft = Draft::new(&self.path).ok()?;
            let me = draft.file.metadata().ok()?.uid();
            let file = File::open(&self.path).ok()?;
            let about = file.metadata().ok()?;
            let is_it = (about.dev(), about.ino()) == (seen.dev(), seen.ino()) && about.nlink() == 1;
            let is_mine = [&about, &folder_seen, &around].iter().all(|about| about.uid() == me);
            if !is_it || !is_mine || about.len() > MOST_BYTES {
                return None;
            }
            let mut bytes = Vec::new();
            file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
            Some(bytes)
        }

        /// Replaces the content.
        pub(in super::super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
            let folder = self.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            make(folder)?;
            let about = folder.symlink_metadata()?;
            let mut draft = Draft::new(&self.path)?;
            if !is_private_folder(&about) || about.uid() != draft.file.metadata()?.uid() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its folder is open to others"));
            }
            draft.file.write_all(bytes)?;
            draft.file.sync_all()?;
            fs::rename(&draft.path, &self.path)
        }
    }

    /// Makes the folder unless it is there. Where the git directory belongs to somebody else, they could not delete it.
    fn make(folder: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            made => made?,
        }
        let around = folder.parent().ok_or(io::ErrorKind::InvalidInput)?.metadata()?;
        if folder.symlink_metadata()?.uid() == around.uid() {
            return Ok(());
        }
        fs::remove_dir(folder)?;
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the git directory belongs to somebody else"))
    }

    fn is_private_folder(about: &Metadata) -> bool {
        about.is_dir() && about.mode() & 0o077 == 0
    }

    /// A new file beside the real one; it goes unless it took its place.
    struct Draft {
        path: PathBuf,
        file: File,
    }

    /// Threads of one process need names of their own.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    const TRIES: usize = 64;

    impl Draft {
        fn new(real: &Path) -> io::Result<Self> {
            let mut last = None;
            // Processes in containers may have one number, and a killed one leaves its draft behind.
            for _ in 0..TRIES {
                let mut name = real.as_os_str().to_owned();
                name.push(format!(".{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
                let path = PathBuf::from(name);
                match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                    Ok(file) => return Ok(Self { path, file }),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
                    Err(error) => return Err(error),
                }
            }
            Err(last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
        }
    }

    impl Drop for Draft {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
