//! An incident: a directory with its log, its evidence and what was written about it, which one program at a time uses.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::disk::{private, private_folder, replace, sync_folder};
use super::evidence::Store;
use super::journal::{Head, Journal, Review, Soundness, Torn};
use super::record::{Draft, Record};

/// The file whose lock says that somebody works on the incident.
const LOCK: &str = "lock";

/// An incident that this program may write to.
#[derive(Debug)]
pub struct Incident {
    id: String,
    folder: PathBuf,
    journal: Journal,
    store: Store,
    summary: Summary,
    /// Held as long as the incident is open; the system frees it when the program dies.
    _lock: File,
}

/// What a list of incidents tells; kept beside the log, with its head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// `INC-20261125-7f3a`.
    pub incident: String,
    /// The id of its playbook.
    pub playbook: String,
    /// The title of its playbook, or one that says more.
    pub title: String,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub opened: u64,
    /// `open` or `closed`.
    pub status: String,
    /// The command that goes on with it, without the program's name.
    pub resume: Vec<String>,
    /// The last record of the log.
    pub head: Head,
}

/// An incident that was opened again.
#[derive(Debug)]
pub struct Opening {
    /// The incident.
    pub incident: Incident,
    /// Its log so far.
    pub records: Vec<Record>,
    /// What a crash left of a record.
    pub torn: Option<Torn>,
}

/// An incident that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// There is none with this name.
    #[error("there is no incident {0}")]
    Unknown(String),
    /// Another program has it open.
    #[error("somebody else is working on {0} at the moment")]
    Busy(String),
    /// Its log does not fit.
    #[error("the log of {id} cannot be trusted: {why}")]
    Unsound {
        /// The incident.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// The disk says no.
    #[error("cannot use {}: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl IncidentError {
    /// What to do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "`kbsec incident list` names those that are here",
            Self::Busy(_) => "work together on theirs, or wait: one log has one writer",
            Self::Unsound { .. } => {
                "keep the directory as it is, look with `kbsec incident verify`, and go on in a new incident"
            }
            Self::Disk { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => {
                    "free some space, or keep the log elsewhere with --state-dir DIR; nothing was done unlogged"
                }
                _ => "keep the log in a directory that you may write to, with --state-dir DIR",
            },
        }
    }
}

impl Incident {
    /// Makes a directory for a new incident in `root`.
    ///
    /// # Errors
    /// When the directory exists or cannot be written.
    pub fn create(root: &Path, summary: Summary) -> Result<Self, IncidentError> {
        let folder = root.join(&summary.incident);
        let disk = |source| IncidentError::Disk { path: folder.clone(), source };
        private_folder(root).map_err(|source| IncidentError::Disk { path: root.to_owned(), source })?;
        if folder.exists() {
            return Err(disk(io::ErrorKind::AlreadyExists.into()));
        }
        private_folder(&folder).map_err(disk)?;
        let lock = lock(&folder, &summary.incident)?;
        let store = Store::open(&folder.join("evidence")).map_err(disk)?;
        private_folder(&folder.join("out")).map_err(disk)?;
        let journal = Journal::create(&folder.join("log.jsonl")).map_err(disk)?;
        let incident = Self { id: summary.incident.clone(), folder, journal, store, summary, _lock: lock };
        incident.save().map_err(|source| IncidentError::Disk { path: incident.folder.clone(), source })?;
        sync_folder(&incident.folder)
            .map_err(|source| IncidentError::Disk { path: root.to_owned(), source })?;
        Ok(incident)
    }

    /// Opens an incident of `root` to go on with it.
    ///
    /// # Errors
    /// When it is unknown, in use, or its log does not fit.
    pub fn open(root: &Path, id: &str) -> Result<Opening, IncidentError> {
        let folder = folder_of(root, id)?;
        let disk = |source| IncidentError::Disk { path: folder.clone(), source };
        let lock = lock(&folder, id)?;
        let (summary, review) = review(root, id)?;
        let unsound = |why: String| IncidentError::Unsound { id: id.to_owned(), why };
        match &review.soundness {
            Soundness::Intact | Soundness::Torn => {}
            Soundness::Altered { line, why } => return Err(unsound(format!("line {line}: {why}"))),
            Soundness::Cut { found, expected } => {
                return Err(unsound(format!("it has {found} of {expected} records")));
            }
            Soundness::NoHead => return Err(unsound("state.json, which knows its length, is gone".into())),
        }
        let summary = summary.ok_or_else(|| unsound("state.json cannot be read".into()))?;
        let (journal, torn) = Journal::open(&folder.join("log.jsonl"), &review).map_err(disk)?;
        let store = Store::open(&folder.join("evidence")).map_err(disk)?;
        let incident = Self { id: id.to_owned(), folder, journal, store, summary, _lock: lock };
        Ok(Opening { incident, records: review.records, torn })
    }

    /// Writes a record; it is on disk when this returns.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn append(&mut self, draft: Draft) -> Result<Record, IncidentError> {
        let path = self.folder.join("log.jsonl");
        let disk = |source| IncidentError::Disk { path: path.clone(), source };
        let record = self.journal.append(draft).map_err(disk)?;
        self.summary.head = self.journal.head().clone();
        self.save().map_err(disk)?;
        Ok(record)
    }

    /// Marks it as closed, or as open again.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn mark(&mut self, status: &str) -> Result<(), IncidentError> {
        status.clone_into(&mut self.summary.status);
        self.save().map_err(|source| IncidentError::Disk { path: self.folder.clone(), source })
    }

    /// Writes a file into the directory `out`.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn write_out(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, IncidentError> {
        let path = self.folder.join("out").join(name);
        replace(&path, bytes).map_err(|source| IncidentError::Disk { path: path.clone(), source })?;
        Ok(path)
    }

    /// The key of its fingerprints: made once from `random`, then read.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn key(&self, random: &[u8]) -> Result<Vec<u8>, IncidentError> {
        let path = self.folder.join("key");
        let disk = |source| IncidentError::Disk { path: path.clone(), source };
        match fs::read(&path) {
            Ok(key) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace(&path, random).map_err(disk)?;
                Ok(random.to_vec())
            }
            Err(error) => Err(disk(error)),
        }
    }

    /// The evidence.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// `INC-20261125-7f3a`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What lists tell of it.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    fn save(&self) -> io::Result<()> {
        replace(&self.folder.join("state.json"), &serde_json::to_vec_pretty(&self.summary)?)
    }
}

/// The incidents of a root, newest first. What is no incident is passed over.
#[must_use]
pub fn list(root: &Path) -> Vec<Summary> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut all: Vec<Summary> = entries.filter_map(|entry| summary(&entry.path())).collect();
    all.sort_by(|a, b| (b.opened, &b.incident).cmp(&(a.opened, &a.incident)));
    all
}

/// Reads the log of an incident without changing anything.
///
/// # Errors
/// When there is no such incident, or its log cannot be read.
pub fn review(root: &Path, id: &str) -> Result<(Option<Summary>, Review), IncidentError> {
    let folder = folder_of(root, id)?;
    let summary = summary(&folder);
    let path = folder.join("log.jsonl");
    let review = Review::read(&path, summary.as_ref().map(|summary| &summary.head))
        .map_err(|source| IncidentError::Disk { path, source })?;
    Ok((summary, review))
}

/// The directory of an incident. A name with a path in it names none.
fn folder_of(root: &Path, id: &str) -> Result<PathBuf, IncidentError> {
    let is_name = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !id.is_empty();
    let folder = root.join(id);
    if is_name && folder.join("log.jsonl").is_file() {
        Ok(folder)
    } else {
        Err(IncidentError::Unknown(id.to_owned()))
    }
}

fn summary(folder: &Path) -> Option<Summary> {
    let mut bytes = Vec::new();
    File::open(folder.join("state.json")).ok()?.take(1 << 20).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Takes the incident for this program.
fn lock(folder: &Path, id: &str) -> Result<File, IncidentError> {
    let path = folder.join(LOCK);
    let disk = |source| IncidentError::Disk { path: path.clone(), source };
    let mut file = private().create(true).truncate(false).write(true).open(&path).map_err(disk)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(IncidentError::Busy(id.to_owned())),
        Err(fs::TryLockError::Error(error)) => return Err(disk(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(disk)?;
    Ok(file)
}
