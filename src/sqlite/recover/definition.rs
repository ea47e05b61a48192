//! A definition: what a table is called, how its records are laid out, and the text that makes it.

use rusqlite::Connection;

use super::super::header::Encoding;
use super::super::record::{Record, Value};
use super::survey::class;

/// One row of the schema table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) table: String,
    pub(super) root: u32,
    pub(super) sql: Option<String>,
}

/// A table that has records of its own.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) root: u32,
    pub(super) without_rowid: bool,
    /// Whether its records are in a tree without rowids.
    pub(super) is_keyed: bool,
    /// The values of a record, in its order.
    pub(super) fields: Vec<Field>,
    /// How many of the first fields are the key of a table WITHOUT ROWID.
    pub(super) keys: usize,
    /// Why the text is not the one in the schema.
    pub(super) repaired: Option<String>,
}

/// One value of a record.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The classes of values that it may have.
    pub(super) allowed: u8,
    /// Those that it mostly has.
    pub(super) usual: u8,
    /// How a key is ordered, as SQL.
    pub(super) order: String,
    /// What a record that lacks it means.
    pub(super) default: rusqlite::types::Value,
}

impl Entry {
    /// The entry in a record of the schema table.
    pub(super) fn read(record: &[u8], encoding: Encoding) -> Option<Self> {
        let record = Record::parse(record).ok()?;
        let values: Vec<Value<'_>> = record.values().collect::<Result<_, _>>().ok()?;
        let [kind, name, table, root, sql] = values[..] else { return None };
        let text = |value| match value {
            Value::Text(bytes) => Some(encoding.decode(bytes).0),
            _ => None,
        };
        let kind = text(kind).filter(|kind| matches!(&kind[..], "table" | "index" | "view" | "trigger"))?;
        let root = match root {
            Value::Integer(root) => u32::try_from(root).unwrap_or(0),
            _ => 0,
        };
        Some(Self { kind, name: text(name)?, table: text(table)?, root, sql: text(sql) })
    }

    /// Whether it is a table that keeps its rows in tables of other names.
    pub(super) fn is_virtual(&self) -> bool {
        let sql = self.sql.as_deref().unwrap_or_default();
        self.kind == "table" && words(sql).take(2).eq(["CREATE", "VIRTUAL"])
    }
}

fn words(sql: &str) -> impl Iterator<Item = String> + '_ {
    sql.split_ascii_whitespace().map(str::to_ascii_uppercase)
}

impl Definition {
    /// Asks SQLite what the text of a table means.
    ///
    /// # Errors
    /// What SQLite says against the text.
    pub(super) fn of(entry: &Entry) -> Result<Self, String> {
        if let Some(known) = internal(entry) {
            return Ok(known);
        }
        let sql = entry.sql.as_deref().unwrap_or_default();
        if !words(sql).take(2).eq(["CREATE", "TABLE"]) {
            return Err("its text does not begin with CREATE TABLE".to_owned());
        }
        Self::ask(entry, sql).map_err(|error| error.to_string())
    }

    fn ask(entry: &Entry, sql: &str) -> rusqlite::Result<Self> {
        let scratch = Connection::open_in_memory()?;
        scratch.prepare(sql)?.execute([])?;
        // A damaged text may name another table.
        let name: String = scratch.query_row(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            [],
            |row| row.get(0),
        )?;
        let without_rowid: bool =
            scratch
                .query_row("SELECT wr FROM pragma_table_list WHERE name = ?1", [&name], |row| row.get(0))?;
        let keyed: Option<String> = scratch
            .query_row("SELECT name FROM pragma_index_list(?1) WHERE origin = 'pk'", [&name], |row| {
                row.get(0)
            })
            .ok();
        let columns = columns(&scratch, &name, keyed.is_none())?;
        let (fields, keys) = match keyed.filter(|_| without_rowid) {
            Some(index) => key_order(&scratch, &index, &columns)?,
            None => (columns.into_iter().flatten().collect(), 0),
        };
        let (sql, root, is_keyed) = (sql.to_owned(), entry.root, without_rowid);
        Ok(Self { name, sql, root, without_rowid, is_keyed, fields, keys, repaired: None })
    }

    /// A table of so many columns without types, for records of which nothing else is known.
    pub(super) fn plain(name: &str, root: u32, width: usize) -> Self {
        let columns: Vec<String> = (1..=width.max(1)).map(|column| format!("column_{column}")).collect();
        let sql = format!("CREATE TABLE {}({})", quote(name), columns.join(", "));
        let fields = columns.iter().map(|_| Field::any()).collect();
        Self {
            name: name.to_owned(),
            sql,
            root,
            without_rowid: false,
            is_keyed: false,
            fields,
            keys: 0,
            repaired: None,
        }
    }

    /// A table of which nothing is known but the classes of values that each column has.
    pub(super) fn inferred(name: &str, seen: &[u8], has_rowids: bool) -> Self {
        let mut plain = Self::plain(name, 0, seen.len());
        let column = |(at, seen): (usize, &u8)| {
            let kind = match *seen & !class::NULL {
                // Every record has NULL where the column is the rowid.
                0 if at == 0 && has_rowids && *seen == class::NULL => " INTEGER PRIMARY KEY",
                class::INTEGER => " INTEGER",
                class::REAL => " REAL",
                class::TEXT => " TEXT",
                class::BLOB => " BLOB",
                // A type would change values of another one.
                _ => "",
            };
            format!("column_{}{kind}", at + 1)
        };
        let columns: Vec<String> = seen.iter().enumerate().map(column).collect();
        plain.sql = format!("CREATE TABLE {}({})", quote(name), columns.join(", "));
        plain.is_keyed = !has_rowids;
        plain
    }

    /// The definition with those columns whose text is whole; `width` is the most values that a record has, and
    /// `is_null` tells of columns without any. `None` if the columns cannot be told apart.
    pub(super) fn repair(entry: &Entry, width: usize, is_null: &dyn Fn(usize) -> bool) -> Option<Self> {
        let sql = entry.sql.as_deref()?;
        let body = sql.split_once(&entry.name)?.1.trim_end().strip_suffix(')')?;
        let scratch = Connection::open_in_memory().ok()?;
        let mut columns = Vec::new();
        for piece in split(body) {
            let alone = format!("CREATE TABLE t({piece})");
            if scratch.prepare(&alone).is_ok() {
                columns.push(piece.to_owned());
            } else {
                // The records of a table with such a key have NULL in its place.
                let key = piece.to_ascii_uppercase().contains("PRIMARY KEY") && is_null(columns.len());
                let key = if key { " INTEGER PRIMARY KEY" } else { "" };
                columns.push(format!("column_{}{key}", columns.len() + 1));
            }
        }
        let sql = format!("CREATE TABLE {}({})", quote(&entry.name), columns.join(","));
        let found = Self::ask(entry, &sql).ok()?;
        (!found.without_rowid && found.fields.len() == width).then_some(found)
    }

    /// The statement that makes it while rows are written: no types, no constraints, nothing that changes a value.
    pub(super) fn staging(&self) -> String {
        let mut parts: Vec<String> = (0..self.fields.len()).map(|field| format!("c{field}")).collect();
        if self.without_rowid {
            let keys = self.fields.iter().take(self.keys).enumerate();
            let keys: Vec<String> = keys.map(|(at, field)| format!("c{at}{}", field.order)).collect();
            parts.push(format!("PRIMARY KEY({})", keys.join(", ")));
        }
        let end = if self.without_rowid { " WITHOUT ROWID" } else { "" };
        format!("CREATE TABLE {}({}){end}", quote(&self.name), parts.join(", "))
    }
}

impl Field {
    fn any() -> Self {
        Self { allowed: 31, usual: 31, order: String::new(), default: rusqlite::types::Value::Null }
    }
}

/// The parts between commas that are in no parentheses; a parenthesis that was lost does no harm.
fn split(body: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    let body = body.strip_prefix('(').unwrap_or(body);
    for (at, sign) in body.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth = (depth - 1).max(0),
            ',' if depth == 0 => {
                parts.push(&body[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&body[start..]);
    parts
}

/// A name as SQL.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables that SQLite makes itself.
fn internal(entry: &Entry) -> Option<Definition> {
    let width = match &entry.name[..] {
        "sqlite_sequence" => 2,
        "sqlite_stat1" => 3,
        "sqlite_stat4" => 6,
        _ => return None,
    };
    let mut known = Definition::plain(&entry.name, entry.root, width);
    known.sql = entry.sql.clone().unwrap_or_default();
    // The names of tables and indexes are texts; but what a table of the user fits better is not of these.
    let names = if entry.name == "sqlite_sequence" { 1 } else { 2 };
    known.fields.iter_mut().take(names).for_each(|field| field.allowed = class::NULL | class::TEXT);
    Some(known)
}

/// The fields of the columns; `None` for one that is computed when it is read.
fn columns(scratch: &Connection, table: &str, has_alias: bool) -> rusqlite::Result<Vec<Option<Field>>> {
    let mut statement = scratch.prepare(
        "SELECT type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid",
    )?;
    let mut rows = statement.query([table])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (declared, not_null, default): (String, bool, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let (key, hidden): (i64, i64) = (row.get(3)?, row.get(4)?);
        if hidden == 2 {
            found.push(None);
            continue;
        }
        let is_alias = has_alias && key > 0;
        let (allowed, usual) =
            if is_alias { (class::NULL, class::NULL) } else { allowed(&declared, not_null) };
        let default = default.map_or(rusqlite::types::Value::Null, |text| literal(scratch, &text, &declared));
        found.push(Some(Field { allowed, usual, order: String::new(), default }));
    }
    Ok(found)
}

/// What SQLite stores in a column of this type, and what is mostly there.
fn allowed(declared: &str, not_null: bool) -> (u8, u8) {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    let (all, usual) = if has("INT") {
        (31, class::NULL | class::INTEGER)
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        (class::NULL | class::TEXT | class::BLOB, class::NULL | class::TEXT)
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        (31, class::NULL | class::INTEGER | class::REAL)
    } else {
        (31, 31)
    };
    let not = if not_null { class::NULL } else { 0 };
    (all & !not, usual & !not)
}

/// The value of a default that is a literal.
fn literal(scratch: &Connection, text: &str, declared: &str) -> rusqlite::types::Value {
    let made = || -> rusqlite::Result<rusqlite::types::Value> {
        scratch.prepare("DROP TABLE IF EXISTS temp.d")?.execute([])?;
        scratch.prepare(&format!("CREATE TEMP TABLE d(v {declared})"))?.execute([])?;
        let insert = format!("INSERT INTO temp.d SELECT {text}");
        scratch.prepare(&insert)?.execute([])?;
        scratch.query_row("SELECT v FROM temp.d", [], |row| row.get(0))
    };
    made().unwrap_or(rusqlite::types::Value::Null)
}

/// The fields of a table WITHOUT ROWID: its key comes first.
fn key_order(
    scratch: &Connection,
    index: &str,
    columns: &[Option<Field>],
) -> rusqlite::Result<(Vec<Field>, usize)> {
    let mut statement =
        scratch.prepare("SELECT cid, \"desc\", coll, key FROM pragma_index_xinfo(?1) ORDER BY seqno")?;
    let mut rows = statement.query([index])?;
    let (mut fields, mut keys) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (column, desc, collation, is_key): (i64, bool, String, bool) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let found = usize::try_from(column).ok().and_then(|column| columns.get(column)?.clone());
        let Some(mut field) = found else { continue };
        field.order = format!(" COLLATE {}{}", quote(&collation), if desc { " DESC" } else { "" });
        keys += usize::from(is_key);
        fields.push(field);
    }
    Ok((fields, keys))
}
