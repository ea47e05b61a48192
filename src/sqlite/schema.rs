//! A schema: the rows of the schema table, and what SQLite understands their text to mean.
//!
//! Each statement is executed alone in an empty database in memory, so that SQLite itself says which columns, keys and
//! collations it makes; one damaged text does not harm the others.

mod meaning;

use std::sync::Arc;

use super::header::Encoding;
use super::record::{Record, Value};

/// A row of the schema table (section 2.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRow {
    /// Its key in the schema table.
    pub rowid: i64,
    /// `table`, `index`, `view` or `trigger`.
    pub kind: String,
    /// Its name.
    pub name: Arc<str>,
    /// The table that it belongs to.
    pub table: String,
    /// Its root page; 0 where it has none.
    pub root: u32,
    /// The statement that made it; `None` for indexes that SQLite made itself.
    pub sql: Option<String>,
}

/// What the rows mean.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Tables with rows of their own.
    pub tables: Vec<Table>,
    /// Their indexes.
    pub indexes: Vec<Index>,
    /// Tables whose rows another module keeps, such as those of FTS5.
    pub virtual_tables: Vec<Arc<str>>,
    /// Rows that SQLite does not understand, by name, and why.
    pub not_understood: Vec<(Arc<str>, u32, String)>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: Arc<str>,
    /// Its root page.
    pub root: u32,
    /// Its columns in the order of the definition.
    pub columns: Vec<Column>,
    /// The columns in the order of a record: generated ones that are not stored are left out, and keys of a table
    /// WITHOUT ROWID come first.
    pub stored: Vec<usize>,
    /// Whether its key is not a rowid.
    pub without_rowid: bool,
    /// The column that is the rowid; it is stored as NULL.
    pub rowid_alias: Option<usize>,
    /// How a table WITHOUT ROWID is sorted: its record begins with these.
    pub key: Vec<Field>,
    /// Whether its definition has conditions that only SQLite can evaluate.
    pub has_checks: bool,
    /// Whether it refers to other tables.
    pub has_references: bool,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as it was declared; may be empty.
    pub declared: String,
    /// Whether NULL is forbidden.
    pub not_null: bool,
    /// Whether it is generated and not stored.
    pub is_virtual: bool,
    /// Which values SQLite would change before it stores them.
    pub affinity: Affinity,
    /// What a record that ends before it means.
    pub default: rusqlite::types::Value,
}

/// What the declared type of a column makes of values (<https://sqlite.org/datatype3.html>, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// Nothing.
    #[default]
    Blob,
    /// Numbers become texts.
    Text,
    /// Texts that look like numbers become numbers.
    Numeric,
}

/// An index.
#[derive(Clone, Debug)]
pub struct Index {
    /// Its name.
    pub name: Arc<str>,
    /// The table, by its number in the schema.
    pub table: usize,
    /// Its root page.
    pub root: u32,
    /// Whether its keys are unique.
    pub unique: bool,
    /// Whether it leaves out some rows.
    pub partial: bool,
    /// The values of an entry in order.
    pub fields: Vec<Field>,
}

/// A value of an index entry or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is.
    pub source: Source,
    /// Whether it is sorted from large to small.
    pub descending: bool,
    /// How texts are compared.
    pub collation: Collation,
    /// Whether it was declared, rather than added to tell rows apart.
    pub is_key: bool,
}

/// Where the value of an index entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This column.
    Column(usize),
    /// The rowid.
    Rowid,
    /// An expression.
    Expression,
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collation {
    /// Byte by byte.
    Binary,
    /// With A to Z like a to z.
    NoCase,
    /// Without spaces at the end.
    RTrim,
    /// In a way that only the program knows that made the database.
    Unknown,
}

impl Affinity {
    /// That of a declared type.
    #[must_use]
    pub fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        if has(&["INT"]) {
            Self::Numeric
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if declared.is_empty() || has(&["BLOB"]) {
            Self::Blob
        } else {
            Self::Numeric
        }
    }
}

impl SchemaRow {
    /// The row in a record of the schema table. As for SQLite, bytes stand for a text, and what is no text in them for
    /// some characters.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(rowid: i64, payload: &[u8], encoding: Encoding) -> Result<Self, String> {
        let record = Record::parse(payload).map_err(|fault| fault.to_string())?;
        let values: Vec<Value<'_>> =
            record.values().collect::<Result<_, _>>().map_err(|fault| fault.to_string())?;
        let [kind, name, table, root, sql] = values[..] else {
            return Err(format!("it has {} values instead of five", values.len()));
        };
        let text = |value, what| match value {
            Value::Text(bytes) | Value::Blob(bytes) => Ok(encoding.decode(bytes).0),
            _ => Err(format!("its {what} is no text")),
        };
        let root = match root {
            Value::Integer(root) => u32::try_from(root).map_err(|_| format!("its root page is {root}"))?,
            Value::Null => 0,
            _ => return Err("its root page is no number".into()),
        };
        let sql = if sql == Value::Null { None } else { Some(text(sql, "statement")?) };
        let name = Arc::from(text(name, "name")?);
        Ok(Self { rowid, kind: text(kind, "type")?, name, table: text(table, "table")?, root, sql })
    }
}

impl SchemaRow {
    /// Whether it has a name that SQLite keeps for itself.
    fn is_of_sqlite(&self) -> bool {
        self.name.as_bytes().get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"sqlite_"))
    }
}

impl Schema {
    /// The same as a database of this schema format means it: before 4, every key is sorted from small to large (section
    /// 1.3.6).
    #[must_use]
    pub fn of_format(mut self, format: u8) -> Self {
        if format < 4 {
            let keys = self.tables.iter_mut().flat_map(|table| &mut table.key);
            let fields = self.indexes.iter_mut().flat_map(|index| &mut index.fields);
            keys.chain(fields).for_each(|field| field.descending = false);
        }
        self
    }

    /// Asks SQLite what the rows mean.
    #[must_use]
    pub fn interpret(rows: &[SchemaRow]) -> Self {
        let mut schema = Self::default();
        for row in rows.iter().filter(|row| row.kind == "table") {
            match meaning::table(row) {
                Ok(Some(table)) => schema.tables.push(table),
                Ok(None) => schema.virtual_tables.push(Arc::clone(&row.name)),
                Err(why) => schema.not_understood.push((Arc::clone(&row.name), row.root, why)),
            }
        }
        for row in rows.iter().filter(|row| !matches!(&row.kind[..], "table" | "index")) {
            let owner =
                rows.iter().find(|one| one.kind != "trigger" && one.name.eq_ignore_ascii_case(&row.table));
            if let Err(why) = meaning::other(row, owner) {
                schema.not_understood.push((Arc::clone(&row.name), row.root, why));
            }
        }
        for row in rows.iter().filter(|row| row.kind == "index") {
            let table = schema.tables.iter().position(|table| table.name.eq_ignore_ascii_case(&row.table));
            let Some(table) = table else {
                let why = format!("its table {} is not there or not understood", row.table);
                schema.not_understood.push((Arc::clone(&row.name), row.root, why));
                continue;
            };
            let made = rows.iter().find(|one| one.kind == "table" && one.name == schema.tables[table].name);
            let told = made.map(|made| meaning::index(row, made, table));
            match told.unwrap_or_else(|| Err("its table is not there".into())) {
                Ok(index) => schema.indexes.push(index),
                Err(why) => schema.not_understood.push((Arc::clone(&row.name), row.root, why)),
            }
        }
        schema
    }
}
