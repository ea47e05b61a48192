//! A backup: the repository as it was before a rewrite, as a directory or as a bundle.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::git::{GitEnvironment, GitError, Repository, child};
use crate::rewrite::scratch::Scratch;

/// The git directory of a backup. What was unpacked for it is gone when it is dropped.
#[derive(Debug)]
pub struct Backup {
    git_dir: PathBuf,
    _scratch: Option<Scratch>,
}

/// A backup that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Neither a repository nor a bundle.
    #[error("{} is neither a repository nor a bundle", path.display())]
    Odd {
        /// What was named.
        path: PathBuf,
    },
    /// It cannot be unpacked.
    #[error("cannot unpack the bundle {}: {said}", path.display())]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// What git or the system says.
        said: String,
    },
}

impl BackupError {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Git(error) => error.hint(),
            Self::Odd { .. } => "name a clone or `git bundle` file that was made before the rewrite",
            Self::Bundle { .. } => {
                "`git bundle verify` tells whether it is whole; it needs free space in TMPDIR"
            }
        }
    }
}

impl Backup {
    /// Opens a repository, or unpacks a bundle in `scratch`.
    ///
    /// # Errors
    /// When it is neither, or cannot be read.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, BackupError> {
        if path.is_file() {
            return Self::unpack(path, scratch);
        }
        match Repository::discover(path, &GitEnvironment::default())? {
            Some(repository) => Ok(Self { git_dir: repository.common_dir().to_path_buf(), _scratch: None }),
            None => Err(BackupError::Odd { path: path.to_path_buf() }),
        }
    }

    fn unpack(path: &Path, scratch: &Path) -> Result<Self, BackupError> {
        let failed = |said: String| BackupError::Bundle { path: path.to_path_buf(), said };
        let of_system = |error: io::Error| failed(error.to_string());
        let scratch = Scratch::new(scratch).map_err(of_system)?;
        let path = path.canonicalize().map_err(of_system)?;
        let git_dir = scratch.path().join("git");
        let mut command = Command::new("git");
        command.args(["clone", "--quiet", "--mirror"]).arg(&path).arg(&git_dir);
        command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").current_dir(scratch.path());
        let answer = child::run(&mut command)?;
        if !answer.is_success() {
            return Err(failed(answer.complaint().to_owned()));
        }
        Ok(Self { git_dir, _scratch: Some(scratch) })
    }

    /// The git directory.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }
}
