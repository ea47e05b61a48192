//! `kbsec find`: its arguments, how a value reaches it without being seen, and how the trace becomes a report.

pub(super) mod finding;

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use kbsec::git::Repository;
use kbsec::needle::{LONGEST_VALUE, Needle};
use kbsec::report::{Format, Report, Run, Sanitized, Style};
use kbsec::secret::Secret;
use kbsec::source::git_files::GitFiles;
use kbsec::source::worktree::{self, Ignore, Worktree};
use kbsec::source::{Source, Stop};
use kbsec::trace::{Outcome, Request, TraceError, pickaxe, rules, trace};

use super::environment::Environment;
use super::error::Hinted;
use super::exit::Exit;
use super::progress::Progress;
use super::project::{Project, Settings};
use super::{Context, interrupt, output, reporting};

/// Find a known value wherever it stands, in any encoding, in files and in the whole history
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec find                                  asks for the value\n  \
                        kbsec find --value-file leaked.txt repo     searches another directory\n  \
                        pass show old/token | kbsec find --stdin -f json\n  \
                        kbsec find --regex 'AKIA[A-Z0-9]{16}'")]
pub(crate) struct FindArgs {
    /// The directory to search: all of its repository, or the directory where there is none
    #[arg(help_heading = "Input")]
    path: Option<PathBuf>,
    /// Read the value from this file
    #[arg(long, value_name = "FILE", help_heading = "Value", group = "what")]
    value_file: Option<PathBuf>,
    /// Read the value from standard input
    #[arg(long, help_heading = "Value", group = "what")]
    stdin: bool,
    /// Take the value of a finding, named by its fingerprint: the place is scanned for it first
    #[arg(long, value_name = "FINGERPRINT", help_heading = "Value", group = "what")]
    finding: Option<String>,
    /// Look for what matches this regular expression, applied to each line; only as it is, in no other encoding
    #[arg(long, value_name = "RE", help_heading = "Value", group = "what")]
    regex: Option<String>,
    /// Print just the ids of the commits that `git log --all -S<value> --format=%H` prints
    #[arg(long, help_heading = "Output", conflicts_with_all = ["regex", "format"])]
    pickaxe_compatible: bool,
    /// With --pickaxe-compatible: compare merges with each of their parents, as `git log -m` does
    #[arg(long, help_heading = "Output", requires = "pickaxe_compatible")]
    merges: bool,
    /// Format of the report
    #[arg(long, short, default_value = "text", help_heading = "Output")]
    #[arg(value_parser = reporting::formats())]
    format: Format,
    /// Write the report to a file; `-` means standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Exit with 0 even when the value was found
    #[arg(long, help_heading = "Output")]
    exit_zero: bool,
    /// Exit with 0 even when something could not be examined
    #[arg(long, help_heading = "Output")]
    allow_incomplete: bool,
}

/// Gaps that are told beside a list of commits.
const TOLD: usize = 20;

/// What is looked for.
enum Wanted {
    Value(Secret),
    Expression(String),
}

/// Runs the search and writes the report.
pub(crate) fn run(args: &FindArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    let file = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    file.map(output::check).transpose()?;
    let project = Project::find(args.path.as_deref().unwrap_or(Path::new("")), Settings::Nearest, context)?;
    let repository = match &project.repository {
        Ok(repository) => repository.as_ref(),
        Err(error) => return Err(Hinted::error(error.to_string(), error.hint())),
    };
    let stop = interrupt::listen();
    let wanted = wanted(args, (&project, context), &stop)?;
    let needle = match &wanted {
        Wanted::Value(value) if args.pickaxe_compatible => Needle::plain(value),
        Wanted::Value(value) => Needle::value(value),
        Wanted::Expression(expression) => Needle::expression(expression),
    };
    let needle = needle.map_err(|error| Hinted::error(error.to_string(), error.hint()))?;
    let progress = Progress::new(context.quiet);
    if args.pickaxe_compatible {
        let repository = repository.ok_or_else(|| no_repository(args, context))?;
        return pickaxe_compatible(args, repository, &needle, (&stop, &|bytes| progress.add(bytes)));
    }
    let (sources, subject) = sources(args, repository, context);
    let request = Request {
        needle: &needle,
        value: match &wanted {
            Wanted::Value(value) => Some(value),
            Wanted::Expression(_) => None,
        },
        sources: sources.iter().map(AsRef::as_ref).collect(),
        repository,
        key: project.key(context),
        progress: &|bytes| progress.add(bytes),
    };
    let outcome = trace(&request, &stop).map_err(untangle)?;
    drop(progress);
    let exit = exit(args, &outcome, stop.requested());
    let run = Run {
        version: env!("CARGO_PKG_VERSION"),
        subject: needle.redact(&subject),
        base: context.environment.directory.clone(),
        root: project.root.clone(),
        repository: project.provenance(),
        interrupted: stop.requested(),
        exit_code: exit as u8,
        time: (started, Environment::now()),
    };
    write(args, context, &outcome, &run)?;
    Ok(exit)
}

/// Prints the commits that git prints.
fn pickaxe_compatible(
    args: &FindArgs,
    repository: &Repository,
    needle: &Needle,
    (stop, progress): (&Stop, &(dyn Fn(u64) + Sync)),
) -> anyhow::Result<Exit> {
    let found = pickaxe(repository, needle, args.merges, (stop, progress)).map_err(untangle)?;
    super::progress::clear();
    let file = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    output::write(file, |out| found.commits.iter().try_for_each(|id| writeln!(out, "{id}")))?;
    for gap in found.coverage.missed.iter().take(TOLD) {
        let hint = if gap.hint.is_empty() { String::new() } else { format!("; {}", gap.hint) };
        let _ = writeln!(
            std::io::stderr(),
            "kbsec: {}: {}{}",
            Sanitized(&gap.subject),
            Sanitized(&gap.reason),
            Sanitized(&hint)
        );
    }
    Ok(match stop.requested() {
        true => Exit::Interrupted,
        false if !found.commits.is_empty() && !args.exit_zero => Exit::Findings,
        false if found.coverage.is_incomplete() && !args.allow_incomplete => Exit::Incomplete,
        false => Exit::Clean,
    })
}

fn no_repository(args: &FindArgs, context: &Context) -> anyhow::Error {
    let place = args.path.as_deref().unwrap_or(&context.environment.directory);
    let what = format!("{} is not in a git repository", place.display());
    Hinted::error(what, "leave out --pickaxe-compatible to search files")
}

fn write(args: &FindArgs, context: &Context, outcome: &Outcome, run: &Run) -> anyhow::Result<()> {
    let file = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    let rules = rules();
    let findings = outcome.finding.as_slice();
    let report = Report { findings, coverage: &outcome.coverage, rules: &rules, run };
    let style = Style {
        color: file.is_none() && context.environment.wants_color(context.color),
        width: context.environment.width(),
        reveal: None,
    };
    let reporter = args.format.reporter(style);
    output::write(file, |out| reporter.write(&report, out))?;
    if let Some(file) = file {
        context.note(&format!("{}; the report is in {}", report.verdict(), file.display()));
    }
    Ok(())
}

/// The value or expression, wherever it comes from.
fn wanted(args: &FindArgs, (project, context): (&Project, &Context), stop: &Stop) -> anyhow::Result<Wanted> {
    if let Some(expression) = &args.regex {
        return Ok(Wanted::Expression(expression.clone()));
    }
    let value = if let Some(digits) = &args.finding {
        let path = args.path.as_deref().unwrap_or(Path::new("."));
        finding::value(digits, path, (project, context), stop)?.0
    } else if let Some(path) = &args.value_file {
        from_file(path)?
    } else if args.stdin {
        from_stdin(context)?
    } else {
        ask("Value to find")?
    };
    Ok(Wanted::Value(value))
}

/// The value in a file.
pub(super) fn from_file(path: &Path) -> anyhow::Result<Secret> {
    let file = File::open(path).map_err(|error| cannot_read(&path.display().to_string(), &error))?;
    read(file).map_err(|error| cannot_read(&path.display().to_string(), &error))
}

/// The value on standard input.
pub(super) fn from_stdin(context: &Context) -> anyhow::Result<Secret> {
    if Environment::stdin_is_terminal() {
        context.note("reading the value as you type it, visibly; end it with Ctrl-D on an empty line");
    }
    read(std::io::stdin().lock()).map_err(|error| cannot_read("standard input", &error))
}

/// Reads a value up to its end, without a line end behind it. Of one that is too long, as much as shows that it is.
pub(super) fn read(input: impl Read) -> std::io::Result<Secret> {
    let mut bytes = Vec::with_capacity(LONGEST_VALUE + 4);
    input.take(LONGEST_VALUE as u64 + 3).read_to_end(&mut bytes)?;
    if bytes.ends_with(b"\n") {
        bytes.truncate(bytes.len() - if bytes.ends_with(b"\r\n") { 2 } else { 1 });
    }
    Ok(Secret::new(bytes))
}

pub(super) fn cannot_read(name: &str, error: &std::io::Error) -> anyhow::Error {
    Hinted::error(format!("cannot read the value from {name}: {error}"), "check the path and its permissions")
}

/// Asks for the value; it does not appear on the screen.
pub(super) fn ask(what: &str) -> anyhow::Result<Secret> {
    let terminal = console::Term::stderr();
    if !Environment::stdin_is_terminal() || !terminal.is_term() {
        return Err(Hinted::error(
            "no value to look for, and no terminal to ask for it",
            "give it with --value-file FILE or --stdin; it is not taken as an argument, where others could see it",
        ));
    }
    let _ = write!(&terminal, "{what} (it is not shown): ");
    let line = terminal.read_secure_line().map_err(|error| cannot_read("the terminal", &error))?;
    Ok(Secret::new(line))
}

/// The files to search, and what to call everything that is searched.
fn sources(
    args: &FindArgs,
    repository: Option<&Repository>,
    context: &Context,
) -> (Vec<Box<dyn Source>>, String) {
    let here = &context.environment.directory;
    let shown = |path: &Path| match path.strip_prefix(here) {
        Ok(inside) if inside.as_os_str().is_empty() => PathBuf::from("."),
        Ok(inside) => inside.to_path_buf(),
        Err(_) => path.to_path_buf(),
    };
    let options = worktree::Options {
        ignore: Ignore::Nothing,
        git: context.environment.git.clone(),
        ..worktree::Options::default()
    };
    let Some(repository) = repository else {
        let path = args.path.clone().unwrap_or_else(|| PathBuf::from("."));
        let subject = path.display().to_string();
        return (vec![Box::new(Worktree::new([path], options))], subject);
    };
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    if let Some(root) = repository.work_tree() {
        sources.push(Box::new(Worktree::new([shown(root)], options)));
    }
    let directories = [repository.common_dir().to_path_buf(), repository.git_dir().to_path_buf()];
    sources.push(Box::new(GitFiles::new(directories, here.clone())));
    let place = repository.work_tree().unwrap_or(repository.git_dir());
    (sources, format!("{} and its history", place.display()))
}

fn exit(args: &FindArgs, outcome: &Outcome, interrupted: bool) -> Exit {
    if interrupted {
        return Exit::Interrupted;
    }
    if outcome.finding.is_some() && !args.exit_zero {
        return Exit::Findings;
    }
    if outcome.coverage.is_incomplete() && !args.allow_incomplete { Exit::Incomplete } else { Exit::Clean }
}

/// The error itself, which carries its advice.
fn untangle(error: TraceError) -> anyhow::Error {
    match error {
        TraceError::Source(error) => error.into(),
        TraceError::Git(error) => error.into(),
    }
}
