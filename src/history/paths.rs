//! Paths as numbers: a path is a name below another path.

use std::collections::HashMap;

use crate::git::tree_table::{NameId, TreeTable};

/// The number of a path; 0 is the root.
pub(super) type PathId = u32;

/// The root of all paths.
pub(super) const ROOT: PathId = 0;

/// All paths that came up.
pub(super) struct Paths {
    /// What each path stands below, and its last name. The root has none.
    all: Vec<(PathId, Option<NameId>)>,
    known: HashMap<(PathId, NameId), PathId>,
}

impl Paths {
    pub(super) fn new() -> Self {
        Self { all: vec![(ROOT, None)], known: HashMap::new() }
    }

    /// The path of a name below another path.
    pub(super) fn below(&mut self, path: PathId, name: NameId) -> PathId {
        let all = &mut self.all;
        *self.known.entry((path, name)).or_insert_with(|| {
            all.push((path, Some(name)));
            all.len() as PathId - 1
        })
    }

    /// The names of a path, from the root.
    pub(super) fn names(&self, path: PathId) -> Vec<NameId> {
        let mut names = Vec::new();
        let mut at = path;
        while let (above, Some(name)) = self.all[at as usize] {
            names.push(name);
            at = above;
        }
        names.reverse();
        names
    }

    /// A path as git writes it.
    pub(super) fn text(&self, path: PathId, trees: &TreeTable) -> Vec<u8> {
        let names: Vec<&[u8]> = self.names(path).into_iter().map(|name| trees.name(name)).collect();
        names.join(&b'/')
    }
}
