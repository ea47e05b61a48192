//! An export: a recovered database as SQL statements or as lines of JSON.

use std::io::{self, Write};
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::definition::quote;
use crate::digest::hex;

/// Why an export is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The new database cannot be read.
    #[error("cannot read the new database")]
    Read(#[from] rusqlite::Error),
    /// The output cannot be written.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
}

/// An entry of the schema that an export makes.
struct Object {
    kind: String,
    name: String,
    sql: String,
}

/// A table whose rows are exported, and its columns but for those that are computed.
struct Table {
    name: String,
    columns: Vec<String>,
    /// What its rowids are called, if no column has them and some name for them is free.
    rowid: Option<&'static str>,
}

/// Writes statements that make the database anew: tables, rows, and then what may forbid or change rows.
///
/// # Errors
/// When the database cannot be read or the output not be written.
pub fn export_sql(database: &Path, out: &mut dyn Write) -> Result<(), ExportError> {
    let connection = open(database)?;
    writeln!(out, "PRAGMA foreign_keys=OFF;")?;
    let encoding: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0))?;
    writeln!(out, "PRAGMA encoding='{encoding}';\nBEGIN TRANSACTION;")?;
    for name in ["user_version", "application_id"] {
        let number: i64 = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
        writeln!(out, "PRAGMA {name}={number};")?;
    }
    let objects = objects(&connection)?;
    let is_virtual = |object: &Object| object.sql.to_ascii_uppercase().starts_with("CREATE VIRTUAL");
    let tables = || objects.iter().filter(|object| object.kind == "table");
    for object in tables().filter(|object| !is_virtual(object) && !object.name.starts_with("sqlite_")) {
        writeln!(out, "{};", object.sql)?;
    }
    for object in tables().filter(|object| object.name.starts_with("sqlite_stat")).take(1) {
        writeln!(out, "ANALYZE sqlite_schema; -- for {}", object.name)?;
    }
    // SQLite counts rows in its own tables while others are filled, so these come last.
    for is_internal in [false, true] {
        let is_next =
            |object: &&Object| object.name.starts_with("sqlite_") == is_internal && !is_virtual(object);
        for object in tables().filter(is_next) {
            insert_rows(&connection, &object.name, &encoding, out)?;
        }
    }
    for kind in ["index", "trigger", "view"] {
        for object in objects.iter().filter(|object| object.kind == kind) {
            writeln!(out, "{};", object.sql)?;
        }
    }
    let mut searches = tables().filter(|object| is_virtual(object)).peekable();
    if searches.peek().is_some() {
        // Its tables are there already, so it must not make them.
        writeln!(out, "PRAGMA writable_schema=ON;")?;
        for object in searches {
            let (name, sql) = (text(&object.name), text(&object.sql));
            writeln!(out, "INSERT INTO sqlite_schema VALUES('table',{name},{name},0,{sql});")?;
        }
        writeln!(out, "PRAGMA writable_schema=OFF;")?;
    }
    writeln!(out, "COMMIT;")?;
    Ok(out.flush()?)
}

/// Writes every row as a line: `{"table": …, "rowid": …, "values": {…}}`. Blobs are `{"hex": …}`, and so are texts that
/// are not whole, as `{"text_hex": …}`; infinite numbers are `{"real": …}`.
///
/// # Errors
/// When the database cannot be read or the output not be written.
pub fn export_json_lines(database: &Path, out: &mut dyn Write) -> Result<(), ExportError> {
    let connection = open(database)?;
    for object in objects(&connection)?.iter().filter(|object| object.kind == "table") {
        let table = Table::of(&connection, &object.name)?;
        if table.columns.is_empty() || object.sql.to_ascii_uppercase().starts_with("CREATE VIRTUAL") {
            continue;
        }
        let names: Vec<String> = table.columns.iter().map(|name| json_text(name)).collect();
        let name = json_text(&table.name);
        let skipped = usize::from(table.rowid.is_some());
        table.each_row(&connection, &mut |row| {
            write!(out, "{{\"table\":{name}")?;
            if skipped == 1 {
                write!(out, ",\"rowid\":{}", json(row.get_ref(0)?))?;
            }
            write!(out, ",\"values\":{{")?;
            for (at, column) in names.iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                write!(out, "{comma}{column}:{}", json(row.get_ref(at + skipped)?))?;
            }
            Ok(writeln!(out, "}}}}")?)
        })?;
    }
    Ok(out.flush()?)
}

fn open(database: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// The schema as SQLite has it, in the order in which it was made.
fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut statement = connection
        .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?;
    let rows = statement
        .query_map([], |row| Ok(Object { kind: row.get(0)?, name: row.get(1)?, sql: row.get(2)? }))?;
    rows.collect()
}

fn insert_rows(
    connection: &Connection,
    name: &str,
    encoding: &str,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let table = Table::of(connection, name)?;
    if name.starts_with("sqlite_") {
        // SQLite has made it, and may have put rows into it.
        writeln!(out, "DELETE FROM {};", quote(name))?;
    }
    let mut columns: Vec<String> = table.rowid.iter().map(|name| (*name).to_owned()).collect();
    columns.extend(table.columns.iter().map(|name| quote(name)));
    let head = format!("INSERT INTO {}({}) VALUES(", quote(name), columns.join(","));
    table.each_row(connection, &mut |row| {
        out.write_all(head.as_bytes())?;
        for at in 0..columns.len() {
            let comma = if at == 0 { "" } else { "," };
            write!(out, "{comma}{}", literal(row.get_ref(at)?, encoding))?;
        }
        Ok(writeln!(out, ");")?)
    })
}

impl Table {
    fn of(connection: &Connection, name: &str) -> rusqlite::Result<Self> {
        let mut statement =
            connection.prepare("SELECT name, hidden, pk, type FROM pragma_table_xinfo(?1) ORDER BY cid")?;
        let found: Vec<(String, i64, i64, String)> = statement
            .query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect::<Result<_, _>>()?;
        let without_rowid: bool = connection.query_row(
            "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
            [name],
            |row| row.get(0),
        )?;
        let is_taken = |rowid: &&str| found.iter().any(|(name, ..)| name.eq_ignore_ascii_case(rowid));
        let has_index: bool = connection.query_row(
            "SELECT count(*) > 0 FROM pragma_index_list(?1) WHERE origin = 'pk'",
            [name],
            |row| row.get(0),
        )?;
        let keys: Vec<&str> = found.iter().filter(|column| column.2 > 0).map(|column| &*column.3).collect();
        // Such a column is the rowid.
        let is_alias = !has_index && matches!(keys[..], [kind] if kind.eq_ignore_ascii_case("INTEGER"));
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !is_taken(name));
        let rowid = rowid.filter(|_| !without_rowid && !is_alias);
        let columns = found.into_iter().filter(|column| column.1 == 0).map(|column| column.0).collect();
        Ok(Self { name: name.to_owned(), columns, rowid })
    }

    /// Visits the rows: the rowid, if it is no column, and the columns.
    fn each_row(
        &self,
        connection: &Connection,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let mut columns: Vec<String> = self.rowid.iter().map(|name| (*name).to_owned()).collect();
        columns.extend(self.columns.iter().map(|name| quote(name)));
        let sql = format!("SELECT {} FROM {} NOT INDEXED", columns.join(","), quote(&self.name));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            visit(row)?;
        }
        Ok(())
    }
}

/// A value as SQL that means exactly this value.
fn literal(value: ValueRef<'_>, encoding: &str) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        // The digits of the smallest number are no integer without their sign.
        ValueRef::Integer(i64::MIN) => "(-9223372036854775807-1)".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) if number.is_infinite() => {
            if number > 0.0 { "9.0e999" } else { "-9.0e999" }.to_owned()
        }
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(whole) if !whole.contains('\0') => text(whole),
            Ok(whole) => format!("CAST(x'{}' AS TEXT)", hex(&encoded(whole, encoding))),
            Err(_) => format!("CAST(x'{}' AS TEXT)", hex(bytes)),
        },
        ValueRef::Blob(bytes) => format!("x'{}'", hex(bytes)),
    }
}

/// Text as a database of this encoding stores it, which is what a cast takes bytes for.
fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "UTF-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "UTF-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn json_text(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A value as JSON that no other value has.
fn json(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) if number.is_finite() => format!("{number:?}"),
        ValueRef::Real(number) => format!("{{\"real\":\"{number}\"}}"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(whole) => json_text(whole),
            Err(_) => format!("{{\"text_hex\":\"{}\"}}", hex(bytes)),
        },
        ValueRef::Blob(bytes) => format!("{{\"hex\":\"{}\"}}", hex(bytes)),
    }
}
