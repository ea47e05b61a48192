//! A tree of notes: its entries are named by the commits they are about, and follow them to their new ids.

use std::collections::BTreeMap;

use super::RewriteError;
use super::moved::Moved;
use crate::git::store::ObjectNumber;
use crate::git::{ObjectId, ObjectKind, TreeEntry};

/// Git splits names into directories of two digits, no deeper than this.
const DEPTH: usize = 32;

/// A directory: entries by the key that git sorts them by.
#[derive(Default)]
struct Directory(BTreeMap<Vec<u8>, Node>);

enum Node {
    Leaf { mode: Vec<u8>, id: ObjectId },
    Directory(Directory),
}

/// A note and where it stands.
struct Note {
    path: Vec<Vec<u8>>,
    mode: Vec<u8>,
    id: ObjectId,
}

/// The tree with the notes under the new ids of their commits; `None` where no commit has moved. Contents that moved
/// have moved in it as well.
pub(super) fn renamed(tree: ObjectNumber, moved: &mut Moved<'_>) -> Result<Option<ObjectId>, RewriteError> {
    let mut notes = Vec::new();
    list(tree, moved, &mut Vec::new(), &mut notes)?;
    let mut any = false;
    for note in &mut notes {
        let digits = note.path.concat();
        let new = ObjectId::from_hex(&digits).and_then(|id| moved.by_id(id.as_bytes()));
        if let Some(new) = new {
            any = true;
            let digits = new.to_string();
            let mut rest = digits.as_bytes();
            for part in &mut note.path {
                let (this, next) = rest.split_at(part.len().min(rest.len()));
                *part = this.to_vec();
                rest = next;
            }
        }
        note.id = moved.follow(note.id);
    }
    if !any {
        return Ok(None);
    }
    let mut root = Directory::default();
    for note in notes {
        root.insert(&note.path, &note);
    }
    root.write(moved).map(Some)
}

fn list(
    tree: ObjectNumber,
    moved: &Moved<'_>,
    path: &mut Vec<Vec<u8>>,
    notes: &mut Vec<Note>,
) -> Result<(), RewriteError> {
    let malformed = || RewriteError::MalformedTree { id: moved.store.id(tree) };
    let bytes = moved.read(tree)?;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (entry, length) = TreeEntry::parse(rest, moved.store.format()).ok_or_else(malformed)?;
        let id = ObjectId::from_bytes(entry.id).ok_or_else(malformed)?;
        let mode = rest.split(|&byte| byte == b' ').next().unwrap_or_default().to_vec();
        path.push(entry.name.to_vec());
        let is_fan = entry.is_directory() && entry.name.len() == 2 && path.len() < DEPTH;
        match moved.store.number(entry.id) {
            Some(below) if is_fan => list(below, moved, path, notes)?,
            _ => notes.push(Note { path: path.clone(), mode, id }),
        }
        path.pop();
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(())
}

impl Directory {
    /// Adds a note. Two can only have one place where two commits became the same one; the first one stays.
    fn insert(&mut self, path: &[Vec<u8>], note: &Note) {
        match path {
            [] => {}
            [name] => {
                let slash: &[u8] =
                    if note.mode.starts_with(b"4") || note.mode.starts_with(b"04") { b"/" } else { b"" };
                let leaf = Node::Leaf { mode: note.mode.clone(), id: note.id };
                self.0.entry([name, slash].concat()).or_insert(leaf);
            }
            [name, below @ ..] => {
                let key = [name.as_slice(), b"/"].concat();
                let directory = self.0.entry(key).or_insert_with(|| Node::Directory(Self::default()));
                if let Node::Directory(directory) = directory {
                    directory.insert(below, note);
                }
            }
        }
    }

    fn write(&self, moved: &mut Moved<'_>) -> Result<ObjectId, RewriteError> {
        let mut bytes = Vec::new();
        for (key, node) in &self.0 {
            let name = key.strip_suffix(b"/").unwrap_or(key);
            let (mode, id) = match node {
                Node::Leaf { mode, id } => (mode.as_slice(), *id),
                Node::Directory(directory) => (&b"40000"[..], directory.write(moved)?),
            };
            for part in [mode, b" ", name, b"\0", id.as_bytes()] {
                bytes.extend_from_slice(part);
            }
        }
        moved.add(ObjectKind::Tree, &bytes)
    }
}
