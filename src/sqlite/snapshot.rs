//! A snapshot: a copy of a database with all its sidecars, as evidence, with a manifest that proves what was copied.

mod manifest;

use std::collections::BTreeSet;
use std::fs::FileTimes;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::digest;
use super::draft::{self, Draft, WriteError};
use super::evidence::{Evidence, EvidenceError};
use super::holders::{self, holders};
use super::sidecar::{self, Role};

/// The name of the manifest in a snapshot.
pub const MANIFEST: &str = "manifest.json";
/// How long a second attempt waits for the writer to pause.
const PAUSE: Duration = Duration::from_millis(50);
/// So many first bytes of each file are compared with the source at the end. Each commit changes one of the headers,
/// also where two commits fall into one tick of the clock that dates files. Readers change the index of a log behind
/// its two headers of 48 bytes.
const START: usize = 96;

/// What to copy, and where to.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database.
    pub database: PathBuf,
    /// The new folder.
    pub folder: PathBuf,
    /// How often to try while somebody writes to the source; at least once.
    pub attempts: u32,
    /// The version of the program, for the manifest.
    pub version: String,
    /// Now, in seconds of Unix time, for the manifest.
    pub time: u64,
    /// Where the system shows its processes: `/proc`.
    pub proc_folder: PathBuf,
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The new folder.
    pub folder: PathBuf,
    /// The files in it, but for the manifest.
    pub files: Vec<Copied>,
    /// Whether the source changed during the last attempt too: the files may not belong together.
    pub moving: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// Who held the source when the copy began.
    pub holders: holders::Outcome,
}

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What it is.
    pub role: Role,
    /// Its name in the folder.
    pub name: String,
    /// The source, absolute.
    pub source: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// SHA-256 of the copy, and of the source as it was read unless the source is moving.
    pub sha256: [u8; 32],
    /// When the source was changed last, in nanoseconds of Unix time; the copy has the same time.
    pub modified: Option<i128>,
    /// Whether it shares its blocks with the source until one of them is changed.
    pub shared: bool,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The database or a file beside it cannot be opened.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// Reading failed in the middle.
    #[error("cannot read {path} to the end")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The copy, read again, is not what was written.
    #[error("the copy of {0} differs from what was read")]
    Differs(PathBuf),
    /// The folder or a file in it cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl SnapshotError {
    /// What the user can do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Evidence(error) => error.hint(),
            Self::Write(error) => error.hint(),
            Self::Read { .. } => {
                "the disk may be failing: image it first with a tool that passes over bad sectors"
            }
            Self::Differs(_) => "the disk or the memory may be failing; copy to another disk",
        }
    }
}

/// Copies a database and what belongs to it into a new folder. The source is only read, and never with SQLite.
///
/// # Errors
/// When something cannot be read or written, or the folder exists. Then nothing is left behind.
pub fn snapshot(options: &Options) -> Result<Outcome, SnapshotError> {
    let database = options.database.canonicalize();
    let database =
        database.map_err(|cause| EvidenceError::Unreadable { path: options.database.clone(), cause })?;
    let looked = holders::Options { database: database.clone(), proc_folder: options.proc_folder.clone() };
    let holders = holders(&looked);
    let holders = holders.map_err(|cause| SnapshotError::Read { path: database.clone(), cause })?;
    let mut attempts = 0;
    let (draft, files, moving) = loop {
        attempts += 1;
        let draft = Draft::folder(&options.folder)?;
        let (files, moving) = attempt(&database, draft.path())?;
        if !moving || attempts >= options.attempts {
            break (draft, files, moving);
        }
        std::thread::sleep(PAUSE);
    };
    let outcome = Outcome { folder: options.folder.clone(), files, moving, attempts, holders };
    let manifest = manifest::text(options, &outcome);
    let path = draft.path().join(MANIFEST);
    let written = draft::private_file(&path)
        .and_then(|mut file| file.write_all(manifest.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| draft::sync_folder(draft.path()));
    written.map_err(|cause| WriteError { path: options.folder.join(MANIFEST), cause })?;
    draft.publish()?;
    Ok(outcome)
}

/// Copies everything once, and tells whether the source changed meanwhile.
fn attempt(database: &Path, folder: &Path) -> Result<(Vec<Copied>, bool), SnapshotError> {
    let sources = open_all(database)?;
    let (files, changed) = copy_all(&sources, folder)?;
    let moving = changed || has_moved(&sources, &files, folder)?;
    Ok((files, moving))
}

/// Copies what is open, and tells whether a source changed while it was copied, as far as that shows at once.
fn copy_all(sources: &[(Role, Evidence)], folder: &Path) -> Result<(Vec<Copied>, bool), SnapshotError> {
    let mut files = Vec::new();
    let mut names = BTreeSet::from([MANIFEST.to_owned()]);
    let mut moving = false;
    for (role, source) in sources {
        let name = free_name(source.path(), &mut names);
        let (copied, changed) = copy(*role, source, &folder.join(&name), name)?;
        moving |= changed;
        files.push(copied);
    }
    Ok((files, moving))
}

/// Whether the sources, the database first, are no longer what was opened and copied.
fn has_moved(sources: &[(Role, Evidence)], files: &[Copied], folder: &Path) -> Result<bool, SnapshotError> {
    for (file, (_, source)) in files.iter().zip(sources) {
        if source.has_changed() || start_of(source.path())? != start_of(&folder.join(&file.name))? {
            return Ok(true);
        }
    }
    // A sidecar that came or went belongs to another state of the database.
    let now = sources.first().map(|(_, database)| open_all(database.path())).transpose()?.unwrap_or_default();
    let paths = |files: &[(Role, Evidence)]| -> Vec<PathBuf> {
        files.iter().map(|(_, file)| file.path().to_owned()).collect()
    };
    Ok(paths(&now) != paths(sources))
}

/// Everything that belongs to the database now.
fn open_all(database: &Path) -> Result<Vec<(Role, Evidence)>, EvidenceError> {
    let mut files = vec![(Role::Database, Evidence::open(database)?)];
    for role in [Role::Wal, Role::Shm, Role::Journal] {
        files.extend(Evidence::open_if_there(&role.beside(database))?.map(|file| (role, file)));
    }
    let journal = files.iter().find(|(role, _)| *role == Role::Journal);
    let named = journal.and_then(|(_, journal)| sidecar::super_journal(journal));
    // SQLite writes whole paths; another one would lead to wherever this program was started.
    if let Some(path) = named.filter(|path| path.is_absolute()) {
        // Its name is foreign text, and a directory or a pipe of that name is no journal.
        if let Ok(Some(file)) = Evidence::open_if_there(&path) {
            files.push((Role::SuperJournal, file));
        }
    }
    Ok(files)
}

/// Copies one file, and tells whether the source changed while it was read.
fn copy(role: Role, source: &Evidence, target: &Path, name: String) -> Result<(Copied, bool), SnapshotError> {
    let unwritten = |cause| WriteError { path: target.to_owned(), cause };
    let read = |cause| SnapshotError::Read { path: source.path().to_owned(), cause };
    let mut file = draft::private_file(target).map_err(unwritten)?;
    let shared = source.share_with(&file).is_ok();
    let mut failed = None;
    let sum = digest::of_stream(source, |part| {
        if shared { Ok(()) } else { file.write_all(part).inspect_err(|error| failed = Some(error.kind())) }
    });
    let from = match (sum, failed) {
        (Err(cause), Some(_)) => return Err(unwritten(cause).into()),
        (sum, _) => sum.map_err(read)?,
    };
    if let Some(time) = source.modified() {
        file.set_times(FileTimes::new().set_modified(time)).map_err(unwritten)?;
    }
    file.sync_all().map_err(unwritten)?;
    let copy = Evidence::open(target)?;
    let to =
        digest::of_file(&copy).map_err(|cause| SnapshotError::Read { path: target.to_owned(), cause })?;
    let differs = from != to;
    // Blocks are shared at one moment and hashed later, so a writer in between is no fault of the copy.
    if differs && !(shared && source.has_changed()) {
        return Err(SnapshotError::Differs(source.path().to_owned()));
    }
    let copied = Copied {
        role,
        name,
        source: source.path().to_owned(),
        size: copy.len(),
        sha256: to,
        modified: source.modified().map(nanoseconds),
        shared,
    };
    Ok((copied, differs))
}

/// The first bytes of a file as it is now; nothing if it is gone by now.
fn start_of(path: &Path) -> Result<Vec<u8>, SnapshotError> {
    let mut start = vec![0; START];
    let Some(file) = Evidence::open_if_there(path)? else { return Ok(Vec::new()) };
    let count =
        file.read_at(0, &mut start).map_err(|cause| SnapshotError::Read { path: path.to_owned(), cause })?;
    start.truncate(count);
    Ok(start)
}

/// The name of a file, as text, and no other file's: a super-journal may stand in another folder.
fn free_name(path: &Path, taken: &mut BTreeSet<String>) -> String {
    let mut name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    while !taken.insert(name.clone()) {
        name.push('_');
    }
    name
}

fn nanoseconds(time: std::time::SystemTime) -> i128 {
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

#[cfg(test)]
mod tests;
