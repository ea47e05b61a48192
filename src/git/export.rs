//! An export: files of a commit written to a folder, for readers that know only folders.

use std::fs;
use std::io;
use std::path::{Component, Path};

use super::object::ObjectId;
use super::{GitError, Repository, path_from_git, program};

/// The largest file that is written.
const LARGEST: u64 = 16 << 20;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The commit, as 40 or 64 digits.
    pub commit: String,
    /// How many files were written.
    pub files: usize,
    /// Files that were wanted and are missing, damaged or too large.
    pub missing: Vec<String>,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The name means no commit.
    #[error("{0} is no commit of this repository")]
    NoCommit(String),
    /// A file cannot be written.
    #[error("cannot write the files of the commit")]
    Write(#[source] io::Error),
}

impl Repository {
    /// Writes the files of a commit that `wants` accepts by their path, with `/`, below a folder. Links and submodules are
    /// left out, and so are paths that would lead out of it. No filter and no attribute has a part in it.
    ///
    /// # Errors
    /// When the name means no commit, the repository cannot be read, or the folder not be written.
    pub fn export(
        &self,
        revision: &str,
        wants: &dyn Fn(&str) -> bool,
        folder: &Path,
    ) -> Result<Exported, ExportError> {
        let none = || ExportError::NoCommit(revision.to_owned());
        let name = format!("{revision}^{{commit}}");
        let asked = ["rev-parse", "--quiet", "--verify", "--end-of-options", &name];
        let commit = program::ask(self.git_dir(), &asked).map_err(|_| none())?.ok_or_else(none)?;
        let listing = program::output(self.git_dir(), &["ls-tree", "-r", "-z", "--full-tree", &commit])?;
        let mut objects = self.objects()?;
        let mut exported = Exported { commit, files: 0, missing: Vec::new() };
        for (id, path) in listing.split(|byte| *byte == 0).filter_map(regular_file) {
            let shown = String::from_utf8_lossy(path);
            let relative = path_from_git(path);
            let is_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
            if !is_inside || !wants(&shown) {
                continue;
            }
            let Ok(object) = objects.read(id, LARGEST) else {
                exported.missing.push(shown.into_owned());
                continue;
            };
            let target = folder.join(relative);
            let parent = target.parent().map_or(Ok(()), fs::create_dir_all);
            parent.and_then(|()| fs::write(&target, object.bytes())).map_err(ExportError::Write)?;
            exported.files += 1;
        }
        Ok(exported)
    }
}

/// The id and path of a line of `git ls-tree -r -z`, if it is a regular file.
fn regular_file(line: &[u8]) -> Option<(ObjectId, &[u8])> {
    let tab = memchr::memchr(b'\t', line)?;
    let (about, path) = (line.get(..tab)?, line.get(tab + 1..)?);
    let mut words = about.split(|byte| *byte == b' ');
    let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
    mode.starts_with(b"100").then(|| ObjectId::from_hex(id).map(|id| (id, path)))?
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn wanted_files_of_a_commit_are_written() {
        let repo = Fixture::new();
        repo.write("a/package.json", "{}");
        repo.write("a/b.bin", "x");
        repo.commit_all();
        repo.write("a/package.json", "{\"new\": 1}");
        repo.commit_all();
        let repository =
            Repository::discover(repo.root(), &super::super::GitEnvironment::default()).unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let wants = |path: &str| path.ends_with(".json");
        let exported = repository.export("HEAD~1", &wants, folder.path()).unwrap();
        assert_eq!((exported.files, exported.missing), (1, vec![]));
        assert_eq!(fs::read_to_string(folder.path().join("a/package.json")).unwrap(), "{}");
        assert!(!folder.path().join("a/b.bin").exists());
        for bad in ["HEAD~9", "nothing", "--help", ""] {
            let told = repository.export(bad, &wants, folder.path());
            assert!(matches!(told, Err(ExportError::NoCommit(_))), "{bad}: {told:?}");
        }
    }
}
