//! The git directory: the files in it that hold text of people, such as its configuration, reflogs, messages and large files.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::reader::io_gap;
use super::worktree::{Ignore, Options, Worktree};
use super::{Source, SourceError, Stop};
use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::git::Repository;

/// Everything under a git directory but objects, references and indexes, which are read as what they are.
#[derive(Debug)]
pub struct GitDir {
    directory: PathBuf,
    /// The current directory: paths are shown relative to it where they lie below.
    here: PathBuf,
    max_file_bytes: u64,
}

/// What is no text: objects, ids of commits, and the tables that git makes of them.
const TABLES: [&str; 5] = ["objects", "refs", "packed-refs", "index", "kbsec"];
/// Git directories of submodules.
const SUBMODULES: &str = "modules";

impl GitDir {
    /// The files of `repository`, among them those of its linked work trees; `here` is the current directory.
    #[must_use]
    pub fn new(repository: &Repository, here: &Path, max_file_bytes: u64) -> Self {
        Self { directory: repository.common_dir().to_path_buf(), here: here.to_path_buf(), max_file_bytes }
    }

    /// Adds the files below `directory`; symbolic links are not followed.
    fn collect(&self, directory: &Path, files: &mut Vec<PathBuf>, coverage: &mut Coverage) {
        let mut waiting = vec![directory.to_path_buf()];
        while let Some(directory) = waiting.pop() {
            let listed = fs::read_dir(&directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let entries = match listed {
                Ok(entries) => entries,
                Err(error) => {
                    coverage.missed.push(io_gap(self.shown(&directory).display().to_string(), &error));
                    continue;
                }
            };
            for entry in entries {
                let (path, name) = (entry.path(), entry.file_name());
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_directory && name == SUBMODULES && directory == self.directory {
                    coverage.skipped.extend(submodules(&path, self.shown(&path)));
                } else if is_directory && !self.is_table(&directory, &name) {
                    waiting.push(path);
                } else if entry.file_type().is_ok_and(|kind| kind.is_file())
                    && !self.is_table(&directory, &name)
                {
                    files.push(self.shown(&path).to_path_buf());
                }
            }
        }
    }

    /// A linked work tree has its own index and refs.
    fn is_table(&self, directory: &Path, name: &OsStr) -> bool {
        let is_top = directory == self.directory
            || directory.parent().is_some_and(|parent| parent == self.directory.join("worktrees"));
        is_top && TABLES.iter().any(|table| name == *table)
    }

    fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.here).unwrap_or(path)
    }
}

/// Submodules are repositories of their own.
fn submodules(path: &Path, shown: &Path) -> Vec<Gap> {
    let names = fs::read_dir(path).into_iter().flatten().flatten();
    let gap = |name: PathBuf| {
        Gap::new(shown.join(&name).display().to_string(), "the repository of a submodule")
            .hint("scan it with `kbsec scan --history` and its path")
    };
    names.map(|entry| gap(entry.file_name().into())).collect()
}

impl Source for GitDir {
    fn visit(&self, sink: &(dyn Fn(Chunk<'_>) + Sync), stop: &Stop) -> Result<Coverage, SourceError> {
        let mut coverage = Coverage::default();
        let mut files = Vec::new();
        self.collect(&self.directory, &mut files, &mut coverage);
        files.sort();
        let options =
            Options { ignore: Ignore::Nothing, max_file_bytes: self.max_file_bytes, ..Options::default() };
        coverage.absorb(Worktree::new(files, options).visit(sink, stop)?);
        Ok(coverage)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;
    use crate::git::GitEnvironment;
    use crate::git::fixture::Fixture;

    #[test]
    fn files_of_people_are_read_and_tables_are_not() {
        let repo = Fixture::new();
        repo.write("a", "1");
        repo.commit_all();
        repo.git(&["pack-refs", "--all"]);
        repo.git(&["worktree", "add", "-q", "linked"]);
        repo.write(".git/rr-cache/1/preimage", "conflict");
        repo.write(".git/lfs/objects/ab/cd/abcd", "large");
        repo.write(".git/modules/sub/config", "[core]");
        let repository = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
        let seen = Mutex::new(BTreeSet::new());
        let sink = |chunk: Chunk<'_>| {
            let path = chunk.origin.path().unwrap().strip_prefix(repo.root()).unwrap();
            seen.lock().unwrap().insert(path.display().to_string());
        };
        let coverage = GitDir::new(&repository, Path::new("/elsewhere"), 1 << 20)
            .visit(&sink, &Stop::default())
            .unwrap();
        let seen = seen.into_inner().unwrap();
        for name in
            ["config", "logs/HEAD", "rr-cache/1/preimage", "lfs/objects/ab/cd/abcd", "worktrees/linked/HEAD"]
        {
            assert!(seen.contains(&format!(".git/{name}")), "{name}: {seen:?}");
        }
        for name in ["index", "packed-refs", "objects", "worktrees/linked/index", "modules"] {
            assert!(!seen.iter().any(|path| path.starts_with(&format!(".git/{name}"))), "{name}: {seen:?}");
        }
        assert_eq!(coverage.skipped[0].subject, repo.path(".git/modules/sub").display().to_string());
        assert!(!coverage.is_incomplete());
    }
}
