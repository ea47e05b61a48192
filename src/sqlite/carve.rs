//! A carving: the deleted rows whose bytes are still in a database, its write-ahead log or its rollback journal.
//!
//! SQLite does not wipe what it deletes. A row stays in the free bytes of its page until something else needs them, on
//! pages that became free, in the log and in the journal. Precision comes before recall here: what may be chance is not
//! reported. How sure a row is has two parts: whether its bytes are a whole record, and which table it belonged to.

mod dropped;
mod found;
mod headless;
mod history;
mod live;
mod origin;
mod page;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use rusqlite::types::Value as Field;

use super::files::Files;
use super::header::{HEADER_BYTES, Header};
use super::image::Image;
use found::{Found, Room};
use history::{History, Older};
use live::Live;
use page::Scan;
use rayon::prelude::*;

/// Images that a thread searches at a time.
const PAGES: usize = 128;
/// How many such pieces are searched before their rows are taken together.
const BATCH: usize = 64;

/// How far to go. Rows are kept in memory until all are found.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most rows to keep.
    pub rows: usize,
    /// The most bytes that they may take.
    pub bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { rows: 1_000_000, bytes: 1 << 30 }
    }
}

/// What a carving found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The rows, by file and offset.
    pub rows: Vec<CarvedRow>,
    /// How many more there are than could be kept.
    pub left_out: usize,
    /// What could not be read, as sentences.
    pub unreadable: Vec<String>,
    /// What else the reader should know, as sentences.
    pub notes: Vec<String>,
    /// Whether somebody wrote to the files meanwhile.
    pub has_changed: bool,
}

/// A deleted row, or an older state of one that lives.
#[derive(Clone, Debug)]
pub struct CarvedRow {
    /// Its table. Several if it may be of each of them, none if it fits no table that is known.
    pub tables: Vec<TableName>,
    /// How sure the table is. High: its page is that table's. Medium: it fits no other table. Low: it is a guess.
    pub table_confidence: Confidence,
    /// Its key, if that is still there.
    pub rowid: Option<i64>,
    /// The names of the values; empty if the table is not known.
    pub columns: Arc<[String]>,
    /// Its values: columns that are computed are NULL, those that the record lacks have their default.
    pub values: Vec<Field>,
    /// Which of the values are lost; they stand as NULL.
    pub lost: Vec<usize>,
    /// The page that it was on.
    pub page: u32,
    /// The file that it was found in.
    pub part: Part,
    /// Where in that file its cell begins.
    pub offset: u64,
    /// Where it was found.
    pub method: Method,
    /// How much of it is as it was.
    pub confidence: Confidence,
}

/// The name of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The name.
    pub name: Arc<str>,
    /// Whether the table was dropped.
    pub is_dropped: bool,
}

/// One of the files of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The database itself.
    Database,
    /// Its write-ahead log.
    Log,
    /// Its rollback journal.
    Journal,
}

/// Where a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// On a page that nothing uses.
    FreePage,
    /// Between the pointers of a page and its cells.
    Unallocated,
    /// In a free block between cells.
    Freeblock,
    /// In an older image of its page.
    OlderPage,
}

/// How far to believe something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// A part of the row is lost or guessed.
    Low,
    /// The start of the cell was rebuilt; the key before it is lost, the record is not.
    Medium,
    /// The whole cell is there.
    High,
}

impl Part {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Log => "wal",
            Self::Journal => "journal",
        }
    }
}

impl Method {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FreePage => "free page",
            Self::Unallocated => "unallocated",
            Self::Freeblock => "freeblock",
            Self::OlderPage => "older page",
        }
    }
}

impl Confidence {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Finds the rows that are not live any more.
#[must_use]
pub fn carve(files: &Files, options: Options) -> Outcome {
    let mut outcome = Outcome::default();
    let mut start = [0; HEADER_BYTES];
    if let Err(cause) = files.database.read_at(0, &mut start) {
        outcome.unreadable.push(format!("the header: {}", cause.kind()));
        return outcome;
    }
    if files.database.is_empty() {
        return outcome;
    }
    let Some(geometry) = Header::new(&start).geometry() else {
        outcome.unreadable.push("the header: it names no page size that SQLite has".to_owned());
        return outcome;
    };
    let main = Image::new(Arc::clone(&files.database), 0, geometry);
    let history = History::read(&main, files, &mut outcome.unreadable);
    let mut live = Live::read(history.image.clone(), &main, &mut outcome.unreadable);
    live.add_dropped(&dropped::schema_rows(&live, &history));
    let mut found = Found::new(Room { rows: options.rows, bytes: options.bytes });
    search(&live, &history, &mut found, &mut outcome.unreadable);
    outcome.left_out = found.left_out();
    outcome.rows = found.into_rows();
    outcome.notes = history.notes;
    outcome.has_changed = files.have_changed();
    outcome
}

/// Searches every image of every page. Some pages at a time are searched by all threads, so that what they found is
/// never more than fits.
fn search(live: &Live, history: &History, found: &mut Found, unreadable: &mut Vec<String>) {
    let current = (1..=live.pages()).map(Some);
    let all: Vec<(Option<u32>, Option<&Older>)> =
        current.map(|page| (page, None)).chain(history.older.iter().map(|old| (None, Some(old)))).collect();
    for batch in all.chunks(BATCH * PAGES) {
        let scan = |images: &[(Option<u32>, Option<&Older>)]| {
            let mut scan = Scan::new(live, history);
            for (page, old) in images {
                page.iter().for_each(|page| scan.current(*page));
                old.iter().for_each(|old| scan.older(old));
            }
            (scan.rows, scan.unreadable)
        };
        let scans: Vec<_> = batch.par_chunks(PAGES).map(scan).collect();
        for (rows, faults) in scans {
            rows.into_iter().for_each(|row| found.take(row));
            unreadable.extend(faults);
        }
    }
}
