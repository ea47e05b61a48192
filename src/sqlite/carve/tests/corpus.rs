//! The corpus of Nemetz, Schmitt and Freiling (2018): databases with rows that were deleted, and answer keys.
//!
//! `nemetz.json` in the folder has the keys: per database a list of tables with their `alive` and `deleted` rows, each
//! row an object of texts.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::Value as Json;

use super::{CarvedRow, carved};
use crate::sqlite::files::Files;

/// What became of the rows of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) deleted: usize,
    pub(super) found: usize,
    /// Rows of which a part is lost, and the rest is a deleted row.
    pub(super) partial: usize,
    /// Rows that are in no answer key and not in the schema table.
    pub(super) wrong: Vec<String>,
    /// Rows that SQLite still shows.
    pub(super) alive: usize,
    /// Rows whose table is said to be certain and is another one.
    pub(super) misplaced: usize,
}

fn is_equal(found: &Value, truth: &Json) -> bool {
    let Some(truth) = truth.as_str() else { return *found == Value::Null };
    match found {
        Value::Null => truth.is_empty(),
        Value::Integer(number) => truth.parse() == Ok(*number),
        // The keys have five digits behind the point.
        Value::Real(number) => truth.parse::<f64>().is_ok_and(|truth| (truth - number).abs() < 0.000_01),
        Value::Text(text) => text.trim() == truth.trim(),
        Value::Blob(bytes) => String::from_utf8_lossy(bytes) == truth,
    }
}

fn is_row(found: &CarvedRow, truth: &[&Json]) -> bool {
    found.lost.is_empty() && is_part(found, truth)
}

/// The same for the values that are not lost.
fn is_part(found: &CarvedRow, truth: &[&Json]) -> bool {
    let mut pairs = found.values.iter().zip(truth).enumerate();
    found.values.len() == truth.len()
        && pairs.all(|(at, (one, other))| found.lost.contains(&at) || is_equal(one, other))
}

/// The rows of a key, in the order of the columns, each with the name of its table.
fn rows<'a>(key: &'a Json, kind: &str) -> Vec<(&'a Json, Vec<&'a Json>)> {
    let mut all = Vec::new();
    for table in key.as_array().unwrap() {
        let columns = table["columns"].as_array().unwrap();
        for row in table[kind].as_array().unwrap() {
            let values = columns.iter().map(|column| &row[column[0].as_str().unwrap()]);
            all.push((&table["name"], values.collect()));
        }
    }
    all
}

/// The rows that SQLite shows, without their tables.
fn visible(path: &Path) -> Vec<(i64, Vec<Value>)> {
    let uri = format!("file:{}?immutable=1", path.display());
    let read = || -> rusqlite::Result<Vec<(i64, Vec<Value>)>> {
        let connection = Connection::open(uri)?;
        let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
        let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut all = Vec::new();
        for name in names {
            let mut rows =
                connection.prepare(&format!("SELECT rowid, * FROM \"{}\"", name.replace('"', "\"\"")))?;
            let width = rows.column_count();
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let values = (1..width).map(|column| row.get(column)).collect::<Result<_, _>>()?;
                all.push((row.get(0)?, values));
            }
        }
        Ok(all)
    };
    read().unwrap_or_default()
}

fn score(path: &Path, key: &Json, score: &mut Score) {
    let outcome = carved(&Files::open(path).unwrap());
    let visible = visible(path);
    let (deleted, alive) = (rows(key, "deleted"), rows(key, "alive"));
    score.deleted += deleted.len();
    score.found +=
        deleted.iter().filter(|(_, row)| outcome.rows.iter().any(|found| is_row(found, row))).count();
    for found in &outcome.rows {
        if found.tables.iter().any(|table| &*table.name == "sqlite_schema") {
            continue;
        }
        let is_visible = |(rowid, values): &(i64, Vec<Value>)| {
            *values == found.values && found.rowid.is_none_or(|own| own == *rowid)
        };
        // Some rows that a key calls alive were deleted by its own script, or with their table.
        let mut known = deleted.iter().chain(&alive).filter(|(_, row)| is_row(found, row)).peekable();
        if visible.iter().any(is_visible) {
            score.alive += 1;
        } else if known.peek().is_none() && deleted.iter().any(|(_, row)| is_part(found, row)) {
            score.partial += 1;
        } else if known.peek().is_none() {
            score.wrong.push(format!("{}: {found:?}", path.display()));
        } else if let ([table], super::Confidence::High) = (&found.tables[..], found.table_confidence) {
            // Two databases have names in quotes that the key repeats.
            let is_table = |name: &Json| {
                name.as_str().is_some_and(|name| name.replace('"', "") == table.name.replace('"', ""))
            };
            score.misplaced += usize::from(!known.any(|(name, _)| is_table(name)));
        }
    }
}

/// The scores of all folders in which a row was deleted or something was found.
pub(super) fn scores(folder: &Path) -> BTreeMap<String, Score> {
    let keys: BTreeMap<String, Json> =
        serde_json::from_slice(&std::fs::read(folder.join("nemetz.json")).unwrap()).unwrap();
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for (name, key) in &keys {
        let path = folder.join("nemetz").join(name);
        let group = Path::new(name).parent().unwrap().to_string_lossy().into_owned();
        if path.exists() {
            score(&path, key, scores.entry(group).or_default());
        }
    }
    scores.retain(|_, score| *score != Score::default());
    scores
}
