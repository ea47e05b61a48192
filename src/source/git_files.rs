//! The files of a git directory: configuration, reflogs, indexes, LFS objects and all else that is no object of git.

use std::fs;
use std::path::{Path, PathBuf};

use super::reader::{Reader, Unread, io_gap};
use super::{Source, SourceError, Stop, crew};
use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::finding::Origin;
use crate::git::{is_object_file, is_remembered};

/// Larger files are missed, and said to be.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Git nests its directories less deeply; this ends a walk that somebody wants to be endless.
const MAX_DEPTH: usize = 64;

/// Every file under the git directories of one repository, as it lies on disk. What git packs in its own ways, objects
/// above all, has to be read through the store of objects; other files there, such as what an interrupted program
/// left behind, are read as well. What earlier scans remembered there is left out, so that it changes no report.
#[derive(Clone, Debug)]
pub struct GitFiles {
    directories: Vec<PathBuf>,
    here: PathBuf,
}

impl GitFiles {
    /// The files of these directories. Their paths appear relative to `here` where they are below it.
    pub fn new(directories: impl IntoIterator<Item = PathBuf>, here: PathBuf) -> Self {
        let mut directories: Vec<PathBuf> = directories.into_iter().collect();
        directories.sort();
        // A directory inside another one is walked with it.
        directories.dedup_by(|inner, outer| inner.starts_with(&*outer));
        Self { directories, here }
    }

    fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.here).unwrap_or(path).to_path_buf()
    }

    /// Everything below `directory`: files go to `found`, directories of objects are accounted for.
    fn list(&self, directory: &Path, depth: usize, found: &mut Vec<PathBuf>, coverage: &mut Coverage) {
        let subject = || self.shown(directory).display().to_string();
        if depth > MAX_DEPTH {
            return coverage.missed.push(Gap::new(subject(), "directories are nested too deeply"));
        }
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return coverage.missed.push(io_gap(subject(), &error)),
        };
        let is_git = directory.join("HEAD").exists() && directory.join("objects").is_dir();
        for entry in entries {
            let entry = match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
                Ok(entry) => entry,
                Err(error) => {
                    coverage.missed.push(io_gap(subject(), &error));
                    continue;
                }
            };
            let (kind, path) = (entry.0, entry.1.path());
            if kind.is_dir() && is_git && entry.1.file_name() == "objects" {
                if depth > 0 {
                    let gap = Gap::new(self.shown(&path).display().to_string(), "objects of a submodule");
                    coverage.skipped.push(gap.hint("search it in the submodule"));
                }
                self.list_objects(&path, found, coverage);
            } else if kind.is_dir() {
                self.list(&path, depth + 1, found, coverage);
            } else if kind.is_file() && !self.directories.iter().any(|top| is_remembered(top, &path)) {
                found.push(path);
            }
        }
    }

    /// What lies in a directory of objects and is none.
    fn list_objects(&self, objects: &Path, found: &mut Vec<PathBuf>, coverage: &mut Coverage) {
        let mut all = Vec::new();
        self.list(objects, 1, &mut all, coverage);
        for path in all {
            match path.strip_prefix(objects).ok().and_then(Path::to_str) {
                Some(name) if is_object_file(name) => {}
                Some(name) if is_unfinished(name) => {
                    let gap =
                        Gap::new(self.shown(&path).display().to_string(), "an unfinished object or pack");
                    coverage.missed.push(gap.hint("`git gc` removes it; nothing refers to it"));
                }
                _ => found.push(path),
            }
        }
    }
}

impl Source for GitFiles {
    fn visit(&self, sink: &(dyn Fn(Chunk<'_>) + Sync), stop: &Stop) -> Result<Coverage, SourceError> {
        let (mut files, mut coverage) = (Vec::new(), Coverage::default());
        for directory in &self.directories {
            self.list(directory, 0, &mut files, &mut coverage);
        }
        let read = crew::work_off(
            &files,
            || Reader::new(sink, stop),
            |reader, path, coverage| {
                if reader.stopped() {
                    return;
                }
                let shown = self.shown(path);
                let subject = shown.display().to_string();
                match reader.file(path, &Origin::File { path: shown }, MAX_FILE_BYTES) {
                    Ok(bytes) => coverage.examined(bytes),
                    // Git replaces and removes files of its own all the time.
                    Err(Unread::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(unread) => coverage.missed.push(unread.gap(subject, MAX_FILE_BYTES)),
                }
            },
        );
        coverage.absorb(read);
        coverage.skipped.sort();
        coverage.missed.sort();
        if stop.requested() {
            coverage
                .missed
                .push(Gap::new("the rest of the git directory", "interrupted").hint("search again"));
        }
        Ok(coverage)
    }
}

/// Whether it is a temporary file of git: compressed, so its bytes tell nothing.
fn is_unfinished(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|file| file.starts_with("tmp_"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn every_file_but_objects_is_read() {
        let repo = Fixture::new();
        repo.write("file", "content");
        repo.commit_all();
        repo.write("more", "content too");
        repo.git(&["add", "more"]);
        repo.git(&["repack", "-adq"]);
        let more =
            ["lfs/objects/ab/cd/abcd", "rr-cache/1/preimage", "objects/notes.txt", "objects/pack/tmp_pack_x"];
        for name in more {
            repo.write(&format!(".git/{name}"), "x");
        }
        let seen = Mutex::new(Vec::new());
        let source = GitFiles::new([repo.path(".git"), repo.path(".git/worktrees/x")], repo.root().into());
        let sink = |chunk: Chunk<'_>| seen.lock().unwrap().push(chunk.origin.to_string());
        let coverage = source.visit(&sink, &Stop::default()).unwrap();
        let seen = seen.into_inner().unwrap();
        for name in [".git/config", ".git/HEAD", ".git/logs/HEAD", ".git/index"].into_iter() {
            assert!(seen.iter().any(|path| path == name), "{name} {seen:?}");
        }
        for name in &more[..3] {
            assert!(seen.contains(&format!(".git/{name}")), "{name}");
        }
        assert!(!seen.iter().any(|path| path.contains("pack-") || path.contains("tmp_pack")), "{seen:?}");
        assert_eq!(coverage.missed.len(), 1);
        assert_eq!(coverage.items, seen.len() as u64);
    }
}
