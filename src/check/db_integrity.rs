//! `db.integrity`: every damage of the databases, read without SQLite, and how many rows could still be saved.

use std::path::Path;

use super::context::Context;
use super::verdict::Verdict;
use super::{Check, databases, show};
use crate::sqlite::check;
use crate::sqlite::files::Files;

pub(super) const CHECK: Check = Check {
    id: "db.integrity",
    title: "Databases are undamaged, page by page and index by index",
    why: "The manual's PRAGMA on the original changes the evidence, and calls a broken search index a broken database.",
    needs: &[],
    answer,
};

/// Larger databases take longer than an answer may.
const MOST_BYTES: u64 = 512 << 20;

fn answer(context: &Context) -> Vec<Verdict> {
    let found = databases::all(context);
    if found.is_empty() {
        return vec![Verdict::unknown("", databases::NONE)];
    }
    found.iter().map(|database| judge(context, database)).collect()
}

fn judge(context: &Context, path: &Path) -> Verdict {
    let name = context.name_of(path);
    let files = match Files::open(path) {
        Ok(files) => files,
        Err(error) => return Verdict::unknown(name, error.to_string()).fix(error.hint()),
    };
    if files.database.len() > MOST_BYTES {
        let value = format!("{} is too large for this check", show::bytes(files.database.len()));
        return Verdict::unknown(name, value).fix(format!("kbsec sqlite check {}", path.display()));
    }
    let outcome = check::check(&files, path);
    let rows: u64 = outcome.rows.iter().map(|(_, rows)| rows).sum();
    let readable = format!("{} readable", show::count(rows, "row"));
    if outcome.moving {
        let fix = "stop its services, or check a snapshot: kbsec sqlite snapshot";
        return Verdict::unknown(name, "it changes while it is read").fix(fix);
    }
    let Some(worst) = outcome.findings.first() else {
        if let Some(gap) = outcome.coverage.missed.first() {
            let value = format!("no damage found, but not all was checked: {} {}", gap.subject, gap.reason);
            return Verdict::unknown(name, value).fix(gap.hint.clone());
        }
        return Verdict::pass(name, format!("no damage, {readable}"));
    };
    let told = worst.reasons().first().cloned().unwrap_or_default();
    let told = context.shorten(&format!("{}: {told}", worst.rule().title), 140);
    let value = format!("{}, {readable}; {told}", show::count(outcome.findings.len() as u64, "problem"));
    let fix = format!(
        "stop its services, then: kbsec sqlite snapshot {0} -o FOLDER, then recover what is in it",
        path.display()
    );
    let places = outcome.findings.iter().map(|finding| finding.rule().id.to_string());
    Verdict::fail(name, value).expected("no damage").fix(fix).seen_at(places)
}
