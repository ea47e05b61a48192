//! The new database: made beside its target, filled with rows as they are stored, and renamed when it is whole.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use rayon::prelude::*;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement};

use super::super::header::Encoding;
use super::super::record::{Record, Value};
use super::definition::{Definition, quote};
use super::finish;
use super::forest::Tree;
use super::foundation::Foundation;
use super::leaf::{Method, Reader, Row};
use super::quarantine::{QUARANTINE, Sources, put_aside, quarantine};
use super::{Options, Outcome, Plan, RecoverError, TableOutcome};

/// Pages that are read before their rows are written.
const WINDOW: usize = 128;

/// Removes an unfinished file.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is gone already if all went well.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes everything.
pub(super) fn write(
    reader: &Reader<'_>,
    plan: &Plan,
    foundation: &Foundation,
    options: &Options,
    outcome: &mut Outcome,
) -> Result<(), RecoverError> {
    let failed = |cause| RecoverError::Target { path: options.target.clone(), cause };
    let mut name = options.target.clone().into_os_string();
    name.push(".unfinished");
    let path = PathBuf::from(name);
    OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    let unfinished = Unfinished(path);
    fill(&unfinished.0, reader, plan, foundation, outcome)?;
    File::open(&unfinished.0).and_then(|file| file.sync_all()).map_err(failed)?;
    // Unlike a rename, a link never replaces a file that appeared meanwhile.
    std::fs::hard_link(&unfinished.0, &options.target).map_err(failed)?;
    Ok(())
}

fn fill(
    path: &Path,
    reader: &Reader<'_>,
    plan: &Plan,
    foundation: &Foundation,
    outcome: &mut Outcome,
) -> rusqlite::Result<()> {
    let connection = open(path, plan, foundation)?;
    let staged = finish::stage(&connection, plan, outcome)?;
    let mut quarantine = quarantine(&connection)?;
    for (definition, tree) in &plan.tables {
        if !staged.contains(&definition.name) {
            continue;
        }
        let mut table = Writer::new(&connection, definition, foundation.encoding, &mut quarantine)?;
        table.fill(reader, tree)?;
        table.outcome.estimate(tree);
        outcome.tables.push(table.outcome);
    }
    let strays = Definition::plain("", 0, 1);
    for (page, why) in &plan.strays {
        for mut row in reader.rows(*page, (i64::MIN, i64::MAX), Method::Orphan, true).0 {
            row.doubt.get_or_insert_with(|| why.clone());
            put_aside(&mut quarantine, &strays, &row, foundation.encoding)?;
        }
    }
    drop(quarantine);
    // From here on statements may fail and must leave no trace.
    connection.execute_batch("COMMIT; PRAGMA journal_mode = MEMORY")?;
    let sources = Sources { reader, plan, encoding: foundation.encoding };
    finish::complete(connection, path, &sources, outcome)
}

fn open(path: &Path, plan: &Plan, foundation: &Foundation) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    let vacuum = match (plan.header.largest_root(), plan.header.incremental_vacuum()) {
        (0, _) => 0,
        (_, 0) => 1,
        _ => 2,
    };
    connection.execute_batch(&format!(
        "PRAGMA page_size = {}; PRAGMA encoding = '{}'; PRAGMA auto_vacuum = {vacuum}; PRAGMA journal_mode = OFF;
         PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA cache_size = -131072; PRAGMA threads = 4; PRAGMA temp_store = MEMORY; BEGIN;
         PRAGMA user_version = {}; PRAGMA application_id = {};
         CREATE TABLE {QUARANTINE}(table_name TEXT, rowid_value INTEGER, page INTEGER, byte_offset INTEGER,
           method TEXT, confidence REAL, reason TEXT, \"values\" TEXT, record BLOB);",
        foundation.geometry.page_size,
        foundation.encoding.name(),
        plan.header.user_version().cast_signed(),
        plan.header.application_id().cast_signed(),
    ))?;
    Ok(connection)
}

/// Writes the rows of one table.
struct Writer<'a, 'q> {
    insert: Statement<'a>,
    definition: &'a Definition,
    encoding: Encoding,
    quarantine: &'a mut Statement<'q>,
    outcome: TableOutcome,
}

impl<'a, 'q> Writer<'a, 'q> {
    fn new(
        connection: &'a Connection,
        definition: &'a Definition,
        encoding: Encoding,
        quarantine: &'a mut Statement<'q>,
    ) -> rusqlite::Result<Self> {
        let width = definition.fields.len();
        let value = |field: usize| match encoding {
            Encoding::Utf8 => format!("?{field}"),
            // Text that is bound is converted; bytes that are called text are not.
            _ => format!("CASE WHEN ?{} THEN CAST(?{field} AS TEXT) ELSE ?{field} END", field + width),
        };
        let mut values: Vec<String> = (1..=width).map(value).collect();
        let mut names: Vec<String> = (0..width).map(|field| format!("c{field}")).collect();
        if definition.name.starts_with("sqlite_") {
            names = finish::internal_columns(&definition.name);
        }
        if !definition.without_rowid {
            names.push("rowid".to_owned());
            values.push(format!("?{}", 2 * width + 1));
        }
        let (names, values) = (names.join(", "), values.join(", "));
        let insert = connection
            .prepare(&format!("INSERT INTO {}({names}) VALUES ({values})", quote(&definition.name)))?;
        let outcome = TableOutcome {
            name: definition.name.clone(),
            repaired: definition.repaired.clone(),
            ..TableOutcome::default()
        };
        Ok(Self { insert, definition, encoding, quarantine, outcome })
    }

    fn fill(&mut self, reader: &Reader<'_>, tree: &Tree) -> rusqlite::Result<()> {
        self.outcome.lost_pages = tree.lost.clone();
        let is_table = !self.definition.is_keyed;
        let places = tree.in_order();
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<Vec<(u32, Vec<Row>, u64)>>(2);
            scope.spawn(move || {
                for window in places.chunks(WINDOW) {
                    let rows = window.par_iter().map(|place| {
                        let (rows, missing) = reader.rows(place.page, place.bounds, place.method(), is_table);
                        (place.page, rows, missing)
                    });
                    // The writer hangs up when it fails.
                    if sender.send(rows.collect()).is_err() {
                        return;
                    }
                }
            });
            for (page, rows, missing) in receiver.iter().flatten() {
                rows.into_iter().try_for_each(|row| self.put(row))?;
                if missing > 0 {
                    self.outcome.missing_rows += missing;
                    self.outcome.partial_pages.push(page);
                }
            }
            Ok(())
        })
    }

    fn put(&mut self, mut row: Row) -> rusqlite::Result<()> {
        if row.doubt.is_none() {
            row.doubt = self.misfit(&row.record);
        }
        if row.doubt.is_some() {
            self.outcome.doubtful += 1;
            return put_aside(self.quarantine, self.definition, &row, self.encoding);
        }
        self.bind(&row)?;
        match self.insert.raw_execute() {
            Ok(_) => {
                self.outcome.recovered += 1;
                *self.outcome.methods.entry(row.method.name()).or_default() += 1;
                Ok(())
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                if row.method != Method::Tree {
                    self.outcome.duplicates += 1;
                    return Ok(());
                }
                row.doubt = Some("another row has its key".to_owned());
                self.outcome.doubtful += 1;
                put_aside(self.quarantine, self.definition, &row, self.encoding)
            }
            Err(error) => Err(error),
        }
    }

    /// Why a record cannot be one of this table.
    fn misfit(&self, record: &[u8]) -> Option<String> {
        let record = Record::parse(record).ok()?;
        let width = self.definition.fields.len();
        if record.len() > width {
            return Some(format!("it has {} values, and the table has {width}", record.len()));
        }
        let odd = |value| matches!(value, Value::Text(text) if text.len() % 2 == 1);
        let cut = self.encoding != Encoding::Utf8 && record.values().flatten().any(odd);
        cut.then(|| "one of its texts ends inside a character".to_owned())
    }

    fn bind(&mut self, row: &Row) -> rusqlite::Result<()> {
        let width = self.definition.fields.len();
        let parsed = Record::parse(&row.record);
        let mut values = parsed.iter().flat_map(Record::values).flatten();
        for (at, field) in self.definition.fields.iter().enumerate() {
            let value = values.next();
            let is_text = matches!(value, Some(Value::Text(_)));
            let bound = match value {
                Some(value) => stored(value, self.encoding),
                None => default(&field.default),
            };
            self.insert.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(bound))?;
            if self.encoding != Encoding::Utf8 {
                self.insert.raw_bind_parameter(at + 1 + width, is_text)?;
            }
        }
        if !self.definition.without_rowid {
            // SQLite numbers rows that have no number.
            let rowid = (!self.definition.is_keyed).then_some(row.rowid);
            self.insert.raw_bind_parameter(2 * width + 1, rowid)?;
        }
        Ok(())
    }
}

fn stored(value: Value<'_>, encoding: Encoding) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Integer(number) => ValueRef::Integer(number),
        Value::Real(number) => ValueRef::Real(number),
        Value::Text(text) if encoding == Encoding::Utf8 => ValueRef::Text(text),
        Value::Text(bytes) | Value::Blob(bytes) => ValueRef::Blob(bytes),
    }
}

fn default(value: &Owned) -> ValueRef<'_> {
    ValueRef::from(value)
}
