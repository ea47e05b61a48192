//! A backup: a verified copy of a database that may be in use, with a manifest and a seal.
//!
//! The source is alive, so SQLite has to read it: only SQLite knows how to share it with its writers. The connection
//! can only read. It rolls nothing back, because a journal that would have to be rolled back is an error for it; it
//! never moves the log into the database; and where no log is in use it is opened as a file that does not change, so
//! that not even an index of a log appears. If a log is in use, its index (`-shm`) may be written or made.

mod manifest;
mod online;
mod pruning;
mod source;
mod verification;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::draft::{Draft, WriteError};
use super::evidence::{Evidence, EvidenceError};
use super::seal::{Seal, SealError};
use crate::date;
use crate::digest::hex;
pub use online::Progress;

/// What to copy, and where to.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database.
    pub database: PathBuf,
    /// The folder of the backups, which must exist.
    pub folder: PathBuf,
    /// How many verified backups of this database to keep in the folder, at least one; `None` for all.
    pub keep: Option<usize>,
    /// How long to wait for writers at most.
    pub limit: Duration,
    /// The version of the program, for the manifest.
    pub version: String,
    /// Now, in seconds of Unix time: it is part of the name.
    pub time: u64,
}

/// What another checker found in the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckVerdict {
    /// Nothing.
    Sound,
    /// Damage, one sentence each.
    Damaged(Vec<String>),
    /// It did not run.
    NotRun,
}

/// What is known of the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All checks ran and found no damage.
    Verified,
    /// A check could not run, for this reason; none found damage.
    Unverified(String),
    /// The source is damaged, and so is the copy: what was found.
    Corrupt(Vec<String>),
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The copy; its name ends with `.corrupt` if the database is damaged.
    pub copy: PathBuf,
    /// The manifest beside it.
    pub manifest: PathBuf,
    /// The seal beside it.
    pub seal: PathBuf,
    /// What is known of it.
    pub verdict: Verdict,
    /// Rows that refer to rows that do not exist. The copy is as good as the source, so this is no damage of it.
    pub foreign_key_violations: u64,
    /// Rows of each table; `None` where they could not be counted.
    pub rows: BTreeMap<String, Option<u64>>,
    /// Bytes of the copy.
    pub size: u64,
    /// SHA-256 of the copy.
    pub sha256: [u8; 32],
    /// Older copies that were removed, with their manifests and seals.
    pub pruned: Vec<PathBuf>,
    /// Older copies that should have been removed and could not be.
    pub not_pruned: Vec<PathBuf>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The source cannot be opened.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The source cannot be read to the end.
    #[error("cannot read {path} to the end")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The source has no bytes.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// The source is no database.
    #[error("{0} is no SQLite database")]
    NotADatabase(PathBuf),
    /// The source looks like random bytes.
    #[error("{0} is encrypted, or no SQLite database")]
    Encrypted(PathBuf),
    /// A transaction was cut off, and SQLite would have to undo it in the source.
    #[error("a transaction on {0} was cut off and has to be rolled back first")]
    HotJournal(PathBuf),
    /// The log holds committed changes behind a damage, which SQLite would pass over.
    #[error("the write-ahead log of {0} is damaged: SQLite would lose what stands behind the damage")]
    DamagedLog(PathBuf),
    /// Writers left no gap.
    #[error("{0} was busy for too long")]
    Busy(PathBuf),
    /// SQLite cannot copy the source.
    #[error("SQLite cannot copy {path}")]
    Sqlite {
        /// The source.
        path: PathBuf,
        /// What it says.
        #[source]
        cause: rusqlite::Error,
    },
    /// The folder is none.
    #[error("{0} is not a folder")]
    NotAFolder(PathBuf),
    /// The time has no date that a name could have.
    #[error("the clock shows a time after the year 9999")]
    NoDate,
    /// The copy could not be hashed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl BackupError {
    /// What the user can do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Evidence(error) => error.hint(),
            Self::Seal(error) => error.hint(),
            Self::Write(error) => error.hint(),
            Self::Read { .. } => "the disk may be failing: make a snapshot on another disk",
            Self::Empty(_) => "check whether it is the right file; a database without tables has no bytes",
            Self::NotADatabase(_) => {
                "name the database file itself; if it is damaged, make a snapshot and recover it"
            }
            Self::Encrypted(_) => "back it up with the program that has its key, or make a snapshot",
            Self::HotJournal(_) => {
                "make a snapshot first; then let its program open the database, which rolls back, or recover it"
            }
            Self::DamagedLog(_) => "make a snapshot before any program opens the database, and recover it",
            Self::Busy(_) => "look who holds it, stop that process, or allow more time",
            Self::Sqlite { cause, .. } => match cause.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                    "it is damaged: make a snapshot and recover it"
                }
                Some(rusqlite::ErrorCode::DiskFull) => "free some space; nothing was left behind",
                Some(rusqlite::ErrorCode::SystemIoFailure) if online::is_of_writing(cause) => {
                    "choose another folder for the backups, or free some space; nothing was left behind"
                }
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly) => {
                    "run this as a user who may write beside the database: SQLite needs that to share its log"
                }
                _ => "make a snapshot and examine that",
            },
            Self::NotAFolder(_) => "name a folder for the backups, which must exist",
            Self::NoDate => "set the clock",
        }
    }
}

/// Copies a database into a folder, checks the copy, and removes old backups if that was wished. The source must not be
/// open in this process: closing a file takes back the locks that the process has on it.
///
/// `check` is a second opinion on the copy; it may read the file and must not change it.
///
/// # Errors
/// When the source cannot be copied faithfully or the copy cannot be written. Then nothing is left behind. A damaged
/// source that can be copied is no error: see [`Verdict::Corrupt`].
pub fn backup(
    options: &Options,
    check: &(dyn Fn(&Path) -> CheckVerdict + Sync),
    progress: &dyn Fn(Progress),
) -> Result<Outcome, BackupError> {
    if !options.folder.is_dir() {
        return Err(BackupError::NotAFolder(options.folder.clone()));
    }
    let source = source::look(&options.database)?;
    let name = name(&source.path, options.time).ok_or(BackupError::NoDate)?;
    // What damage means for the name is only known at the end.
    let (draft, file) = Draft::file(&options.folder.join(format!("{name}.sqlite")))?;
    online::copy(&source, draft.path(), options.limit, progress)?;
    synchronise(&file, draft.path())?;
    let sealed = || Seal::of(&Evidence::open(draft.path())?, 0);
    let (findings, seal) = rayon::join(|| verification::verify(draft.path(), check), sealed);
    let seal = seal?;
    let corrupt = matches!(findings.verdict, Verdict::Corrupt(_));
    let ending = if corrupt { "sqlite.corrupt" } else { "sqlite" };
    let copy = options.folder.join(format!("{name}.{ending}"));
    let beside = |ending: &str| PathBuf::from(format_path(&copy, ending));
    let mut outcome = Outcome {
        manifest: beside(".json"),
        seal: beside(".seal"),
        verdict: findings.verdict,
        foreign_key_violations: findings.foreign_key_violations,
        rows: findings.rows,
        size: seal.length,
        sha256: seal.sha256,
        pruned: Vec::new(),
        not_pruned: Vec::new(),
        copy,
    };
    let manifest = manifest::Manifest::new(options, &source.path, &outcome, &seal, findings.how);
    publish(draft, &outcome, &seal, &manifest.text())?;
    if let (Some(keep), Verdict::Verified) = (options.keep, &outcome.verdict) {
        (outcome.pruned, outcome.not_pruned) = pruning::prune(&options.folder, &manifest, keep);
    }
    Ok(outcome)
}

/// Gives all three files their names, or none of them. The manifest comes last: without it a copy is nobody's backup.
fn publish(copy: Draft, outcome: &Outcome, seal: &Seal, manifest: &str) -> Result<(), BackupError> {
    let seal = Draft::with_content(&outcome.seal, &seal.to_bytes())?;
    let manifest = Draft::with_content(&outcome.manifest, manifest.as_bytes())?;
    copy.retarget(&outcome.copy).publish()?;
    let rest = seal.publish().inspect_err(|_| remove(&outcome.copy)).and_then(|()| {
        manifest.publish().inspect_err(|_| {
            remove(&outcome.copy);
            remove(&outcome.seal);
        })
    });
    Ok(rest?)
}

/// Takes back what this run has published a moment ago.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

fn synchronise(file: &File, path: &Path) -> Result<(), WriteError> {
    file.sync_all().map_err(|cause| WriteError { path: path.to_owned(), cause })
}

/// `kb-20250301T000000Z` for `kb.sqlite`.
fn name(source: &Path, time: u64) -> Option<String> {
    let stamp = date::second(time)?.replace(['-', ':'], "");
    Some(format!("{}-{stamp}", source.file_stem().unwrap_or_default().to_string_lossy()))
}

fn format_path(path: &Path, ending: &str) -> std::ffi::OsString {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name
}

#[cfg(test)]
mod tests;
