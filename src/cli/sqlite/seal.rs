//! `kbsec sqlite seal` and `verify`: a hash of every page, and what has changed since.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use kbsec::digest::hex;
use kbsec::report::Sanitized;
use kbsec::sqlite::check;
use kbsec::sqlite::seal::{self, ChangeKind, Options, SealError};

use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::{Context, output};

/// Write down a hash of every page
///
/// `kbsec sqlite verify` finds any single changed bit with it, and names the page and its table.
#[derive(Debug, Args)]
pub(crate) struct SealArgs {
    /// The database
    file: PathBuf,
    /// The seal; by default the name of the database with .seal
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Compare a database with its seal
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 unchanged, 1 changed, 2 could not compare, 3 somebody wrote to it meanwhile."
)]
pub(crate) struct VerifyArgs {
    /// The database
    file: PathBuf,
    /// The seal; by default the name of the database with .seal
    #[arg(long, short, value_name = "FILE")]
    seal: Option<PathBuf>,
}

/// Seals.
pub(crate) fn seal(args: &SealArgs, context: &Context) -> anyhow::Result<Exit> {
    let options = options(&args.file, args.output.as_ref());
    let made = seal::seal(&options).map_err(explain)?;
    output::print(&format!("{}  {}\n", hex(&made.sha256), Sanitized(&args.file.display().to_string())))?;
    context.note(&format!("{} pages are sealed in {}", made.page_count(), options.seal.display()));
    Ok(Exit::Clean)
}

/// Verifies.
pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let files = super::open(&args.file)?;
    let pages = check::pages(&files);
    let owner = |page: u32| pages.get(page.checked_sub(1)? as usize)?.owner.as_ref().map(ToString::to_string);
    let verdict = seal::verify(&options(&args.file, args.seal.as_ref()), &owner).map_err(explain)?;
    let mut text = String::new();
    for change in &verdict.changes {
        let kind = match change.kind {
            ChangeKind::Changed => "changed",
            ChangeKind::Added => "added",
            ChangeKind::Missing => "missing",
        };
        let pages = if change.first == change.last {
            format!("page {}", change.first)
        } else {
            format!("pages {}-{}", change.first, change.last)
        };
        let owner = change.owner.as_deref().unwrap_or("nothing known");
        let _ = writeln!(text, "{kind:10}  {pages} at byte {}, of {}", change.offset, Sanitized(owner));
    }
    if verdict.changes.is_empty() {
        let _ = writeln!(text, "unchanged: all {} pages are as they were sealed", verdict.pages);
    }
    output::print(&text)?;
    Ok(match (verdict.changes.is_empty(), verdict.moving) {
        (false, _) => Exit::Findings,
        (true, true) => Exit::Incomplete,
        (true, false) => Exit::Clean,
    })
}

fn options(file: &Path, seal: Option<&PathBuf>) -> Options {
    let beside = || {
        let mut name = file.as_os_str().to_owned();
        name.push(".seal");
        name.into()
    };
    Options { database: file.to_owned(), seal: seal.cloned().unwrap_or_else(beside) }
}

fn explain(error: SealError) -> anyhow::Error {
    let hint = error.hint();
    Hinted::error(super::with_cause(&error), hint)
}
