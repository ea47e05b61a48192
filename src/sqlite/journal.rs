//! A rollback journal: pages as they were before a transaction (section 3).

use std::collections::HashMap;
use std::io;

use super::bytes::be32;
use super::evidence::Evidence;
use super::sidecar::JOURNAL_MAGIC;

/// The pages that would be rolled back.
#[derive(Debug)]
pub struct Journal {
    /// Where in the file the content of each page begins.
    pub pages: HashMap<u32, u64>,
    /// Pages of the database before the transaction.
    pub count: u32,
    /// Whether a record had a wrong checksum, so that later ones were not read.
    pub is_cut: bool,
}

/// The page size that a journal names in its first header; `None` if it has no header, or one that was wiped.
pub(super) fn page_size(file: &Evidence) -> io::Result<Option<u32>> {
    let mut head = [0; 28];
    file.read_at(0, &mut head)?;
    Ok(head.starts_with(&JOURNAL_MAGIC).then(|| be32(&head, 24)))
}

impl Journal {
    /// Reads it; `None` if it is not hot, or was written for pages of another size, in bytes.
    ///
    /// # Errors
    /// When the system cannot read the file.
    pub fn read(file: &Evidence, page_size: u32) -> io::Result<Option<Self>> {
        let mut found: Option<Self> = None;
        let mut at = 0;
        while let Some(next) = section(file, at, page_size, &mut found)? {
            at = next;
        }
        Ok(found.filter(|journal| !journal.pages.is_empty()))
    }
}

/// Reads one header with its records, and tells where the next header is.
fn section(
    file: &Evidence,
    start: u64,
    page_size: u32,
    found: &mut Option<Journal>,
) -> io::Result<Option<u64>> {
    let mut head = [0; 28];
    file.read_at(start, &mut head)?;
    let sector = u64::from(be32(&head, 20));
    let is_sound = head.starts_with(&JOURNAL_MAGIC)
        && be32(&head, 24) == page_size
        && sector.is_power_of_two()
        && (32..=65536).contains(&sector);
    if !is_sound {
        return Ok(None);
    }
    let (nonce, count) = (be32(&head, 12), be32(&head, 16));
    let journal = found.get_or_insert(Journal { pages: HashMap::new(), count, is_cut: false });
    let step = u64::from(page_size) + 8;
    let mut at = start + sector;
    // A count of -1 means that records go on to the end of the file.
    let there = file.len().saturating_sub(at) / step;
    let records = match be32(&head, 8) {
        u32::MAX => there,
        records => there.min(records.into()),
    };
    let mut record = vec![0; step as usize];
    for _ in 0..records {
        file.read_at(at, &mut record)?;
        let (page, content) = (be32(&record, 0), &record[4..4 + page_size as usize]);
        if page == 0 || be32(&record, 4 + page_size as usize) != checksum(nonce, content) {
            journal.is_cut = true;
            return Ok(None);
        }
        // The first record of a page is the oldest.
        if page <= journal.count {
            journal.pages.entry(page).or_insert(at + 4);
        }
        at += step;
    }
    Ok(Some(at.div_ceil(sector) * sector).filter(|next| *next < file.len()))
}

/// Every page that the journal still holds, and where its content begins, though the header that made it valid was
/// wiped when the transaction ended. `most` is the largest number that a page can have.
pub(super) fn leftovers(file: &Evidence, page_size: u32, most: u32) -> io::Result<Vec<(u32, u64)>> {
    let mut head = [0; 28];
    file.read_at(0, &mut head)?;
    let told = u64::from(be32(&head, 20));
    if head.starts_with(&JOURNAL_MAGIC) && be32(&head, 24) == page_size && (32..=65536).contains(&told) {
        return records(file, told, page_size, most);
    }
    // The header is as long as a sector, and only its first bytes are wiped.
    let mut best = Vec::new();
    for sector in (9..=16).map(|power| 1 << power) {
        let found = records(file, sector, page_size, most)?;
        if found.len() > best.len() {
            best = found;
        }
    }
    Ok(best)
}

/// The records behind a header of this length, and behind those that follow.
fn records(file: &Evidence, sector: u64, page_size: u32, most: u32) -> io::Result<Vec<(u32, u64)>> {
    let step = u64::from(page_size) + 8;
    let (mut found, mut at, mut number) = (Vec::new(), sector, [0; 8]);
    while at + step <= file.len() {
        file.read_at(at, &mut number)?;
        let page = be32(&number, 0);
        if (1..=most).contains(&page) && is_page(page, number[4]) {
            found.push((page, at + 4));
            at += step;
            continue;
        }
        let next = at.div_ceil(sector) * sector;
        file.read_at(next, &mut number)?;
        if number != JOURNAL_MAGIC {
            break;
        }
        at = next + sector;
    }
    Ok(found)
}

/// Whether the content of a page can begin so: the first page has the magic of a file, others are of trees or links.
fn is_page(page: u32, first: u8) -> bool {
    if page == 1 { first == b'S' } else { matches!(first, 0 | 2 | 5 | 10 | 13) }
}

/// Every two hundredth byte from the end counts.
fn checksum(nonce: u32, page: &[u8]) -> u32 {
    let mut sum = nonce;
    let mut at = page.len().saturating_sub(200);
    while at > 0 {
        sum = sum.wrapping_add(page[at].into());
        at = at.saturating_sub(200);
    }
    sum
}
