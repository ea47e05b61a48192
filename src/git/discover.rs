//! Discovery: from a directory to the git directory that it belongs to.

use std::fs;
use std::path::{Path, PathBuf};

use super::{GitEnvironment, GitError};

/// A git directory and the files that belong to it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) git_dir: PathBuf,
    pub(super) work_tree: Option<PathBuf>,
}

/// Finds the repository of `start`, an absolute path without symbolic links.
pub(super) fn place(start: &Path, environment: &GitEnvironment) -> Result<Option<Place>, GitError> {
    if let Some(git_dir) = &environment.git_dir {
        let path = start.join(git_dir);
        let git_dir = git_dir_at(&path, environment).ok_or(GitError::NotGit { path })?;
        return Ok(Some(Place { git_dir, work_tree: Some(start.to_path_buf()) }));
    }
    for directory in start.ancestors() {
        if directory != start && environment.ceiling_directories.iter().any(|ceiling| ceiling == directory) {
            break;
        }
        let path = directory.join(".git");
        if let Some(git_dir) = git_dir_at(&path, environment) {
            return Ok(Some(Place { git_dir, work_tree: Some(directory.to_path_buf()) }));
        }
        if path.is_file() {
            return Err(GitError::NotGit { path: link_target(&path).unwrap_or(path) });
        }
        if is_git_dir(directory, environment) {
            return Ok(Some(Place { git_dir: directory.to_path_buf(), work_tree: None }));
        }
    }
    Ok(None)
}

/// The directory with objects and branches; a linked work tree names it in the file `commondir`.
pub(super) fn common_dir(git_dir: &Path) -> PathBuf {
    match fs::read(git_dir.join("commondir")) {
        Ok(name) => {
            let path = git_dir.join(super::path_from_git(name.trim_ascii_end()));
            path.canonicalize().unwrap_or(path)
        }
        Err(_) => git_dir.to_path_buf(),
    }
}

/// The git directory that `path` is, or that it points to when it is a file (`gitdir: …`).
fn git_dir_at(path: &Path, environment: &GitEnvironment) -> Option<PathBuf> {
    let directory = if path.is_file() { link_target(path)? } else { path.to_path_buf() };
    is_git_dir(&directory, environment).then(|| directory.canonicalize().unwrap_or(directory))
}

fn link_target(file: &Path) -> Option<PathBuf> {
    let content = fs::read(file).ok()?;
    let target = super::path_from_git(content.strip_prefix(b"gitdir:")?.trim_ascii());
    Some(file.parent()?.join(target))
}

/// The test that git applies: HEAD, objects and refs, the latter two perhaps elsewhere.
fn is_git_dir(directory: &Path, environment: &GitEnvironment) -> bool {
    if directory.join("HEAD").symlink_metadata().is_err() {
        return false;
    }
    let common = common_dir(directory);
    common.join("refs").is_dir()
        && (environment.object_directory.is_some() || common.join("objects").is_dir())
}
