//! `kbsec audit`: plugins examined, and the report.

mod answers;
mod diff;
mod explain;
mod lock;
mod reach;
mod suggest;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kbsec::plugin::audit::{self, Options};

use super::Context;
use super::environment::Environment;
use super::error::Hinted;
use super::exit::Exit;
use super::project::{Project, Settings};
use super::reporting::{Examined, ReportArgs};

/// Find plugins of the KB Labs platform that may do more than they should
///
/// Reads the manifests of all plugins in a folder, TypeScript too, without running any of them, and says what the
/// platform really makes of their permissions and what their code uses.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  kbsec audit                 every plugin below this folder\n  \
                        kbsec audit plugins/review  one of them\n  \
                        kbsec audit -f sarif -o audit.sarif\n  \
                        kbsec audit explain @acme/report --url https://api.acme.io/v1\n  \
                        kbsec audit reach OPENAI_API_KEY   who can read it\n\n\
                        A plugin that does harm within what it may do, such as the same mail to one more\n\
                        recipient, is not seen so; `kbsec audit lock` notices that its code has changed.")]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// A folder with plugins, or with one
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Narrow the permissions of all plugins to what their code needs, then audit
    ///
    /// Writes into manifests, each beside a copy of what it was. `kbsec audit suggest` shows it without writing.
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    report: ReportArgs,
}

/// Other questions about plugins.
#[derive(Debug, Subcommand)]
enum AuditCommand {
    Diff(diff::DiffArgs),
    Explain(explain::ExplainArgs),
    Lock(lock::LockArgs),
    Reach(reach::ReachArgs),
    Suggest(suggest::SuggestArgs),
}

/// Runs the audit and writes the report.
pub(super) fn run(args: &AuditArgs, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Some(AuditCommand::Diff(args)) => diff::run(args, context),
        Some(AuditCommand::Explain(args)) => explain::run(args, context),
        Some(AuditCommand::Lock(args)) => lock::run(args, context),
        Some(AuditCommand::Reach(args)) => reach::run(args, context),
        Some(AuditCommand::Suggest(args)) => suggest::run(args, context),
        None => audit_all(args, context),
    }
}

fn audit_all(args: &AuditArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    args.report.check()?;
    let options = folder(&args.path)?;
    let shown = args.path.display().to_string();
    if args.fix {
        suggest::fix(&options)?.iter().for_each(|line| context.note(line));
    }
    let mut outcome = audit::audit(&options).map_err(|error| unreadable(&args.path, &error))?;
    let project = Project::find(&args.path, Settings::Nearest, context)?;
    project.waive(&mut outcome.findings, &mut outcome.coverage, started);
    let examined = Examined {
        subject: shown,
        started,
        findings: outcome.findings,
        coverage: outcome.coverage,
        rules: audit::rules(),
    };
    args.report.write(&examined, context)
}

/// The folder to look at, as its files are to be named.
fn folder(path: &Path) -> anyhow::Result<Options> {
    if !path.is_dir() {
        let what = format!("{} is no folder", path.display());
        return Err(Hinted::error(what, "name the folder of a plugin or of a workspace"));
    }
    let base = if path == Path::new(".") { PathBuf::new() } else { path.to_owned() };
    Ok(Options { root: path.to_owned(), base })
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    Hinted::error(format!("cannot read {}: {error}", path.display()), "check its permissions")
}
