//! `kbsec respond`: a person is led through an incident; the parts of the session are in the modules below.

mod actions;
mod answers;
mod catalogue;
mod checks;
mod child;
mod collect;
mod deed;
mod desk;
mod filter;
pub(super) mod leak;
mod leaked;
mod lock_file;
mod machine;
mod plugin;
mod processes;
mod screen;
pub(super) mod session;
mod sqlite;
mod terminal;
mod tools;
mod workflow;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::error::Hinted;
use super::exit::Exit;
use super::{Context, output};

/// Be led through an incident: what to do now, what is done for you, and a log of it all
///
/// Without an incident, lists them with what each is known by. A session can be left at any time with q or Ctrl-C; it
/// goes on where it was.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "Examples:\n  kbsec respond                            what is it? a list of incidents\n  \
                        kbsec respond gateway-down               begin\n  \
                        kbsec respond --resume INC-20261125-7f3a go on\n  \
                        kbsec respond gateway-down --dry-run     only show what would be done\n\n\
                        Exit codes: 0 closed, 2 usage, 10 steps left, 20 a proof fails, 30 blocked,\n\
                        40 evidence incomplete, 130 interrupted."
)]
pub(crate) struct RespondArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// What has happened, such as gateway-down
    incident: Option<String>,
    /// The plugin in question
    #[arg(long, value_name = "ID")]
    plugin: Option<String>,
    /// The database in question
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    #[command(flatten)]
    session: SessionArgs,
}

/// What every session takes.
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Go on with this incident
    #[arg(long, value_name = "INC", help_heading = "Session")]
    pub(crate) resume: Option<String>,
    /// Show what would be done, and do and write nothing
    #[arg(long, help_heading = "Session")]
    pub(crate) dry_run: bool,
    /// Ask nothing; what needs a person stays open
    #[arg(long, help_heading = "Session")]
    pub(crate) no_input: bool,
    /// Take answers from this file: tables [answers], [done] and [skip]
    #[arg(long, value_name = "FILE", help_heading = "Session")]
    pub(crate) answers: Option<PathBuf>,
    /// Carry out these steps without asking; there is no leave for everything
    #[arg(long, value_name = "STEP", value_delimiter = ',', help_heading = "Session")]
    pub(crate) allow: Vec<String>,
    /// The beginning of the hash of a plan that cannot be undone; may be repeated
    #[arg(long, value_name = "HASH", help_heading = "Session")]
    pub(crate) confirm: Vec<String>,
    /// Print the log to standard output as JSON lines while it is written
    #[arg(long, help_heading = "Session")]
    pub(crate) json: bool,
    /// Keep incidents in this directory instead of $XDG_STATE_HOME/kbsec/incidents
    #[arg(long, value_name = "DIR", help_heading = "Session")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Also look into this file or folder: logs, databases, exports; may be repeated
    #[arg(long, value_name = "PATH", help_heading = "Session")]
    pub(crate) also: Vec<PathBuf>,
    /// Where a service, prometheus or registry listens, such as gateway=http://127.0.0.1:4100; may be repeated
    #[arg(long, value_name = "NAME=URL", help_heading = "Session")]
    pub(crate) base: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List incidents, with what each is known by
    List,
    /// Check the playbooks of this repository
    Lint,
    /// Show all steps of an incident, with why, commands and undo
    Explain {
        /// What has happened, such as gateway-down
        incident: String,
    },
}

/// Runs the command.
pub(crate) fn run(args: &RespondArgs, context: &Context) -> anyhow::Result<Exit> {
    let playbooks = session::playbooks(context)?;
    let width = context.environment.width();
    match &args.command {
        Some(Command::List) => {
            return output::print(&catalogue::list(&playbooks, width)).map(|()| Exit::Clean);
        }
        Some(Command::Lint) => {
            let faults = playbooks.lint(&[]);
            let exit = if faults.is_empty() { Exit::Clean } else { Exit::Findings };
            return output::print(&catalogue::faults(&playbooks, &faults)).map(|()| exit);
        }
        Some(Command::Explain { incident }) => {
            let playbook = session::playbook(&playbooks, incident)?;
            return output::print(&catalogue::explain(playbook, width)).map(|()| Exit::Clean);
        }
        None => {}
    }
    let mut facts = kbsec::playbook::Facts::new();
    if let Some(plugin) = &args.plugin {
        plugin::check_name(plugin)?;
        facts.insert("plugin".into(), plugin.clone());
    }
    if let Some(database) = &args.database {
        let path = context.environment.directory.join(database);
        facts.insert("database".into(), path.display().to_string());
    }
    let wanted = session::Wanted { incident: args.incident.as_deref(), facts, leak: None };
    if wanted.incident.is_none() && args.session.resume.is_none() {
        return output::print(&catalogue::list(&playbooks, width)).map(|()| Exit::Clean);
    }
    if wanted.incident == Some("secret-leak") {
        return Err(Hinted::error(
            "a leak has a command of its own, which asks for the value without showing it",
            "run `kbsec leak-response`",
        ));
    }
    session::run(&args.session, wanted, (&playbooks, context))
}
