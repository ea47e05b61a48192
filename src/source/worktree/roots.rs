//! The roots of a walk: what the user named, each thing once.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::super::reader::io_gap;
use super::display;
use crate::coverage::Coverage;

/// One path that the user named.
#[derive(Debug)]
pub(super) struct Root {
    /// As the user wrote it.
    pub(super) path: PathBuf,
    /// Absolute and without symbolic links.
    pub(super) real: PathBuf,
    pub(super) is_directory: bool,
    /// Whether it lies in a `node_modules`: then the packages are what the user asks for.
    pub(super) in_packages: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Roots {
    all: Vec<Root>,
    by_path: HashMap<PathBuf, usize>,
    by_real: HashMap<PathBuf, usize>,
    nested: bool,
}

impl Roots {
    /// Looks every path up; those that lead nowhere are missed, those that lead to the same place count once.
    pub(super) fn resolve(paths: &[PathBuf]) -> (Self, Coverage) {
        let mut coverage = Coverage::default();
        let mut roots =
            Self { all: Vec::new(), by_path: HashMap::new(), by_real: HashMap::new(), nested: false };
        for path in paths {
            let resolved = path.canonicalize().and_then(|real| Ok((real.metadata()?.is_dir(), real)));
            let (is_directory, real) = match resolved {
                Ok(resolved) => resolved,
                Err(error) => {
                    coverage.missed.push(io_gap(display(path), &error));
                    continue;
                }
            };
            if roots.by_real.contains_key(&real) {
                continue;
            }
            // To the walker, `-` is standard input.
            let path = if path == Path::new("-") { Path::new("./-") } else { path };
            let in_packages = real.components().any(|part| part.as_os_str() == OsStr::new("node_modules"));
            roots.by_real.insert(real.clone(), roots.all.len());
            roots.by_path.insert(path.to_path_buf(), roots.all.len());
            roots.all.push(Root { path: path.to_path_buf(), real, is_directory, in_packages });
        }
        roots.nested = roots.all.iter().any(|root| roots.above(root.real.parent()).is_some());
        (roots, coverage)
    }

    pub(super) fn all(&self) -> &[Root] {
        &self.all
    }

    /// The root that was named `path`.
    pub(super) fn get(&self, path: &Path) -> Option<&Root> {
        self.by_path.get(path).map(|&index| &self.all[index])
    }

    /// Whether `real` was named itself: then it is walked on its own, not as a part of something larger.
    pub(super) fn is_root(&self, real: &Path) -> bool {
        self.nested && self.by_real.contains_key(real)
    }

    /// Whether one root lies in another.
    pub(super) fn nested(&self) -> bool {
        self.nested
    }

    /// The innermost root at or above `real`.
    pub(super) fn above(&self, real: Option<&Path>) -> Option<&Root> {
        real?.ancestors().find_map(|path| self.by_real.get(path)).map(|&index| &self.all[index])
    }
}
