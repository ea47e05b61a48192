//! Whole trees: the secrets in all files and names below a directory, each directory looked at once.

use std::collections::{HashMap, HashSet};

use super::contents::Contents;
use crate::git::{GitError, ObjectError, ObjectFormat, ObjectId, ObjectKind, ObjectReader, TreeEntries};
use crate::scan::history::secrets::SecretNumber;

/// A larger tree is not read.
const MAX_TREE: u64 = 256 << 20;

/// Knows trees.
pub(super) struct Trees<'a> {
    format: ObjectFormat,
    contents: &'a Contents<'a>,
    read: HashMap<ObjectId, Directory>,
    /// Ascending.
    below: HashMap<ObjectId, Vec<SecretNumber>>,
    unread: Vec<(ObjectId, ObjectError)>,
}

/// A directory as far as it matters.
#[derive(Default)]
struct Directory {
    trees: Vec<ObjectId>,
    blobs: Vec<ObjectId>,
    names: Vec<SecretNumber>,
}

impl<'a> Trees<'a> {
    pub(super) fn new(format: ObjectFormat, contents: &'a Contents<'a>) -> Self {
        Self { format, contents, read: HashMap::new(), below: HashMap::new(), unread: Vec::new() }
    }

    /// Examines trees and blobs that are pushed without a commit.
    pub(super) fn add_others(
        &mut self,
        objects: &mut ObjectReader,
        others: &[(ObjectId, ObjectKind)],
    ) -> Result<(), GitError> {
        for (id, kind) in others {
            match kind {
                ObjectKind::Tree => {
                    self.unread.clear();
                    let order = self.read(objects, *id);
                    self.contents.miss(std::mem::take(&mut self.unread));
                    self.contents.examine(&self.blobs(&order))?;
                    self.below(objects, *id)?;
                }
                _ => self.contents.examine(&[*id])?,
            }
        }
        Ok(())
    }

    /// The secrets below a tree, ascending. What cannot be read holds none: then more is new, not less.
    pub(super) fn below(
        &mut self,
        objects: &mut ObjectReader,
        root: ObjectId,
    ) -> Result<Vec<SecretNumber>, GitError> {
        if let Some(known) = self.below.get(&root) {
            return Ok(known.clone());
        }
        let order = self.read(objects, root);
        self.contents.examine_old(&self.blobs(&order))?;
        // Children stand behind their parents.
        for tree in order.iter().rev() {
            let Some(directory) = self.read.get(tree) else { continue };
            let mut all = directory.names.clone();
            all.extend(directory.blobs.iter().flat_map(|&blob| self.contents.secrets(blob)));
            all.extend(directory.trees.iter().filter_map(|tree| self.below.get(tree)).flatten());
            all.sort_unstable();
            all.dedup();
            self.below.insert(*tree, all);
        }
        Ok(self.below.get(&root).cloned().unwrap_or_default())
    }

    /// The secrets below a tree that was looked at.
    pub(super) fn known(&self, root: ObjectId) -> &[SecretNumber] {
        self.below.get(&root).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where HEAD or another tree leads to by a path.
    pub(super) fn resolve(
        &self,
        objects: &mut ObjectReader,
        root: ObjectId,
        path: &[u8],
    ) -> Option<ObjectId> {
        path.split(|&byte| byte == b'/').try_fold(root, |tree, name| {
            let object =
                objects.read(tree, MAX_TREE).ok().filter(|object| object.kind == ObjectKind::Tree)?;
            let mut entries = TreeEntries::new(object.bytes(), self.format).map_while(Result::ok);
            ObjectId::from_bytes(entries.find(|entry| entry.name == name)?.id)
        })
    }

    fn blobs(&self, order: &[ObjectId]) -> Vec<ObjectId> {
        let trees = order.iter().filter_map(|tree| self.read.get(tree));
        let blobs: HashSet<ObjectId> = trees.flat_map(|tree| tree.blobs.iter().copied()).collect();
        blobs.into_iter().collect()
    }

    /// Reads all directories below one that are not known; each stands behind all that hold it.
    fn read(&mut self, objects: &mut ObjectReader, root: ObjectId) -> Vec<ObjectId> {
        // A directory is put out when all below it are, so the reverse of that is wanted.
        let mut done = Vec::new();
        let mut begun = HashSet::new();
        let mut stack = vec![(root, false)];
        while let Some((tree, is_over)) = stack.pop() {
            if is_over {
                done.push(tree);
                continue;
            }
            if self.below.contains_key(&tree) || !begun.insert(tree) {
                continue;
            }
            stack.push((tree, true));
            if !self.read.contains_key(&tree) {
                let directory = self.directory(objects, tree);
                self.read.insert(tree, directory);
            }
            let trees = self.read.get(&tree).map(|directory| directory.trees.as_slice()).unwrap_or_default();
            stack.extend(trees.iter().map(|&tree| (tree, false)));
        }
        done.reverse();
        done
    }

    fn directory(&mut self, objects: &mut ObjectReader, tree: ObjectId) -> Directory {
        let mut directory = Directory::default();
        let object = match objects.read(tree, MAX_TREE) {
            Ok(object) => object,
            Err(error) => {
                self.unread.push((tree, error));
                return directory;
            }
        };
        for entry in TreeEntries::new(object.bytes(), self.format).map_while(Result::ok) {
            directory.names.extend(self.contents.name(entry.name, tree));
            match ObjectId::from_bytes(entry.id) {
                Some(id) if entry.is_directory() => directory.trees.push(id),
                Some(id) if !entry.is_submodule() => directory.blobs.push(id),
                _ => {}
            }
        }
        directory
    }
}
