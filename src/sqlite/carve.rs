//! A carving: the deleted rows whose bytes are still in a database or its write-ahead log.
//!
//! SQLite does not wipe what it deletes. A row stays in the free bytes of its page until something else needs them, on
//! pages that became free, and in the log. Precision comes before recall here: what may be chance is not reported.

mod found;
mod headless;
mod history;
mod live;
mod page;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use rusqlite::types::Value as Field;

use super::files::Files;
use super::header::{HEADER_BYTES, Header};
use super::image::Image;
use found::Found;
use live::Live;
use page::Scan;

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most rows to collect; they are kept in memory.
    pub most: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { most: 1_000_000 }
    }
}

/// What a carving found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The rows, by file and offset.
    pub rows: Vec<CarvedRow>,
    /// What could not be read, as sentences.
    pub unreadable: Vec<String>,
    /// Whether there are more rows than were asked for.
    pub is_cut: bool,
    /// Whether somebody wrote to the files meanwhile.
    pub has_changed: bool,
}

/// A deleted row, or an older state of one that lives.
#[derive(Clone, Debug)]
pub struct CarvedRow {
    /// Its table, if one and only one fits.
    pub table: Option<Arc<str>>,
    /// Its key, if that is still there.
    pub rowid: Option<i64>,
    /// The names of the values; empty if the table is not known.
    pub columns: Arc<[String]>,
    /// Its values: columns that are computed are NULL, those that the record lacks have their default.
    pub values: Vec<Field>,
    /// The page that it was on.
    pub page: u32,
    /// Where its cell begins in the database file, or in the log.
    pub offset: u64,
    /// Whether the offset is one of the log.
    pub is_in_log: bool,
    /// Where it was found.
    pub method: Method,
    /// How far to believe it.
    pub confidence: Confidence,
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
    Log,
}

/// How much of a row is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// A part of it is lost, or guessed.
    Low,
    /// All its values are there, and the start of its cell is lost.
    Medium,
    /// The whole cell is there.
    High,
}

impl Method {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FreePage => "free page",
            Self::Unallocated => "unallocated",
            Self::Freeblock => "freeblock",
            Self::Log => "log",
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
    let (image, older) = history::images(&main, files, &mut outcome.unreadable);
    let live = Live::read(image, &main, &mut outcome.unreadable);
    let mut found = Found::new(options.most);
    let mut scan = Scan { live: &live, found: &mut found };
    for number in 1..=main.pages().max(live.image.pages()) {
        scan.current(number, &mut outcome.unreadable);
    }
    for old in &older {
        scan.older(old, &mut outcome.unreadable);
    }
    outcome.is_cut = found.is_full();
    outcome.rows = found.into_rows();
    outcome.has_changed = files.have_changed();
    outcome
}
