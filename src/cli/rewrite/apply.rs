//! `kbsec rewrite`: its arguments, the consent to a plan, and how checks, plan and proof are shown.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kbsec::git::{ObjectId, Repository};
use kbsec::report::Sanitized;
use kbsec::rewrite::apply::{Prepared, Rewrite, Settings as RewriteSettings, Survey};
use kbsec::rewrite::checks::Consents;
use kbsec::rewrite::folder::Step;
use kbsec::rewrite::prove::{Claim, Proof, collateral, local, tell};
use kbsec::rewrite::values::Values;
use kbsec::rewrite::{Outcome, RewriteError, replace};
use kbsec::source::Stop;

use super::super::environment::Environment;
use super::super::error::Hinted;
use super::super::exit::Exit;
use super::super::project::{Project, Settings};
use super::super::{Context, find, interrupt, output};
use super::shown;

/// How a history is rewritten.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The repository
    #[arg(help_heading = "Input")]
    path: Option<PathBuf>,
    /// Read a value from this file; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Value")]
    value_file: Vec<PathBuf>,
    /// Read a value from standard input
    #[arg(long, help_heading = "Value")]
    stdin: bool,
    /// Take the value of a finding, named by its fingerprint: the place is scanned for it first
    #[arg(long, value_name = "FINGERPRINT", help_heading = "Value")]
    finding: Vec<String>,
    /// Show checks and plan, and change nothing
    #[arg(long, short = 'n', help_heading = "Consent", conflicts_with_all = ["confirm", "resume"])]
    dry_run: bool,
    /// Apply the plan with this hash, of which 8 digits are enough, without asking
    #[arg(long, value_name = "HASH", help_heading = "Consent")]
    confirm: Option<String>,
    /// Go on with a rewrite that was interrupted
    #[arg(long, help_heading = "Consent", conflicts_with = "confirm")]
    resume: bool,
    /// Say that the value is revoked
    #[arg(long, help_heading = "Consent")]
    revoked: bool,
    /// Agree that words change that the value is only a part of
    #[arg(long, help_heading = "Consent")]
    accept_common: bool,
    /// Agree that packs marked to be kept are packed anew
    #[arg(long, help_heading = "Consent")]
    drop_keep: bool,
    /// Agree that clones of submodules are left as they are
    #[arg(long, help_heading = "Consent")]
    leave_submodules: bool,
    /// Take the new ids of a submodule's commits from this commit-map of its rewrite; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    submodule_map: Vec<PathBuf>,
    /// Where the backup, the maps and the journal go; outside of the repository
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    folder: Option<PathBuf>,
    /// Format of the plan
    #[arg(long, short, value_enum, default_value_t = PlanFormat::Text, help_heading = "Output")]
    format: PlanFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Digits of a plan's hash that have to be typed.
const TYPED_DIGITS: usize = 8;

/// Plans, asks and applies.
pub(crate) fn run(args: &ApplyArgs, context: &Context) -> anyhow::Result<Exit> {
    let project = Project::find(args.path.as_deref().unwrap_or(Path::new("")), Settings::Nearest, context)?;
    let repository = match &project.repository {
        Ok(Some(repository)) => repository,
        Ok(None) => return Err(Hinted::error("this is not in a git repository", "name the repository")),
        Err(error) => return Err(Hinted::error(error.to_string(), error.hint())),
    };
    let stop = interrupt::listen();
    let values = values(args, (&project, context), &stop)?;
    let reached = |step: Step| fail_here(context, step);
    let settings = RewriteSettings {
        key: project.key(context),
        folder: folder(args, context),
        consents: Consents {
            revoked: args.revoked || args.resume,
            common: args.accept_common,
            kept_packs: args.drop_keep,
            submodules: args.leave_submodules || !args.submodule_map.is_empty(),
        },
        submodules: submodules(args)?,
        now: &Environment::now,
        reached: &reached,
        stop: &stop,
    };
    // One that is purged only lacks its proof: another value may leave before it has that.
    let last = |folder: &PathBuf| Step::of(folder);
    let may_resume = |folder: &PathBuf| last(folder) >= Some(Step::Packed);
    let unfinished = Rewrite::unfinished(repository).filter(may_resume);
    let place = (repository, &values);
    match unfinished {
        Some(folder) if args.resume => resume(&settings, place, &folder, context),
        Some(folder) if !args.dry_run && last(&folder) < Some(Step::Purged) => Err(Hinted::error(
            "a rewrite of this repository began and did not end",
            "go on with it: the same command with --resume",
        )),
        _ if args.resume => Err(Hinted::error(
            "there is no rewrite to go on with: nothing has changed",
            "run it without --resume",
        )),
        _ => plan(args, &settings, place, context),
    }
}

/// Shows checks and plan, and applies the plan when the user agrees.
fn plan(
    args: &ApplyArgs,
    settings: &RewriteSettings<'_>,
    (repository, values): (&Repository, &Values),
    context: &Context,
) -> anyhow::Result<Exit> {
    let mut rewrite = Rewrite::new(repository, values, settings, !args.dry_run).map_err(explained)?;
    let Survey { checks, prepared } = rewrite.survey(!args.dry_run).map_err(explained)?;
    let passes = checks.iter().all(|check| check.pass);
    let plan = prepared.as_ref().map(|prepared| &prepared.plan);
    let text = match args.format {
        PlanFormat::Text => shown::survey(&checks, plan, values, context.environment.width()),
        PlanFormat::Json => shown::json(&checks, plan, values),
    };
    output::print(&text)?;
    let Some(prepared) = prepared.filter(|_| passes) else {
        if !args.dry_run {
            rewrite.give_up().map_err(explained)?;
        }
        return Ok(Exit::Failed);
    };
    if args.dry_run {
        return Ok(Exit::Clean);
    }
    if prepared.plan.is_empty() {
        context.note("the values stand nowhere: nothing has to change");
        rewrite.give_up().map_err(explained)?;
        return Ok(Exit::Clean);
    }
    if let Err(error) = agreed(args, &prepared, values) {
        rewrite.give_up().map_err(explained)?;
        return Err(error);
    }
    let outcome = rewrite.apply(prepared).map_err(explained)?;
    prove(rewrite, &outcome, (repository, values), context, settings.stop)
}

/// Goes on with a rewrite.
fn resume(
    settings: &RewriteSettings<'_>,
    (repository, values): (&Repository, &Values),
    folder: &Path,
    context: &Context,
) -> anyhow::Result<Exit> {
    let rewrite = Rewrite::new(repository, values, settings, true).map_err(explained)?;
    context.note(&format!("going on with the rewrite in {}", folder.display()));
    let outcome = rewrite.resume(folder).map_err(explained)?;
    prove(rewrite, &outcome, (repository, values), context, settings.stop)
}

/// Proves that the values are gone and nothing else is, by other code than that which took them out.
fn prove(
    rewrite: Rewrite<'_>,
    outcome: &Outcome,
    (repository, values): (&Repository, &Values),
    context: &Context,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let folder = outcome.folder.path();
    let maps = super::prove::maps(folder)?;
    let (needles, backup) = (values.needles(), folder.join("backup"));
    let here = &context.environment.directory;
    let mut proofs = vec![local::prove(&local::Request { needles, repository, here }, stop)];
    let before = Some(backup.as_path());
    proofs.push(collateral::prove(&collateral::Request { needles, maps: &maps, repository, before }).proof);
    proofs.push(Proof::not_run(
        Claim::P3,
        "after `kbsec rewrite push`, `kbsec rewrite prove --remote` asks the server",
    ));
    let exit = super::prove::exit(&proofs, stop.requested());
    let states: Vec<_> = proofs.iter().map(|proof| format!("{:?} {}", proof.claim, proof.state)).collect();
    let clean = exit == Exit::Clean;
    rewrite.proven(outcome, clean, &serde_json::json!({ "proofs": states })).map_err(explained)?;
    output::print(&shown::outcome(outcome))?;
    output::print(&super::prove::safe(&tell::text(&proofs)))?;
    if !clean {
        context.note("mend what the proofs name, and prove again with the same command and --resume");
    }
    Ok(exit)
}

/// Whether the user agrees to this plan and no other.
fn agreed(args: &ApplyArgs, prepared: &Prepared, values: &Values) -> anyhow::Result<()> {
    let hash = prepared.plan.hash(values);
    let short = hash.get(..TYPED_DIGITS).unwrap_or(&hash);
    let is_it = |digits: &str| digits.len() >= TYPED_DIGITS && hash.starts_with(&digits.to_ascii_lowercase());
    if let Some(confirmed) = &args.confirm {
        if is_it(confirmed) {
            return Ok(());
        }
        return Err(Hinted::error(
            format!("the plan has the hash {short}, and another one was confirmed; nothing has changed"),
            "look at the plan: the repository has changed since you saw it",
        ));
    }
    let terminal = console::Term::stderr();
    if !Environment::stdin_is_terminal() || !terminal.is_term() {
        return Err(Hinted::error(
            "nobody to ask whether this plan may be applied; nothing has changed",
            format!("pass --confirm {short} to apply it"),
        ));
    }
    let _ = write!(&terminal, "To apply this plan, type the first {TYPED_DIGITS} digits of its hash: ");
    let typed = terminal.read_line().unwrap_or_default();
    if is_it(typed.trim()) {
        return Ok(());
    }
    Err(Hinted::error("not confirmed; nothing has changed", "run it again to see the plan again"))
}

/// The values, wherever they come from.
fn values(args: &ApplyArgs, (project, context): (&Project, &Context), stop: &Stop) -> anyhow::Result<Values> {
    let mut secrets = Vec::new();
    for path in &args.value_file {
        secrets.push(find::from_file(path)?);
    }
    if args.stdin {
        secrets.push(find::from_stdin(context)?);
    }
    let path = args.path.as_deref().unwrap_or(Path::new("."));
    for digits in &args.finding {
        secrets.push(find::finding::value(digits, path, (project, context), stop)?.0);
    }
    if secrets.is_empty() {
        secrets.push(find::ask("Value to take out")?);
    }
    Values::new(secrets, &replace::replacements())
        .map_err(|error| Hinted::error(error.to_string(), error.hint()))
}

/// The maps of submodules that were rewritten before.
fn submodules(args: &ApplyArgs) -> anyhow::Result<HashMap<ObjectId, ObjectId>> {
    let mut all = HashMap::new();
    for path in &args.submodule_map {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!("cannot read the map {}: {error}", path.display());
            Hinted::error(what, "name the file commit-map in the folder of the submodule's rewrite")
        })?;
        let id = |word: Option<&str>| ObjectId::from_hex(word?.as_bytes());
        let pairs = text.lines().map(str::split_whitespace);
        all.extend(pairs.filter_map(|mut words| Some((id(words.next())?, id(words.next())?))));
    }
    Ok(all)
}

/// A folder for this run.
fn folder(args: &ApplyArgs, context: &Context) -> PathBuf {
    let name = format!("{}-{}", Environment::now(), std::process::id());
    match &args.folder {
        Some(folder) => context.environment.directory.join(folder),
        None => context.environment.state.join("kbsec/rewrites").join(name),
    }
}

/// In builds for tests, ends the program as a power failure would.
fn fail_here(context: &Context, step: Step) {
    if context.environment.failpoint.as_deref() == Some(step.word()) {
        std::process::abort();
    }
}

fn explained(error: RewriteError) -> anyhow::Error {
    let hint = error.hint();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let what = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    Hinted::error(Sanitized(&what).to_string(), hint)
}
