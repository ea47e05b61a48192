//! `kbsec collect`: the state of an installation in a folder or archive, without its secrets.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;

use clap::Args;
use kbsec::check::bundle::{self, Manifest, Outcome, Status, Target};
use kbsec::report::{Sanitized, wrap};
use kbsec::secret::FingerprintKey;

use super::check::place::PlaceArgs;
use super::error::Hinted;
use super::exit::Exit;
use super::{Context, output};

/// Collect the state of an installation for whoever has to find out what is wrong
///
/// Logs, configuration, status, metrics, processes, changes and the verdict of every check, with a manifest. Secrets are
/// taken out of everything, and a file in which one is still found is left out. Do this before any restart: restarts
/// empty the logs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec collect -o incident               a folder\n  \
                        kbsec collect -o incident.tar.zst       one file\n  \
                        kbsec collect -o incident --root /srv/kb --since 3h\n\n\
                        Exit codes: 0 all collected, 2 could not write, 3 something is missing.")]
pub(super) struct CollectArgs {
    /// A folder or .tar.zst file that does not exist yet; only you may read it
    #[arg(long, short, value_name = "PATH")]
    output: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print the manifest as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Collects and says what came of it.
pub(super) fn run(args: &CollectArgs, context: &Context) -> anyhow::Result<Exit> {
    let mut place = args.place.context(context)?;
    place.key = passing_key();
    let target = Target::of(&context.environment.directory.join(&args.output));
    let outcome = bundle::collect(&place, &target, env!("CARGO_PKG_VERSION")).map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        Hinted::error(format!("{error}{cause}"), error.hint())
    })?;
    let text = match args.json {
        true => serde_json::to_string_pretty(&outcome.manifest)? + "\n",
        false => page(&outcome, &args.output.display().to_string(), context.environment.width()),
    };
    output::print(&text)?;
    let is_complete = |status| matches!(status, Status::Complete | Status::Absent);
    let all = outcome.manifest.collectors.iter().all(|account| is_complete(account.status));
    Ok(if all { Exit::Clean } else { Exit::Incomplete })
}

/// A key for the fingerprints of this bundle alone: whoever gets it can compare values inside of it, and cannot try
/// passwords, as with a key that is known.
fn passing_key() -> FingerprintKey {
    let number = || RandomState::new().build_hasher().finish().to_le_bytes();
    FingerprintKey::new(&[number(), number(), number(), number()].concat())
}

/// Width of the ids, and where the text begins.
const ID: usize = 10;
const TEXT: usize = ID + 2 + 8 + 2;

fn page(outcome: &Outcome, path: &str, width: usize) -> String {
    let mut text = String::new();
    for account in &outcome.manifest.collectors {
        let files = account.files.len();
        let size: u64 = account.files.iter().map(|file| file.size).sum();
        let mut told = match (files, account.status) {
            (0, Status::Absent) => format!("there is nothing of the kind here: {}", account.about),
            (0, _) => format!("nothing: {}", account.about),
            (1, _) => format!("1 file, {size} bytes"),
            (files, _) => format!("{files} files, {size} bytes"),
        };
        for error in &account.errors {
            let _ = write!(told, "; {error}");
        }
        if !account.withheld.is_empty() {
            let _ = write!(told, "; left out because of a secret: {}", account.withheld.join(", "));
        }
        let start = format!("{:ID$}  {:8}  ", account.collector, name(account.status));
        for (at, line) in
            wrap(&Sanitized(told).to_string(), width.saturating_sub(TEXT).max(20)).iter().enumerate()
        {
            let start = if at == 0 { &start } else { &" ".repeat(TEXT) };
            let _ = writeln!(text, "{start}{line}");
        }
    }
    text.push('\n');
    let sum = sum(&outcome.manifest, outcome.size);
    let last = format!("{path}: {sum}. Look through it before you give it away.");
    wrap(&Sanitized(last).to_string(), width).iter().for_each(|line| text.extend([line, "\n"]));
    text
}

fn name(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Partial => "partial",
        Status::Failed => "failed",
        Status::Absent => "absent",
    }
}

/// `20 of 23 collectors complete, 41 files, 12345 bytes, 7 values taken out, 0 secrets found`.
fn sum(manifest: &Manifest, size: u64) -> String {
    let collectors = &manifest.collectors;
    let complete =
        collectors.iter().filter(|one| matches!(one.status, Status::Complete | Status::Absent)).count();
    let files: usize = collectors.iter().map(|one| one.files.len()).sum();
    let redacted: u64 = collectors.iter().flat_map(|one| &one.files).map(|file| file.redacted).sum();
    format!(
        "{complete} of {} collectors complete, {files} files, {size} bytes, {redacted} values taken out, {} secrets found",
        collectors.len(),
        manifest.secrets_found
    )
}
