//! The deep check: what only SQLite can evaluate, on a copy in memory that nobody else sees.

use rusqlite::Connection;

use super::fault::{Fault, Faults};
use super::rule::Rule;
use crate::sqlite::image::Image;
use crate::sqlite::schema::Schema;

/// With one of these broken, SQLite would say no more than that.
pub(super) const STRUCTURE: [Rule; 12] = [
    Rule::NotADatabase,
    Rule::Header,
    Rule::Truncated,
    Rule::Unreadable,
    Rule::Page,
    Rule::Cell,
    Rule::Record,
    Rule::Overflow,
    Rule::TreeShape,
    Rule::SharedPage,
    Rule::Schema,
    Rule::Freelist,
];

/// More faults of a table are not told one by one.
const MOST: u32 = 1000;

/// What SQLite has to look at.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Tables with conditions, with indexes that need expressions, or kept by a module.
    tables: Vec<String>,
    references: bool,
}

impl Wanted {
    pub(super) fn of(schema: &Schema, compared: &[&str]) -> Self {
        let mut tables: Vec<String> = schema.virtual_tables.iter().map(|name| name.to_string()).collect();
        for (number, table) in schema.tables.iter().enumerate() {
            let is_left = |index: &&crate::sqlite::schema::Index| {
                index.table == number && index.root != table.root && !compared.contains(&&*index.name)
            };
            if table.has_checks || schema.indexes.iter().any(|index| is_left(&index)) {
                tables.push(table.name.to_string());
            }
        }
        Self { tables, references: schema.tables.iter().any(|table| table.has_references) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && !self.references
    }

    /// What is not checked if SQLite cannot look.
    pub(super) fn names(&self) -> Vec<String> {
        let tables = self.tables.iter().map(|name| format!("conditions and special indexes of {name}"));
        tables.chain(self.references.then(|| "references between tables".to_owned())).collect()
    }
}

/// Copies the image into memory and asks SQLite.
pub(super) fn check(image: &Image, wanted: &Wanted, faults: &Faults) -> Result<(), &'static str> {
    const REFUSED: &str = "not checked, because SQLite cannot open a copy";
    let copy = copy(image).ok_or("not checked, because a page cannot be read")?;
    let mut connection = Connection::open_in_memory().map_err(|_| REFUSED)?;
    let size = copy.len();
    connection.deserialize_read_exact("main", &copy[..], size, true).map_err(|_| REFUSED)?;
    drop(copy);
    for table in &wanted.tables {
        let lines = lines(&connection, table).map_err(|_| "not checked, because SQLite gave up on a copy")?;
        for line in lines {
            let rule = if line.contains("index ") { Rule::IndexEntry } else { Rule::Constraint };
            faults.add(Fault::new(rule, table, 0, format!("SQLite says: {line}")));
        }
    }
    if wanted.references {
        references(&connection, faults)
            .map_err(|_| "not checked, because SQLite cannot follow a reference")?;
    }
    Ok(())
}

/// The image as a file without a log.
pub(super) fn copy(image: &Image) -> Option<Vec<u8>> {
    let size = image.geometry().page_size as usize;
    let mut copy = vec![0; size * image.pages() as usize];
    for (page, bytes) in (1..=image.pages()).step_by(256).zip(copy.chunks_mut(size * 256)) {
        image.read_run(page, bytes).ok()?;
    }
    // A copy in memory has no log, and SQLite refuses one that says it has.
    copy.get_mut(18..20)?.fill(1);
    Some(copy)
}

fn lines(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let quoted = table.replace('\'', "''");
    let mut statement = connection.prepare(&format!("PRAGMA main.integrity_check('{quoted}')"))?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?;
    let found: Vec<String> = found.take(MOST as usize).collect::<Result<_, _>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

fn references(connection: &Connection, faults: &Faults) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA main.foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut fault = Fault::new(
            Rule::Reference,
            &table,
            0,
            format!("it refers to a row of {parent} that is not there"),
        );
        fault.rowid = rowid;
        faults.add(fault);
    }
    Ok(())
}
