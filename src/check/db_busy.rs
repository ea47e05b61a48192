//! `db.busy`: whether writers wait for each other: the size of the log, who writes, how often a service gave up.

use std::path::Path;

use super::context::Context;
use super::verdict::Verdict;
use super::{Check, databases, log_sqlite, show};
use crate::sqlite::sidecar::Role;

pub(super) const CHECK: Check = Check {
    id: "db.busy",
    title: "Databases are not contended, and their logs are small",
    why: "All services share one database, and SQLite lets one write at a time; a reader that never ends lets the log grow.",
    needs: &[],
    answer,
};

/// SQLite empties its log at about 4 MiB; a log this large was not emptied for long.
const LARGE: u64 = 64 << 20;
const HUGE: u64 = 512 << 20;
/// Locked messages in the window that users feel.
const MANY: u64 = 10;

fn answer(context: &Context) -> Vec<Verdict> {
    let found = databases::all(context);
    if found.is_empty() {
        return vec![Verdict::unknown("", databases::NONE)];
    }
    let mut verdicts: Vec<_> = found.iter().map(|database| judge(context, database)).collect();
    verdicts.push(match log_sqlite::busy(context) {
        Some(0) => Verdict::pass("logs", "no service found a database locked"),
        Some(count) => {
            let value = format!("services found a database locked {count}×");
            let fix = "see who holds it for long (above); stop large writers, or spread them over time";
            let verdict =
                if count >= MANY { Verdict::fail("logs", value) } else { Verdict::warn("logs", value) };
            verdict.expected("none").fix(fix)
        }
        None => Verdict::unknown("logs", "there are no logs to tell how often a database was locked"),
    });
    verdicts
}

fn judge(context: &Context, path: &Path) -> Verdict {
    let name = context.name_of(path);
    let log = databases::size(path, Role::Wal);
    let held = databases::held(context, path).and_then(|outcome| outcome.processes);
    let Some(processes) = held else {
        return Verdict::unknown(
            name,
            format!("log {}; this system does not show who holds it", show::bytes(log)),
        );
    };
    let holders: Vec<String> =
        processes.holders.iter().map(|holder| databases::name(context, holder)).collect();
    let writing = processes.holders.iter().filter(|holder| holder.is_writing()).count();
    let by = if holders.is_empty() { "nobody".to_owned() } else { show::names(&holders, 4) };
    let unseen = match processes.not_examined {
        0 => String::new(),
        some => format!(", {} not seen", show::count(some, "process")),
    };
    let value = format!("log {}, open by {by}, {writing} writing now{unseen}", show::bytes(log));
    let fix = "find the reader that never ends (a stuck export, a debugger), end it, and the log is emptied";
    match log {
        HUGE.. => Verdict::fail(name, value).expected("a log below 64 MiB").fix(fix),
        LARGE.. => Verdict::warn(name, value).expected("a log below 64 MiB").fix(fix),
        _ => Verdict::pass(name, value),
    }
}
