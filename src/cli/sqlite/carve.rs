//! `kbsec sqlite carve`: the deleted rows that are still in a database, one after the other.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kbsec::report::Sanitized;
use kbsec::sqlite::carve::{self, CarvedRow, Field, Options, Outcome};
use kbsec::sqlite::files::Files;
use serde_json::{Value as Json, json};

use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::{Context, output};
use kbsec::sqlite::digest::hex;

/// Find deleted rows that are still in the file or its log
///
/// Reads the free bytes of pages, pages that became free, and older states in the write-ahead log. The files are not
/// changed, and SQLite never opens them.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 there are none, 1 there are some, 2 the file cannot be opened, 3 a part of it could \
                  not be read."
)]
pub(crate) struct CarveArgs {
    /// The database
    file: PathBuf,
    /// Format of the rows
    #[arg(long, short, value_enum, default_value_t = Form::Lines)]
    format: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For people, cut at the width of the terminal
    #[value(name = "text")]
    Lines,
    /// One object per line, with whole values
    #[value(name = "json")]
    Objects,
}

/// Carves, and prints the rows.
pub(crate) fn run(args: &CarveArgs, context: &Context) -> anyhow::Result<Exit> {
    let files = Files::open(&args.file).map_err(|error| {
        let hint = error.hint();
        anyhow::Error::new(error).context(Hinted::error("cannot open the database", hint))
    })?;
    let outcome = carve::carve(&files, Options::default());
    output::print(&match args.format {
        Form::Lines => text(&outcome, context.environment.width()),
        Form::Objects => json_lines(&outcome),
    })?;
    tell(&outcome, context);
    Ok(if !outcome.unreadable.is_empty() {
        Exit::Incomplete
    } else if outcome.rows.is_empty() {
        Exit::Clean
    } else {
        Exit::Findings
    })
}

/// What is no row.
fn tell(outcome: &Outcome, context: &Context) {
    for what in &outcome.unreadable {
        context.note(&format!("cannot be read: {what}"));
    }
    if outcome.is_cut {
        context.note("there are more rows than are kept in memory; these are the first ones");
    }
    if outcome.has_changed {
        context.note("somebody wrote to the files meanwhile; run this again on a snapshot");
    }
}

fn text(outcome: &Outcome, width: usize) -> String {
    let mut text = String::new();
    for row in &outcome.rows {
        let table = row.table.as_deref().unwrap_or("unknown table");
        let rowid = row.rowid.map_or_else(|| "no rowid".to_owned(), |rowid| format!("rowid {rowid}"));
        let place = if row.is_in_log { "of the log" } else { "of the file" };
        let _ = writeln!(
            text,
            "{}  {rowid}  {} confidence, {}, page {}, byte {} {place}",
            Sanitized(table),
            row.confidence.name(),
            row.method.name(),
            row.page,
            row.offset
        );
        let _ = writeln!(text, "  {}", cut(&values(row), width.saturating_sub(2)));
    }
    let _ = writeln!(text, "{} deleted rows found", outcome.rows.len());
    text
}

/// The values in one line, with the names of their columns.
fn values(row: &CarvedRow) -> String {
    let named = row.values.iter().enumerate().map(|(at, value)| {
        let value = match value {
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

fn json_lines(outcome: &Outcome) -> String {
    let mut text = String::new();
    for row in &outcome.rows {
        let values: Vec<Json> = row.values.iter().map(as_json).collect();
        let line = json!({
            "table": row.table.as_deref(),
            "rowid": row.rowid,
            "confidence": row.confidence.name(),
            "method": row.method.name(),
            "page": row.page,
            "file": if row.is_in_log { "log" } else { "database" },
            "offset": row.offset,
            "columns": &row.columns[..],
            "values": values,
        });
        let _ = writeln!(text, "{line}");
    }
    text
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
