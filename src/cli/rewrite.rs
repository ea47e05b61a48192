//! `kbsec rewrite`: what follows a rewrite of the history, its proofs, its push, and the texts for those who have clones.

mod kit;
mod prove;
mod push;

use clap::{Args, Subcommand};

use super::Context;
use super::exit::Exit;

/// Prove that a value is gone from history, push a rewritten history, and tell everybody
#[derive(Debug, Args)]
pub(crate) struct RewriteArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prove that a value is gone: from this repository, and from a server
    Prove(prove::ProveArgs),
    /// Push a rewritten history: every reference under a lease, all of them or none
    Push(push::PushArgs),
    /// Write what forges, colleagues and hooks have to be told after a rewrite, or ban old commits
    Kit(kit::KitArgs),
}

/// Runs the command.
pub(crate) fn run(args: &RewriteArgs, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Prove(args) => prove::run(args, context),
        Command::Push(args) => push::run(args, context),
        Command::Kit(args) => kit::run(args, context),
    }
}
