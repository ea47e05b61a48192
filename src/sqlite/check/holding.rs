//! The holders in a report: processes that use the database, and the finding that explains why nobody can write.

use std::path::Path;

use super::fault::{self, Fault};
use super::rule::Rule;
use crate::coverage::Holder;
use crate::finding::Finding;
use crate::sqlite::holders::{self, Lock, LockKind};

/// The processes, for the account of the database.
#[must_use]
pub fn holders(outcome: &holders::Outcome) -> Vec<Holder> {
    let found = outcome.processes.iter().flat_map(|processes| &processes.holders);
    let told = found.map(|holder| Holder {
        pid: holder.pid,
        command: holder.command.clone(),
        state: holder.state,
        age: holder.age,
        locks: locks(&holder.locks),
        is_writing: holder.is_writing(),
        is_stopped: holder.is_stopped(),
        has_deleted: holder.has_deleted(),
    });
    told.collect()
}

/// The names of locks, each once; `waits` tells those that a process does not have yet.
fn locks(locks: &[Lock]) -> Vec<String> {
    let name = |lock: &Lock| {
        let waits = if lock.waits { "waits for " } else { "" };
        let name = |kind: &LockKind| match (kind, lock.writes) {
            // The bytes of readers are a lock of the writer where nobody else may have them.
            (LockKind::Shared, true) => format!("{waits}EXCLUSIVE"),
            (kind, _) => format!("{waits}{}", kind.name()),
        };
        lock.kinds.iter().map(name).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = locks.iter().flat_map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// A finding for stopped processes that keep all others from writing. `path` is the name of the database in it.
#[must_use]
pub fn stopped(holders: &[Holder], path: &Path) -> Option<Finding> {
    let stuck = holders.iter().filter(|holder| holder.is_stopped && holder.is_writing);
    let faults: Vec<Fault> = stuck
        .map(|holder| {
            let what = format!(
                "process {} ({}) was stopped by a signal or a debugger, and holds {}",
                holder.pid,
                holder.command,
                holder.locks.join(", ")
            );
            Fault::new(Rule::StoppedWriter, "the locks", 0, what)
        })
        .collect();
    fault::findings(&faults, None, path).pop()
}

/// The findings without that of a journal which a running process is writing: it has a transaction open, as it may.
#[must_use]
pub fn without_open_transaction(mut findings: Vec<Finding>, holders: &[Holder]) -> Vec<Finding> {
    let journal = Rule::HotJournal.meta().map(|meta| meta.id.clone());
    if holders.iter().any(|holder| holder.is_writing && !holder.is_stopped) {
        findings.retain(|finding| Some(&finding.rule().id) != journal.as_ref());
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(is_stopped: bool, is_writing: bool) -> Holder {
        Holder {
            pid: 7,
            command: "node".into(),
            state: Some('T'),
            age: None,
            locks: vec!["RESERVED".into()],
            is_writing,
            is_stopped,
            has_deleted: false,
        }
    }

    #[test]
    fn a_journal_in_use_is_no_finding() {
        let journal = || {
            let fault = Fault::new(Rule::HotJournal, "the journal", 0, "it lies there");
            fault::findings(&[fault], None, Path::new("a.db"))
        };
        let left = |holders: &[Holder]| without_open_transaction(journal(), holders).len();
        assert_eq!([left(&[]), left(&[holder(false, false)]), left(&[holder(true, true)])], [1; 3]);
        assert_eq!(left(&[holder(false, true)]), 0);
    }

    #[test]
    fn only_a_stopped_writer_is_a_finding() {
        let found = |all: &[Holder]| stopped(all, Path::new("a.db"));
        assert!(found(&[holder(false, true), holder(true, false)]).is_none());
        let finding = found(&[holder(true, true)]).unwrap();
        assert_eq!(finding.severity(), crate::finding::Severity::Low);
        let place = finding.locations()[0].database.clone().unwrap();
        assert!(place.what.starts_with("process 7 (node) was stopped"), "{}", place.what);
    }
}
