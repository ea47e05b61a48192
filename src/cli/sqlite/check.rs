//! `kbsec sqlite check`: databases examined, and the report.

use std::path::{Path, PathBuf};

use clap::Args;
use kbsec::coverage::{Coverage, Gap, Holder};
use kbsec::finding::Finding;
use kbsec::sqlite::check::{self, Outcome};
use kbsec::sqlite::discover::discover;
use kbsec::sqlite::evidence::EvidenceError;
use kbsec::sqlite::files::Files;
use kbsec::sqlite::holders;

use crate::cli::Context;
use crate::cli::environment::Environment;
use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::reporting::{Examined, ReportArgs};

/// Find every damage of databases, and say where it is
///
/// Reads the file, its write-ahead log and its journal, and changes none of them. SQLite itself never opens them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec sqlite check kb.sqlite       one database\n  \
                        kbsec sqlite check .kb             every database in a folder\n  \
                        kbsec sqlite check -f sarif -o damage.sarif kb.sqlite")]
pub(crate) struct CheckArgs {
    /// Databases, or folders with databases
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    report: ReportArgs,
}

/// How often to read a database that changes meanwhile.
const ATTEMPTS: u32 = 4;

/// Runs the check and writes the report.
pub(crate) fn run(args: &CheckArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    args.report.check()?;
    let (findings, coverage) = examine(args, context)?;
    let examined = Examined { subject: subject(args), started, findings, coverage, rules: check::rules() };
    args.report.write(&examined, context)
}

fn examine(args: &CheckArgs, context: &Context) -> anyhow::Result<(Vec<Finding>, Coverage)> {
    let (mut findings, mut coverage) = (Vec::new(), Coverage::default());
    for path in &args.paths {
        if !path.exists() {
            return Err(Hinted::error(format!("{} does not exist", path.display()), "check the path"));
        }
        let found = discover(path);
        coverage.missed.extend(found.gaps);
        for database in found.databases {
            let name = database.display().to_string();
            match examine_one(&database) {
                Ok(mut outcome) => {
                    tell_rows(&name, &outcome, context);
                    outcome.about.holders = held(&database);
                    findings.extend(check::stopped(&outcome.about.holders, &database));
                    findings
                        .extend(check::without_open_transaction(outcome.findings, &outcome.about.holders));
                    coverage.databases.push(outcome.about);
                    coverage.absorb(outcome.coverage);
                }
                Err(error) => {
                    let why =
                        std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
                    coverage.missed.push(Gap::new(name, why).hint(error.hint()));
                }
            }
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    Ok((findings, coverage))
}

/// Tries again where a program writes meanwhile.
fn examine_one(database: &Path) -> Result<Outcome, EvidenceError> {
    let mut attempts = 1;
    loop {
        let outcome = check::check(&Files::open(database)?, database);
        if !outcome.moving || attempts == ATTEMPTS {
            return Ok(outcome);
        }
        attempts += 1;
    }
}

/// Who has the database open or locked, as far as the system tells.
fn held(database: &Path) -> Vec<Holder> {
    let options = holders::Options { database: database.to_owned(), proc_folder: super::PROC.into() };
    holders::holders(&options).map_or_else(|_| Vec::new(), |outcome| check::holders(&outcome))
}

/// People want to know what is in it; the report says what is wrong.
fn tell_rows(name: &str, outcome: &Outcome, context: &Context) {
    let rows: u64 = outcome.rows.iter().map(|(_, rows)| rows).sum();
    let tables = outcome.rows.len();
    let several = |count: usize| if count == 1 { "" } else { "s" };
    let (of_tables, of_rows) = (several(tables), several(usize::try_from(rows).unwrap_or(usize::MAX)));
    context.note(&format!("{name}: {tables} table{of_tables}, {rows} row{of_rows}"));
}

fn subject(args: &CheckArgs) -> String {
    match args.paths.as_slice() {
        [path] => path.display().to_string(),
        paths => format!("{} paths", paths.len()),
    }
}
