//! `kbsec rewrite`: a rewrite of the history, and what follows it: proofs, push, and texts for those who have clones.

mod apply;
mod kit;
mod prove;
mod push;
mod shown;

use clap::{Args, Subcommand};

use super::Context;
use super::exit::Exit;

/// Take a known value out of the whole history, and change nothing else
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  kbsec rewrite --dry-run                     asks for the value, shows the plan\n  \
                        kbsec rewrite --value-file leaked.txt --revoked\n  \
                        kbsec rewrite --stdin --revoked --confirm 1f3a90c2 < leaked.txt\n  \
                        kbsec rewrite --resume --value-file leaked.txt\n  \
                        kbsec rewrite push --help                   what comes next\n\n\
                        Exit codes: 0 done and proved, or a plan; 1 the value is still somewhere or more\n\
                        was changed; 2 refused or failed; 3 a proof is incomplete; 130 interrupted."
)]
pub(crate) struct RewriteArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    apply: apply::ApplyArgs,
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
        None => apply::run(&args.apply, context),
        Some(Command::Prove(args)) => prove::run(args, context),
        Some(Command::Push(args)) => push::run(args, context),
        Some(Command::Kit(args)) => kit::run(args, context),
    }
}
