//! `kbsec sqlite recover`: a new database from a damaged one, and what became of each table.

use std::fmt::Write as _;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kbsec::report::Sanitized;
use kbsec::sqlite::files::Files;
use kbsec::sqlite::recover::{self, Options, Outcome, SchemaSource, TableOutcome, WalUse};

use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::{Context, output};

/// Save every row that is still there into a new database
///
/// The damaged file, its log and its journal are only read. What cannot be believed goes to the table kbsec_quarantine
/// of the new database, with page, byte offset and reason. Deleted rows do not come back.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 everything was saved, 1 something is lost or doubtful, 2 nothing was made, 3 somebody wrote to\nthe evidence meanwhile."
)]
pub(crate) struct RecoverArgs {
    /// The damaged database
    file: PathBuf,
    /// The new database; nothing may be there yet
    #[arg(long, short, value_name = "NEW")]
    output: PathBuf,
    /// Where the file has lost its schema, take that of another database, such as an older backup, or SQL statements
    #[arg(long, value_name = "FILE")]
    schema_from: Option<PathBuf>,
    /// What to do with the write-ahead log
    #[arg(long, value_enum, default_value_t = Log::Auto, value_name = "WHEN")]
    log: Log,
    /// Also write the new database as SQL statements
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    /// Also write its rows as lines of JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Log {
    /// Use it unless it belongs to another database
    Auto,
    /// Read the database file alone
    Ignore,
    /// Use it in any case
    Use,
}

/// Recovers, and prints what became of each table.
pub(crate) fn run(args: &RecoverArgs, context: &Context) -> anyhow::Result<Exit> {
    let files = Files::open(&args.file).map_err(|error| {
        let hint = error.hint();
        anyhow::Error::new(error).context(Hinted::error("cannot open the database", hint))
    })?;
    let schema = args.schema_from.as_ref().map(|path| SchemaSource::open(path)).transpose();
    let schema = schema.map_err(|error| {
        let hint = "name a database, or a file with CREATE TABLE statements";
        anyhow::Error::new(error).context(Hinted::error("cannot read the schema", hint))
    })?;
    let options = Options {
        target: args.output.clone(),
        schema,
        log: match args.log {
            Log::Auto => WalUse::Auto,
            Log::Ignore => WalUse::Ignore,
            Log::Use => WalUse::Use,
        },
    };
    let outcome = recover::recover(&files, &options).map_err(explain)?;
    output::print(&text(&outcome, args))?;
    if let Some(file) = &args.sql {
        export(file, |out| recover::export_sql(&args.output, out))?;
    }
    if let Some(file) = &args.json {
        export(file, |out| recover::export_json_lines(&args.output, out))?;
    }
    let is_whole = outcome.not_done.is_empty()
        && outcome.check.is_empty()
        && outcome.tables.iter().all(|table| {
            table.doubtful == 0 && table.lost_pages.is_empty() && table.partial_pages.is_empty()
        });
    context.note(&format!("the evidence is as it was; the new database is {}", args.output.display()));
    Ok(match is_whole {
        false => Exit::Findings,
        true if outcome.has_changed => Exit::Incomplete,
        true => Exit::Clean,
    })
}

/// Writes the new database in another form.
fn export(
    file: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), recover::ExportError>,
) -> anyhow::Result<()> {
    output::write(Some(file), |out| {
        write(out).map_err(|error| match error {
            recover::ExportError::Write(cause) => cause,
            recover::ExportError::Read(cause) => std::io::Error::other(cause),
        })
    })
}

fn explain(error: recover::RecoverError) -> anyhow::Error {
    let hint = match &error {
        recover::RecoverError::Target { cause, .. } if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            "something is there already; name another file with -o"
        }
        recover::RecoverError::Target { .. } | recover::RecoverError::Write(_) => {
            "check that the folder can be written and has room, or name another file with -o"
        }
        recover::RecoverError::Read(_) => "copy the file to another disk, and recover from the copy",
        recover::RecoverError::NothingFound => {
            "check that it is the right file; it may be encrypted or overwritten"
        }
    };
    let mut what = error.to_string();
    if let Some(cause) = std::error::Error::source(&error) {
        let _ = write!(what, ": {cause}");
    }
    Hinted::error(what, hint)
}

/// The account: a line for each table, then what is missing.
fn text(outcome: &Outcome, args: &RecoverArgs) -> String {
    let mut text = format!("read        {}\n", Sanitized(&outcome.view));
    for note in &outcome.header {
        let _ = writeln!(text, "header      {}", Sanitized(note));
    }
    let width = outcome.tables.iter().map(|table| table.name.chars().count()).max().unwrap_or(0).clamp(5, 40);
    let _ =
        writeln!(text, "\n{:width$}  {:>10}  {:>8}  {:>10}", "table", "recovered", "doubtful", "lost pages");
    for table in &outcome.tables {
        let name = Sanitized(&table.name).to_string();
        let lost = table.lost_pages.len();
        let _ = writeln!(text, "{name:width$}  {:>10}  {:>8}  {lost:>10}", table.recovered, table.doubtful);
    }
    text.push('\n');
    for table in outcome.tables.iter().filter(|table| !table.lost_pages.is_empty()) {
        let _ = writeln!(text, "lost        pages of {}: {}", Sanitized(&table.name), pages(table));
    }
    for table in outcome.tables.iter().filter(|table| table.missing_rows > 0) {
        let (name, rows) = (Sanitized(&table.name), table.missing_rows);
        let places = shown(&table.partial_ranges());
        let _ =
            writeln!(text, "lost        {rows} rows of {name}, on pages that are damaged in part: {places}");
    }
    for what in &outcome.not_done {
        let _ = writeln!(text, "not done    {}", Sanitized(what));
    }
    for line in &outcome.check {
        let _ = writeln!(text, "check       {}", Sanitized(line));
    }
    if outcome.has_changed {
        text.push_str("moving      somebody wrote to the evidence meanwhile; run this again on a snapshot\n");
    }
    let sum = |count: fn(&TableOutcome) -> u64| outcome.tables.iter().map(count).sum::<u64>();
    let (recovered, doubtful) = (sum(|table| table.recovered), sum(|table| table.doubtful));
    let _ = writeln!(text, "{recovered} rows are in {}", Sanitized(&args.output.display().to_string()));
    if doubtful > 0 {
        let _ = writeln!(
            text,
            "{doubtful} doubtful ones are in its table kbsec_quarantine, each with the reason"
        );
    }
    text
}

/// Page numbers as ranges, and about how many rows they had.
fn pages(table: &TableOutcome) -> String {
    let rows = table.lost_rows_estimate.map_or_else(String::new, |rows| format!(" (about {rows} rows)"));
    format!("{}{rows}", shown(&table.lost_ranges()))
}

/// The first ranges of pages.
fn shown(ranges: &[RangeInclusive<u32>]) -> String {
    let shown: Vec<String> = ranges
        .iter()
        .take(10)
        .map(|pages| match pages.start() == pages.end() {
            true => pages.start().to_string(),
            false => format!("{}-{}", pages.start(), pages.end()),
        })
        .collect();
    let more = if ranges.len() > 10 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
