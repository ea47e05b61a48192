//! The tables that were dropped, as far as deleted rows of the schema table tell.

use std::collections::HashSet;
use std::sync::Arc;

use memchr::memmem;

use super::CarvedRow;
use super::found::{Found, Room};
use super::history::History;
use super::live::{Live, Owner};
use super::page::Scan;
use crate::sqlite::schema::SchemaRow;

/// The most deleted rows of the schema that are looked at.
const MOST: usize = 4096;
/// How a statement that makes a table begins, in each encoding.
const CREATE: [&[u8]; 3] =
    [b"CREATE TABLE", b"C\0R\0E\0A\0T\0E\0 \0T\0A\0B\0L\0E\0", b"\0C\0R\0E\0A\0T\0E\0 \0T\0A\0B\0L\0E"];

/// The rows of the schema that described tables and are there no more.
pub(super) fn schema_rows(live: &Live, history: &History) -> Vec<SchemaRow> {
    // What cannot be read is reported when all pages are searched.
    let mut scan = Scan::new(live, history);
    let mut bytes = Vec::new();
    for page in 1..=live.pages() {
        let is_likely = match live.owner(page) {
            Owner::Table(0) => true,
            Owner::Nothing | Owner::Trunk(_) => {
                history.image.read(page, &mut bytes).is_ok() && creates(&bytes)
            }
            _ => false,
        };
        if is_likely {
            scan.current(page);
        }
    }
    for old in &history.older {
        bytes.resize(history.image.geometry().page_size as usize, 0);
        if old.file.read_at(old.offset, &mut bytes).is_ok() && creates(&bytes) {
            scan.older(old);
        }
    }
    let mut found = Found::new(Room { rows: MOST, bytes: 1 << 26 });
    scan.rows.into_iter().for_each(|row| found.take(row));
    let mut seen = HashSet::new();
    let rows = found.into_rows().into_iter().filter_map(|row| schema_row(&row));
    rows.filter(|row| seen.insert((Arc::clone(&row.name), row.root, row.sql.clone()))).collect()
}

fn creates(bytes: &[u8]) -> bool {
    CREATE.iter().any(|start| memmem::find(bytes, start).is_some())
}

fn schema_row(row: &CarvedRow) -> Option<SchemaRow> {
    use rusqlite::types::Value;
    let [Value::Text(kind), Value::Text(name), Value::Text(table), Value::Integer(root), Value::Text(sql)] =
        &row.values[..]
    else {
        return None;
    };
    (kind == "table").then(|| SchemaRow {
        rowid: row.rowid.unwrap_or(0),
        kind: kind.clone(),
        name: Arc::from(&name[..]),
        table: table.clone(),
        root: u32::try_from(*root).unwrap_or(0),
        sql: Some(sql.clone()),
    })
}
