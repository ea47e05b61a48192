//! The commit point: new objects move in, references change in one transaction, then index and checked-out files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::RewriteError;
use super::folder::Folder;
use super::plan::Plan;
use super::references::{Inventory, RefChange, SymbolicChange};
use super::values::Values;
use crate::git::edit::GitEdit;
use crate::git::{ObjectId, Repository};

/// What is to be done once the new objects are there. It can be read back from the folder of a rewrite.
#[derive(Clone, Debug, Default)]
pub(super) struct Todo {
    pub(super) refs: Vec<RefChange>,
    pub(super) symbolic: Vec<SymbolicChange>,
    /// The commit of HEAD before and after.
    pub(super) head: Option<(ObjectId, ObjectId)>,
    pub(super) detached: bool,
    pub(super) stash_log: Option<Vec<u8>>,
    /// The stashes afterwards, oldest first, with their messages.
    pub(super) stashes: Vec<(ObjectId, Vec<u8>)>,
    /// How many references have changed already.
    pub(super) done: usize,
    /// References that are neither as they were nor as they are to be.
    pub(super) strangers: Vec<String>,
}

impl Todo {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            refs: plan.refs.clone(),
            symbolic: plan.symbolic.clone(),
            head: plan.head,
            detached: plan.detached,
            stash_log: plan.stash_log.clone(),
            stashes: plan.stashes.clone(),
            ..Self::default()
        }
    }

    /// What the plan in the folder asks for and has not been done. Names in it hold no values, so the names that are
    /// still there are taken from the repository.
    pub(super) fn left(
        folder: &Folder,
        inventory: &Inventory,
        values: &Values,
    ) -> Result<Self, RewriteError> {
        let plan: Value = serde_json::from_slice(&folder.read("plan.json")?).unwrap_or_default();
        let list = |name: &str| plan.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let id = |value: &Value, name: &str| ObjectId::from_hex(text(value, name).as_bytes());
        let shown = |name: &[u8]| values.redact(&String::from_utf8_lossy(name));
        let mut left = Self::default();
        for change in list("refs") {
            let (Some(old), Some(new)) = (id(&change, "old"), id(&change, "new")) else { continue };
            let new_name = text(&change, "new_name").into_bytes();
            let wanted = text(&change, "name");
            let now = inventory.refs.iter().find(|(name, _)| shown(name) == wanted);
            let is_done = inventory.refs.iter().any(|(name, now)| *name == new_name && *now == new);
            match now {
                Some((name, now)) if *now == old && !(is_done && *name == new_name) => {
                    left.refs.push(RefChange { name: name.clone(), new_name, old, new });
                }
                _ if is_done => left.done += 1,
                _ => left.strangers.push(wanted),
            }
        }
        let head = inventory.branch.iter().map(|branch| (b"HEAD".to_vec(), branch.clone()));
        for (name, target) in head.chain(inventory.symbolic.iter().cloned()) {
            let change =
                list("symbolic_refs").into_iter().find(|change| text(change, "name") == shown(&name));
            if let Some(change) = change.filter(|change| text(change, "target").as_bytes() != target) {
                let (new_name, target) =
                    (text(&change, "new_name").into_bytes(), text(&change, "target").into_bytes());
                left.symbolic.push(SymbolicChange { name, new_name, target });
            }
        }
        if let Some(head) = plan.get("head").filter(|head| head.is_object()) {
            left.head = id(head, "old").zip(id(head, "new"));
            left.detached = head.get("detached").and_then(Value::as_bool).unwrap_or(false);
        }
        left.stash_log = folder.read("stash-log").ok();
        for stash in list("stash_list") {
            left.stashes.extend(id(&stash, "commit").map(|id| (id, text(&stash, "message").into_bytes())));
        }
        Ok(left)
    }
}

/// Moves the finished pack into the repository: the index of it last, since git looks for that.
pub(super) fn move_in(repository: &Repository, git: &GitEdit, quarantine: &Path) -> Result<(), RewriteError> {
    let failed = |cause| RewriteError::io("move the new objects into the repository", cause);
    let pack = quarantine.join("new.pack");
    let pack_text = pack.to_string_lossy().into_owned();
    let printed = git.run(&["index-pack", "--no-rev-index", &pack_text], b"")?;
    let hash = String::from_utf8_lossy(&printed).trim().trim_start_matches("pack\t").to_owned();
    let target = repository.common_dir().join("objects/pack");
    fs::create_dir_all(&target).map_err(failed)?;
    for end in ["pack", "idx"] {
        let from = pack.with_extension(end);
        let to = target.join(format!("pack-{hash}.{end}"));
        fs::File::open(&from).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&from, &to).map_err(failed)?;
    }
    fs::File::open(&target).and_then(|folder| folder.sync_all()).map_err(failed)?;
    fs::remove_dir_all(quarantine).map_err(failed)
}

/// Changes all references at once, each only if it still has its old value.
pub(super) fn change_refs(todo: &Todo, git: &GitEdit) -> Result<(), RewriteError> {
    let mut input = b"start\0".to_vec();
    let mut line = |parts: &[&[u8]]| parts.iter().for_each(|part| input.extend_from_slice(part));
    for RefChange { name, new_name, old, new } in &todo.refs {
        let (old, new) = (old.to_string(), new.to_string());
        if name == new_name {
            line(&[b"update ", name, b"\0", new.as_bytes(), b"\0", old.as_bytes(), b"\0"]);
        } else {
            line(&[b"create ", new_name, b"\0", new.as_bytes(), b"\0"]);
            line(&[b"delete ", name, b"\0", old.as_bytes(), b"\0"]);
        }
    }
    if let Some((old, new)) = todo.head.filter(|(old, new)| todo.detached && old != new) {
        let (old, new) = (old.to_string(), new.to_string());
        line(&[b"option no-deref\0update HEAD\0", new.as_bytes(), b"\0", old.as_bytes(), b"\0"]);
    }
    line(&[b"prepare\0commit\0"]);
    let answer = git.ask(&["-c", "core.logAllRefUpdates=false", "update-ref", "-z", "--stdin"], &input)?;
    if answer.ok {
        return Ok(());
    }
    Err(RewriteError::RefsRefused { git: String::from_utf8_lossy(&answer.stderr).trim().to_owned() })
}

/// Points symbolic references at the new names of what they stand for.
pub(super) fn change_symbolic(todo: &Todo, git: &GitEdit) -> Result<(), RewriteError> {
    for SymbolicChange { name, new_name, target } in &todo.symbolic {
        let (new_name_text, target) = (String::from_utf8_lossy(new_name), String::from_utf8_lossy(target));
        git.run(&["symbolic-ref", &new_name_text, &target], b"")?;
        if name != new_name {
            let line = [b"option no-deref\0delete ", name.as_slice(), b"\0\0"].concat();
            git.run(&["update-ref", "-z", "--stdin"], &line)?;
        }
    }
    Ok(())
}

/// Gives the stash its list of entries back, under their new ids.
pub(super) fn change_stash(todo: &Todo, repository: &Repository, git: &GitEdit) -> Result<(), RewriteError> {
    let path = repository.common_dir().join("logs/refs/stash");
    if let Some(log) = todo.stash_log.as_ref().filter(|_| path.exists()) {
        let beside = path.with_extension("kbsec-new");
        let written = fs::write(&beside, log).and_then(|()| fs::rename(&beside, &path));
        return written.map_err(|cause| RewriteError::io("write the list of stashes", cause));
    }
    if todo.stashes.is_empty() || path.exists() {
        return Ok(());
    }
    // The log is in a table that only git writes.
    git.ask(&["update-ref", "-d", "refs/stash"], b"")?;
    for (id, message) in &todo.stashes {
        let message = String::from_utf8_lossy(message);
        git.run(&["update-ref", "--create-reflog", "-m", &message, "refs/stash", &id.to_string()], b"")?;
    }
    Ok(())
}

/// Takes the index and the checked-out files from the old commit to the new one; what did not change is not touched.
pub(super) fn change_index(todo: &Todo, repository: &Repository, git: &GitEdit) -> Result<(), RewriteError> {
    let Some((old, new)) = todo.head.filter(|(old, new)| old != new) else { return Ok(()) };
    if repository.work_tree().is_none() || !repository.index_file().exists() {
        return Ok(());
    }
    let (old, new) = (old.to_string(), new.to_string());
    let answer = git.ask(&["read-tree", "-m", "-u", &old, &new], b"")?;
    if answer.ok {
        return Ok(());
    }
    Err(RewriteError::IndexRefused { git: String::from_utf8_lossy(&answer.stderr).trim().to_owned() })
}

/// The directory for objects that nobody knows yet, on the same file system as the others; an old one is emptied.
pub(super) fn quarantine(repository: &Repository) -> io::Result<PathBuf> {
    let path = repository.common_dir().join("kbsec-quarantine");
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir(&path)?;
    Ok(path)
}
