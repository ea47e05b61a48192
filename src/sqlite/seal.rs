//! A seal: a hash of every page of a database, by which any later change of any bit is found and located.

mod file;

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::digest::{self, BLOCK};
use super::draft::{Draft, WriteError};
use super::evidence::{Evidence, EvidenceError};
use super::header::{HEADER_BYTES, Header};
use super::sidecar::Role;
use super::wal::{FrameState, WAL_HEADER_BYTES, Wal};
pub use file::SealFault;

/// Bytes that are kept of the SHA-256 of a page.
pub const HASH_BYTES: usize = 16;
/// Seals are at most so long: those of a database of 256 GiB in pages of 4 KiB.
const LONGEST: u64 = 1 << 30;

/// Which database, and which seal.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database.
    pub database: PathBuf,
    /// The seal.
    pub seal: PathBuf,
}

/// What a database file was when it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Facts of the header.
    pub facts: Facts,
    /// Bytes of the file.
    pub length: u64,
    /// Frames of the write-ahead log that counted: pages that the file itself did not have yet.
    pub wal_frames: u32,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// The hash of each page, in order; of a last page that is cut off, of what there is.
    pages: Vec<[u8; HASH_BYTES]>,
}

/// What the header of a database says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of a page.
    pub page_size: u32,
    /// How often the database was changed.
    pub change_counter: u32,
    /// `PRAGMA user_version`.
    pub user_version: u32,
    /// `PRAGMA application_id`.
    pub application_id: u32,
}

/// How a database differs from its seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Runs of pages that differ, in order; empty if the file is what was sealed.
    pub changes: Vec<Change>,
    /// What was sealed: the facts, and the frames of the log at that time.
    pub sealed: Facts,
    /// Frames of the log when it was sealed.
    pub sealed_wal_frames: u32,
    /// Frames of the log now: changes that are not in the file yet, and are not compared.
    pub wal_frames: u32,
    /// Pages that were compared.
    pub pages: u64,
    /// Whether somebody wrote to the file meanwhile.
    pub moving: bool,
}

/// Neighbouring pages with the same fate and the same owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened to them.
    pub kind: ChangeKind,
    /// The first page.
    pub first: u32,
    /// The last page.
    pub last: u32,
    /// Where the first one begins in the file.
    pub offset: u64,
    /// The table or index to which they belong, if the caller knows.
    pub owner: Option<String>,
}

/// What happened to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Its bytes differ.
    Changed,
    /// It was not sealed.
    Added,
    /// It was sealed and is gone.
    Missing,
}

/// Why a database could not be sealed or verified.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A file cannot be read.
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
    /// Its header is none.
    #[error("{0} is no SQLite database: it does not begin as one, or its page size is impossible")]
    NotADatabase(PathBuf),
    /// Somebody writes to it.
    #[error("{0} was changed while it was being sealed")]
    Moving(PathBuf),
    /// More pages than a database can have.
    #[error("{0} is larger than a SQLite database can be")]
    TooLarge(PathBuf),
    /// The seal cannot be understood.
    #[error("{path} is not a seal that can be used")]
    BadSeal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: SealFault,
    },
    /// The seal cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl SealError {
    /// What the user can do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Evidence(error) => error.hint(),
            Self::Write(error) => error.hint(),
            Self::Read { .. } => "the disk may be failing: copy it first, and work on the copy",
            Self::NotADatabase(_) => "name the database file itself; a damaged one has to be recovered first",
            Self::Moving(_) => "seal it while nobody writes, or seal a backup of it",
            Self::TooLarge(_) => "name the database file itself",
            Self::BadSeal { .. } => "name the file that was written when the database was sealed",
        }
    }
}

/// Hashes a database and writes its seal to a new file. The database and what stands beside it stay as they are.
///
/// # Errors
/// When the database cannot be read, is none, or changes meanwhile; when the seal exists or cannot be written.
pub fn seal(options: &Options) -> Result<Seal, SealError> {
    let file = Evidence::open(&options.database)?;
    let seal = Seal::of(&file, wal_frames(&options.database, &file)?)?;
    Draft::with_content(&options.seal, &seal.to_bytes())?.publish()?;
    Ok(seal)
}

/// Compares a database with its seal; `owner` may know to which table a page belongs.
///
/// # Errors
/// When the database or the seal cannot be read, or the seal is none. A database that differs is no error.
pub fn verify(options: &Options, owner: &dyn Fn(u32) -> Option<String>) -> Result<Verdict, SealError> {
    let stored = Evidence::open(&options.seal)?;
    let bad = |cause| SealError::BadSeal { path: options.seal.clone(), cause };
    if stored.len() > LONGEST {
        return Err(bad(SealFault::Length));
    }
    let mut bytes = vec![0; stored.len() as usize];
    stored.read_at(0, &mut bytes).map_err(|cause| SealError::Read { path: options.seal.clone(), cause })?;
    let seal = Seal::parse(&bytes).map_err(bad)?;
    let file = Evidence::open(&options.database)?;
    let wal_frames = wal_frames(&options.database, &file)?;
    let changes = seal.compare(&file, owner);
    let changes = changes.map_err(|cause| SealError::Read { path: options.database.clone(), cause })?;
    Ok(Verdict {
        changes,
        sealed: seal.facts,
        sealed_wal_frames: seal.wal_frames,
        wal_frames,
        pages: seal.pages.len() as u64,
        moving: file.has_changed(),
    })
}

impl Seal {
    /// Hashes a database; `wal_frames` is the number of frames in its log that count.
    ///
    /// # Errors
    /// When it cannot be read, is no database, or changes meanwhile.
    pub fn of(file: &Evidence, wal_frames: u32) -> Result<Self, SealError> {
        let path = || file.path().to_owned();
        let read = |cause| SealError::Read { path: path(), cause };
        let mut start = [0; HEADER_BYTES];
        file.read_at(0, &mut start).map_err(read)?;
        let header = Header::new(&start);
        let geometry = header.geometry().filter(|_| header.has_magic());
        let page_size = geometry.ok_or_else(|| SealError::NotADatabase(path()))?.page_size;
        let count = file.len().div_ceil(page_size.into());
        u32::try_from(count).map_err(|_| SealError::TooLarge(path()))?;
        let (sha256, pages) = rayon::join(|| digest::of_file(file), || hashes(file, page_size, count));
        let seal = Self {
            facts: Facts {
                page_size,
                change_counter: header.change_counter(),
                user_version: header.user_version(),
                application_id: header.application_id(),
            },
            length: file.len(),
            wal_frames,
            sha256: sha256.map_err(read)?,
            pages: pages.map_err(read)?,
        };
        if file.has_changed() {
            return Err(SealError::Moving(path()));
        }
        Ok(seal)
    }

    /// How many pages it has.
    #[must_use]
    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// The pages of a file that are not as they were sealed.
    ///
    /// # Errors
    /// When the system cannot read the file.
    pub fn compare(&self, file: &Evidence, owner: &dyn Fn(u32) -> Option<String>) -> io::Result<Vec<Change>> {
        let page_size = u64::from(self.facts.page_size);
        // Page numbers have 32 bits; what lies beyond is one more difference at the end.
        let count = file.len().div_ceil(page_size).min(u32::MAX.into());
        let now = hashes(file, self.facts.page_size, count)?;
        let mut changes: Vec<Change> = Vec::new();
        for at in 0..self.pages.len().max(now.len()) {
            let kind = match (self.pages.get(at), now.get(at)) {
                (Some(then), Some(now)) if then == now => continue,
                (Some(_), Some(_)) => ChangeKind::Changed,
                (Some(_), None) => ChangeKind::Missing,
                (None, _) => ChangeKind::Added,
            };
            let page = at as u32 + 1;
            let owner = owner(page);
            match changes.last_mut() {
                Some(run) if (run.kind, run.last + 1) == (kind, page) && run.owner == owner => {
                    run.last = page;
                }
                _ => {
                    let offset = at as u64 * page_size;
                    changes.push(Change { kind, first: page, last: page, offset, owner });
                }
            }
        }
        Ok(changes)
    }
}

/// The hash of each page, computed by many threads.
fn hashes(file: &Evidence, page_size: u32, count: u64) -> io::Result<Vec<[u8; HASH_BYTES]>> {
    let size = page_size as usize;
    let per_block = (BLOCK / size) as u64;
    let blocks = (0..count.div_ceil(per_block)).into_par_iter();
    let hashed = blocks.map_init(
        || vec![0; BLOCK],
        |bytes, block| {
            let first = block * per_block;
            let wanted = (count - first).min(per_block) as usize * size;
            let read = file.read_at(first * u64::from(page_size), &mut bytes[..wanted])?;
            // A file that was cut meanwhile has pages without bytes.
            let pages = (0..wanted).step_by(size);
            Ok(pages.map(|at| hash(&bytes[at.min(read)..(at + size).min(read)])).collect::<Vec<_>>())
        },
    );
    Ok(hashed.collect::<io::Result<Vec<_>>>()?.concat())
}

fn hash(page: &[u8]) -> [u8; HASH_BYTES] {
    let mut short = [0; HASH_BYTES];
    short.copy_from_slice(&Sha256::digest(page)[..HASH_BYTES]);
    short
}

/// How many frames of the log beside a database SQLite would use.
fn wal_frames(database: &Path, file: &Evidence) -> Result<u32, SealError> {
    let real = database.canonicalize();
    let path = Role::Wal.beside(real.as_deref().unwrap_or(database));
    let read = |cause| SealError::Read { path: path.clone(), cause };
    let log = match Evidence::open(&path) {
        Err(EvidenceError::Unreadable { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
            return Ok(0);
        }
        opened => opened?,
    };
    let mut start = [0; HEADER_BYTES];
    file.read_at(0, &mut start).map_err(read)?;
    let page_size = Header::new(&start).geometry().map(|geometry| geometry.page_size);
    let Some(page_size) = page_size.filter(|_| log.len() > WAL_HEADER_BYTES) else { return Ok(0) };
    let frames = Wal::read(&log, page_size).map_err(read)?.frames;
    Ok(frames.iter().filter(|frame| frame.state == FrameState::Chained).count() as u32)
}

#[cfg(test)]
mod tests;
