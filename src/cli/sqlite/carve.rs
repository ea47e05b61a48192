//! `kbsec sqlite carve`: the deleted rows that are still in a database: a summary, then the rows.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kbsec::digest::hex;
use kbsec::report::Sanitized;
use kbsec::sqlite::carve::{self, CarvedRow, Confidence, Field, Method, Options, Outcome, Part};
use serde_json::{Value as Json, json};

use crate::cli::exit::Exit;
use crate::cli::{Context, output};

/// Find deleted rows whose bytes are still there
///
/// A database does not wipe what it deletes. This looks for rows in the free space of pages, on pages that are unused
/// now, and in older versions of pages that the write-ahead log or the rollback journal still has. Rows that live are
/// left out. A row that was changed counts as deleted in its older version.
///
/// Every row says how much of it is there (whole, rebuilt, doubtful) and how sure its table is (certain, likely, a
/// guess). The files are only read, and SQLite never opens them.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 no deleted row was found, 1 some were found, 2 the file cannot be opened, 3 none was \
                  found but a part could not be read.\n\nExamples:\n  kbsec sqlite carve kb.sqlite                    \
                  a summary, and the first rows\n  kbsec sqlite carve --all kb.sqlite              every row\n  \
                  kbsec sqlite carve -f json -o rows.jsonl kb.sqlite"
)]
pub(crate) struct CarveArgs {
    /// The database; its -wal and -journal are read too
    file: PathBuf,
    /// Show every row, not only the first 20 of each table
    #[arg(long)]
    all: bool,
    /// Format of the rows
    #[arg(long, short, value_enum, default_value_t = Form::Lines, help_heading = "Output")]
    format: Form,
    /// Write the rows to a file
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people: a summary, and rows cut at the width of the terminal
    #[value(name = "text")]
    Lines,
    /// For programs: one object per row and line, with whole values
    #[value(name = "json")]
    Objects,
}

/// How many rows of a table are shown if not all are wanted.
const FIRST: usize = 20;

/// Carves, and prints the rows.
pub(crate) fn run(args: &CarveArgs, context: &Context) -> anyhow::Result<Exit> {
    args.output.as_deref().map(output::check).transpose()?;
    let files = super::open(&args.file)?;
    let outcome = carve::carve(&files, Options::default());
    let most = if args.all { usize::MAX } else { FIRST };
    output::write(args.output.as_deref(), |out| match args.format {
        Form::Lines => text(out, &outcome, most, context.environment.width()),
        Form::Objects => outcome.rows.iter().try_for_each(|row| writeln!(out, "{}", object(row))),
    })?;
    tell(&outcome, context);
    let is_complete = outcome.unreadable.is_empty() && !outcome.has_changed;
    Ok(match (outcome.rows.is_empty() && outcome.left_out == 0, is_complete) {
        (false, _) => Exit::Findings,
        (true, false) => Exit::Incomplete,
        (true, true) => Exit::Clean,
    })
}

/// What is no row.
fn tell(outcome: &Outcome, context: &Context) {
    for what in outcome.unreadable.iter().take(FIRST) {
        context.note(&format!("cannot be read: {what}"));
    }
    if outcome.unreadable.len() > FIRST {
        context.note(&format!("and {} more places cannot be read", outcome.unreadable.len() - FIRST));
    }
    for note in &outcome.notes {
        context.note(note);
    }
    if outcome.left_out > 0 {
        context.note(&format!("{} more rows did not fit into memory and were left out", outcome.left_out));
    }
    if outcome.has_changed {
        context.note("somebody wrote to the files meanwhile; run this again on a snapshot");
    }
}

fn text(out: &mut dyn Write, outcome: &Outcome, most: usize, width: usize) -> io::Result<()> {
    if outcome.rows.is_empty() {
        writeln!(out, "No deleted row was found.")?;
        // Debian's SQLite is one of those, and most people carve what a program of their distribution wrote.
        return writeln!(out, "SQLite with secure_delete, as Debian builds it, wipes what it deletes.");
    }
    let mut tables: BTreeMap<String, Vec<&CarvedRow>> = BTreeMap::new();
    for row in &outcome.rows {
        tables.entry(table(row)).or_default().push(row);
    }
    summary(out, &tables, outcome.rows.len())?;
    for (name, rows) in &tables {
        writeln!(out, "\n{}", Sanitized(name))?;
        for row in rows.iter().take(most) {
            writeln!(out, "  {}", about(row))?;
            writeln!(out, "    {}", cut(&values(row), width.saturating_sub(4)))?;
        }
        if rows.len() > most {
            writeln!(out, "  … and {} more; --all shows them", rows.len() - most)?;
        }
    }
    Ok(())
}

fn summary(out: &mut dyn Write, tables: &BTreeMap<String, Vec<&CarvedRow>>, total: usize) -> io::Result<()> {
    let rows = if total == 1 { "row is" } else { "rows are" };
    writeln!(out, "{total} deleted {rows} still there\n")?;
    writeln!(out, "{:<40} {:>8} {:>8} {:>8} {:>8}", "table", "rows", "whole", "rebuilt", "doubtful")?;
    for (name, rows) in tables {
        let count = |wanted| rows.iter().filter(|row| row.confidence == wanted).count();
        let [whole, rebuilt, doubtful] = [Confidence::High, Confidence::Medium, Confidence::Low].map(count);
        let name = cut(&Sanitized(name).to_string(), 40);
        writeln!(out, "{name:<40} {:>8} {whole:>8} {rebuilt:>8} {doubtful:>8}", rows.len())?;
    }
    writeln!(
        out,
        "\nwhole: every byte is there. rebuilt: its rowid is lost, and the start of the\nrecord was restored. \
         doubtful: a part is lost or guessed."
    )
}

/// The table of a row, or those that it may be of.
fn table(row: &CarvedRow) -> String {
    let name = |table: &carve::TableName| {
        format!("{}{}", table.name, if table.is_dropped { " (dropped)" } else { "" })
    };
    match &row.tables[..] {
        [] => "unknown table".to_owned(),
        [one, two, three, .., _] => {
            format!("{}, {}, {} or {} more", name(one), name(two), name(three), row.tables.len() - 3)
        }
        tables => tables.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}

/// How sure a row is, and where it is.
fn about(row: &CarvedRow) -> String {
    let rowid = row.rowid.map_or_else(|| "no rowid".to_owned(), |rowid| format!("rowid {rowid}"));
    let whole = match row.confidence {
        Confidence::High => "whole",
        Confidence::Medium => "rebuilt",
        Confidence::Low => "doubtful",
    };
    let sure = match row.table_confidence {
        Confidence::High => ", table certain",
        Confidence::Medium => ", table likely",
        Confidence::Low if row.tables.len() == 1 => ", table a guess",
        Confidence::Low => "",
    };
    let place = match row.method {
        Method::FreePage => "unused page",
        Method::Freeblock | Method::Unallocated => "free space of page",
        Method::OlderPage => "old state of page",
    };
    let file = match row.part {
        Part::Database => "",
        Part::Log => " of -wal",
        Part::Journal => " of -journal",
    };
    format!("{rowid}: {whole}{sure}; {place} {}, byte {}{file}", row.page, row.offset)
}

/// The values in one line, with the names of their columns.
fn values(row: &CarvedRow) -> String {
    let named = row.values.iter().enumerate().map(|(at, value)| {
        let value = match value {
            _ if row.lost.contains(&at) => "(lost)".to_owned(),
            Field::Null => "NULL".to_owned(),
            Field::Integer(number) => number.to_string(),
            Field::Real(number) => number.to_string(),
            Field::Text(text) => format!("'{text}'"),
            Field::Blob(bytes) => format!("x'{}'", hex(bytes.get(..64).unwrap_or(bytes))),
        };
        match row.columns.get(at) {
            Some(name) => format!("{name}={value}"),
            None => value,
        }
    });
    Sanitized(named.collect::<Vec<_>>().join(" | ")).to_string()
}

/// The first characters of a line.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let start: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{start}…")
}

/// A row as JSON.
fn object(row: &CarvedRow) -> Json {
    let table = match &row.tables[..] {
        [table] => Some(table),
        _ => None,
    };
    json!({
        "table": table.map(|table| &*table.name),
        "table_dropped": table.map(|table| table.is_dropped),
        "table_confidence": row.table_confidence.name(),
        "tables": row.tables.iter().map(|table| &*table.name).collect::<Vec<_>>(),
        "rowid": row.rowid,
        "confidence": row.confidence.name(),
        "method": row.method.name(),
        "page": row.page,
        "file": row.part.name(),
        "offset": row.offset,
        "columns": &row.columns[..],
        "lost": &row.lost,
        "values": row.values.iter().map(as_json).collect::<Vec<_>>(),
    })
}

/// A value; bytes become an object with hexadecimal digits, so that they are not taken for a text.
fn as_json(value: &Field) -> Json {
    match value {
        Field::Null => Json::Null,
        Field::Integer(number) => json!(number),
        Field::Real(number) => json!(number),
        Field::Text(text) => json!(text),
        Field::Blob(bytes) => json!({ "hex": hex(bytes) }),
    }
}
