//! `kbsec sqlite check`: databases examined, and the report.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use kbsec::coverage::{Coverage, Gap, Holder};
use kbsec::finding::Finding;
use kbsec::report::{Format, Report, Run, Style};
use kbsec::sqlite::check::{self, Outcome};
use kbsec::sqlite::discover::discover;
use kbsec::sqlite::evidence::EvidenceError;
use kbsec::sqlite::files::Files;
use kbsec::sqlite::holders;

use crate::cli::environment::Environment;
use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::{Context, output};

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
    /// Format of the report
    #[arg(long, short, default_value = "text", help_heading = "Output")]
    #[arg(value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>()))]
    format: Format,
    /// Write the report to a file
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Exit with 0 even when there are findings
    #[arg(long, help_heading = "Output")]
    exit_zero: bool,
}

/// How often to read a database that changes meanwhile.
const ATTEMPTS: u32 = 4;

/// Runs the check and writes the report.
pub(crate) fn run(args: &CheckArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    args.output.as_deref().map(output::check).transpose()?;
    let (findings, coverage) = examine(args, context)?;
    let exit = match (findings.is_empty() || args.exit_zero, coverage.is_incomplete()) {
        (false, _) => Exit::Findings,
        (true, true) => Exit::Incomplete,
        (true, false) => Exit::Clean,
    };
    let here = context.environment.directory.clone();
    let run = Run {
        version: env!("CARGO_PKG_VERSION"),
        subject: subject(args),
        root: here.clone(),
        base: here,
        repository: None,
        interrupted: false,
        exit_code: exit as u8,
        time: (started, Environment::now()),
    };
    let rules = check::rules();
    let report = Report { findings: &findings, coverage: &coverage, rules: &rules, run: &run };
    let style = Style {
        color: args.output.is_none() && context.environment.wants_color(context.color),
        width: context.environment.width(),
        reveal: None,
    };
    let reporter = args.format.reporter(style);
    output::write(args.output.as_deref(), |out| reporter.write(&report, out))?;
    Ok(exit)
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
                    findings.extend(outcome.findings);
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
    context.note(&format!("{name}: {} tables, {rows} rows", outcome.rows.len()));
}

fn subject(args: &CheckArgs) -> String {
    match args.paths.as_slice() {
        [path] => path.display().to_string(),
        paths => format!("{} paths", paths.len()),
    }
}
