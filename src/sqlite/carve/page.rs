//! A page searched for cells that no live pointer leads to.

use std::ops::Range;

use super::found::{Candidate, Kept, Place, Verdict};
use super::headless::{self, Ends};
use super::history::{History, Older};
use super::live::{Live, Owner};
use super::{Confidence, Method, Part};
use crate::sqlite::btree::{BtreePage, Cell, PageKind, cell_at};
use crate::sqlite::bytes::{be16, varint};
use crate::sqlite::header::Geometry;
use crate::sqlite::record::Record;

/// How many tables are tried for a cell without head on a page that any table may have had.
const MOST_TABLES: usize = 256;

/// A search, and what it found.
pub(super) struct Scan<'a> {
    live: &'a Live,
    history: &'a History,
    pub(super) rows: Vec<Kept>,
    /// What could not be read, as sentences.
    pub(super) unreadable: Vec<String>,
}

/// What is searched: the bytes of one image of a page.
struct Ground<'a> {
    bytes: &'a [u8],
    number: u32,
    part: Part,
    start: u64,
    owner: Owner,
    /// Whether it is an image that does not count any more.
    is_old: bool,
    blocks: Vec<Range<usize>>,
}

impl Ground<'_> {
    /// Whether the page names a free block there.
    fn is_listed(&self, at: usize) -> bool {
        self.blocks.iter().any(|block| block.contains(&at))
    }

    fn ends(&self, at: usize, taken: usize, block: usize) -> Ends {
        let is_head = self.blocks.iter().any(|block| block.start == at);
        Ends { taken, block, is_listed: self.is_listed(at), is_head }
    }
}

impl<'a> Scan<'a> {
    pub(super) fn new(live: &'a Live, history: &'a History) -> Self {
        Self { live, history, rows: Vec::new(), unreadable: Vec::new() }
    }

    /// Searches the page that counts.
    pub(super) fn current(&mut self, number: u32) {
        let mut bytes = Vec::new();
        if let Err(cause) = self.history.image.read(number, &mut bytes) {
            self.unreadable.push(format!("page {number}: {}", cause.kind()));
            return;
        }
        self.ground(&bytes, number, self.history.place(number), false);
    }

    /// Searches an image that another one replaced.
    pub(super) fn older(&mut self, old: &Older) {
        let mut bytes = vec![0; self.live.image.geometry().page_size as usize];
        if let Err(cause) = old.file.read_at(old.offset, &mut bytes) {
            self.unreadable.push(format!("an older image of page {}: {}", old.page, cause.kind()));
            return;
        }
        self.ground(&bytes, old.page, (old.part, old.offset), true);
    }

    fn ground(&mut self, bytes: &[u8], number: u32, (part, start): (Part, u64), is_old: bool) {
        let owner = self.live.owner(number);
        let usable = self.live.image.geometry().usable();
        if owner == Owner::Reserved || bytes.iter().all(|byte| *byte == 0) {
            return;
        }
        let bytes = bytes.get(..usable).unwrap_or(bytes);
        let mut ground = Ground { bytes, number, part, start, owner, is_old, blocks: Vec::new() };
        let mut covered = vec![false; bytes.len()];
        if number == 1 {
            cover(&mut covered, 0..100);
        }
        match owner {
            Owner::Overflow if !is_old => {
                let end = self.live.chain_ends.get(&number).copied().unwrap_or(usable);
                cover(&mut covered, 0..end);
            }
            Owner::Trunk(entries) if !is_old => cover(&mut covered, 0..8 + 4 * entries),
            _ => self.cells(&mut ground, &mut covered),
        }
        self.whole(&ground, &mut covered);
        self.headless(&ground, &mut covered);
    }

    /// What the page itself calls its cells: they live, or the page does not.
    fn cells(&mut self, ground: &mut Ground<'_>, covered: &mut [bool]) {
        let geometry = self.live.image.geometry();
        let Ok(page) = BtreePage::parse(ground.bytes, ground.number, geometry) else { return };
        let is_live = !ground.is_old && matches!(ground.owner, Owner::Table(_) | Owner::Index);
        if !is_live && page.content_start() < page.pointers_end() {
            return;
        }
        ground.blocks = blocks(&page, ground.bytes);
        let first = if ground.number == 1 { 100 } else { 0 };
        cover(covered, first..page.pointers_end());
        for cell in page.iter().flatten() {
            let range = cell.offset..cell.offset + cell.size;
            if is_live || self.offer(ground, &cell, page.kind(), (true, Confidence::High)) {
                cover(covered, range);
            }
        }
    }

    /// Whole cells in the bytes that are not explained yet; those of the likely kind come first.
    fn whole(&mut self, ground: &Ground<'_>, covered: &mut [bool]) {
        for &kind in kinds(self.live, ground) {
            let mut at = 0;
            while at + 4 <= ground.bytes.len() {
                at = self.whole_at(ground, at, kind, covered).unwrap_or(at + 1);
            }
        }
    }

    /// Where the cell ends that begins at `at`, if there is one.
    fn whole_at(
        &mut self,
        ground: &Ground<'_>,
        at: usize,
        kind: PageKind,
        covered: &mut [bool],
    ) -> Option<usize> {
        if covered[at] || ground.bytes[at] < 2 {
            return None;
        }
        let cell = plausible(ground.bytes, at, kind, (self.live.image.geometry(), self.live.widest()))?;
        // What an index or a table set free on its page has the form of its own cells.
        if ground.is_listed(at) && Some(kind) != self.own_kind(ground) {
            return None;
        }
        let range = at..at + cell.size.min(ground.bytes.len() - at);
        if covered[range.clone()].contains(&true) {
            return None;
        }
        // The header of a block stands in the middle of what was there before.
        let is_torn = ground.blocks.iter().any(|block| block.start > at && block.start < range.end);
        let confidence = if is_torn { Confidence::Low } else { Confidence::High };
        if !self.offer(ground, &cell, kind, (false, confidence)) {
            return None;
        }
        cover(covered, range.clone());
        Some(range.end)
    }

    /// The kind of leaves that the owner of a page has.
    fn own_kind(&self, ground: &Ground<'_>) -> Option<PageKind> {
        match ground.owner {
            Owner::Table(table) if self.live.shapes.get(table)?.table.without_rowid => {
                Some(PageKind::IndexLeaf)
            }
            Owner::Table(_) => Some(PageKind::TableLeaf),
            Owner::Index => Some(PageKind::IndexLeaf),
            _ => PageKind::of(*ground.bytes.first()?),
        }
    }

    /// Cells whose first four bytes a free block took, from the last to the first: each ends where the next begins.
    ///
    /// A block that grew over its neighbours leaves their own old headers inside it, so every place is tried.
    fn headless(&mut self, ground: &Ground<'_>, covered: &mut [bool]) {
        let mut run_end = ground.bytes.len();
        for at in (0..ground.bytes.len().saturating_sub(8)).rev() {
            if covered[at] {
                run_end = at;
            } else if let Some(block) = headless::block_end(ground.bytes, at)
                && let Some(end) = self.headless_at(ground, at, ground.ends(at, run_end, block))
            {
                cover(covered, at..end);
                run_end = at;
            }
        }
    }

    /// Where the cell without head ends that began at `at`, if there is one.
    fn headless_at(&mut self, ground: &Ground<'_>, at: usize, ends: Ends) -> Option<usize> {
        let geometry = self.live.image.geometry();
        for number in self.tables(ground, at) {
            let Some(shape) = self.live.shapes.get(number) else { continue };
            let Some(made) = headless::rebuild(ground.bytes, at, ends, shape, geometry) else { continue };
            let candidate = Candidate {
                rowid: None,
                payload: made.payload(),
                keyed: shape.table.without_rowid,
                is_cell: false,
                confidence: made.confidence,
                place: place(ground, at),
            };
            if self.take(&candidate) {
                return Some(made.end);
            }
        }
        None
    }

    /// The tables that a headless cell may be of: those that have or had the page. Where that is not known, only what
    /// the page itself calls free is looked at.
    fn tables(&self, ground: &Ground<'_>, at: usize) -> Vec<usize> {
        let dropped = |shape: usize| self.live.shapes.get(shape).is_some_and(|shape| shape.is_dropped);
        let all = 1..self.live.shapes.len();
        match (ground.owner, self.live.former(ground.number)) {
            (Owner::Table(number), _) => {
                std::iter::once(number).chain(all.filter(|table| dropped(*table))).collect()
            }
            (Owner::Nothing | Owner::Trunk(_), Some(number)) => vec![number],
            (Owner::Nothing, None) if ground.is_listed(at) => all.take(MOST_TABLES).collect(),
            _ => Vec::new(),
        }
    }

    fn offer(
        &mut self,
        ground: &Ground<'_>,
        cell: &Cell<'_>,
        kind: PageKind,
        (is_cell, confidence): (bool, Confidence),
    ) -> bool {
        let Some(payload) = cell.payload else { return false };
        let candidate = Candidate {
            rowid: if kind.is_table() { cell.rowid } else { None },
            payload,
            keyed: !kind.is_table(),
            is_cell,
            confidence,
            place: place(ground, cell.offset),
        };
        self.take(&candidate)
    }

    /// Keeps a candidate if it is a deleted row; tells whether its bytes are explained, by a row that lives too.
    fn take(&mut self, candidate: &Candidate<'_>) -> bool {
        match candidate.judge(self.live) {
            Verdict::Nothing => return false,
            Verdict::Lives => {}
            Verdict::Deleted(kept) => self.rows.push(*kept),
        }
        true
    }
}

/// The free blocks that the page names, if they are in order among its cells as they must be.
fn blocks(page: &BtreePage<'_>, bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut at, mut found) = (page.first_freeblock(), Vec::new());
    let mut least = page.content_start();
    while at != 0 {
        let (next, size) = (usize::from(be16(bytes, at)), usize::from(be16(bytes, at + 2)));
        if at < least || size < 4 || at + size > bytes.len() {
            break;
        }
        found.push(at..at + size);
        (least, at) = (at + size, next);
    }
    found
}

/// The cell at an offset, if its record takes exactly the bytes that the cell announces and has at most `widest`
/// values.
fn plausible(
    bytes: &[u8],
    at: usize,
    kind: PageKind,
    (geometry, widest): (Geometry, usize),
) -> Option<Cell<'_>> {
    let (total, length) = varint(bytes.get(at..)?)?;
    // Nine bytes for a length are never needed, and most chance bytes end here.
    if total < 2 || length > 5 || total > 1 << 31 {
        return None;
    }
    let cell = cell_at(bytes, at, kind, geometry).ok()?;
    let payload = cell.payload?;
    let record = Record::parse(payload.local).ok()?;
    let (header, _) = varint(payload.local)?;
    let (mut needed, mut width) = (header, 0);
    for kind in record.types() {
        needed = needed.saturating_add(kind.ok()?.length());
        width += 1;
        if needed > total || width > widest {
            return None;
        }
    }
    (needed == total && width > 0).then_some(cell)
}

fn cover(covered: &mut [bool], range: Range<usize>) {
    let end = range.end.min(covered.len());
    covered[range.start.min(end)..end].fill(true);
}

fn place(ground: &Ground<'_>, at: usize) -> Place {
    let method = if ground.is_old {
        Method::OlderPage
    } else if !matches!(ground.owner, Owner::Table(_) | Owner::Index | Owner::Overflow) {
        Method::FreePage
    } else if ground.is_listed(at) {
        Method::Freeblock
    } else {
        Method::Unallocated
    };
    Place { page: ground.number, offset: ground.start + at as u64, part: ground.part, method }
}

/// The kinds of cells that may lie there.
fn kinds(live: &Live, ground: &Ground<'_>) -> &'static [PageKind] {
    match ground.owner {
        Owner::Table(number) if live.shapes.get(number).is_some_and(|s| s.table.without_rowid) => {
            &[PageKind::IndexLeaf, PageKind::TableLeaf]
        }
        Owner::Table(_) | Owner::Index => &[PageKind::TableLeaf],
        _ => &[PageKind::TableLeaf, PageKind::IndexLeaf],
    }
}
