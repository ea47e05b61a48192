//! A plugin that does what it should not: what it is, what it did, what it could reach.

mod reach;
mod traces;

use std::fs;

use kbsec::digest;
use kbsec::playbook::{Applied, Facts, Piece, Plan, Verdict};

use super::super::error::Hinted;
use super::deed::{fail, pass, unknown};
use super::lock_file;
use super::machine::Machine;

/// Files of a plugin that are listed.
const MOST_FILES: usize = 5000;

/// Refuses a name that a program could take for an option or a path.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"@/._-".contains(&byte);
    if !name.is_empty() && name.bytes().all(known) && !name.starts_with('-') && !name.contains("..") {
        return Ok(());
    }
    Err(Hinted::error(
        format!("{name} is no id of a plugin"),
        "it looks like @scope/name, as the logs have it",
    ))
}

/// The checks of this incident.
pub(crate) fn check(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Verdict> {
    let plugin = facts.get("plugin")?;
    (name == "disabled").then(|| match lock_file::entry(machine, plugin) {
        Ok(Some(entry)) if entry.enabled => fail(
            format!("{} is enabled in the lock file", entry.key),
            "disable it again, and find out who enabled it",
        ),
        Ok(Some(entry)) => pass(format!("{} is disabled in the lock file", entry.key)),
        Ok(None) => pass(format!("{plugin} is not in the lock file any more")),
        Err(why) => unknown(&why),
    })
}

/// What an act would do.
pub(crate) fn plan(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Plan> {
    match name {
        "disable" => Some(lock_file::plan_disable(machine, facts)),
        "timeline" | "permissions" | "files" | "secrets" => Some(Plan::default()),
        _ => None,
    }
}

/// Does it.
pub(crate) fn apply(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Applied> {
    match name {
        "disable" => Some(lock_file::disable(machine, facts)),
        "timeline" => Some(traces::timeline(machine, facts)),
        "permissions" => Some(reach::permissions(machine, facts)),
        "files" => Some(traces::files(machine, facts)),
        "secrets" => Some(reach::secrets(machine, facts)),
        _ => None,
    }
}

/// The files of the plugin with their hashes, and what the lock says of it.
pub(crate) fn evidence(machine: &Machine<'_>, facts: &Facts) -> Vec<Piece> {
    let Some(plugin) = facts.get("plugin") else { return Vec::new() };
    let entry = match lock_file::entry(machine, plugin) {
        Ok(Some(entry)) => entry,
        Ok(None) => {
            return vec![super::collect::missing("files of the plugin", "it is not in the lock file")];
        }
        Err(why) => return vec![super::collect::missing("files of the plugin", &why)],
    };
    let Some(folder) = entry.folder.map(|folder| machine.path(folder)) else {
        return vec![super::collect::missing("files of the plugin", "the lock file names no folder")];
    };
    let mut text = format!("entry {} integrity {}\n", entry.key, entry.integrity);
    let walk = ignore::WalkBuilder::new(&folder)
        .standard_filters(false)
        .sort_by_file_path(std::path::Path::cmp)
        .build();
    let files = walk.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let mut manifest = Vec::new();
    for file in files.take(MOST_FILES) {
        let hash =
            fs::read(file.path()).map_or_else(|error| error.to_string(), |bytes| digest::sha256(&bytes));
        text += &format!("{hash}  {}\n", machine.shown(file.path()));
        let name = file.file_name().to_string_lossy();
        if name == "package.json" || name.contains("manifest") {
            manifest.push(super::collect::file(machine, "manifest of the plugin", file.path()));
        }
    }
    let mut pieces = vec![machine.piece("files of the plugin", &machine.shown(&folder), text.as_bytes())];
    pieces.extend(manifest.into_iter().take(8));
    pieces
}
