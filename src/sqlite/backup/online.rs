//! The copying itself: pages in steps, so that writers find gaps, and in the end all at once if they leave none.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::super::draft::WriteError;
use super::super::evidence::Evidence;
use super::source::Source;
use super::{BackupError, verification};

/// Pages of one step.
const PAGES: i32 = 1000;
/// What a writer gets between two steps.
const GAP: Duration = Duration::from_millis(1);
/// How long to wait when somebody else has the lock.
const WAIT: Duration = Duration::from_millis(20);
/// So often the copy may begin anew because a writer changed the source; then writers have to wait.
const RESTARTS: u32 = 3;
/// The extended code for a journal that a connection without the right to write would have to roll back.
const READONLY_ROLLBACK: i32 = 776;

/// How far the copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pages that are still to be copied.
    pub remaining: u32,
    /// Pages of the source.
    pub total: u32,
}

/// Copies the source into an empty file.
pub(super) fn copy(
    source: &Source,
    target: &Path,
    limit: Duration,
    progress: &dyn Fn(Progress),
) -> Result<(), BackupError> {
    let deadline = Instant::now() + limit;
    if source.wal && !source.in_use && copy_resting(source, target, deadline, progress)? {
        return Ok(());
    }
    let told = |cause| told(source, cause);
    let connection = open_shared(source).map_err(told)?;
    if source.wal {
        // Holds one state of a database with a log, and disturbs no writer. A process that builds the index anew or
        // empties the log at its end may keep readers out for a while.
        connection.busy_timeout(deadline.saturating_duration_since(Instant::now())).map_err(told)?;
        connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1;").map_err(told)?;
        connection.busy_timeout(WAIT).map_err(told)?;
    }
    run(source, &connection, target, deadline, progress)
}

/// Copies a database whose log nobody uses as a file that does not change. Tells whether it did not.
fn copy_resting(
    source: &Source,
    target: &Path,
    deadline: Instant,
    progress: &dyn Fn(Progress),
) -> Result<bool, BackupError> {
    // No lock is taken this way, so that none can be lost when this is closed.
    let file = Evidence::open(&source.path)?;
    let connection = verification::open_resting(&source.path).map_err(|cause| told(source, cause))?;
    let copied = run(source, &connection, target, deadline, progress);
    drop(connection);
    if !file.has_changed() {
        return copied.map(|()| true);
    }
    // What was read belongs to no one state, and SQLite must not take it for a database when it opens the target again.
    let emptied = File::options().write(true).truncate(true).open(target);
    emptied.map_err(|cause| WriteError { path: target.to_owned(), cause })?;
    Ok(false)
}

/// Opens the source beside its writers.
fn open_shared(source: &Source) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&source.path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(WAIT)?;
    Ok(connection)
}

fn run(
    source: &Source,
    from: &Connection,
    target: &Path,
    deadline: Instant,
    progress: &dyn Fn(Progress),
) -> Result<(), BackupError> {
    let told = |cause| told(source, cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut to = Connection::open_with_flags(target, flags).map_err(told)?;
    // The file is worth nothing until it is complete, and is brought to the disk once, by us.
    to.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;").map_err(told)?;
    let backup = Backup::new(from, &mut to).map_err(told)?;
    let (mut restarts, mut least) = (0, u32::MAX);
    loop {
        let pages = if restarts < RESTARTS { PAGES } else { -1 };
        let step = backup.step(pages).map_err(told)?;
        let now = backup.progress();
        let now = Progress {
            remaining: now.remaining.try_into().unwrap_or(0),
            total: now.pagecount.try_into().unwrap_or(0),
        };
        progress(now);
        match step {
            StepResult::Done => return Ok(()),
            _ if Instant::now() >= deadline => return Err(BackupError::Busy(source.path.clone())),
            StepResult::More => {
                restarts += u32::from(now.remaining > least);
                least = now.remaining;
                std::thread::sleep(GAP);
            }
            _ => std::thread::sleep(WAIT),
        }
    }
}

/// Whether the system refused to write, which is only ever done to the copy.
pub(super) fn is_of_writing(cause: &Error) -> bool {
    // SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC and SQLITE_IOERR_TRUNCATE.
    cause.sqlite_error().is_some_and(|error| [778, 1034, 1546].contains(&error.extended_code))
}

/// The error in our words where we know better ones.
fn told(source: &Source, cause: Error) -> BackupError {
    let path = source.path.clone();
    match cause.sqlite_error() {
        Some(error) if error.extended_code == READONLY_ROLLBACK => BackupError::HotJournal(path),
        Some(error) if matches!(error.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            BackupError::Busy(path)
        }
        _ => BackupError::Sqlite { path, cause },
    }
}
