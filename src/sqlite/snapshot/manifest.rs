//! The manifest of a snapshot, as JSON.

use serde::Serialize;

use super::{Options, Outcome};
use crate::date;
use crate::digest::hex;

#[derive(Serialize)]
struct Manifest<'a> {
    made_by: &'static str,
    format: u32,
    version: &'a str,
    time: Option<String>,
    source: String,
    /// Whether the source changed while it was copied.
    moving_target: bool,
    attempts: u32,
    files: Vec<File<'a>>,
    names_of_source: u64,
    network_filesystem: Option<&'static str>,
    /// `null` where the system does not show its processes.
    holders: Option<Vec<Holder<'a>>>,
    processes_not_examined: Option<u64>,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    role: &'static str,
    source: String,
    size: u64,
    sha256: String,
    modified_ns: Option<i128>,
    shares_blocks: bool,
}

#[derive(Serialize)]
struct Holder<'a> {
    pid: u32,
    command: &'a str,
    state: Option<char>,
    age_seconds: Option<u64>,
    open: Vec<&'static str>,
    locks: Vec<String>,
}

/// The text of the file.
pub(super) fn text(options: &Options, outcome: &Outcome) -> String {
    let processes = outcome.holders.processes.as_ref();
    let manifest = Manifest {
        made_by: "kbsec snapshot",
        format: 1,
        version: &options.version,
        time: date::second(options.time),
        source: outcome.holders.database.display().to_string(),
        moving_target: outcome.moving,
        attempts: outcome.attempts,
        files: outcome.files.iter().map(file).collect(),
        names_of_source: outcome.holders.names,
        network_filesystem: outcome.holders.network,
        holders: processes.map(|found| found.holders.iter().map(holder).collect()),
        processes_not_examined: processes.map(|found| found.not_examined),
    };
    let mut text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    text.push('\n');
    text
}

fn file(copied: &super::Copied) -> File<'_> {
    File {
        name: &copied.name,
        role: copied.role.name(),
        source: copied.source.display().to_string(),
        size: copied.size,
        sha256: hex(&copied.sha256),
        modified_ns: copied.modified,
        shares_blocks: copied.shared,
    }
}

fn holder(holder: &super::holders::Holder) -> Holder<'_> {
    let lock = |lock: &super::holders::Lock| {
        let kinds: Vec<_> = lock.kinds.iter().map(|kind| kind.name()).collect();
        let how = if lock.writes { "write" } else { "read" };
        let waits = if lock.waits { ", waits" } else { "" };
        format!("{}: {how} {}{waits}", lock.role.name(), kinds.join(", "))
    };
    let mut open: Vec<_> = holder.open.iter().map(|file| file.role.name()).collect();
    open.dedup();
    Holder {
        pid: holder.pid,
        command: &holder.command,
        state: holder.state,
        age_seconds: holder.age,
        open,
        locks: holder.locks.iter().map(lock).collect(),
    }
}
