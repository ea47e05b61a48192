//! Tracked files: what git would push, whether an ignore pattern hides it or not.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::excluded::Excluded;
use super::roots::Roots;
use super::{Ignore, Options, shown};
use crate::coverage::{Coverage, Gap};
use crate::git::{GitEnvironment, GitError, Repository, path_from_git};

/// The files that one repository tracks, and which of them the walk has met.
pub(super) struct Tracked {
    work_tree: PathBuf,
    /// All paths, one after the other, as git writes and sorts them.
    paths: Vec<u8>,
    ends: Vec<usize>,
    seen: Vec<AtomicBool>,
}

impl Tracked {
    /// Reads the index; symbolic links, submodules and sparse directories are no files to read.
    fn load(repository: &Repository) -> Result<Option<Self>, GitError> {
        let (Some(work_tree), Some(index)) = (repository.work_tree(), repository.index()?) else {
            return Ok(None);
        };
        let (mut paths, mut ends) = (Vec::new(), Vec::with_capacity(index.len()));
        let mut entries = index.entries();
        let mut last = 0..0;
        while let Some(entry) = entries.next() {
            // The stages of a conflict have the same path.
            if entry.mode & 0o170_000 == 0o100_000 && (ends.is_empty() || entry.path != &paths[last.clone()])
            {
                last = paths.len()..paths.len() + entry.path.len();
                paths.extend(entry.path);
                ends.push(paths.len());
            }
        }
        let seen = ends.iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Some(Self { work_tree: work_tree.to_path_buf(), paths, ends, seen }))
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }

    fn path(&self, index: usize) -> &[u8] {
        &self.paths[self.range(index)]
    }

    /// Where the roots lie in this work tree; an empty prefix means all of it.
    fn below(&self, roots: &Roots) -> Vec<Vec<u8>> {
        let directories = roots.all().iter().filter(|root| root.is_directory).map(|root| &*root.real);
        directories
            .filter_map(
                |real| if self.work_tree.starts_with(real) { Some(Vec::new()) } else { self.prefix(real) },
            )
            .collect()
    }

    /// Notes that the walk has met `path`, tracked or not.
    pub(super) fn mark(&self, path: &[u8]) {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.path(middle).cmp(path) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.seen[middle].store(true, Ordering::Relaxed),
            }
        }
    }

    /// The directory `real` as git writes it, relative to the work tree and with a `/` at its end.
    pub(super) fn prefix(&self, real: &Path) -> Option<Vec<u8>> {
        let mut prefix = Vec::new();
        for part in real.strip_prefix(&self.work_tree).ok()? {
            prefix.extend(part.as_encoded_bytes());
            prefix.push(b'/');
        }
        Some(prefix)
    }
}

/// All repositories that the walk meets, by the root of their work tree.
pub(super) struct Repositories<'a> {
    environment: &'a GitEnvironment,
    all: RwLock<HashMap<PathBuf, Arc<Tracked>>>,
    gaps: Mutex<Coverage>,
    active: bool,
}

impl<'a> Repositories<'a> {
    /// Reads the indexes of the repositories that the roots lie in; none if nothing is ignored anyway.
    pub(super) fn new(options: &'a Options, roots: &Roots) -> Self {
        let active = options.ignore == Ignore::AsGit && roots.all().iter().any(|root| root.is_directory);
        let this = Self { environment: &options.git, all: RwLock::default(), gaps: Mutex::default(), active };
        for root in roots.all().iter().filter(|root| active && root.is_directory) {
            this.load(&root.real);
        }
        this
    }

    /// Reads the index of a repository inside of a repository, when the walk enters it.
    pub(super) fn enter(&self, real: &Path) {
        if self.active && real.join(".git").symlink_metadata().is_ok() {
            self.load(real);
        }
    }

    fn load(&self, directory: &Path) {
        let alone = GitEnvironment {
            ceiling_directories: self.environment.ceiling_directories.clone(),
            ..GitEnvironment::default()
        };
        let found = match Repository::discover(directory, &alone) {
            Ok(None) if self.environment.git_dir.is_some() => {
                Repository::discover(directory, self.environment)
            }
            found => found,
        };
        let known = |work_tree: &Path| self.all.read().is_ok_and(|all| all.contains_key(work_tree));
        let loaded = found.and_then(|found| match found {
            Some(found) if !found.work_tree().is_some_and(known) => Tracked::load(&found),
            _ => Ok(None),
        });
        match loaded {
            Ok(Some(tracked)) => {
                let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
                all.insert(tracked.work_tree.clone(), Arc::new(tracked));
            }
            // A `.git` file that points nowhere, as in a copied work tree: no repository, so nothing is tracked.
            Ok(None) | Err(GitError::NotGit { .. }) => {}
            Err(error) => {
                let reason =
                    std::error::Error::source(&error).map_or(String::new(), |cause| format!(" ({cause})"));
                let gap = Gap::new(directory.display().to_string(), format!("{error}{reason}"));
                let hint = format!("{}; or scan all files with --no-ignore", error.hint());
                self.gaps().missed.push(gap.hint(hint));
            }
        }
    }

    fn gaps(&self) -> MutexGuard<'_, Coverage> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The innermost repository that the directory `real` lies in.
    pub(super) fn of(&self, real: &Path) -> Option<Arc<Tracked>> {
        if !self.active {
            return None;
        }
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        real.ancestors().find_map(|path| all.get(path)).cloned()
    }

    /// Notes that a file was named itself.
    pub(super) fn mark_root(&self, path: &Path, roots: &Roots) {
        let Some(real) = roots.get(path).map(|root| &*root.real) else { return };
        let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else { return };
        let Some(tracked) = self.of(parent) else { return };
        if let Some(mut prefix) = tracked.prefix(parent) {
            prefix.extend(name.as_encoded_bytes());
            tracked.mark(&prefix);
        }
    }

    /// Tracked files below the roots that the walk did not meet but that are there.
    pub(super) fn unseen(&self, roots: &Roots, excluded: &Excluded) -> Vec<PathBuf> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for tracked in all.values() {
            let below = tracked.below(roots);
            let mut parent = (PathBuf::new(), false);
            for index in 0..tracked.ends.len() {
                let path = tracked.path(index);
                if tracked.seen[index].load(Ordering::Relaxed)
                    || !below.iter().any(|root| path.starts_with(root))
                {
                    continue;
                }
                let real = tracked.work_tree.join(path_from_git(path));
                let Some(root) = roots.above(Some(&real)).filter(|root| root.is_directory) else { continue };
                let directory = real.parent().unwrap_or(&real);
                if parent.0 != directory {
                    // A directory that became a link leads to files that git does not track.
                    let here = directory.canonicalize().is_ok_and(|resolved| resolved == directory);
                    parent = (directory.to_path_buf(), here);
                }
                // Files that are deleted, or no plain files any more, are not what git tracks.
                let is_file = || fs::symlink_metadata(&real).is_ok_and(|metadata| metadata.is_file());
                if !parent.1 || excluded.has_below(&real) || !is_file() {
                    continue;
                }
                if let Ok(rest) = real.strip_prefix(&root.real) {
                    found.push(shown(root.path.join(rest)));
                }
            }
        }
        found
    }

    /// What could not be found out.
    pub(super) fn into_coverage(self) -> Coverage {
        self.gaps.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
