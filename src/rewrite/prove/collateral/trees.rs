//! The comparison of directories before and after a rewrite: which files differ, and whether those held a value.

use std::collections::{BTreeMap, HashSet};

use super::texts::Likeness;
use crate::git::{MalformedTree, ObjectFormat, ObjectId, TreeEntries, TreeEntry};

/// A file or directory that differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Difference {
    pub(super) old: ObjectId,
    /// `None` where it was removed.
    pub(super) new: Option<ObjectId>,
    pub(super) path: Vec<u8>,
}

/// What two directories differ in.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) trees: Vec<Difference>,
    pub(super) blobs: Vec<Difference>,
    /// A path and what is wrong there.
    pub(super) faults: Vec<(Vec<u8>, &'static str)>,
    /// Names that were replaced.
    pub(super) renamed: u64,
}

struct Entry {
    mode: u32,
    id: ObjectId,
}

const DIRECTORY: u32 = 0o040_000;
const SUBMODULE: u32 = 0o160_000;

/// Compares two directories at a path.
pub(super) fn compare(old: &[u8], new: &[u8], path: &[u8], likeness: &Likeness<'_>) -> Differences {
    let mut differences = Differences::default();
    let format = likeness.format();
    let (Some(old), Some(mut new)) = (entries(old, format), entries(new, format)) else {
        differences.faults.push((path.to_vec(), "a directory that makes no sense"));
        return differences;
    };
    let mut left = Vec::new();
    for (name, entry) in old {
        match new.remove(&name) {
            Some(other) => pair(&mut differences, (entry, other), &joined(path, &name), likeness),
            None => left.push((name, entry)),
        }
    }
    for (name, entry) in left {
        let place = joined(path, &name);
        let renamed = new.keys().find(|other| likeness.is_replaced(&name, other)).cloned();
        match renamed.and_then(|other| new.remove(&other)) {
            Some(other) => {
                differences.renamed += 1;
                pair(&mut differences, (entry, other), &place, likeness);
            }
            None if entry.mode == DIRECTORY => {
                differences.trees.push(Difference { old: entry.id, new: None, path: place });
            }
            None if entry.mode == SUBMODULE => differences.faults.push((place, "a submodule was removed")),
            None => differences.blobs.push(Difference { old: entry.id, new: None, path: place }),
        }
    }
    differences.faults.extend(new.keys().map(|name| (joined(path, name), "it was added")));
    differences
}

/// Everything in a directory that was removed with it.
pub(super) fn removed(old: &[u8], path: &[u8], format: ObjectFormat) -> Differences {
    let mut differences = Differences::default();
    let Some(old) = entries(old, format) else {
        differences.faults.push((path.to_vec(), "a directory that makes no sense"));
        return differences;
    };
    for (name, entry) in old {
        let difference = Difference { old: entry.id, new: None, path: joined(path, &name) };
        match entry.mode {
            DIRECTORY => differences.trees.push(difference),
            SUBMODULE => differences.faults.push((difference.path, "a submodule was removed")),
            _ => differences.blobs.push(difference),
        }
    }
    differences
}

fn pair(differences: &mut Differences, (old, new): (Entry, Entry), path: &[u8], likeness: &Likeness<'_>) {
    if old.mode != new.mode {
        differences.faults.push((path.to_vec(), "its mode is another"));
        return;
    }
    if old.id == new.id {
        return;
    }
    let difference = Difference { old: old.id, new: Some(new.id), path: path.to_vec() };
    match old.mode {
        DIRECTORY => differences.trees.push(difference),
        SUBMODULE if likeness.id_after(&old.id.to_string()) == new.id.to_string() => {}
        SUBMODULE => {
            differences.faults.push((path.to_vec(), "the commit of a submodule is another"));
        }
        _ => differences.blobs.push(difference),
    }
}

fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

fn entries(tree: &[u8], format: ObjectFormat) -> Option<BTreeMap<Vec<u8>, Entry>> {
    let entry = |entry: Result<TreeEntry<'_>, MalformedTree>| {
        let entry = entry.ok()?;
        // Old programs wrote modes that mean the same.
        let mode = if entry.is_directory() { DIRECTORY } else { entry.mode };
        Some((entry.name.to_vec(), Entry { mode, id: ObjectId::from_bytes(entry.id)? }))
    };
    TreeEntries::new(tree, format).map(entry).collect()
}

/// Whether all names of a directory are parts of ids, as in the trees of notes.
pub(super) fn is_notes(tree: &[u8], format: ObjectFormat) -> bool {
    let is_part =
        |name: &[u8]| matches!(name.len(), 2 | 38 | 40 | 62 | 64) && name.iter().all(u8::is_ascii_hexdigit);
    !tree.is_empty() && entries(tree, format).is_some_and(|found| found.keys().all(|name| is_part(name)))
}

/// Compares the listings of two trees of notes, `MODE TYPE ID\tPATH` each, whose names are ids of commits.
pub(super) fn notes(old: &[u8], new: &[u8], likeness: &Likeness<'_>) -> Differences {
    let read = |listing: &[u8], maps: bool| -> BTreeMap<String, ObjectId> {
        let lines = listing.split(|&byte| byte == 0).filter_map(|line| {
            let tab = memchr::memchr(b'\t', line)?;
            let (head, path) = line.split_at(tab);
            let id = ObjectId::from_hex(head.rsplit(|&byte| byte == b' ').next()?)?;
            let path = String::from_utf8_lossy(path.get(1..)?).replace('/', "");
            Some((if maps { likeness.id_after(&path) } else { path }, id))
        });
        lines.collect()
    };
    let (old, mut new) = (read(old, true), read(new, false));
    let mut differences = Differences::default();
    for (name, id) in old {
        let path = name.clone().into_bytes();
        match new.remove(&name) {
            Some(other) if other == id => {}
            other => differences.blobs.push(Difference { old: id, new: other, path }),
        }
    }
    let added = new.into_keys().map(|name| (name.into_bytes(), "a note was added"));
    differences.faults.extend(added);
    differences
}

/// Pairs that were not met before, and remembers them.
pub(super) fn unmet(
    found: Vec<Difference>,
    met: &mut HashSet<(ObjectId, Option<ObjectId>)>,
) -> Vec<Difference> {
    found.into_iter().filter(|difference| met.insert((difference.old, difference.new))).collect()
}
