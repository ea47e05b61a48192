//! The search indexes: full-text tables compared with the tables that they index, on a copy in memory.
//!
//! A trigger that updates such an index in the wrong way leaves it different from its table. SQLite then reports a
//! malformed database image at the next search, although every page is sound.

use rusqlite::{Connection, ErrorCode};

use super::deep;
use super::fault::{Fault, Faults};
use super::rule::Rule;
use crate::sqlite::image::Image;
use crate::sqlite::schema::SchemaRow;

/// A full-text table.
pub(super) struct Search {
    pub(super) name: String,
    /// The table with the texts; `None` if it keeps them itself, or nobody does.
    content: Option<String>,
}

impl Search {
    /// What to type to build it anew. A name that a shell or SQL may read otherwise is not made a part of a command.
    pub(super) fn repair(&self) -> String {
        let name = &self.name;
        match name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            true => format!(
                "to build it anew, on a copy of the database: sqlite3 COPY.db \"INSERT INTO {name}({name}) \
                 VALUES('rebuild')\""
            ),
            false => "to build it anew, use its command 'rebuild' on a copy of the database".to_owned(),
        }
    }
}

/// The full-text tables of a schema.
pub(super) fn of(entries: &[SchemaRow]) -> Vec<Search> {
    let search = |row: &SchemaRow| {
        let sql = row.sql.as_deref()?;
        let words: Vec<String> = sql.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        let is_search = words.windows(2).any(|pair| pair[0] == "using" && pair[1].starts_with("fts5"));
        is_search.then(|| Search { name: row.name.to_string(), content: content(sql) })
    };
    entries.iter().filter(|row| row.kind == "table").filter_map(search).collect()
}

/// The value of the option `content`; `None` where it is absent or empty.
fn content(sql: &str) -> Option<String> {
    let options = sql.split_once('(')?.1;
    options.split([',', ')']).find_map(|option| {
        let (key, value) = option.split_once('=')?;
        let value = value.trim().trim_matches(['\'', '"', '`', '[', ']']);
        (key.trim().eq_ignore_ascii_case("content") && !value.is_empty()).then(|| value.to_owned())
    })
}

/// Compares each index with its table; returns those that could not be, and why.
pub(super) fn check(image: &Image, searches: &[Search], faults: &Faults) -> Vec<(String, String)> {
    let external: Vec<_> =
        searches.iter().filter_map(|search| Some((search, search.content.as_ref()?))).collect();
    if external.is_empty() {
        return Vec::new();
    }
    let Some(connection) = open(image) else {
        let why = "not compared with its table, because SQLite cannot open a copy";
        return external.iter().map(|(search, _)| (search.name.clone(), why.to_owned())).collect();
    };
    let mut missed = Vec::new();
    for (search, content) in external {
        let name = search.name.replace('"', "\"\"");
        let ask = format!("INSERT INTO \"{name}\"(\"{name}\", rank) VALUES('integrity-check', 1)");
        match connection.execute(&ask, []) {
            Ok(_) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                let what = format!("it does not fit the texts in {content}; {}", search.repair());
                faults.add(Fault::new(Rule::SearchIndex, &search.name, 0, what));
            }
            Err(error) => missed.push((search.name.clone(), format!("not compared with {content}: {error}"))),
        }
    }
    missed
}

fn open(image: &Image) -> Option<Connection> {
    let copy = deep::copy(image)?;
    let mut connection = Connection::open_in_memory().ok()?;
    connection.deserialize_read_exact("main", &copy[..], copy.len(), false).ok()?;
    Some(connection)
}
