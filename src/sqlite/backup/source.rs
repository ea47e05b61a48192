//! The source of a backup: looked at as bytes, before SQLite may open it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::evidence::{Evidence, EvidenceError};
use super::super::header::{HEADER_BYTES, Header};
use super::super::sidecar::{self, Role};
use super::super::wal::{FrameState, WAL_HEADER_BYTES, Wal};
use super::BackupError;

/// So many bytes tell whether a file looks encrypted.
const SAMPLE: usize = 4096;
/// Bits of each byte from which on a sample is taken for random; in 4096 random bytes there are 7.95.
const RANDOM: f64 = 7.8;
/// A log is read anew so often before a frame is called damaged: its writer may be in the middle of it.
const LOOKS: usize = 3;
/// How long a writer may take for a frame.
const PAUSE: Duration = Duration::from_millis(100);

/// A database that SQLite may open for reading.
#[derive(Debug)]
pub(super) struct Source {
    /// Absolute and without links.
    pub(super) path: PathBuf,
    /// Whether it keeps a write-ahead log.
    pub(super) wal: bool,
    /// Whether a log or a journal has content: then it cannot be read as a file that does not change.
    pub(super) in_use: bool,
}

/// Looks at a database and closes it again.
pub(super) fn look(path: &Path) -> Result<Source, BackupError> {
    let unreadable = |cause| EvidenceError::Unreadable { path: path.to_owned(), cause };
    let path = path.canonicalize().map_err(unreadable)?;
    let read = |cause| BackupError::Read { path: path.clone(), cause };
    let file = Evidence::open(&path)?;
    let mut start = vec![0; SAMPLE];
    let count = file.read_at(0, &mut start).map_err(read)?;
    start.truncate(count);
    let header = Header::new(&start);
    if start.is_empty() {
        return Err(BackupError::Empty(path));
    }
    let geometry = header.geometry().filter(|_| header.has_magic() && count >= HEADER_BYTES);
    let Some(geometry) = geometry else {
        let random = !header.has_magic() && entropy(&start) > RANDOM;
        return Err(if random { BackupError::Encrypted(path) } else { BackupError::NotADatabase(path) });
    };
    let log = sound_log(&path, geometry.page_size)?;
    let journal = Evidence::open_if_there(&Role::Journal.beside(&path))?;
    let in_use = log || journal.is_some_and(|journal| sidecar::is_in_use(&journal));
    Ok(Source { path, wal: header.read_version() == 2, in_use })
}

/// Whether there is a log with content. It is an error if committed frames stand behind a damage in it.
fn sound_log(database: &Path, page_size: u32) -> Result<bool, BackupError> {
    let path = Role::Wal.beside(database);
    for look in 1.. {
        let Some(log) = Evidence::open_if_there(&path)? else { return Ok(false) };
        if log.len() <= WAL_HEADER_BYTES {
            return Ok(!log.is_empty());
        }
        let wal =
            Wal::read(&log, page_size).map_err(|cause| BackupError::Read { path: path.clone(), cause })?;
        if !wal.frames.iter().any(|frame| frame.state == FrameState::Verified) {
            return Ok(true);
        }
        if look >= LOOKS {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Err(BackupError::DamagedLog(database.to_owned()))
}

/// Bits of information in each byte, at most 8.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let share = |count: u32| f64::from(count) / bytes.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| -share(*count) * share(*count).log2()).sum()
}
