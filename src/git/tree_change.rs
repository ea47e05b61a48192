//! The change of a tree: what it has that no parent has at the same path, and what the parents have there instead.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::object::{ObjectError, ObjectFormat, ObjectId, ObjectKind};
use super::reader::ObjectReader;
use super::tree::{TreeEntries, TreeEntry};

/// What a commit does to the files.
#[derive(Debug, Default)]
pub struct TreeChange {
    /// Blobs that no parent has at their path.
    pub blobs: Vec<NewBlob>,
    /// Paths whose last name no parent has in that directory, and the tree that holds the name.
    pub names: Vec<(Vec<u8>, ObjectId)>,
    /// What a parent has and the commit has not, or not like that.
    pub gone: Vec<Gone>,
    /// Paths of submodules that point to another commit.
    pub submodules: Vec<Vec<u8>>,
    /// Trees that could not be read, or only up to a byte.
    pub unread: Vec<(ObjectId, ObjectError)>,
}

/// A blob that is new at its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBlob {
    /// From the root.
    pub path: Vec<u8>,
    /// The blob.
    pub id: ObjectId,
    /// What the parents have there, one for each parent that has a blob.
    pub olds: Vec<ObjectId>,
}

/// Something of a parent that is no longer there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// From the root.
    pub path: Vec<u8>,
    /// A blob or a tree.
    pub id: ObjectId,
    /// Whether it is a tree, with all below it.
    pub is_tree: bool,
    /// Whether the commit has something of the same kind there.
    pub is_replaced: bool,
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Tree,
    Blob,
    Submodule,
}

/// Compares trees, and remembers some of those that it read.
#[derive(Debug)]
pub struct TreeComparer {
    format: ObjectFormat,
    cache: HashMap<ObjectId, Rc<[u8]>>,
    cached: usize,
}

/// Bytes of trees that are remembered.
const CACHE: usize = 4 << 20;
/// A larger tree is not read.
const MAX_TREE: u64 = 256 << 20;
/// Directories that are told by path. A small tree can have more paths than there are atoms, so behind this number each
/// tree is looked at once.
const MAX_PATHS: usize = 100_000;

/// A directory that differs.
struct Frame {
    /// Its path, with a `/` at the end unless it is the root.
    path: Vec<u8>,
    tree: ObjectId,
    parents: Vec<ObjectId>,
}

type Entries<'a> = HashMap<&'a [u8], (Class, &'a [u8])>;

impl TreeComparer {
    /// A comparer for trees of one repository.
    #[must_use]
    pub fn new(format: ObjectFormat) -> Self {
        Self { format, cache: HashMap::new(), cached: 0 }
    }

    /// What `tree` has that none of `parents` has. A parent's tree that cannot be read counts as empty: then more is new.
    pub fn compare(
        &mut self,
        objects: &mut ObjectReader,
        tree: ObjectId,
        parents: &[ObjectId],
    ) -> TreeChange {
        let mut change = TreeChange::default();
        let mut stack = vec![Frame { path: Vec::new(), tree, parents: parents.to_vec() }];
        let mut seen = HashSet::new();
        let mut paths = 0;
        while let Some(frame) = stack.pop() {
            if frame.parents.contains(&frame.tree) {
                continue;
            }
            paths += 1;
            if paths > MAX_PATHS && !seen.insert((frame.tree, frame.parents.clone())) {
                continue;
            }
            let tree = self.read(objects, frame.tree, &mut change);
            let parents: Vec<_> =
                frame.parents.iter().map(|&parent| self.read(objects, parent, &mut change)).collect();
            self.look(&frame, (&tree, &parents), &mut change, &mut stack);
        }
        change
    }

    /// The bytes of a tree; none when it cannot be read.
    fn read(&mut self, objects: &mut ObjectReader, id: ObjectId, change: &mut TreeChange) -> Rc<[u8]> {
        if let Some(known) = self.cache.get(&id) {
            return Rc::clone(known);
        }
        let bytes: Rc<[u8]> = match objects.read(id, MAX_TREE) {
            Ok(object) if object.kind == ObjectKind::Tree => object.bytes().into(),
            Ok(_) => {
                change.unread.push((id, ObjectError::Damaged("it is not a tree".into())));
                Rc::default()
            }
            Err(error) => {
                change.unread.push((id, error));
                Rc::default()
            }
        };
        if self.cached + bytes.len() > CACHE {
            self.cache.clear();
            self.cached = 0;
        }
        self.cached += bytes.len();
        self.cache.insert(id, Rc::clone(&bytes));
        bytes
    }

    /// Compares one directory, and puts those in it that differ on the stack.
    fn look(
        &self,
        frame: &Frame,
        (tree, parents): (&[u8], &[Rc<[u8]>]),
        change: &mut TreeChange,
        stack: &mut Vec<Frame>,
    ) {
        let parents: Vec<Entries<'_>> = parents.iter().map(|tree| self.entries(tree)).collect();
        let mut own = Entries::new();
        for entry in TreeEntries::new(tree, self.format) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(malformed) => {
                    change.unread.push((frame.tree, ObjectError::Damaged(malformed.to_string())));
                    break;
                }
            };
            let class = class(&entry);
            own.insert(entry.name, (class, entry.id));
            let olds = parents.iter().map(|parent| parent.get(entry.name).copied());
            if olds.clone().any(|old| old == Some((class, entry.id))) {
                continue;
            }
            let path = [&frame.path, entry.name].concat();
            if olds.clone().all(|old| old.is_none()) {
                change.names.push((path.clone(), frame.tree));
            }
            let Some(id) = ObjectId::from_bytes(entry.id) else { continue };
            let alike = olds.flatten().filter(|old| old.0 == class);
            let alike = alike.filter_map(|(_, id)| ObjectId::from_bytes(id)).collect();
            match class {
                Class::Tree => {
                    let path = [&path, &b"/"[..]].concat();
                    stack.push(Frame { path, tree: id, parents: alike });
                }
                Class::Blob => change.blobs.push(NewBlob { path, id, olds: alike }),
                Class::Submodule => change.submodules.push(path),
            }
        }
        for parent in &parents {
            gone(frame, parent, &own, change);
        }
    }

    /// The entries of a parent, as far as they make sense.
    fn entries<'a>(&self, tree: &'a [u8]) -> Entries<'a> {
        let entries = TreeEntries::new(tree, self.format).map_while(Result::ok);
        entries.map(|entry| (entry.name, (class(&entry), entry.id))).collect()
    }
}

/// Notes what a parent has in a directory and the commit has not.
fn gone(frame: &Frame, parent: &Entries<'_>, own: &Entries<'_>, change: &mut TreeChange) {
    for (&name, &(class, id)) in parent {
        let now = own.get(name);
        let is_replaced = now.is_some_and(|now| now.0 == class);
        // A directory that is still there is compared by itself.
        if now == Some(&(class, id)) || class == Class::Submodule || (class == Class::Tree && is_replaced) {
            continue;
        }
        let Some(id) = ObjectId::from_bytes(id) else { continue };
        let path = [&frame.path, name].concat();
        change.gone.push(Gone { path, id, is_tree: class == Class::Tree, is_replaced });
    }
}

fn class(entry: &TreeEntry<'_>) -> Class {
    match (entry.is_directory(), entry.is_submodule()) {
        (true, _) => Class::Tree,
        (_, true) => Class::Submodule,
        _ => Class::Blob,
    }
}
