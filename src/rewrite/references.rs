//! The references of a rewrite: every name from which something is reached, and what becomes of it.

use std::collections::HashSet;

use super::RewriteError;
use super::blob::cleaned_name;
use super::citation;
use super::moved::Moved;
use super::replace::{Style, replaced};
use super::values::Values;
use crate::finding::Reach;
use crate::git::edit::GitEdit;
use crate::git::{ObjectId, Repository};

/// Everything that names objects.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// References that hold an id, sorted by name.
    pub refs: Vec<(Vec<u8>, ObjectId)>,
    /// References that hold the name of another one, without HEAD.
    pub symbolic: Vec<(Vec<u8>, Vec<u8>)>,
    /// The branch that HEAD stands for; `None` where it is detached.
    pub branch: Option<Vec<u8>>,
    /// The commit of HEAD; `None` before the first one.
    pub head: Option<ObjectId>,
    /// The stashes, oldest first, with their messages.
    pub stashes: Vec<(ObjectId, Vec<u8>)>,
    /// The text of the reflog of the stash, where it is a file.
    pub stash_log: Option<Vec<u8>>,
    /// References that could not be read.
    pub unreadable: Vec<String>,
}

/// A reference that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefChange {
    /// Its name; it may hold a value, so it is not to be shown as it is.
    pub name: Vec<u8>,
    /// Its name afterwards.
    pub new_name: Vec<u8>,
    /// What it points to.
    pub old: ObjectId,
    /// What it points to afterwards.
    pub new: ObjectId,
}

/// A reference that stands for another one and changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolicChange {
    /// Its name.
    pub name: Vec<u8>,
    /// Its name afterwards.
    pub new_name: Vec<u8>,
    /// The reference that it stands for afterwards.
    pub target: Vec<u8>,
}

impl Inventory {
    /// Everything that names objects of the repository.
    ///
    /// # Errors
    /// When git cannot list it.
    pub fn read(repository: &Repository, git: &GitEdit) -> Result<Self, RewriteError> {
        let mut found = Self::default();
        let listed = git.run(&["for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)"], b"")?;
        for line in listed.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let mut parts = line.split(|&byte| byte == 0);
            let (name, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            match (parts.next().filter(|target| !target.is_empty()), ObjectId::from_hex(id)) {
                (Some(target), _) => found.symbolic.push((name.to_vec(), target.to_vec())),
                (None, Some(id)) => found.refs.push((name.to_vec(), id)),
                (None, None) => found.unreadable.push(String::from_utf8_lossy(name).into_owned()),
            }
        }
        let line = |bytes: &[u8]| bytes.strip_suffix(b"\n").unwrap_or(bytes).to_vec();
        let branch = git.ask(&["symbolic-ref", "-q", "HEAD"], b"")?;
        found.branch = branch.ok.then(|| line(&branch.stdout));
        let head = git.ask(&["rev-parse", "-q", "--verify", "HEAD"], b"")?;
        found.head = ObjectId::from_hex(&line(&head.stdout));
        let references = repository.references();
        found.unreadable.extend(references.gaps.iter().map(|gap| gap.subject.clone()));
        for log in references.reflogs.iter().filter(|log| log.reach == Reach::Stash) {
            for entry in log.entries.iter().filter(|entry| !entry.new.is_null()) {
                let message = log.content.get(entry.message.clone()).unwrap_or_default();
                found.stashes.push((entry.new, message.to_vec()));
            }
            found.stash_log = Some(log.content.clone());
        }
        Ok(found)
    }

    /// Everything that is reached by other names than those of notes.
    pub(super) fn tips(&self) -> Vec<ObjectId> {
        let refs = self.refs.iter().filter(|(name, _)| !is_notes(name)).map(|(_, id)| *id);
        refs.chain(self.head).chain(self.stashes.iter().map(|stash| stash.0)).collect()
    }

    /// What names of notes point to.
    pub(super) fn notes(&self) -> Vec<ObjectId> {
        self.refs.iter().filter(|(name, _)| is_notes(name)).map(|(_, id)| *id).collect()
    }

    /// The references that change.
    pub(super) fn changes(&self, moved: &Moved<'_>, values: &Values) -> Vec<RefChange> {
        let mut taken: HashSet<Vec<u8>> = self.refs.iter().map(|(name, _)| name.clone()).collect();
        let mut changes = Vec::new();
        for (name, old) in &self.refs {
            let new = moved.follow(*old);
            let wanted = new_name(name, moved, values);
            let mut new_name = wanted.clone();
            let mut number = 2;
            while new_name != *name && !taken.insert(new_name.clone()) {
                new_name = [&wanted, format!("-{number}").as_bytes()].concat();
                number += 1;
            }
            if new_name != *name || new != *old {
                changes.push(RefChange { name: name.clone(), new_name, old: *old, new });
            }
        }
        changes
    }

    /// The symbolic references that change, HEAD first.
    pub(super) fn symbolic_changes(&self, changes: &[RefChange], values: &Values) -> Vec<SymbolicChange> {
        let head = self.branch.iter().map(|branch| (b"HEAD".to_vec(), branch.clone()));
        let all = head.chain(self.symbolic.iter().cloned());
        let changed = all.filter_map(|(name, target)| {
            let renamed = changes.iter().find(|change| change.name == target);
            // A branch before its first commit is no reference yet.
            let new_target = renamed
                .map(|change| change.new_name.clone())
                .or_else(|| cleaned_name(values, &target))
                .unwrap_or_else(|| target.clone());
            let new_name = cleaned_name(values, &name).unwrap_or_else(|| name.clone());
            let is_changed = new_target != target || new_name != name;
            is_changed.then_some(SymbolicChange { name, new_name, target: new_target })
        });
        changed.collect()
    }

    /// The stashes with new ids and without values.
    pub(super) fn new_stashes(&self, moved: &Moved<'_>, values: &Values) -> Vec<(ObjectId, Vec<u8>)> {
        let new =
            self.stashes.iter().map(|(id, message)| (moved.follow(*id), new_message(message, moved, values)));
        new.collect()
    }

    /// The reflog of the stash with new ids and without values; `None` where it is no file.
    pub(super) fn new_stash_log(&self, moved: &Moved<'_>, values: &Values) -> Option<Vec<u8>> {
        let log = self.stash_log.as_ref()?;
        let mut out = Vec::with_capacity(log.len());
        for line in log.split_inclusive(|&byte| byte == b'\n') {
            let mut words = line.splitn(3, |&byte| byte == b' ');
            let ids = [words.next().unwrap_or_default(), words.next().unwrap_or_default()];
            let rest = words.next().unwrap_or_default();
            for word in ids {
                match ObjectId::from_hex(word) {
                    Some(id) => out.extend_from_slice(moved.follow(id).to_string().as_bytes()),
                    None => out.extend_from_slice(word),
                }
                out.push(b' ');
            }
            out.extend(new_message(rest, moved, values));
        }
        Some(out)
    }
}

/// A message of a reflog without values and with the new ids of the commits that it cites.
fn new_message(message: &[u8], moved: &Moved<'_>, values: &Values) -> Vec<u8> {
    let clean = replaced(values, message, Style::Text).unwrap_or_else(|| message.to_vec());
    let new = |digits: &[u8]| moved.get(citation::cited(moved.store, digits)?);
    citation::recited(&clean, moved.store.format().id_bytes(), &new).unwrap_or(clean)
}

fn is_notes(name: &[u8]) -> bool {
    name.starts_with(b"refs/notes/")
}

/// The name without values; that of a replacement follows the object that it replaces.
fn new_name(name: &[u8], moved: &Moved<'_>, values: &Values) -> Vec<u8> {
    if let Some(digits) = name.strip_prefix(b"refs/replace/")
        && let Some(new) = ObjectId::from_hex(digits).and_then(|id| moved.by_id(id.as_bytes()))
    {
        return [&b"refs/replace/"[..], new.to_string().as_bytes()].concat();
    }
    cleaned_name(values, name).unwrap_or_else(|| name.to_vec())
}
