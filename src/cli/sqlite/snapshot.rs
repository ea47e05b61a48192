//! `kbsec sqlite snapshot`: a copy as evidence, and who held the database meanwhile.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use kbsec::digest::hex;
use kbsec::report::Sanitized;
use kbsec::sqlite::holders::Holder;
use kbsec::sqlite::snapshot::{self, Options, Outcome};

use super::PROC;
use crate::cli::environment::Environment;
use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::output;

/// Copy a database with its log and journal as evidence, with hashes
///
/// The files are only read, never with SQLite, which would change them. The new folder holds the copies and a
/// manifest.json with the SHA-256 of each.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 copied, 2 nothing was copied, 3 somebody wrote to it meanwhile.")]
pub(crate) struct SnapshotArgs {
    /// The database
    file: PathBuf,
    /// The new folder; nothing may be there yet
    #[arg(long, short, value_name = "FOLDER")]
    output: PathBuf,
}

/// How often to try while somebody writes.
const ATTEMPTS: u32 = 5;

/// Copies, and prints what was copied.
pub(crate) fn run(args: &SnapshotArgs) -> anyhow::Result<Exit> {
    let options = Options {
        database: args.file.clone(),
        folder: args.output.clone(),
        attempts: ATTEMPTS,
        version: env!("CARGO_PKG_VERSION").into(),
        time: Environment::now(),
        proc_folder: PROC.into(),
    };
    let outcome = snapshot::snapshot(&options).map_err(|error| {
        let hint = error.hint();
        Hinted::error(super::with_cause(&error), hint)
    })?;
    output::print(&text(&outcome))?;
    Ok(if outcome.moving { Exit::Incomplete } else { Exit::Clean })
}

fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    for file in &outcome.files {
        let name = Sanitized(&file.name).to_string();
        let _ = writeln!(
            text,
            "copied      {name}, {} bytes\n            sha256 {}",
            file.size,
            hex(&file.sha256)
        );
    }
    if let Some(processes) = &outcome.holders.processes {
        for holder in &processes.holders {
            let _ = writeln!(text, "held by     {}", told(holder));
        }
    }
    if outcome.moving {
        let _ = writeln!(
            text,
            "moving      somebody wrote to it in all {} attempts: the files may not belong\n            together; stop the \
             program and copy again",
            outcome.attempts
        );
    }
    let _ = writeln!(text, "\nThe snapshot is in {}", Sanitized(&outcome.folder.display().to_string()));
    text
}

/// A process in one line.
fn told(holder: &Holder) -> String {
    let mut text = format!("process {} {}", holder.pid, Sanitized(&holder.command));
    let facts = [
        (holder.is_stopped(), "stopped, and keeps its locks"),
        (holder.is_writing(), "writing"),
        (holder.has_deleted(), "has a deleted file of it open"),
    ];
    for (_, fact) in facts.iter().filter(|(holds, _)| *holds) {
        let _ = write!(text, ", {fact}");
    }
    text
}
