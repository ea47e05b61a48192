//! HEAD: the branch and the commit that it points to, in files or by the git program.

use std::fs;
use std::io;
use std::path::Path;

use crate::git::object::ObjectId;
use crate::git::{GitError, Repository, program};

/// Symbolic references may point to symbolic references; git stops at this depth, too.
const MAX_DEPTH: usize = 5;

/// HEAD as it stands in the git directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::git) struct HeadRef {
    /// `main`; `None` when HEAD is detached.
    pub(in crate::git) branch: Option<String>,
    /// `None` before the first commit.
    pub(in crate::git) commit: Option<ObjectId>,
}

/// Reads HEAD.
pub(in crate::git) fn head(repository: &Repository) -> Result<HeadRef, GitError> {
    if repository.reftable {
        return head_by_program(repository.git_dir());
    }
    resolve(repository.git_dir(), repository.common_dir(), "HEAD")
}

/// What the reference `name`, stored in files, points to in the end.
pub(super) fn resolve(git_dir: &Path, common_dir: &Path, name: &str) -> Result<HeadRef, GitError> {
    let mut branch = None;
    let mut name = name.to_owned();
    for _ in 0..MAX_DEPTH {
        match read(git_dir, common_dir, &name)? {
            Found::Nothing => return Ok(HeadRef { branch, commit: None }),
            Found::Commit(id) => return Ok(HeadRef { branch, commit: Some(id) }),
            Found::Symbolic(target) => {
                branch = target.strip_prefix("refs/heads/").map(str::to_owned).or(branch);
                name = target;
            }
        }
    }
    Err(damaged(git_dir, "its references point in a circle"))
}

fn head_by_program(git_dir: &Path) -> Result<HeadRef, GitError> {
    let branch = program::ask(git_dir, &["symbolic-ref", "-q", "--short", "HEAD"])?;
    let commit = program::ask(git_dir, &["rev-parse", "-q", "--verify", "HEAD"])?;
    Ok(HeadRef { branch, commit: commit.and_then(|hex| ObjectId::from_hex(hex.as_bytes())) })
}

enum Found {
    Nothing,
    Commit(ObjectId),
    Symbolic(String),
}

fn read(git_dir: &Path, common_dir: &Path, name: &str) -> Result<Found, GitError> {
    let own = name == "HEAD"
        || ["refs/bisect/", "refs/worktree/", "refs/rewritten/"].iter().any(|kind| name.starts_with(kind));
    let path = if own { git_dir } else { common_dir }.join(name);
    let content = match fs::read(&path) {
        Ok(content) => content,
        Err(cause) if is_absent(&cause) => return packed(common_dir, name),
        Err(cause) => return Err(GitError::Unreadable { path, cause }),
    };
    let content = content.trim_ascii();
    if let Some(target) = content.strip_prefix(b"ref:") {
        let target = String::from_utf8_lossy(target.trim_ascii()).into_owned();
        let plain = target.starts_with("refs/") && !target.split('/').any(|part| part == "..");
        return if plain {
            Ok(Found::Symbolic(target))
        } else {
            Err(damaged(git_dir, &format!("{name} points outside of refs/")))
        };
    }
    ObjectId::from_hex(content)
        .map(Found::Commit)
        .ok_or_else(|| damaged(git_dir, &format!("{name} holds no object id")))
}

/// Whether no loose reference of that name exists; a directory of that name holds other references.
fn is_absent(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory
    )
}

fn packed(common_dir: &Path, name: &str) -> Result<Found, GitError> {
    let path = common_dir.join("packed-refs");
    let content = match fs::read(&path) {
        Ok(content) => content,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(cause) => return Err(GitError::Unreadable { path, cause }),
    };
    for line in content.split(|&byte| byte == b'\n') {
        let Some(hex) = line.strip_suffix(name.as_bytes()).and_then(|hex| hex.strip_suffix(b" ")) else {
            continue;
        };
        if let Some(id) = ObjectId::from_hex(hex) {
            return Ok(Found::Commit(id));
        }
    }
    Ok(Found::Nothing)
}

fn damaged(git_dir: &Path, what: &str) -> GitError {
    GitError::Damaged { path: git_dir.to_path_buf(), what: what.to_owned() }
}
