//! `kbsec check`: questions about an installation of the platform, answered one by one.

mod lines;
pub(super) mod place;

use clap::{Args, ValueEnum};
use kbsec::check::{self, Check, Status, Verdict};
use rayon::prelude::*;

use super::error::Hinted;
use super::exit::Exit;
use super::{Context, output};
use place::PlaceArgs;

/// Ask questions about an installation of the platform, without changing it
///
/// Each check has an id, such as net.http, and answers with pass, warn, fail or unknown; unknown is never good, and says
/// why. Connections are made to this machine only, and values of variables are never shown.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec check list                       what can be asked\n  \
                        kbsec check net.http port.owner        two questions\n  \
                        kbsec check log.firsterr --service gateway\n  \
                        kbsec check log.trace --request req_abc123\n  \
                        kbsec check --all --root /srv/kb -f json\n\n\
                        Exit codes: 0 all pass, 1 a fail or warn, 2 could not run, 3 something is unknown.")]
pub(super) struct CheckArgs {
    /// Ids of checks, or `list`
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<String>,
    /// Run every check
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    place: PlaceArgs,
    /// Format of the answers
    #[arg(long, short, value_enum, default_value_t = Shape::Text, help_heading = "Output")]
    format: Shape,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// For people
    Text,
    /// One document
    Json,
    /// One document a line
    Jsonl,
}

/// Runs the checks and prints their answers.
pub(super) fn run(args: &CheckArgs, context: &Context) -> anyhow::Result<Exit> {
    if args.ids == ["list"] {
        return list(args.format, context.environment.width());
    }
    let wanted: Vec<&Check> = match args.all {
        true => check::ALL.iter().collect(),
        false => {
            args.ids.iter().map(|id| check::find(id).ok_or_else(|| unknown(id))).collect::<Result<_, _>>()?
        }
    };
    let place = args.place.context(context)?;
    let answers: Vec<Vec<Verdict>> =
        wanted.par_iter().map(|check| check::run(check.id, &place).unwrap_or_default()).collect();
    let verdicts: Vec<Verdict> = answers.into_iter().flatten().collect();
    let text = match args.format {
        Shape::Text => lines::of_verdicts(&verdicts, context.environment.width()),
        Shape::Json => serde_json::to_string_pretty(&verdicts)? + "\n",
        Shape::Jsonl => {
            let lines = verdicts.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
            lines.into_iter().map(|line| line + "\n").collect()
        }
    };
    output::print(&text)?;
    Ok(exit(&verdicts))
}

fn exit(verdicts: &[Verdict]) -> Exit {
    match verdicts.iter().map(|verdict| verdict.status).max() {
        Some(Status::Pass) => Exit::Clean,
        Some(Status::Unknown) | None => Exit::Incomplete,
        Some(Status::Warn | Status::Fail) => Exit::Findings,
    }
}

fn list(shape: Shape, width: usize) -> anyhow::Result<Exit> {
    let about = |check: &Check| {
        let needs: Vec<&str> = check.needs.iter().map(|need| need.name()).collect();
        serde_json::json!({"id": check.id, "title": check.title, "why": check.why, "needs": needs})
    };
    let all: Vec<_> = check::ALL.iter().map(about).collect();
    let text = match shape {
        Shape::Text => lines::of_checks(width),
        Shape::Json => serde_json::to_string_pretty(&all)? + "\n",
        Shape::Jsonl => all.iter().map(|one| format!("{one}\n")).collect(),
    };
    output::print(&text).map(|()| Exit::Clean)
}

/// The error for an id that no check has, with those that come near.
fn unknown(id: &str) -> anyhow::Error {
    let (area, name) = id.split_once('.').unwrap_or((id, ""));
    let near = |check: &&Check| {
        let (its_area, its_name) = check.id.split_once('.').unwrap_or((check.id, ""));
        its_area == area || its_name == name || check.id.contains(area)
    };
    let near: Vec<&str> = check::ALL.iter().filter(near).map(|check| check.id).collect();
    let hint = match near.is_empty() {
        true => "kbsec check list shows all".to_owned(),
        false => format!("there are {}; kbsec check list shows all", near.join(", ")),
    };
    Hinted::error(format!("no check is called {id}"), hint)
}
