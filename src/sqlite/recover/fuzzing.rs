//! A door for fuzzers: the parser of rollback journals, which nothing else outside of a recovery may call.

use std::collections::HashMap;

use super::super::evidence::Evidence;
use super::super::journal::Journal;

/// What a hot journal would roll back.
#[derive(Debug)]
pub struct RolledBack {
    /// Where in the journal the content of each page begins.
    pub pages: HashMap<u32, u64>,
    /// Pages of the database before the transaction.
    pub count: u32,
}

/// Reads a journal of a database with pages of this size; `None` if it would roll back nothing.
#[must_use]
pub fn journal(bytes: &[u8], page_size: u32) -> Option<RolledBack> {
    let journal = Journal::read(&Evidence::of_bytes("a-journal", bytes), page_size).ok()??;
    Some(RolledBack { pages: journal.pages, count: journal.count })
}
