//! `kbsec sqlite`: databases checked, recovered, copied and sealed.

mod backup;
mod carve;
mod check;
mod map;
mod recover;
mod seal;
mod snapshot;

use std::path::Path;

use clap::{Args, Subcommand};
use kbsec::sqlite::files::Files;

use super::Context;
use super::error::Hinted;
use super::exit::Exit;

/// Check, recover and keep SQLite databases; the evidence is only read
#[derive(Debug, Args)]
pub(crate) struct SqliteArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find every damage of databases, and say where it is
    Check(check::CheckArgs),
    /// Save every row that is still there into a new database
    Recover(recover::RecoverArgs),
    /// Find deleted rows that are still in the file, its log or its journal
    Carve(carve::CarveArgs),
    /// Show what every page is used for, and which are damaged
    Map(map::MapArgs),
    /// Copy a database with its log and journal as evidence, with hashes
    Snapshot(snapshot::SnapshotArgs),
    /// Make a verified copy of a database that may be in use
    Backup(backup::BackupArgs),
    /// Write down a hash of every page
    Seal(seal::SealArgs),
    /// Compare a database with its seal
    Verify(seal::VerifyArgs),
}

/// Runs the command.
pub(crate) fn run(args: &SqliteArgs, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Check(args) => check::run(args, context),
        Command::Recover(args) => recover::run(args, context),
        Command::Carve(args) => carve::run(args, context),
        Command::Map(args) => map::run(args, context),
        Command::Snapshot(args) => snapshot::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Seal(args) => seal::seal(args, context),
        Command::Verify(args) => seal::verify(args),
    }
}

/// Where Linux shows its processes.
const PROC: &str = "/proc";

/// An error with what the system said, in one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Opens a database and what lies beside it.
fn open(path: &Path) -> anyhow::Result<Files> {
    Files::open(path).map_err(|error| Hinted::error(with_cause(&error), error.hint()))
}
