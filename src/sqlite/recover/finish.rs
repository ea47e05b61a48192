//! The schema of the new database: without types while rows are written, and afterwards as it was.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, params};

use super::super::check as integrity;
use super::super::files::Files;
use super::definition::{Entry, quote};
use super::quarantine::Sources;
use super::{Outcome, Plan, unique};
use crate::finding::Severity;

/// The columns of a table that SQLite makes itself.
pub(super) fn internal_columns(table: &str) -> Vec<String> {
    let names: &[&str] = match table {
        "sqlite_sequence" => &["name", "seq"],
        "sqlite_stat1" => &["tbl", "idx", "stat"],
        _ => &["tbl", "idx", "neq", "nlt", "ndlt", "sample"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Makes every table with its own text, so that its indexes exist, and then takes types and constraints away. Returns
/// the tables that there are.
pub(super) fn stage(
    connection: &Connection,
    plan: &Plan,
    outcome: &mut Outcome,
) -> rusqlite::Result<BTreeSet<String>> {
    let mut staged = BTreeSet::new();
    if plan.tables.iter().any(|(table, _)| table.name.starts_with("sqlite_stat")) {
        connection.execute_batch("ANALYZE sqlite_schema; DELETE FROM sqlite_stat1;")?;
    }
    for (table, _) in plan.tables.iter().filter(|(table, _)| !table.name.starts_with("sqlite_")) {
        match connection.execute(&table.sql, []) {
            Ok(_) => {
                staged.insert(table.name.clone());
            }
            Err(error) => outcome.not_done.push(format!("the table {} cannot be made: {error}", table.name)),
        }
    }
    let internal = plan.tables.iter().filter(|(table, _)| table.name.starts_with("sqlite_"));
    for (table, _) in internal {
        let exists = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
        let exists: bool = connection.query_row(exists, [&table.name], |row| row.get(0))?;
        if exists {
            connection.execute(&format!("DELETE FROM {}", quote(&table.name)), [])?;
            staged.insert(table.name.clone());
        }
    }
    connection.execute_batch(
        "CREATE TEMP TABLE hidden AS SELECT * FROM sqlite_schema WHERE type = 'index' AND sql IS NULL;
         PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NULL;",
    )?;
    let mut update =
        connection.prepare("UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2 AND type = 'table'")?;
    for (table, _) in plan.tables.iter().filter(|(table, _)| staged.contains(&table.name)) {
        if !table.name.starts_with("sqlite_") {
            update.execute([&table.staging(), &table.name])?;
        }
    }
    drop(update);
    reload(connection)?;
    Ok(staged)
}

/// Gives tables their own texts back and makes everything else, then checks the result.
pub(super) fn complete(
    connection: Connection,
    path: &Path,
    sources: &Sources<'_>,
    outcome: &mut Outcome,
) -> rusqlite::Result<()> {
    let plan = sources.plan;
    restore(&connection, plan)?;
    let hidden = "SELECT name, tbl_name FROM temp.hidden";
    let hidden: Vec<(String, String)> = connection
        .prepare(hidden)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (index, table) in hidden {
        if let Err(error) = unique::make(&connection, (&table, &index, None), sources, outcome) {
            outcome.not_done.push(format!("rows of {table} break its constraints: {error}"));
        }
    }
    for kind in ["index", "virtual", "view", "trigger"] {
        for entry in plan.entries.iter().filter(|entry| entry.sql.is_some()) {
            if kind == "virtual" && entry.is_virtual() {
                add_virtual(&connection, entry, outcome);
                continue;
            }
            if entry.kind != kind {
                continue;
            }
            let sql = entry.sql.as_deref().unwrap_or_default();
            let made = match kind {
                "index" => {
                    unique::make(&connection, (&entry.table, &entry.name, Some(sql)), sources, outcome)
                }
                _ => connection.execute(sql, []).map(drop),
            };
            if let Err(error) = made {
                outcome.not_done.push(format!("the {kind} {} cannot be made: {error}", entry.name));
            }
        }
    }
    connection.execute_batch("DROP TABLE temp.hidden")?;
    connection.close().map_err(|(_, error)| error)?;
    check(path, outcome);
    Ok(())
}

fn restore(connection: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN; PRAGMA writable_schema = ON")?;
    let mut update =
        connection.prepare("UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2 AND type = 'table'")?;
    for (table, _) in plan.tables.iter().filter(|(table, _)| !table.name.starts_with("sqlite_")) {
        update.execute([&table.sql, &table.name])?;
    }
    drop(update);
    connection.execute_batch("INSERT INTO sqlite_schema SELECT * FROM temp.hidden")?;
    reload(connection)?;
    connection.execute_batch("COMMIT")
}

/// Makes SQLite read the schema again.
fn reload(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
    connection
        .execute_batch(&format!("PRAGMA schema_version = {}; PRAGMA writable_schema = RESET", version + 1))
}

/// Adds a virtual table over tables that are there, and lets it look at them.
fn add_virtual(connection: &Connection, entry: &Entry, outcome: &mut Outcome) {
    let sql = entry.sql.as_deref().unwrap_or_default();
    let name = quote(&entry.name);
    let is_new_search = sql.to_ascii_lowercase().contains("fts5");
    if is_new_search {
        // Without this row nothing of it can be opened, not even to be built anew.
        let config = quote(&format!("{}_config", entry.name));
        let known = connection.execute(&format!("INSERT OR IGNORE INTO {config} VALUES ('version', 4)"), []);
        if let Err(error) = known {
            outcome.not_done.push(format!("the settings of {} are lost: {error}", entry.name));
        }
    }
    let added = connection
        .execute_batch("PRAGMA writable_schema = ON")
        .and_then(|()| {
            connection.execute(
                "INSERT INTO sqlite_schema VALUES ('table', ?1, ?1, 0, ?2)",
                params![entry.name, sql],
            )
        })
        .and_then(|_| reload(connection));
    let is_search = sql.to_ascii_lowercase().contains("fts");
    let asked =
        |what: &str| connection.execute_batch(&format!("INSERT INTO {name}({name}) VALUES('{what}')"));
    let compare = || match is_new_search {
        // The rank asks for a comparison with the table that it indexes, whose lost rows it still has.
        true => connection
            .execute_batch(&format!("INSERT INTO {name}({name}, rank) VALUES('integrity-check', 1)")),
        false => asked("integrity-check"),
    };
    let sound = added.and_then(|()| match is_search {
        true => compare().or_else(|_| asked("rebuild")),
        false => connection.prepare(&format!("SELECT * FROM {name}")).map(drop),
    });
    if let Err(error) = sound {
        // A table that cannot be opened would make every check of the database fail.
        let remade = connection.execute_batch(&format!("DROP TABLE IF EXISTS {name}")).is_ok()
            && connection.execute(sql, []).is_ok()
            && (!is_search || asked("rebuild").is_ok());
        let state = if remade { "was made anew" } else { "is not whole" };
        outcome.not_done.push(format!("the virtual table {} {state}: {error}", entry.name));
    }
}

/// Asks SQLite for faults of the new database; that it cannot answer is one, too.
fn check(path: &Path, outcome: &mut Outcome) {
    if let Err(error) = ask(path, outcome) {
        outcome.check.push(error.to_string());
    }
}

fn ask(path: &Path, outcome: &mut Outcome) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA cache_size = -131072; PRAGMA mmap_size = 1073741824",
    )?;
    outcome.check = faults(path);
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {
        outcome.broken_references += 1;
    }
    Ok(())
}

/// What our own check says of the new database: it finds whatever SQLite's does, in a fraction of the time.
fn faults(path: &Path) -> Vec<String> {
    let files = match Files::open(path) {
        Ok(files) => files,
        Err(error) => return vec![format!("the new database cannot be checked: {error}")],
    };
    let outcome = integrity::check(&files, path);
    let findings = outcome.findings.iter().filter(|finding| {
        // References are counted apart: the rows that they name may be lost.
        finding.severity() > Severity::Low && finding.rule().id.name() != "foreign-key"
    });
    let told = findings.flat_map(|finding| {
        let places = finding.locations().iter().filter_map(|place| place.database.as_ref());
        places.map(|place| format!("{}: {place}: {}", place.object, place.what)).collect::<Vec<_>>()
    });
    told.collect()
}
