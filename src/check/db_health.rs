//! `db.health`: whether databases can be opened, who holds them, and whether their structure is sound. The evidence is
//! only read, never opened by SQLite.

use std::path::Path;

use super::context::Context;
use super::verdict::Verdict;
use super::{Check, databases, show};
use crate::sqlite::check;
use crate::sqlite::files::Files;
use crate::sqlite::holders::Outcome;
use crate::sqlite::sidecar::Role;

pub(super) const CHECK: Check = Check {
    id: "db.health",
    title: "Databases can be opened, are not locked for long, and look sound",
    why: "A locked database stops every service that shares it; a damaged one gets worse with each restart.",
    needs: &[],
    answer,
};

/// Databases up to this size are checked page by page; larger ones take longer than a second.
const MOST_BYTES: u64 = 64 << 20;

fn answer(context: &Context) -> Vec<Verdict> {
    let found = databases::all(context);
    if found.is_empty() {
        return vec![Verdict::unknown("", databases::NONE)];
    }
    found.iter().flat_map(|database| judge(context, database)).collect()
}

fn judge(context: &Context, path: &Path) -> Vec<Verdict> {
    let name = context.name_of(path);
    let mut verdicts: Vec<Verdict> = held(context, path, &name).into_iter().collect();
    let files = match Files::open(path) {
        Ok(files) => files,
        Err(error) => {
            verdicts.push(Verdict::unknown(&name, error.to_string()).fix(error.hint()));
            return verdicts;
        }
    };
    let size = files.database.len();
    if size == 0 {
        let fix = "if it held data, keep the folder and look for a backup: kbsec check db.backup";
        verdicts.push(Verdict::warn(&name, "it is empty: no table, no row").fix(fix));
        return verdicts;
    }
    if files.journal.as_ref().is_some_and(|journal| !journal.is_empty()) {
        let value = "a transaction was cut off: its journal is still there";
        let fix = "keep both files (kbsec sqlite snapshot) before any service opens them";
        verdicts
            .push(Verdict::warn(&name, value).fix(fix).at(Role::Journal.beside(path).display().to_string()));
    }
    verdicts.push(structure(context, path, &name, &files));
    verdicts
}

fn structure(context: &Context, path: &Path, name: &str, files: &Files) -> Verdict {
    let log = files.log.as_ref().map_or(0, |log| log.len());
    let sizes = match log {
        0 => show::bytes(files.database.len()),
        log => format!("{} and a log of {}", show::bytes(files.database.len()), show::bytes(log)),
    };
    if files.database.len() + log > MOST_BYTES {
        let why = format!("{sizes}: too large for this check");
        return Verdict::unknown(name, why).fix(format!("kbsec sqlite check {}", path.display()));
    }
    let outcome = check::check(files, path);
    if outcome.moving {
        return Verdict::unknown(name, "it changes while it is read").fix("ask again, or stop its services");
    }
    match outcome.findings.first() {
        None => Verdict::pass(name, format!("sound, {sizes}")),
        Some(worst) => {
            let told = worst.reasons().first().cloned().unwrap_or_else(|| worst.rule().title.clone());
            let told = context.shorten(&told, 100);
            let value =
                format!("{} ({told}), {sizes}", show::count(outcome.findings.len() as u64, "problem"));
            let fix = "do not restart its services: kbsec check db.integrity, then kbsec sqlite snapshot";
            Verdict::fail(name, value).expected("no damage").fix(fix).at(path.display().to_string())
        }
    }
}

/// What is wrong with those who hold it; nothing if that is as it should be.
fn held(context: &Context, path: &Path, name: &str) -> Option<Verdict> {
    let outcome = databases::held(context, path)?;
    let Outcome { processes: Some(processes), .. } = &outcome else { return None };
    if let Some(network) = outcome.network {
        let fix = "move it to a local disk: locks of SQLite do not work reliably there";
        return Some(Verdict::warn(name, format!("it lies on {network}")).fix(fix));
    }
    for holder in &processes.holders {
        let who = databases::name(context, holder);
        if holder.is_stopped() && !holder.locks.is_empty() {
            let value = format!("locked by {who}, which is stopped and will never give it back");
            return Some(Verdict::fail(name, value).fix(format!("kill -CONT {} or end it", holder.pid)));
        }
        if holder.has_deleted() {
            let value = format!("{who} writes to a file that was replaced: what it writes is lost");
            return Some(
                Verdict::fail(name, value)
                    .fix(format!("keep /proc/{}/fd of it, then restart it", holder.pid)),
            );
        }
        if holder.is_writing() {
            let age = holder
                .age
                .map_or_else(String::new, |age| format!(", running for {}", show::milliseconds(age * 1000)));
            let value = format!("locked for writing by {who}{age}");
            let fix = "ask again; a lock that stays for seconds is a stuck transaction: kbsec check db.busy";
            return Some(Verdict::warn(name, value).fix(fix));
        }
    }
    None
}
