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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Map;

    use super::super::record::{Actor, RecordKind};
    use super::*;

    fn draft(text: &str) -> Draft {
        let mut data = Map::new();
        data.insert("text".into(), text.into());
        Draft {
            clock: (1_764_000_000_000, 1),
            actor: Actor::default(),
            place: (String::new(), String::new()),
            kind: RecordKind::Note,
            data,
        }
    }

    /// A log of these notes, and its head.
    fn log(notes: &[String]) -> (tempfile::TempDir, PathBuf, Head) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        for note in notes {
            journal.append(draft(note)).unwrap();
        }
        let head = journal.head().clone();
        (folder, path, head)
    }

    #[test]
    fn a_log_reads_back_and_grows() {
        let (_folder, path, head) = log(&["one".into(), "two".into()]);
        let review = Review::read(&path, Some(&head)).unwrap();
        assert_eq!((review.records.len(), &review.soundness), (2, &Soundness::Intact));
        let (mut journal, torn) = Journal::open(&path, &review).unwrap();
        assert_eq!(torn, None);
        assert_eq!(journal.append(draft("three")).unwrap().seq, 3);
        let review = Review::read(&path, Some(&head)).unwrap();
        assert_eq!((review.records.len(), &review.soundness), (3, &Soundness::Intact));
    }

    #[test]
    fn a_cut_at_every_byte_is_recovered_or_told() {
        let (_folder, path, head) = log(&["one".into(), "two".into(), "three".into()]);
        let bytes = std::fs::read(&path).unwrap();
        // The head is written after its record: a crash in between leaves it at the record before.
        let whole = Review::of(&bytes, Some(&head));
        let before = Head { seq: 2, hash: whole.records[1].hash.clone() };
        let last_line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for cut in 0..bytes.len() {
            let left = &bytes[..cut];
            let told = Review::of(left, Some(&head)).soundness;
            assert!(matches!(told, Soundness::Cut { expected: 3, .. }), "{cut}: {told:?}");
            let crashed = Review::of(left, Some(&before));
            if cut > last_line {
                assert_eq!(crashed.soundness, Soundness::Torn, "{cut}");
                assert_eq!((crashed.records.len(), crashed.tail.len()), (2, cut - last_line));
            } else if cut < last_line {
                assert!(matches!(crashed.soundness, Soundness::Cut { expected: 2, .. }), "{cut}");
            }
        }
        assert_eq!(Review::of(&bytes, None).soundness, Soundness::NoHead);
    }

    #[test]
    fn a_torn_end_is_set_aside_and_the_log_goes_on() {
        let (_folder, path, _) = log(&["one".into()]);
        let head = Review::read(&path, None).unwrap().records.last().map(head_of).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"seq\":2,\"ti").unwrap();
        let review = Review::read(&path, Some(&head)).unwrap();
        assert_eq!(review.soundness, Soundness::Torn);
        let (mut journal, torn) = Journal::open(&path, &review).unwrap();
        assert_eq!(torn.map(|torn| torn.bytes), Some(12));
        journal.append(draft("two")).unwrap();
        assert_eq!(std::fs::read(path.with_extension("torn")).unwrap(), b"{\"seq\":2,\"ti\n");
        assert_eq!(Review::read(&path, Some(&head)).unwrap().soundness, Soundness::Intact);
    }

    #[test]
    fn lines_that_were_removed_moved_or_repeated_are_told() {
        let (_folder, path, head) = log(&["one".into(), "two".into(), "three".into()]);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for order in [&[1, 2][..], &[0, 2], &[1, 0, 2], &[0, 0, 1, 2], &[0, 1, 2, 2]] {
            let changed: String = order.iter().map(|at| lines[*at]).collect();
            let told = Review::of(changed.as_bytes(), Some(&head)).soundness;
            assert!(matches!(told, Soundness::Altered { .. }), "{order:?}: {told:?}");
        }
        // Another log of the same length has another head.
        let (_other, other, _) = log(&["one".into(), "two".into(), "four".into()]);
        let told = Review::read(&other, Some(&head)).unwrap().soundness;
        assert!(matches!(told, Soundness::Altered { line: 3, .. }), "{told:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_flipped_bit_is_told(notes in prop::collection::vec(".{0,20}", 1..5)) {
            let (_folder, path, head) = log(&notes);
            let bytes = std::fs::read(&path).unwrap();
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << (at % 8);
                let told = Review::of(&changed, Some(&head)).soundness;
                prop_assert!(told != Soundness::Intact && told != Soundness::Torn, "byte {}: {:?}", at, told);
            }
        }
    }
}
