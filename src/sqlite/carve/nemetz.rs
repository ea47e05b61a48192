//! The corpus of Nemetz, Schmitt and Freiling (DFRWS EU 2018), whose deleted rows are known.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value as Json;

use super::{CarvedRow, Confidence, Options, carve};
use crate::sqlite::files::Files;

/// How many carved rows are what.
#[derive(Debug, Default)]
struct Score {
    deleted: usize,
    found: usize,
    not_found: usize,
    partial: usize,
    wrong: usize,
    alive: usize,
    /// In the key they live, and SQLite does not show them.
    disputed: usize,
}

/// `KBSEC_SQLITE_CORPUS=FOLDER cargo test --lib nemetz -- --ignored --nocapture`; the folder has `nemetz.json` and
/// `nemetz/`.
#[test]
#[ignore = "needs the corpus"]
fn rows_of_the_nemetz_corpus() {
    let Some(folder) = std::env::var_os("KBSEC_SQLITE_CORPUS") else { return };
    let folder = Path::new(&folder);
    let keys: Json = serde_json::from_slice(&std::fs::read(folder.join("nemetz.json")).unwrap()).unwrap();
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for (name, elements) in keys.as_object().unwrap() {
        let path = folder.join("nemetz").join(name);
        let outcome = carve(&Files::open(&path).unwrap(), Options::default());
        let rows = rows(elements, "deleted");
        let [alive, live] = [self::rows(elements, "alive"), live(&path)];
        let group = name.rsplit_once('/').unwrap().0;
        let score = scores.entry(group.to_owned()).or_default();
        score.deleted += rows.len();
        let is_found = |row: &&Vec<String>| outcome.rows.iter().any(|found| shared(found, row) == row.len());
        score.found += rows.iter().filter(is_found).count();
        score.not_found += rows.len() - rows.iter().filter(is_found).count();
        for row in &outcome.rows {
            let is_in = |rows: &[Vec<String>]| rows.iter().any(|other| shared(row, other) == other.len());
            let is_part = || rows.iter().any(|other| shared(row, other) >= 2);
            if is_in(&live) && !is_in(&rows) {
                score.alive += 1;
            } else if is_in(&alive) && !is_in(&rows) {
                score.disputed += 1;
            } else if !is_in(&rows) && row.confidence == Confidence::Low && is_part() {
                score.partial += 1;
            } else if !is_in(&rows) && !row.tables.iter().any(|table| &*table.name == "sqlite_schema") {
                score.wrong += 1;
                println!("{name}: {row:?}");
            }
        }
    }
    scores.iter().for_each(|(group, score)| println!("{group}: {score:?}"));
    let core = |group: &&String| ["/0C", "/0D", "/0E"].iter().any(|end| group.ends_with(end));
    let sum = |count: fn(&Score) -> usize| {
        scores.iter().filter(|(group, _)| core(group)).map(|(_, score)| count(score)).sum::<usize>()
    };
    // Both versions of the corpus have the same 158 rows.
    assert!(sum(|score| score.deleted) == 2 * 158 && sum(|score| score.found) >= 2 * 115);
    assert_eq!((sum(|score| score.wrong), sum(|score| score.disputed)), (0, 0));
    assert_eq!(scores.values().map(|score| score.alive).sum::<usize>(), 0);
}

/// The rows of the key in the order of the columns.
fn rows(elements: &Json, state: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for element in elements.as_array().unwrap() {
        let columns: Vec<&str> =
            element["columns"].as_array().unwrap().iter().map(|column| column[0].as_str().unwrap()).collect();
        let values =
            |row: &Json| columns.iter().filter_map(|name| row[*name].as_str()).map(str::to_owned).collect();
        rows.extend(element[state].as_array().unwrap().iter().map(values));
    }
    rows
}

/// What SQLite shows; nothing if it cannot read the file.
fn live(path: &Path) -> Vec<Vec<String>> {
    let url = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let read = || -> rusqlite::Result<Vec<Vec<String>>> {
        let connection = Connection::open_with_flags(&url, flags)?;
        let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
        let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut all = Vec::new();
        for table in tables {
            let mut rows =
                connection.prepare(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))?;
            let width = rows.column_count();
            let rows = rows.query_map([], |row| {
                (0..width).map(|at| Ok(text(&row.get(at)?))).collect::<Result<Vec<String>, _>>()
            })?;
            all.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(all)
    };
    read().unwrap_or_default()
}

/// How many values agree, in order; none if there are more of one than of the other.
fn shared(found: &CarvedRow, row: &[String]) -> usize {
    if found.values.len() != row.len() {
        return 0;
    }
    found.values.iter().zip(row).filter(|(value, other)| is_same(&text(value), other)).count()
}

/// The keys have floating-point numbers with five digits.
fn is_same(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    one == other
        || one == "NULL" && other.is_empty()
        || number(one).zip(number(other)).is_some_and(|(one, other)| (one - other).abs() < 1e-5)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:.5}"),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
