//! The command line: arguments, commands, exit codes. The library below it never sees any of them.

mod audit;
mod check;
mod collect;
mod environment;
mod error;
mod exit;
mod find;
mod hook;
mod incident;
mod interrupt;
mod leak_response;
mod output;
mod progress;
mod project;
mod reporting;
mod respond;
mod rewrite;
mod rules;
mod scan;
mod sqlite;

use std::io::Write as _;

use clap::{Parser, Subcommand, ValueEnum};
use kbsec::report::Sanitized;

use environment::Environment;
use exit::Exit;

/// Finds leaked secrets, plugins that may do too much and damage in databases, and leads through the response.
///
/// Start with `kbsec scan` in a project, and `kbsec hook install` to stop the next secret at `git commit`.
#[derive(Debug, Parser)]
#[command(name = "kbsec", version, disable_help_subcommand = false, subcommand_required = true)]
#[command(arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 clean, 1 findings, 2 could not do the job, 3 incomplete, 130 interrupted.\n\
                        `kbsec help exit-codes` explains them."
)]
struct App {
    #[command(subcommand)]
    command: Command,
    /// When to colour what people read
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "General")]
    color: Color,
    /// Show no progress and no notes; the report is the same
    #[arg(long, short, global = true, help_heading = "General")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for secrets in files, staged changes, the git history or standard input
    Scan(scan::ScanArgs),
    /// Find a known value wherever it stands, in any encoding, in files and in the whole history
    ///
    /// Without --value-file, --stdin or --regex, asks for the value on the terminal and does not show it. A value is
    /// never given as an argument, where other users and the shell's history could see it. One line end after the
    /// value does not count. Values have 4 bytes to 16 KiB.
    Find(find::FindArgs),
    /// Take a known value out of the whole history, and change nothing else
    ///
    /// Revoke the value first: whoever has a clone has it. Without --value-file, --stdin or --finding, asks for the value
    /// on the terminal. Only commits that hold it, and their descendants, change; all other ids and signatures stay.
    Rewrite(rewrite::RewriteArgs),
    /// List, show and test the rules
    Rules(rules::RulesArgs),
    /// Install, remove or check the git hooks
    Hook(hook::HookArgs),
    /// Find plugins of the KB Labs platform that may do more than they should
    Audit(audit::AuditArgs),
    /// Ask questions about an installation of the platform, without changing it
    Check(check::CheckArgs),
    /// Collect the state of an installation for whoever has to find out what is wrong
    Collect(collect::CollectArgs),
    /// Check, recover and keep SQLite databases; the evidence is only read
    Sqlite(sqlite::SqliteArgs),
    /// Be led through an incident: what to do now, what is done for you, and a log of it all
    Respond(respond::RespondArgs),
    /// A secret has leaked: revoke it, find every copy, clean up, and write it up
    LeakResponse(leak_response::LeakArgs),
    /// List, show, verify and export incidents, and write their post-mortems
    Incident(incident::IncidentArgs),
    /// Explain the exit codes
    #[command(long_about = exit::table())]
    ExitCodes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What every command gets besides its own arguments.
#[derive(Debug)]
struct Context {
    environment: Environment,
    color: Color,
    quiet: bool,
}

impl Context {
    /// Tells the user something that is no result, on standard error, unless they want to hear nothing.
    fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "kbsec: {}", Sanitized(text));
        }
    }
}

/// Runs the program.
pub(crate) fn run() -> Exit {
    error::quiet_panics();
    let app = match App::try_parse() {
        Ok(app) => app,
        Err(error) => return error::usage(&error),
    };
    let context = Context { environment: Environment::read(), color: app.color, quiet: app.quiet };
    let result = match &app.command {
        Command::Scan(args) => scan::run(args, &context),
        Command::Find(args) => find::run(args, &context),
        Command::Rewrite(args) => rewrite::run(args, &context),
        Command::Rules(args) => rules::run(args, &context),
        Command::Hook(args) => hook::run(args, &context),
        Command::Audit(args) => audit::run(args, &context),
        Command::Check(args) => check::run(args, &context),
        Command::Collect(args) => collect::run(args, &context),
        Command::Sqlite(args) => sqlite::run(args, &context),
        Command::Respond(args) => respond::run(args, &context),
        Command::LeakResponse(args) => leak_response::run(args, &context),
        Command::Incident(args) => incident::run(args, &context),
        Command::ExitCodes => output::print(&exit::table()).map(|()| Exit::Clean),
    };
    result.unwrap_or_else(|error| error::report(&error))
}
