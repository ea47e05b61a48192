//! `kbsec audit lock`: the hash of every file of every plugin, written down or verified.

use std::path::PathBuf;

use clap::Args;
use kbsec::plugin::lock::{self, Lock};
use kbsec::report::Sanitized;

use super::answers;
use crate::cli::environment::Environment;
use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::reporting::{Examined, ReportArgs};
use crate::cli::{Context, output};

/// Write down the hash of every file of every plugin, or verify it
///
/// The platform's own lock file vouches for package.json alone. Commit kbsec.lock after a review, and verify it in CI.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec audit lock            writes kbsec.lock\n  \
                        kbsec audit lock --verify   says what has changed since\n\n\
                        Exit codes: 0 written or unchanged, 1 changed, 2 there is no lock or no plugin, 3 something \
                        could not be read.")]
pub(super) struct LockArgs {
    /// Compare the plugins with the lock instead
    #[arg(long)]
    verify: bool,
    /// The workspace
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    root: PathBuf,
    #[command(flatten)]
    report: ReportArgs,
}

/// Writes or verifies.
pub(super) fn run(args: &LockArgs, context: &Context) -> anyhow::Result<Exit> {
    if args.verify { verify(args, context) } else { make(args, context) }
}

fn make(args: &LockArgs, context: &Context) -> anyhow::Result<Exit> {
    let options = super::folder(&args.root)?;
    let file = args.root.join(lock::NAME);
    output::check(&file)?;
    let (lock, coverage) = Lock::make(&options).map_err(|error| super::unreadable(&args.root, &error))?;
    let (plugins, files) = lock.size();
    if plugins == 0 {
        let hint = "go to the root of a workspace, or name it with --root";
        return Err(Hinted::error(format!("there is no plugin in {}", args.root.display()), hint));
    }
    for gap in &coverage.missed {
        context.note(&format!("not locked: {}: {}", gap.subject, gap.reason));
    }
    output::write(Some(&file), |out| {
        serde_json::to_writer_pretty(&mut *out, &lock)?;
        out.write_all(b"\n")
    })?;
    let shown = file.display().to_string();
    let (of_plugins, of_files) = (answers::count(plugins, "plugin"), answers::count(files, "file"));
    output::print(&format!("{of_plugins} with {of_files} locked in {}\n", Sanitized(&shown)))?;
    Ok(if coverage.is_incomplete() { Exit::Incomplete } else { Exit::Clean })
}

fn verify(args: &LockArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    args.report.check()?;
    let options = super::folder(&args.root)?;
    let file = args.root.join(lock::NAME);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Hinted::error(format!("cannot read {}: {error}", file.display()), "write it with `kbsec audit lock`")
    })?;
    let lock = Lock::parse(&text).map_err(|why| {
        Hinted::error(
            format!("{} is no lock: {why}", file.display()),
            "restore it from git, or write it anew",
        )
    })?;
    let outcome = lock.verify(&options).map_err(|error| super::unreadable(&args.root, &error))?;
    let examined = Examined {
        subject: args.root.display().to_string(),
        started,
        findings: outcome.findings,
        coverage: outcome.coverage,
        rules: lock::rules(),
    };
    args.report.write(&examined, context)
}
