//! `kbsec sqlite backup`: a verified copy of a database that may be in use.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kbsec::digest::hex;
use kbsec::finding::Severity;
use kbsec::report::Sanitized;
use kbsec::sqlite::backup::{self, CheckVerdict, Options, Outcome, Verdict};
use kbsec::sqlite::check;
use kbsec::sqlite::files::Files;

use crate::cli::environment::Environment;
use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::output;

/// Make a verified copy of a database that may be in use
///
/// The copy is checked by SQLite and by kbsec, and gets a manifest and a seal. A damaged database is copied, too, under
/// a name that says so, and takes no good backup's place.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 verified, 1 the database is damaged, 2 nothing was made, 3 not verified."
)]
pub(crate) struct BackupArgs {
    /// The database
    file: PathBuf,
    /// The folder of the backups, which must exist
    #[arg(long, short, value_name = "FOLDER")]
    output: PathBuf,
    /// Keep so many verified backups of this database, and remove older ones
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Wait so long for writers
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

/// Makes the backup, and prints what is known of it.
pub(crate) fn run(args: &BackupArgs) -> anyhow::Result<Exit> {
    let options = Options {
        database: args.file.clone(),
        folder: args.output.clone(),
        keep: args.keep.map(|count| count as usize),
        limit: Duration::from_secs(args.wait),
        version: env!("CARGO_PKG_VERSION").into(),
        time: Environment::now(),
    };
    let outcome = backup::backup(&options, &second_opinion, &|_| {}).map_err(|error| {
        let hint = error.hint();
        Hinted::error(super::with_cause(&error), hint)
    })?;
    output::print(&text(&outcome))?;
    Ok(match outcome.verdict {
        Verdict::Verified => Exit::Clean,
        Verdict::Unverified(_) => Exit::Incomplete,
        Verdict::Corrupt(_) => Exit::Findings,
    })
}

/// What kbsec's own check says of a copy.
fn second_opinion(copy: &Path) -> CheckVerdict {
    let Ok(files) = Files::open(copy) else { return CheckVerdict::NotRun };
    let outcome = check::check(&files, copy);
    let found = outcome.findings;
    // Rows that break a rule are as they were in the source.
    let damage: Vec<String> = found
        .iter()
        .filter(|finding| finding.severity() >= Severity::High)
        .map(|finding| format!("{}: {}", finding.rule().title, finding.reasons().join(", ")))
        .collect();
    match damage.is_empty() {
        false => CheckVerdict::Damaged(damage),
        true if outcome.coverage.is_incomplete() => CheckVerdict::NotRun,
        true => CheckVerdict::Sound,
    }
}

fn text(outcome: &Outcome) -> String {
    let shown = |path: &Path| Sanitized(&path.display().to_string()).to_string();
    let mut text = format!("copy        {}\n", shown(&outcome.copy));
    let _ = writeln!(text, "            {} bytes, sha256 {}", outcome.size, hex(&outcome.sha256));
    let rows: u64 = outcome.rows.values().flatten().sum();
    let _ = writeln!(text, "holds       {} tables, {rows} rows", outcome.rows.len());
    if outcome.foreign_key_violations > 0 {
        let _ = writeln!(text, "note        {} rows refer to missing rows", outcome.foreign_key_violations);
    }
    for path in &outcome.pruned {
        let _ = writeln!(text, "removed     {}", shown(path));
    }
    for path in &outcome.not_pruned {
        let _ = writeln!(text, "not removed {}", shown(path));
    }
    match &outcome.verdict {
        Verdict::Verified => text.push_str("\nverified: SQLite and kbsec found no damage in the copy\n"),
        Verdict::Unverified(why) => {
            let _ = writeln!(text, "\nnot verified: {}", Sanitized(why));
        }
        Verdict::Corrupt(found) => {
            for what in found.iter().take(20) {
                let _ = writeln!(text, "damage      {}", Sanitized(what));
            }
            text.push_str("\nthe database is damaged, and so is this copy: keep the last verified backup,\n");
            text.push_str("and look at `kbsec sqlite check` and `kbsec sqlite recover`\n");
        }
    }
    text
}
