//! The journal: the log of an incident, which only grows, survives a crash, and shows what was altered or cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::disk::private;
use super::record::{Draft, Record};

/// Bytes that a log may have; a long incident has a hundredth of it.
const LARGEST: u64 = 256 << 20;

/// The log, open for writing. Each record is on disk before the next thing is done.
#[derive(Debug)]
pub struct Journal {
    file: File,
    head: Head,
}

/// The last record of a log, kept apart from it, so that a cut is noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; 0 before the first one.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// What a log turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// Every record fits, and none is missing.
    Intact,
    /// The last line is incomplete, as a crash leaves it; every complete one fits.
    Torn,
    /// A line does not fit.
    Altered {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Records are missing at the end.
    Cut {
        /// How many there are.
        found: u64,
        /// How many there were.
        expected: u64,
    },
    /// Nothing tells how long the log was: its end may be missing.
    NoHead,
}

/// A log, read without changing it.
#[derive(Clone, Debug)]
pub struct Review {
    /// The records that fit, in order.
    pub records: Vec<Record>,
    /// What is behind the last complete line.
    pub tail: Vec<u8>,
    /// The judgement.
    pub soundness: Soundness,
}

/// What was set aside of a torn log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Bytes that were moved.
    pub bytes: usize,
    /// Where to.
    pub moved_to: PathBuf,
}

impl Journal {
    /// Begins a log.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = private().create_new(true).append(true).open(path)?;
        Ok(Self { file, head: Head::default() })
    }

    /// Opens a log that was reviewed, to write on; a torn end is set aside first.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(path: &Path, review: &Review) -> io::Result<(Self, Option<Torn>)> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let torn =
            if review.tail.is_empty() { None } else { Some(set_aside(&mut file, path, &review.tail)?) };
        let head = review.records.last().map_or_else(Head::default, head_of);
        Ok((Self { file, head }, torn))
    }

    /// Writes a record and waits until it is on disk. When that fails, the log is as it was.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn append(&mut self, draft: Draft) -> io::Result<Record> {
        let (record, mut line) = Record::seal(draft, self.head.seq, &self.head.hash)?;
        line.push('\n');
        let before = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()) {
            let _ = self.file.set_len(before);
            return Err(error);
        }
        self.head = head_of(&record);
        Ok(record)
    }

    /// The last record.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }
}

impl Review {
    /// Reads a log; `head` is what is known of its end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path, head: Option<&Head>) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(Self::of(&bytes, head))
    }

    /// Judges the bytes of a log.
    #[must_use]
    pub fn of(bytes: &[u8], head: Option<&Head>) -> Self {
        let mut review = Self { records: Vec::new(), tail: Vec::new(), soundness: Soundness::Intact };
        let (mut last, mut prev) = (0, String::new());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                review.tail = line.to_vec();
                review.soundness = Soundness::Torn;
                break;
            };
            match Record::read(line, last, &prev) {
                Ok(record) => {
                    (last, prev) = (record.seq, record.hash.clone());
                    review.records.push(record);
                }
                Err(flaw) => {
                    review.soundness = Soundness::Altered { line: last + 1, why: flaw.to_string() };
                    return review;
                }
            }
        }
        review.soundness = match head {
            None => Soundness::NoHead,
            Some(head) if head.seq > last => Soundness::Cut { found: last, expected: head.seq },
            Some(head) if !is_on_chain(head, &review.records) => {
                Soundness::Altered { line: head.seq, why: "it is not the record that was here before".into() }
            }
            Some(_) => review.soundness,
        };
        review
    }
}

/// Whether the records go through the head. A crash may leave the head behind the log, never before it.
fn is_on_chain(head: &Head, records: &[Record]) -> bool {
    let at = usize::try_from(head.seq).unwrap_or(usize::MAX);
    match at.checked_sub(1) {
        None => head.hash.is_empty(),
        Some(at) => records.get(at).is_some_and(|record| record.hash == head.hash),
    }
}

fn head_of(record: &Record) -> Head {
    Head { seq: record.seq, hash: record.hash.clone() }
}

/// Moves an incomplete last line into a file beside the log.
fn set_aside(file: &mut File, path: &Path, tail: &[u8]) -> io::Result<Torn> {
    let moved_to = path.with_extension("torn");
    let mut kept = private().create(true).append(true).open(&moved_to)?;
    kept.write_all(tail)?;
    kept.write_all(b"\n")?;
    kept.sync_all()?;
    let end = file.seek(SeekFrom::End(0))?;
    file.set_len(end.saturating_sub(tail.len() as u64))?;
    file.sync_all()?;
    Ok(Torn { bytes: tail.len(), moved_to })
}
