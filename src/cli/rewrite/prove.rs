//! `kbsec rewrite prove`: its arguments, how the values reach it, and how the proofs are told.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kbsec::git::Repository;
use kbsec::needle::Needle;
use kbsec::report::Sanitized;
use kbsec::rewrite::maps::Maps;
use kbsec::rewrite::prove::backup::Backup;
use kbsec::rewrite::prove::{Claim, Proof, State, collateral, local, server, tell};
use kbsec::rewrite::remote::Remote;
use kbsec::secret::Secret;
use kbsec::source::Stop;

use super::super::error::Hinted;
use super::super::exit::Exit;
use super::super::{Context, find, interrupt, output};

/// Prove that a value is gone: from this repository, and from a server
///
/// P1: no object and no file of the repository and its work trees holds the value, in any encoding.
/// P2, with --maps: nothing changed but what had to; needs the old objects, so give the backup with --before.
/// P3, with --remote: the server shows it nowhere and hands out no old object. The network is used for P3 only.
///
/// The value is asked for on the terminal unless a file or standard input gives it; it is never an argument.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec rewrite prove\n  \
                        kbsec rewrite prove --maps .git/filter-repo --before ../backup.git\n  \
                        kbsec rewrite prove --maps .git/filter-repo --remote origin -f json\n\n\
                        Exit codes: 0 every proof asked for holds, 1 the value is still somewhere or more\n\
                        was changed, 2 could not do the job, 3 a proof is incomplete.")]
pub(crate) struct ProveArgs {
    /// The repository that was rewritten
    #[arg(help_heading = "Input")]
    path: Option<PathBuf>,
    /// The folder with commit-map and ref-map that the rewrite left
    #[arg(long, value_name = "FOLDER", help_heading = "Input")]
    maps: Option<PathBuf>,
    /// A repository or bundle from before the rewrite; else the folder `backup` beside the maps, if there is one
    #[arg(long, value_name = "PATH", help_heading = "Input", requires = "maps")]
    before: Option<PathBuf>,
    /// The commit-map of the rewrite of a submodule, whose commits have new ids; may be given more than once
    #[arg(long, value_name = "FILE", help_heading = "Input", requires = "maps")]
    submodule_map: Vec<PathBuf>,
    /// Ask this server, by the name of a remote or by its address
    #[arg(long, value_name = "NAME|URL", help_heading = "Input", requires = "maps")]
    remote: Option<String>,
    /// Old ids that the server is asked for at most
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "Input")]
    probes: usize,
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
    let proofs = proofs(args, (&needles, &repository), context, &stop)?;
    let text = match args.format {
        Shape::Json => tell::json(&proofs),
        Shape::Text => safe(&tell::text(&proofs)),
    };
    output::write(file, |out| out.write_all(text.as_bytes()))?;
    Ok(exit(&proofs, stop.requested()))
}

fn proofs(
    args: &ProveArgs,
    (needles, repository): (&[Needle], &Repository),
    context: &Context,
    stop: &Stop,
) -> anyhow::Result<Vec<Proof>> {
    let scratch = &context.environment.temporary;
    let mut maps = args.maps.as_deref().map(maps).transpose()?;
    if let Some(maps) = &mut maps {
        let added = args.submodule_map.iter().try_for_each(|path| maps.add_submodules(path));
        added.map_err(|error| Hinted::error(error.to_string(), error.hint()))?;
    }
    // A rewrite of kbsec keeps the backup beside the maps.
    let beside = args.maps.as_ref().map(|folder| folder.join("backup")).filter(|backup| backup.is_dir());
    let opened = args.before.as_ref().or(beside.as_ref()).map(|path| Backup::open(path, scratch)).transpose();
    let before = opened.map_err(|error| Hinted::error(error.to_string(), error.hint()))?;
    let request = local::Request { needles, repository, here: &context.environment.directory };
    let mut proofs = vec![local::prove(&request, stop)];
    let Some(maps) = maps else {
        let hint = "--maps names the folder of the rewrite";
        proofs.push(Proof::not_run(Claim::P2, hint));
        proofs.push(Proof::not_run(Claim::P3, "--maps and --remote ask the server"));
        return Ok(proofs);
    };
    let before = before.as_ref().map(Backup::git_dir);
    let outcome = collateral::prove(&collateral::Request { needles, maps: &maps, repository, before });
    proofs.push(outcome.proof);
    proofs.push(match &args.remote {
        None => Proof::not_run(Claim::P3, "--remote asks the server"),
        Some(name) => {
            let remote = Remote::open(repository, name)?;
            let (dirty, probes) = (&*outcome.dirty, args.probes);
            let request = server::Request { needles, maps: &maps, remote: &remote, dirty, scratch, probes };
            server::prove(&request, stop)
        }
    });
    Ok(proofs)
}

/// The maps in a folder.
pub(super) fn maps(folder: &Path) -> anyhow::Result<Maps> {
    Maps::read(folder).map_err(|error| Hinted::error(error.to_string(), error.hint()))
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
    let mut needles = from_files(&args.value_file)?;
    if args.stdin {
        let read = find::read(std::io::stdin().lock());
        needles.push(needle(&read.map_err(|error| find::cannot_read("standard input", &error))?)?);
    }
    if needles.is_empty() {
        needles.push(needle(&find::ask("Value to look for")?)?);
    }
    Ok(needles)
}

/// The values in files, one in each.
pub(super) fn from_files(paths: &[PathBuf]) -> anyhow::Result<Vec<Needle>> {
    let read = |path: &PathBuf| {
        let cannot = |error: std::io::Error| find::cannot_read(&path.display().to_string(), &error);
        needle(&File::open(path).and_then(find::read).map_err(cannot)?)
    };
    paths.iter().map(read).collect()
}

fn needle(value: &Secret) -> anyhow::Result<Needle> {
    Needle::value(value).map_err(|error| Hinted::error(error.to_string(), error.hint()))
}

/// Text for a terminal: foreign characters that would command it are escaped.
pub(super) fn safe(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", Sanitized(line))).collect()
}

pub(super) fn exit(proofs: &[Proof], interrupted: bool) -> Exit {
    let states = || proofs.iter().filter(|proof| proof.asked).map(|proof| proof.state);
    let is_refuted = |state: State| !state.holds() && state != State::NotChecked;
    if interrupted {
        Exit::Interrupted
    } else if states().any(is_refuted) {
        Exit::Findings
    } else if states().all(State::holds) {
        Exit::Clean
    } else {
        Exit::Incomplete
    }
}
