//! `kbsec rewrite push`: its arguments, the consent it asks for, and what it tells of the references.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use kbsec::git::Repository;
use kbsec::needle::Needle;
use kbsec::rewrite::forge::push::{Outcome, Plan, Refusal, advice};
use kbsec::rewrite::remote::{Remote, RemoteError};

use super::super::environment::Environment;
use super::super::error::Hinted;
use super::super::exit::Exit;
use super::super::{Context, output};
use super::prove;

/// Push a rewritten history: every reference under a lease, all of them or none
///
/// References of the server that point to old commits get the new ones, if they still are where the rewrite found them.
/// What only the server moves, such as pull requests, is left out and listed. Nothing is pushed before you typed the
/// eight digits that the plan shows, or gave them with --confirm.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kbsec rewrite push --maps .git/filter-repo --remote origin --dry-run\n  \
                        kbsec rewrite push --maps .git/filter-repo --remote origin\n\n\
                        Exit codes: 0 every reference is new, 1 some are not, 2 nothing was pushed,\n\
                        3 pushed, but references were left out that keep the old history."
)]
pub(crate) struct PushArgs {
    /// The repository that was rewritten
    #[arg(help_heading = "Input")]
    path: Option<PathBuf>,
    /// The folder with commit-map and ref-map that the rewrite left
    #[arg(long, value_name = "FOLDER", help_heading = "Input")]
    maps: PathBuf,
    /// The server, by the name of a remote or by its address
    #[arg(long, value_name = "NAME|URL", help_heading = "Input")]
    remote: String,
    /// Leave a reference out; may be given more than once
    #[arg(long, value_name = "REF", help_heading = "Input")]
    leave: Vec<String>,
    /// Read a value from this file, so that no name that holds it is told or given to a program
    #[arg(long, value_name = "FILE", help_heading = "Value")]
    value_file: Vec<PathBuf>,
    /// Print the plan and push nothing
    #[arg(long, short = 'n', help_heading = "Consent")]
    dry_run: bool,
    /// The eight digits of the plan, where there is no terminal to type them
    #[arg(long, value_name = "DIGITS", help_heading = "Consent")]
    confirm: Option<String>,
    /// Push also where the server cannot change all references or none
    #[arg(long, help_heading = "Consent")]
    not_atomic: bool,
}

/// Pushes what the maps say.
pub(crate) fn run(args: &PushArgs, context: &Context) -> anyhow::Result<Exit> {
    let repository = prove::repository(args.path.as_deref(), context)?;
    let maps = prove::maps(&args.maps)?;
    let needles = prove::from_files(&args.value_file)?;
    let is_secret = |name: &[u8]| needles.iter().any(|needle| !needle.search(name).is_empty());
    let remote = Remote::open(&repository, &args.remote)?;
    let scratch = &context.environment.temporary;
    let made = Plan::make((&repository, &maps), &remote, (&is_secret, &args.leave), scratch);
    let plan = made.map_err(|error| of_remote(&error, &needles))?;
    output::print(&prove::safe(&told(&plan)))?;
    if let Some(obstacle) = plan.obstacles.first() {
        return Err(Hinted::error(
            format!("nothing was pushed: {} {}", redacted(&needles, &obstacle.name), obstacle.why),
            "fetch it and rewrite again; `--leave` cannot help, because it would keep the old history",
        ));
    }
    let left = if plan.left_out.is_empty() { Exit::Clean } else { Exit::Incomplete };
    if plan.updates.is_empty() || args.dry_run {
        return Ok(if args.dry_run { Exit::Clean } else { left });
    }
    if plan.is_too_long() {
        let what = format!("nothing was pushed: {} references do not fit into one push", plan.updates.len());
        return Err(Hinted::error(what, "leave some out with --leave and push those afterwards"));
    }
    consent(args, &plan)?;
    push(args, (&repository, &remote), &plan, context)
        .map(|exit| if exit == Exit::Clean { left } else { exit })
}

fn push(
    args: &PushArgs,
    (repository, remote): (&Repository, &Remote),
    plan: &Plan,
    context: &Context,
) -> anyhow::Result<Exit> {
    let how = (!args.not_atomic, &*context.environment.temporary);
    match plan.carry_out(repository, remote, how).map_err(|error| of_remote(&error, &[]))? {
        Outcome::Done => {
            let text = "pushed: every reference is new. Next: `kbsec rewrite prove` with --remote\n";
            output::print(text).map(|()| Exit::Clean)
        }
        Outcome::NotAtomic => Err(Hinted::error(
            "nothing was pushed: the server cannot change all references or none",
            "add --not-atomic to push all the same; every reference keeps its lease",
        )),
        Outcome::Refused(refusals) => {
            output::print(&prove::safe(&refused(&refusals)))?;
            Err(Hinted::error(
                "nothing was pushed: every reference is old",
                "do what is said above, then run this again",
            ))
        }
        Outcome::Partly(refusals) => {
            let text =
                "some references are new and some are old. Run the same command again for the others.\n";
            output::print(&prove::safe(&(refused(&refusals) + text))).map(|()| Exit::Findings)
        }
    }
}

/// What was refused, and the way on.
fn refused(refusals: &[Refusal]) -> String {
    let mut text = String::new();
    for refusal in refusals {
        let name = if refusal.name.is_empty() { "the push" } else { &refusal.name };
        let _ = writeln!(text, "  refused: {name}: {}", refusal.reason);
    }
    for way in advice(refusals) {
        let _ = writeln!(text, "{way}");
    }
    text
}

/// The plan, for people.
fn told(plan: &Plan) -> String {
    let short = |id: Option<kbsec::git::ObjectId>| match id {
        Some(id) => id.to_string().chars().take(12).collect(),
        None => "nothing".to_owned(),
    };
    let count = plan.updates.len();
    let change =
        if count == 1 { "1 reference changes".to_owned() } else { format!("{count} references change") };
    let mut text = format!("{change} on {}\n", plan.server);
    for update in &plan.updates {
        let _ = writeln!(text, "  {} -> {}  {}", short(update.old), short(update.new), update.name);
    }
    for (title, list) in [("left out", &plan.left_out), ("in the way", &plan.obstacles)] {
        for left in list {
            let _ = writeln!(text, "  {title}: {}: {}", left.name, left.why);
        }
    }
    if !plan.updates.is_empty() && plan.obstacles.is_empty() {
        let _ = writeln!(text, "plan {}", plan.hash());
    }
    text
}

/// Lets the user agree to the plan by typing its digits.
fn consent(args: &PushArgs, plan: &Plan) -> anyhow::Result<()> {
    let digits = plan.hash();
    let given = match &args.confirm {
        Some(given) => given.clone(),
        None => {
            let terminal = console::Term::stderr();
            if !Environment::stdin_is_terminal() || !terminal.is_term() {
                return Err(Hinted::error(
                    "nothing was pushed: there is no terminal to confirm the plan",
                    format!("read the plan, then add --confirm {digits}"),
                ));
            }
            let _ = write!(&terminal, "Type {digits} to push: ");
            terminal.read_line()?
        }
    };
    if given.trim().eq_ignore_ascii_case(&digits) {
        return Ok(());
    }
    Err(Hinted::error(
        "nothing was pushed: these are not the digits of the plan",
        "the server or the maps may have changed since you saw it; read the plan above again",
    ))
}

fn redacted(needles: &[Needle], text: &str) -> String {
    needles.iter().fold(text.to_owned(), |text, needle| needle.redact(&text))
}

fn of_remote(error: &RemoteError, needles: &[Needle]) -> anyhow::Error {
    Hinted::error(redacted(needles, &error.to_string()), error.hint())
}
