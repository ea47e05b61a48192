//! The meaning of one statement, as SQLite tells it.

use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Affinity, Collation, Column, Field, Index, SchemaRow, Source, Table};

/// The table that a row describes; `None` for a virtual one.
pub(super) fn table(row: &SchemaRow) -> Result<Option<Table>, String> {
    let sql = statement(row)?;
    if begins(&sql, &["CREATE", "VIRTUAL"]) {
        return Ok(None);
    }
    let scratch = scratch(&sql)?;
    agrees(&scratch, row)?;
    read_table(&scratch, row).map(Some).map_err(|error| error.to_string())
}

/// The index that a row describes; `made` is the row of its table.
pub(super) fn index(row: &SchemaRow, made: &SchemaRow, number: usize) -> Result<Index, String> {
    let scratch = scratch(&statement(made)?)?;
    if let Some(sql) = &row.sql {
        if !begins(sql, &["CREATE"]) {
            return Err("its statement does not begin with CREATE".into());
        }
        scratch.execute(sql, []).map_err(|error| error.to_string())?;
        agrees(&scratch, row)?;
    } else if !is_name_of_constraint(row) {
        return Err("it has no statement, and no name of an index that SQLite made itself".into());
    }
    read_index(&scratch, row, number).map_err(|error| error.to_string())
}

/// Whether an index has a name that SQLite gives to those of constraints.
fn is_name_of_constraint(row: &SchemaRow) -> bool {
    let start = format!("sqlite_autoindex_{}_", row.table).to_lowercase();
    let name = row.name.to_lowercase();
    name.strip_prefix(&start).is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Checks the row of a view or a trigger; `owner` is the row of the table or view that a trigger belongs to.
pub(super) fn other(row: &SchemaRow, owner: Option<&SchemaRow>) -> Result<(), String> {
    if !matches!(&row.kind[..], "view" | "trigger") {
        return Err(format!("{:?} is no type of a schema row", row.kind));
    }
    let sql = statement(row)?;
    let scratch = match (&row.kind[..], owner) {
        ("view", _) => scratch(&sql)?,
        (_, None) => return Err(format!("its table {} is not there", row.table)),
        (_, Some(owner)) => {
            let owner_sql = statement(owner)?;
            // What makes a virtual table may need a module that is not there.
            if begins(&owner_sql, &["CREATE", "VIRTUAL"]) {
                return Ok(());
            }
            let scratch = scratch(&owner_sql)?;
            scratch.execute(&sql, []).map_err(|error| error.to_string())?;
            scratch
        }
    };
    agrees(&scratch, row)
}

/// Whether the statement made what the row says it is.
fn agrees(scratch: &Connection, row: &SchemaRow) -> Result<(), String> {
    let plain = |name: &str| name.trim_start_matches("kbsec_").to_owned();
    let mut statement = scratch
        .prepare("SELECT type, name, tbl_name FROM sqlite_schema")
        .map_err(|error| error.to_string())?;
    let made = statement.query_map([], |made| Ok((made.get(0)?, made.get(1)?, made.get(2)?)));
    let made: Vec<(String, String, String)> =
        made.and_then(Iterator::collect).map_err(|error| error.to_string())?;
    let same = |one: &str, other: &str| one == other || plain(one).eq_ignore_ascii_case(&plain(other));
    let fits = made
        .iter()
        .any(|(kind, name, table)| *kind == row.kind && same(name, &row.name) && same(table, &row.table));
    if fits { Ok(()) } else { Err("its statement makes something of another name".into()) }
}

/// The statement; SQLite's own tables have names that nobody else may give.
fn statement(row: &SchemaRow) -> Result<String, String> {
    let sql = row.sql.as_deref().ok_or("it has no statement")?;
    if !begins(sql, &["CREATE"]) {
        return Err("its statement does not begin with CREATE".into());
    }
    // SQLite does not mind the case of letters in names.
    let place = sql.to_ascii_lowercase().find("sqlite_").filter(|_| row.is_of_sqlite());
    Ok(place.map_or_else(|| sql.to_owned(), |at| format!("{}kbsec_{}", &sql[..at], &sql[at..])))
}

fn begins(sql: &str, words: &[&str]) -> bool {
    let found = sql.split_ascii_whitespace().take(words.len());
    found.map(str::to_ascii_uppercase).eq(words.iter().map(|word| (*word).to_owned()))
}

/// A database in memory with what the statement makes. Collations and functions that are not known here compare and
/// return anything: nothing is ever sorted or computed by them.
fn scratch(sql: &str) -> Result<Connection, String> {
    let told = |error: rusqlite::Error| error.to_string();
    let scratch = Connection::open_in_memory().map_err(told)?;
    scratch
        .collation_needed(|connection, name| {
            connection.create_collation(name, |one: &str, other: &str| one.cmp(other))
        })
        .map_err(told)?;
    let mut prepared = scratch.prepare(sql).map_err(told)?;
    prepared.execute([]).map_err(told)?;
    drop(prepared);
    Ok(scratch)
}

fn read_table(scratch: &Connection, row: &SchemaRow) -> rusqlite::Result<Table> {
    let name: String = scratch.query_row(
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 1",
        [],
        |found| found.get(0),
    )?;
    let (without_rowid, is_strict): (bool, bool) = scratch.query_row(
        "SELECT wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
        [&name],
        |found| Ok((found.get(0)?, found.get(1)?)),
    )?;
    let mut statement = scratch.prepare(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid",
    )?;
    let told = statement.query_map([&name], |found| {
        Ok(Told {
            name: found.get(0)?,
            declared: found.get(1)?,
            not_null: found.get(2)?,
            default: found.get(3)?,
            key: found.get(4)?,
            hidden: found.get(5)?,
        })
    })?;
    let told: Vec<Told> = told.collect::<Result<_, _>>()?;
    let keyed: Option<String> = scratch
        .query_row("SELECT name FROM pragma_index_list(?1) WHERE origin = 'pk'", [&name], |found| {
            found.get(0)
        })
        .ok();
    let mut columns: Vec<Column> = told.iter().map(|told| told.column(scratch)).collect();
    let is_checked = is_strict || columns.iter().any(is_computed);
    if is_strict {
        // Only SQLite knows the types of such a table.
        columns.iter_mut().for_each(|column| column.affinity = Affinity::Blob);
    }
    let keys = told.iter().filter(|told| told.key > 0).count();
    let alias = told.iter().position(|told| told.key > 0 && told.declared.eq_ignore_ascii_case("INTEGER"));
    let fields = match keyed.as_deref().filter(|_| without_rowid) {
        Some(index) => read_fields(scratch, index)?,
        None => Vec::new(),
    };
    let sql = row.sql.as_deref().unwrap_or_default().to_ascii_uppercase();
    Ok(Table {
        name: Arc::clone(&row.name),
        root: row.root,
        stored: stored(&columns, &fields),
        has_checks: sql.contains("CHECK") || is_checked,
        columns,
        without_rowid,
        rowid_alias: alias.filter(|_| keys == 1 && keyed.is_none() && !without_rowid),
        key: fields.into_iter().filter(|field| field.is_key).collect(),
        has_references: sql.contains("REFERENCES"),
    })
}

/// Whether there is a condition for values that stand nowhere.
fn is_computed(column: &Column) -> bool {
    column.is_virtual && (column.not_null || column.affinity != Affinity::Blob)
}

/// The order of the values in a record: keys come first in a table without rowids.
fn stored(columns: &[Column], key: &[Field]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let keys = key.iter().filter(|field| field.is_key).filter_map(|field| match field.source {
        Source::Column(column) => Some(column),
        _ => None,
    });
    for column in keys.chain(0..columns.len()) {
        if !order.contains(&column) && columns.get(column).is_some_and(|column| !column.is_virtual) {
            order.push(column);
        }
    }
    order
}

/// A row of `pragma_table_xinfo`.
struct Told {
    name: String,
    declared: String,
    not_null: bool,
    default: Option<String>,
    key: u32,
    /// 2 for a generated column, 3 for one that is stored too.
    hidden: u32,
}

impl Told {
    fn column(&self, scratch: &Connection) -> Column {
        let default = self.default.as_ref().and_then(|text| default(scratch, &self.declared, text));
        Column {
            name: self.name.clone(),
            not_null: self.not_null,
            is_virtual: self.hidden == 2,
            affinity: Affinity::of(&self.declared),
            declared: self.declared.clone(),
            default: default.unwrap_or(Value::Null),
        }
    }
}

/// A default as a column of this type stores it.
fn default(scratch: &Connection, declared: &str, text: &str) -> Option<Value> {
    let quoted = declared.replace('"', "\"\"");
    let kind = if declared.is_empty() { String::new() } else { format!("\"{quoted}\"") };
    scratch.execute_batch("DROP TABLE IF EXISTS temp.kbsec_default").ok()?;
    scratch.execute(&format!("CREATE TEMP TABLE kbsec_default(x {kind})"), []).ok()?;
    scratch.execute(&format!("INSERT INTO temp.kbsec_default SELECT {text}"), []).ok()?;
    scratch.query_row("SELECT x FROM temp.kbsec_default", [], |row| row.get(0)).ok()
}

fn read_index(scratch: &Connection, row: &SchemaRow, number: usize) -> rusqlite::Result<Index> {
    // An index of a constraint is numbered as in the real database, whatever its table is called here.
    let ending = row.name.rsplit('_').next().unwrap_or_default().to_owned();
    let (name, unique, partial): (String, bool, bool) = scratch.query_row(
        "SELECT l.name, l.\"unique\", l.partial FROM sqlite_schema AS s, pragma_index_list(s.tbl_name) AS l
         WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
           AND (l.name = ?1 COLLATE NOCASE OR ?2 AND l.name LIKE 'sqlite\\_autoindex\\_%' ESCAPE '\\' AND l.name LIKE '%\\_' || ?3 ESCAPE '\\')
         LIMIT 1",
        rusqlite::params![&*row.name, row.sql.is_none(), ending],
        |found| Ok((found.get(0)?, found.get(1)?, found.get(2)?)),
    )?;
    let fields = read_fields(scratch, &name)?;
    let name = Arc::clone(&row.name);
    Ok(Index { name, table: number, root: row.root, unique, partial, fields })
}

fn read_fields(scratch: &Connection, index: &str) -> rusqlite::Result<Vec<Field>> {
    let mut statement =
        scratch.prepare("SELECT cid, \"desc\", coll, key FROM pragma_index_xinfo(?1) ORDER BY seqno")?;
    let fields = statement.query_map([index], |row| {
        let column: i64 = row.get(0)?;
        let collation: Option<String> = row.get(2)?;
        Ok(Field {
            source: match column {
                -1 => Source::Rowid,
                column => usize::try_from(column).map_or(Source::Expression, Source::Column),
            },
            descending: row.get(1)?,
            collation: match collation.unwrap_or_default().to_ascii_uppercase().as_str() {
                "BINARY" | "" => Collation::Binary,
                "NOCASE" => Collation::NoCase,
                "RTRIM" => Collation::RTrim,
                _ => Collation::Unknown,
            },
            is_key: row.get(3)?,
        })
    })?;
    fields.collect()
}
