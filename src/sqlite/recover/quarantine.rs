//! The quarantine: a table of the new database for rows that cannot be believed, each with the reason.

use rusqlite::{Connection, Statement};

use super::super::header::Encoding;
use super::super::record::{Record, Value};
use super::Plan;
use super::definition::Definition;
use super::leaf::{Method, Reader, Row};
use crate::digest::hex;

/// Where doubtful rows go.
pub(super) const QUARANTINE: &str = "kbsec_quarantine";

/// Where rows come from.
pub(super) struct Sources<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) plan: &'a Plan,
    pub(super) encoding: Encoding,
}

/// The statement that [`put_aside`] needs.
pub(super) fn quarantine(connection: &Connection) -> rusqlite::Result<Statement<'_>> {
    connection.prepare(&format!("INSERT INTO {QUARANTINE} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"))
}

/// Writes a row to the quarantine.
pub(super) fn put_aside(
    quarantine: &mut Statement<'_>,
    table: &Definition,
    row: &Row,
    encoding: Encoding,
) -> rusqlite::Result<()> {
    let values: Vec<String> = Record::parse(&row.record).map_or(Vec::new(), |record| {
        record.values().map_while(Result::ok).map(|value| json(value, encoding)).collect()
    });
    let rowid = (!table.is_keyed).then_some(row.rowid);
    let confidence = if row.method == Method::Tree { 0.5 } else { 0.3 };
    let name = (!table.name.is_empty()).then_some(&table.name);
    let values = format!("[{}]", values.join(","));
    let about = (name, rowid, row.page, row.offset as i64, row.method.name());
    quarantine.execute(rusqlite::params![
        about.0, about.1, about.2, about.3, about.4, confidence, row.doubt, values, row.record
    ])?;
    Ok(())
}

/// A value for people to read; the record beside it has its bytes.
fn json(value: Value<'_>, encoding: Encoding) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) if number.is_finite() => format!("{number:?}"),
        Value::Real(number) => format!("\"{number}\""),
        Value::Text(text) => serde_json::Value::String(encoding.decode(text).0).to_string(),
        Value::Blob(blob) => format!("{{\"blob\":\"{}\"}}", hex(blob)),
    }
}
