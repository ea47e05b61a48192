//! A scrub: a database in memory with cells edited, and without the free pages and old cells that would keep them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, MAIN_DB};

/// The new content of a cell, which is text or not; `None` where it stays.
pub type Edit = dyn Fn(&[u8], bool) -> Option<Vec<u8>> + Send + Sync;

/// Larger databases are not scrubbed: they would have to fit into memory three times.
const MAX_BYTES: usize = 64 << 20;
/// Steps of the virtual machine between two looks at how many there were.
const STEPS: i32 = 1 << 20;
/// After so many looks the database is given up.
const LOOKS: u32 = 4096;

/// Whether the bytes begin as a database does (1.3).
#[must_use]
pub fn is_database(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SQLite format 3\0")
}

/// The database with edited cells, vacuumed; `None` when none was edited, or SQLite finds the result or the database
/// unsound. Neither triggers nor functions of the schema run.
#[must_use]
pub fn scrubbed(bytes: &[u8], edit: Arc<Edit>) -> Option<Vec<u8>> {
    if bytes.len() > MAX_BYTES || !is_database(bytes) {
        return None;
    }
    let mut copy = bytes.to_vec();
    // A database with a write-ahead log (1.3.3) cannot be opened in memory; it gets its mark back below.
    let versions = [*copy.get(18)?, *copy.get(19)?];
    copy.get_mut(18..20)?.fill(1);
    let mut clean = edited(&copy, edit).ok()??;
    clean.get_mut(18..20)?.copy_from_slice(&versions);
    Some(clean)
}

fn edited(bytes: &[u8], edit: Arc<Edit>) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut connection = Connection::open_in_memory()?;
    connection.deserialize_read_exact(MAIN_DB, bytes, bytes.len(), false)?;
    for (option, value) in [
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false),
    ] {
        connection.set_db_config(option, value)?;
    }
    let looks = AtomicU32::new(0);
    connection.progress_handler(STEPS, Some(move || looks.fetch_add(1, Ordering::Relaxed) > LOOKS))?;
    define(&connection, edit)?;
    let mut changed = 0;
    for (table, column) in columns(&connection)? {
        let (table, column) = (quoted(&table), quoted(&column));
        let update =
            format!("UPDATE {table} SET {column} = kbsec_edit({column}) WHERE kbsec_edits({column})");
        changed += connection.execute(&update, [])?;
    }
    if changed == 0 {
        return Ok(None);
    }
    connection.execute_batch("VACUUM")?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(None);
    }
    Ok(Some(connection.serialize(MAIN_DB)?.to_vec()))
}

/// The functions of SQL that edit a cell, and tell whether it needs that.
fn define(connection: &Connection, edit: Arc<Edit>) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let (asks, edits) = (AssertUnwindSafe(Arc::clone(&edit)), AssertUnwindSafe(edit));
    connection.create_scalar_function("kbsec_edits", 1, flags, move |cell: &mut Context<'_>| {
        Ok(new_content(&**asks, cell.get_raw(0)).is_some())
    })?;
    connection.create_scalar_function("kbsec_edit", 1, flags, move |cell: &mut Context<'_>| {
        let old = cell.get_raw(0);
        Ok(match (new_content(&**edits, old), old) {
            (Some(new), ValueRef::Text(_)) => Value::Text(String::from_utf8_lossy(&new).into_owned()),
            (Some(new), _) => Value::Blob(new),
            (None, old) => old.try_into()?,
        })
    })
}

fn new_content(edit: &Edit, cell: ValueRef<'_>) -> Option<Vec<u8>> {
    match cell {
        ValueRef::Text(bytes) => edit(bytes, true),
        ValueRef::Blob(bytes) => edit(bytes, false),
        _ => None,
    }
}

/// Every column of every table that holds its own rows and can be written.
fn columns(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare(
        "SELECT tables.name, columns.name FROM pragma_table_list AS tables, pragma_table_xinfo(tables.name) AS columns \
         WHERE tables.schema = 'main' AND tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' \
         AND columns.hidden = 0 ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(sql: &str) -> Vec<u8> {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(sql).unwrap();
        connection.serialize(MAIN_DB).unwrap().to_vec()
    }

    fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
        let edit = |cell: &[u8], _: bool| {
            let text = String::from_utf8_lossy(cell);
            text.contains("hunter2").then(|| text.replace("hunter2", "gone").into_bytes())
        };
        scrubbed(bytes, Arc::new(edit))
    }

    fn holds(bytes: &[u8]) -> bool {
        bytes.windows(7).any(|part| part == b"hunter2")
    }

    #[test]
    fn rows_indexes_and_free_pages_lose_the_value_and_other_cells_stay() {
        let rows: String =
            (0..500).map(|row| format!("INSERT INTO t VALUES('hunter2 {row}', {row});")).collect();
        let bytes = database(&format!(
            "CREATE TABLE t(a TEXT, b); CREATE INDEX i ON t(a); CREATE TABLE \"w\"\"x\"(k TEXT PRIMARY KEY) WITHOUT ROWID; \
             CREATE TABLE log(m); CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log VALUES('ran'); END; \
             INSERT INTO \"w\"\"x\" VALUES('hunter2'); {rows} DELETE FROM t WHERE b > 100;"
        ));
        assert!(holds(&bytes));
        let clean = clean(&bytes).unwrap();
        assert!(!holds(&clean));
        let mut connection = Connection::open_in_memory().unwrap();
        connection.deserialize_read_exact(MAIN_DB, &clean[..], clean.len(), true).unwrap();
        let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(text("PRAGMA integrity_check"), "ok");
        assert_eq!(text("SELECT count(*) || min(a) || sum(b) FROM t"), "101gone 05050");
        assert_eq!(text("SELECT k || (SELECT count(*) FROM log) FROM \"w\"\"x\""), "gone0");
    }

    #[test]
    fn what_is_no_sound_database_or_has_nothing_to_edit_is_left_alone() {
        assert_eq!(clean(b"SQLite format 3\0"), None);
        assert_eq!(clean(b"hunter2"), None);
        assert_eq!(clean(&database("CREATE TABLE t(a); INSERT INTO t VALUES('other');")), None);
        let unique = database("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES('hunter2'), ('gone');");
        assert_eq!(clean(&unique), None);
    }
}
