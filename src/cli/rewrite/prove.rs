//! `kbsec rewrite prove`: its arguments, how the values reach it, and how the proofs are told.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kbsec::git::Repository;
use kbsec::needle::Needle;
use kbsec::report::Sanitized;
use kbsec::rewrite::prove::{Claim, Proof, State, local, tell};
use kbsec::secret::Secret;
use kbsec::source::Stop;

use super::super::error::Hinted;
use super::super::exit::Exit;
use super::super::{Context, find, interrupt, output};

/// Prove that a value is gone: from this repository, and from a server
///
/// P1: no object and no file of the repository and its work trees holds the value, in any encoding.
/// The value is asked for on the terminal unless a file or standard input gives it; it is never an argument.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every proof asked for holds, 1 the value is still somewhere or more was changed,\n\
                        2 could not do the job, 3 a proof is incomplete."
)]
pub(crate) struct ProveArgs {
    /// The repository that was rewritten
    #[arg(help_heading = "Input")]
    path: Option<PathBuf>,
    /// Read a value from this file; may be given more than once
    #[arg(long, value_name = "FILE", help_heading = "Value")]
    value_file: Vec<PathBuf>,
    /// Read a value from standard input
    #[arg(long, help_heading = "Value")]
    stdin: bool,
    /// How to tell the proofs
    #[arg(long, short, value_enum, default_value_t = Shape::Text, help_heading = "Output")]
    format: Shape,
    /// Write the proofs to a file; `-` means standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

/// How proofs are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A line for each proof, then what contradicts it
    Text,
    /// One JSON document
    Json,
}

/// Proves what was asked for.
pub(crate) fn run(args: &ProveArgs, context: &Context) -> anyhow::Result<Exit> {
    let file = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    file.map(output::check).transpose()?;
    let repository = repository(args.path.as_deref(), context)?;
    let stop = interrupt::listen();
    let needles = needles(args)?;
    let proofs = proofs(&needles, &repository, context, &stop);
    let text = match args.format {
        Shape::Json => tell::json(&proofs),
        Shape::Text => safe(&tell::text(&proofs)),
    };
    output::write(file, |out| out.write_all(text.as_bytes()))?;
    Ok(exit(&proofs, stop.requested()))
}

fn proofs(needles: &[Needle], repository: &Repository, context: &Context, stop: &Stop) -> Vec<Proof> {
    let request = local::Request { needles, repository, here: &context.environment.directory };
    vec![local::prove(&request, stop)]
}

/// The repository at a path.
pub(super) fn repository(path: Option<&Path>, context: &Context) -> anyhow::Result<Repository> {
    let here = &context.environment.directory;
    let start = here.join(path.unwrap_or(Path::new("")));
    match Repository::discover(&start, &context.environment.git)? {
        Some(repository) => Ok(repository),
        None => {
            let what = format!("{} is not in a git repository", start.display());
            Err(Hinted::error(what, "name the repository that was rewritten"))
        }
    }
}

/// The values, wherever they come from.
fn needles(args: &ProveArgs) -> anyhow::Result<Vec<Needle>> {
    let mut values: Vec<Secret> = Vec::new();
    for path in &args.value_file {
        let cannot = |error: std::io::Error| find::cannot_read(&path.display().to_string(), &error);
        values.push(File::open(path).and_then(find::read).map_err(cannot)?);
    }
    if args.stdin {
        let read = find::read(std::io::stdin().lock());
        values.push(read.map_err(|error| find::cannot_read("standard input", &error))?);
    }
    if values.is_empty() {
        values.push(find::ask()?);
    }
    let needle =
        |value: &Secret| Needle::value(value).map_err(|error| Hinted::error(error.to_string(), error.hint()));
    values.iter().map(needle).collect()
}

/// Text for a terminal: foreign characters that would command it are escaped.
pub(super) fn safe(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", Sanitized(line))).collect()
}

fn exit(proofs: &[Proof], interrupted: bool) -> Exit {
    let states = || proofs.iter().map(|proof| proof.state);
    let is_refuted = |state: State| !state.holds() && state != State::NotChecked;
    if interrupted {
        Exit::Interrupted
    } else if states().any(is_refuted) {
        Exit::Findings
    } else if states().all(State::holds) && proofs.iter().any(|proof| proof.claim == Claim::P1) {
        Exit::Clean
    } else {
        Exit::Incomplete
    }
}
