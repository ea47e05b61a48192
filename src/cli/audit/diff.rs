//! `kbsec audit diff`: what plugins may do that they might not before.

use std::path::{Path, PathBuf};

use clap::Args;
use kbsec::coverage::Gap;
use kbsec::git::Repository;
use kbsec::git::export::ExportError;
use kbsec::plugin::audit::{self, Options};
use kbsec::plugin::growth;
use tempfile::TempDir;

use crate::cli::Context;
use crate::cli::environment::Environment;
use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::project::{Project, Settings};
use crate::cli::reporting::{Examined, ReportArgs};

/// Find what plugins may do now that they might not before
///
/// Compares two versions by what the platform lets through, not by their text: a pattern that others covered before is
/// no growth, and one that only looks narrower is.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kbsec audit diff main                this work tree against a branch\n  \
                        kbsec audit diff v1.2.0 v1.3.0       two commits\n  \
                        kbsec audit diff old/plugin new/plugin   two folders\n\n\
                        Exit codes: 0 no growth, 1 growth, 3 none, but not everything could be read."
)]
pub(super) struct DiffArgs {
    /// A folder, or a commit of this repository
    old: String,
    /// The same; this work tree if left out
    new: Option<String>,
    #[command(flatten)]
    report: ReportArgs,
}

/// One of the two versions.
struct Version {
    options: Options,
    /// Keeps the files of a commit until the end.
    _files: Option<TempDir>,
    missing: Vec<Gap>,
}

/// Compares.
pub(super) fn run(args: &DiffArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    args.report.check()?;
    let old = Version::find(&args.old, context)?;
    let new = match &args.new {
        Some(new) => Version::find(new, context)?,
        None if old._files.is_some() => {
            let tree = repository(context)?.1;
            Version::folder(if tree == context.environment.directory { Path::new(".") } else { &tree })
        }
        None => Version::folder(Path::new(".")),
    };
    let outcome = growth::growth(&old.options, &new.options)
        .map_err(|error| Hinted::error(format!("cannot compare: {error}"), "check the two names"))?;
    let (mut findings, mut coverage) = (outcome.findings, outcome.coverage);
    let project = Project::find(Path::new("."), Settings::Nearest, context)?;
    project.waive(&mut findings, &mut coverage, started);
    coverage.missed.extend(old.missing.into_iter().chain(new.missing));
    let mut rules = audit::rules();
    rules.extend(growth::rules());
    let subject = format!("{} against {}", args.new.as_deref().unwrap_or("the work tree"), args.old);
    let examined = Examined { subject, started, findings, coverage, rules };
    args.report.write(&examined, context)
}

impl Version {
    fn find(name: &str, context: &Context) -> anyhow::Result<Self> {
        if Path::new(name).is_dir() {
            return Ok(Self::folder(Path::new(name)));
        }
        let (repository, _) = repository(context)?;
        let files = TempDir::with_prefix("kbsec-").map_err(|error| {
            Hinted::error(format!("cannot make a folder for the commit: {error}"), "free some space")
        })?;
        let exported = repository.export(name, &is_wanted, files.path()).map_err(|error| {
            let hint = match &error {
                ExportError::NoCommit(_) => "name a folder, or a commit that `git log` shows",
                ExportError::Write(_) => "free some space, or set TMPDIR to another disk",
                ExportError::Git(error) => error.hint(),
            };
            Hinted::error(error.to_string(), hint)
        })?;
        let base = PathBuf::from(format!("{name}:"));
        let missing = exported
            .missing
            .into_iter()
            .map(|file| Gap::new(format!("{name}:{file}"), "its object is missing"));
        Ok(Self {
            missing: missing.collect(),
            options: Options { root: files.path().to_owned(), base },
            _files: Some(files),
        })
    }

    fn folder(path: &Path) -> Self {
        let base = if path == Path::new(".") { PathBuf::new() } else { path.to_owned() };
        Self { options: Options { root: path.to_owned(), base }, _files: None, missing: Vec::new() }
    }
}

/// What decides what a manifest comes to.
fn is_wanted(path: &str) -> bool {
    const ENDINGS: [&str; 9] = [".json", ".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", ".lock"];
    ENDINGS.iter().any(|ending| path.ends_with(ending)) && !path.contains("node_modules/")
}

/// The repository around this folder, and its work tree.
fn repository(context: &Context) -> anyhow::Result<(Repository, PathBuf)> {
    let here = &context.environment.directory;
    let hint = "name two folders, or go into a repository";
    let found = Repository::discover(here, &context.environment.git)
        .map_err(|error| Hinted::error(error.to_string(), error.hint()))?;
    let repository = found.ok_or_else(|| Hinted::error("this is no git repository", hint))?;
    let tree = repository.work_tree().unwrap_or(here).to_owned();
    Ok((repository, tree))
}
