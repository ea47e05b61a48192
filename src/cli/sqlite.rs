//! `kbsec sqlite`: databases checked, recovered, copied and sealed.

mod check;
mod recover;

use clap::{Args, Subcommand};

use super::Context;
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
}

/// Runs the command.
pub(crate) fn run(args: &SqliteArgs, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Check(args) => check::run(args, context),
        Command::Recover(args) => recover::run(args, context),
    }
}
