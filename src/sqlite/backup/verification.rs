//! The verification of a copy: by SQLite, and by whoever else is asked.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{CheckVerdict, Verdict};

/// So many findings of SQLite are kept.
const FINDINGS: u32 = 100;
/// Memory for pages, in KiB and negative as SQLite wants it: each row is looked up in each index.
const CACHE: i64 = -(64 << 10);

/// What all checks together say.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) verdict: Verdict,
    pub(super) foreign_key_violations: u64,
    pub(super) rows: BTreeMap<String, Option<u64>>,
    /// The checks that ran to their end.
    pub(super) how: Vec<&'static str>,
}

/// Damage, and why a check could not run.
#[derive(Debug, Default)]
struct Told {
    damage: Vec<String>,
    obstacles: Vec<String>,
}

/// Checks a copy and counts its rows. Nothing is written, and nothing appears beside it.
///
/// SQLite looks at the structure only, which takes a tenth of the time: that entries of indexes fit their rows, and rows
/// their rules, is what kbsec's own check finds. Where that cannot say, SQLite is asked for all of it.
pub(super) fn verify(copy: &Path, check: &(dyn Fn(&Path) -> CheckVerdict + Sync)) -> Findings {
    let ((mut found, mut told), second) = rayon::join(|| ask_sqlite(copy), || check(copy));
    if second == CheckVerdict::NotRun
        && let Ok(connection) = open_resting(copy)
    {
        told.keep(integrity(&connection, "integrity_check"), "integrity_check", &mut found.how);
    }
    match second {
        CheckVerdict::Sound => found.how.push("kbsec check"),
        CheckVerdict::Damaged(more) => {
            told.damage.extend(more);
            found.how.push("kbsec check");
        }
        CheckVerdict::NotRun => {}
    }
    if !told.damage.is_empty() {
        found.verdict = Verdict::Corrupt(told.damage);
    } else if !told.obstacles.is_empty() {
        found.verdict = Verdict::Unverified(told.obstacles.join("; "));
    }
    found
}

/// What SQLite finds and counts.
fn ask_sqlite(copy: &Path) -> (Findings, Told) {
    let mut found = Findings {
        verdict: Verdict::Verified,
        foreign_key_violations: 0,
        rows: BTreeMap::new(),
        how: Vec::new(),
    };
    let mut told = Told::default();
    match open_resting(copy) {
        Ok(connection) => {
            // Whether it is granted changes the time only.
            let _ = connection.pragma_update(None, "cache_size", CACHE);
            found.rows = rows(&connection);
            told.keep(integrity(&connection, "quick_check"), "quick_check", &mut found.how);
            match foreign_keys(&connection) {
                Ok(count) => {
                    found.foreign_key_violations = count;
                    found.how.push("foreign_key_check");
                }
                // A key that refers to no table or to no unique column makes the schema odd and the file no worse.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {}
                Err(error) => told.keep(Err(error), "foreign_key_check", &mut found.how),
            }
        }
        Err(error) => told.keep(Err(error), "opening", &mut found.how),
    }
    (found, told)
}

/// Opens a file that nobody changes: no lock is taken, and no sidecar is read or made.
pub(super) fn open_resting(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path), flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(connection)
}

impl Told {
    /// Sorts what a check gave: damage, or why it could not run.
    fn keep(
        &mut self,
        result: rusqlite::Result<Vec<String>>,
        check: &'static str,
        how: &mut Vec<&'static str>,
    ) {
        match result {
            Ok(lines) => {
                self.damage.extend(lines);
                how.push(check);
            }
            Err(error) if is_obstacle(&error) => self.obstacles.push(format!("{check}: {error}")),
            Err(error) => self.damage.push(format!("{check}: {error}")),
        }
    }
}

/// Whether an error says nothing of the file: an unknown function, collation or module, or a machine without means.
fn is_obstacle(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(ErrorCode::Unknown) => !is_malformed(error),
        code => matches!(
            code,
            Some(
                ErrorCode::OutOfMemory
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::OperationInterrupted
            )
        ),
    }
}

/// A schema that SQLite cannot read has the same code as an unknown function.
fn is_malformed(error: &rusqlite::Error) -> bool {
    error.to_string().contains("malformed")
}

fn integrity(connection: &Connection, pragma: &str) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("PRAGMA {pragma}({FINDINGS})"))?;
    let lines = check.query_map([], |row| row.get::<_, String>(0))?;
    let lines = lines.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

fn foreign_keys(connection: &Connection) -> rusqlite::Result<u64> {
    let mut check = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// How many rows each table has. A damage shows in the checks, not here.
fn rows(connection: &Connection) -> BTreeMap<String, Option<u64>> {
    let names = || -> rusqlite::Result<Vec<String>> {
        let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
        names.query_map([], |row| row.get(0))?.collect()
    };
    let count = |name: &String| {
        let sql = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).ok()
    };
    let names = names().unwrap_or_default();
    let counted = names.into_iter().map(|name| {
        let rows = count(&name).and_then(|rows| u64::try_from(rows).ok());
        (name, rows)
    });
    counted.collect()
}

/// A path as SQLite wants it in order to take it for unchanging.
fn uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(*byte));
            }
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri + "?immutable=1"
}
