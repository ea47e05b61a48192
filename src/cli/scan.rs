//! `kbsec scan`: its arguments, and how they become a source, a detector and a report.

mod history;
mod push;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::{Args, ValueEnum};
use kbsec::config::parse_size;
use kbsec::detect::Detector;
use kbsec::finding::Confidence;
use kbsec::git::Repository;
use kbsec::report::{Format, Report, Run, Style};
use kbsec::scan::{Options, Outcome, scan};
use kbsec::secret::Consent;
use kbsec::source::Source;
use kbsec::source::staged::Staged;
use kbsec::source::stdin::Stdin;
use kbsec::source::worktree::{self, Ignore, Worktree};

use super::environment::Environment;
use super::error::Hinted;
use super::exit::Exit;
use super::progress::Progress;
use super::project::{Project, Settings};
use super::{Context, interrupt, output, reporting};

/// Look for secrets in files, staged changes, the git history or standard input
///
/// Without arguments, scans the current directory: hidden files too, but not what .gitignore leaves out unless it is
/// tracked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec scan                     the current directory\n  \
                        kbsec scan --staged            what the next commit adds\n  \
                        kbsec scan --history           every object that git still holds\n  \
                        kubectl logs web | kbsec scan --stdin\n  \
                        kbsec scan -f sarif -o kbsec.sarif --exit-zero")]
pub(crate) struct ScanArgs {
    /// Files and directories; `-` means standard input
    #[arg(help_heading = "Input")]
    paths: Vec<PathBuf>,
    /// Scan what the next commit adds: the index, not the files on disk
    #[arg(long, help_heading = "Input", conflicts_with_all = ["paths", "stdin"])]
    staged: bool,
    /// Scan standard input
    #[arg(long, help_heading = "Input", conflicts_with = "paths")]
    stdin: bool,
    #[command(flatten)]
    history: history::HistoryArgs,
    /// Also scan what .gitignore leaves out, and node_modules
    #[arg(long, help_heading = "Input")]
    no_ignore: bool,
    /// Leave out paths that match this glob; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Input")]
    exclude: Vec<String>,
    /// Do not read files larger than this (such as 64M); they are reported as missed
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Input")]
    max_file_size: Option<u64>,
    /// Add the rules of a file, or of all .toml files in a directory; may be repeated
    #[arg(long, value_name = "PATH", help_heading = "Detection")]
    rules: Vec<PathBuf>,
    /// Do not use this rule; may be repeated
    #[arg(long, value_name = "RULE", help_heading = "Detection")]
    disable: Vec<String>,
    /// Report what is at least this certain
    #[arg(long, value_enum, default_value_t = Floor::Medium, value_name = "LEVEL", help_heading = "Detection")]
    confidence: Floor,
    /// Use this configuration instead of looking for kbsec.toml
    #[arg(long, value_name = "FILE", help_heading = "Detection")]
    config: Option<PathBuf>,
    /// Use no configuration file
    #[arg(long, conflicts_with = "config", help_heading = "Detection")]
    no_config: bool,
    /// Format of the report
    #[arg(long, short, default_value = "text", help_heading = "Output")]
    #[arg(value_parser = reporting::formats())]
    format: Format,
    /// Write the report to a file; `-` means standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Show secrets in full; only on a terminal
    #[arg(long, conflicts_with = "output", help_heading = "Output")]
    reveal: bool,
    /// Exit with 0 even when there are findings
    #[arg(long, help_heading = "Output")]
    exit_zero: bool,
    /// Exit with 0 even when something could not be examined
    #[arg(long, help_heading = "Output")]
    allow_incomplete: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Floor {
    Low,
    Medium,
    High,
}

impl From<Floor> for Confidence {
    fn from(floor: Floor) -> Self {
        match floor {
            Floor::Low => Self::Low,
            Floor::Medium => Self::Medium,
            Floor::High => Self::High,
        }
    }
}

/// Runs the scan and writes the report.
pub(crate) fn run(args: &ScanArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    let reveal = consent(args)?;
    let file = args.output.as_deref().filter(|path| !is_dash(path));
    file.map(output::check).transpose()?;
    let project = project(args, context)?;
    let rules = project.rules(&args.rules, &args.disable)?;
    let detector = Detector::new(&rules)?;
    let scannable = Scannable::new(args, &project, context)?;
    let stop = interrupt::listen();
    let is_late = push::watch(args.history.time_limit, &stop);
    let progress = Progress::new(context.quiet);
    let options = Options { key: project.key(context), now: started, progress: &|bytes| progress.add(bytes) };
    let (mut outcome, subject) = match scannable {
        Scannable::Source(source, subject) => (scan(source.as_ref(), &detector, &options, &stop)?, subject),
        Scannable::History(subject) => {
            (history::run(args, &project, context, (&rules, &detector, &options, &stop))?, subject)
        }
    };
    drop(progress);
    project.filter(&mut outcome, args.confidence.into(), started);
    let is_late = is_late.load(Ordering::Relaxed);
    let interrupted = stop.requested() && !is_late;
    let exit = match exit(args, &outcome, interrupted) {
        Exit::Incomplete if is_late && args.history.accept_late => Exit::Clean,
        exit => exit,
    };
    if args.history.is_hook() && exit == Exit::Clean {
        push::tell_late(args, is_late);
        return Ok(exit);
    }
    let run = Run {
        version: env!("CARGO_PKG_VERSION"),
        subject,
        base: base(args, &project, context),
        root: project.root.clone(),
        repository: project.provenance(),
        interrupted,
        exit_code: exit as u8,
        time: (started, Environment::now()),
    };
    let rules = detector.rules();
    let report =
        Report { findings: &outcome.findings, coverage: &outcome.coverage, rules: &rules, run: &run };
    let style = Style {
        color: file.is_none() && context.environment.wants_color(context.color),
        width: context.environment.width(),
        reveal,
    };
    let reporter = args.format.reporter(style);
    output::write(file, |out| reporter.write(&report, out))?;
    if args.history.is_hook() {
        push::advise(args, &project, &outcome, (exit, is_late));
    }
    if let Some(file) = file {
        context.note(&format!("{}; the report is in {}", report.verdict(), file.display()));
    }
    Ok(exit)
}

/// What the paths of a report are relative to.
fn base(args: &ScanArgs, project: &Project, context: &Context) -> PathBuf {
    let in_repository = args.staged || args.history.is_wanted();
    if in_repository { project.root.clone() } else { context.environment.directory.clone() }
}

/// The project around the first path.
fn project(args: &ScanArgs, context: &Context) -> anyhow::Result<Project> {
    let settings = match &args.config {
        Some(path) => Settings::File(path),
        None if args.no_config => Settings::Default,
        None => Settings::Nearest,
    };
    let start = args.paths.first().filter(|path| !is_dash(path)).map_or(Path::new(""), PathBuf::as_path);
    Project::find(start, settings, context)
}

/// What is scanned, and what to call it.
enum Scannable {
    Source(Box<dyn Source>, String),
    History(String),
}

impl Scannable {
    fn new(args: &ScanArgs, project: &Project, context: &Context) -> anyhow::Result<Self> {
        if !args.history.is_wanted() {
            return source(args, project, context).map(|(source, subject)| Self::Source(source, subject));
        }
        if args.paths.len() > 1 {
            return Err(Hinted::error(
                "several paths were given with --history",
                "scan one repository after the other",
            ));
        }
        Ok(Self::History(history::subject(args)))
    }
}

/// The source, and what to call it.
fn source(
    args: &ScanArgs,
    project: &Project,
    context: &Context,
) -> anyhow::Result<(Box<dyn Source>, String)> {
    let limit = args.max_file_size.or(project.config.max_file_size);
    if args.stdin || args.paths.iter().any(|path| is_dash(path)) {
        if args.paths.len() > 1 {
            return Err(Hinted::error(
                "standard input was given together with paths",
                "scan them one after the other",
            ));
        }
        if Environment::stdin_is_terminal() {
            context.note("reading what you type; end it with Ctrl-D on an empty line, or leave with Ctrl-C");
        }
        return Ok((Box::new(Stdin::new(std::io::stdin())), "standard input".to_owned()));
    }
    let exclude = args.exclude.iter().chain(&project.config.exclude).cloned().collect();
    if args.staged {
        let staged = Staged::new(staged_repository(project, context)?).exclude(exclude);
        let staged = limit.map_or(staged.clone(), |limit| staged.max_blob_bytes(limit));
        return Ok((Box::new(staged), "staged changes".to_owned()));
    }
    let paths = if args.paths.is_empty() { vec![PathBuf::from(".")] } else { args.paths.clone() };
    let subject = match paths.as_slice() {
        [path] if path.as_os_str() == "." => "the current directory".to_owned(),
        [path] => path.display().to_string(),
        _ => format!("{} paths", paths.len()),
    };
    let mut options = worktree::Options {
        ignore: if args.no_ignore { Ignore::Nothing } else { Ignore::AsGit },
        exclude,
        exclude_base: project.config_folder.clone(),
        git: context.environment.git.clone(),
        ..worktree::Options::default()
    };
    options.max_file_bytes = limit.unwrap_or(options.max_file_bytes);
    Ok((Box::new(Worktree::new(paths, options)), subject))
}

fn staged_repository(project: &Project, context: &Context) -> anyhow::Result<Repository> {
    match &project.repository {
        Ok(Some(repository)) if repository.work_tree().is_none() && !repository.index_file().exists() => {
            let what =
                format!("{} is a bare repository, where nothing is staged", repository.git_dir().display());
            Err(Hinted::error(what, "run this in a clone of it that has a work tree"))
        }
        Ok(Some(repository)) => Ok(repository.clone()),
        Ok(None) => Err(Hinted::error(
            format!(
                "{} is not in a git repository, so nothing can be staged",
                context.environment.directory.display()
            ),
            "run this inside a repository, or scan files with `kbsec scan PATH`",
        )),
        Err(error) => Err(Hinted::error(error.to_string(), error.hint())),
    }
}

fn exit(args: &ScanArgs, outcome: &Outcome, interrupted: bool) -> Exit {
    if interrupted {
        return Exit::Interrupted;
    }
    if !outcome.findings.is_empty() && !args.exit_zero {
        return Exit::Findings;
    }
    if outcome.coverage.is_incomplete() && !args.allow_incomplete { Exit::Incomplete } else { Exit::Clean }
}

/// `-` means standard input, or output.
fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn consent(args: &ScanArgs) -> anyhow::Result<Option<Consent>> {
    match (args.reveal, Environment::stdout_is_terminal()) {
        (false, _) => Ok(None),
        (true, true) => Ok(Some(Consent::given_at_a_terminal())),
        (true, false) => Err(Hinted::error(
            "--reveal shows secrets only on a terminal, and standard output is none",
            "leave out --reveal, or run the command without a pipe",
        )),
    }
}
