//! The trees that lead to what changed: each rebuilt once, from the leaves up, every other byte of it kept.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::RewriteError;
use super::blob::cleaned_name;
use super::moved::Moved;
use super::scan::Scanned;
use super::values::Values;
use crate::git::store::ObjectNumber;
use crate::git::tree_table::Child;
use crate::git::{ObjectId, ObjectKind, TreeEntry};

/// Rebuilds trees.
pub(super) struct Trees<'a> {
    pub(super) scanned: &'a Scanned,
    pub(super) values: &'a Values,
    /// New ids of commits in submodules.
    pub(super) submodules: &'a HashMap<ObjectId, ObjectId>,
    done: HashSet<ObjectNumber>,
    /// New names of files and directories.
    pub(super) renamed: BTreeSet<Vec<u8>>,
}

/// An entry of the new tree.
struct Entry {
    mode: Vec<u8>,
    name: Vec<u8>,
    id: ObjectId,
    is_directory: bool,
    is_renamed: bool,
}

impl<'a> Trees<'a> {
    pub(super) fn new(
        scanned: &'a Scanned,
        values: &'a Values,
        submodules: &'a HashMap<ObjectId, ObjectId>,
    ) -> Self {
        Self { scanned, values, submodules, done: HashSet::new(), renamed: BTreeSet::new() }
    }

    /// Rebuilds a tree and those below it, where they lead to something that changed.
    pub(super) fn rebuild(&mut self, root: ObjectNumber, moved: &mut Moved<'_>) -> Result<(), RewriteError> {
        let mut stack = vec![root];
        while let Some(&tree) = stack.last() {
            let links = self.scanned.trees.links(tree);
            let is_done = self.done.contains(&tree) || links.is_empty();
            let below = links.iter().filter_map(|link| match link.child() {
                Child::Tree(child) if !self.done.contains(&child) => Some(child),
                _ => None,
            });
            let below: Vec<_> = if is_done { Vec::new() } else { below.collect() };
            if below.is_empty() {
                stack.pop();
                if !is_done {
                    self.done.insert(tree);
                    self.rebuild_one(tree, moved)?;
                }
            }
            // A tree cannot be below itself, since ids are hashes.
            stack.extend(below);
        }
        Ok(())
    }

    fn rebuild_one(&mut self, tree: ObjectNumber, moved: &mut Moved<'_>) -> Result<(), RewriteError> {
        let bytes = moved.read(tree)?;
        let format = moved.store.format();
        let mut entries = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let Some((entry, length)) = TreeEntry::parse(rest, format) else {
                return Err(RewriteError::MalformedTree { id: moved.store.id(tree) });
            };
            let mut new = Entry::new(&entry, rest);
            new.id = match entry.is_submodule() {
                true => self.submodules.get(&new.id).copied().unwrap_or(new.id),
                false => moved.by_id(entry.id).unwrap_or(new.id),
            };
            if let Some(name) = cleaned_name(self.values, entry.name) {
                new.is_renamed = true;
                new.name = name;
            }
            entries.push(new);
            rest = rest.get(length..).unwrap_or_default();
        }
        if entries.iter().any(|entry| entry.is_renamed) {
            self.renamed.extend(tell_apart(&mut entries));
            entries.sort_by_cached_key(Entry::order);
        }
        moved.set(tree, ObjectKind::Tree, &joined(&entries))
    }
}

impl Entry {
    fn new(entry: &TreeEntry<'_>, raw: &[u8]) -> Self {
        let mode = raw.split(|&byte| byte == b' ').next().unwrap_or_default().to_vec();
        let id = match ObjectId::from_bytes(entry.id) {
            Some(id) => id,
            None => unreachable!("an entry has an id of the right length"),
        };
        Self { mode, name: entry.name.to_vec(), id, is_directory: entry.is_directory(), is_renamed: false }
    }

    /// Git sorts directories as if their names ended with a slash.
    fn order(&self) -> Vec<u8> {
        let slash: &[u8] = if self.is_directory { b"/" } else { b"" };
        [&self.name, slash].concat()
    }
}

/// Gives another name to a renamed entry where one of that name is there already; all new names.
fn tell_apart(entries: &mut [Entry]) -> Vec<Vec<u8>> {
    let kept = entries.iter().filter(|entry| !entry.is_renamed).map(|entry| entry.name.clone());
    let mut taken: HashSet<Vec<u8>> = kept.collect();
    let mut new = Vec::new();
    for entry in entries.iter_mut().filter(|entry| entry.is_renamed) {
        let plain = entry.name.clone();
        let mut number = 2;
        while !taken.insert(entry.name.clone()) {
            entry.name = [&plain, format!("-{number}").as_bytes()].concat();
            number += 1;
        }
        new.push(entry.name.clone());
    }
    new
}

fn joined(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(&entry.mode);
        bytes.push(b' ');
        bytes.extend_from_slice(&entry.name);
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    bytes
}
