//! The rows of one page, with what is doubtful about each.

use super::super::btree::{BtreePage, Cell, PageKind, cell_at};
use super::super::bytes::be16;
use super::super::image::Image;
use super::super::overflow;
use super::super::record::{Record, Value};

/// One row as it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its rowid; 0 in a table WITHOUT ROWID.
    pub(super) rowid: i64,
    /// Its record, as far as it could be read.
    pub(super) record: Vec<u8>,
    pub(super) page: u32,
    pub(super) offset: usize,
    /// How it was found.
    pub(super) method: Method,
    /// Why it cannot be believed.
    pub(super) doubt: Option<String>,
}

impl Row {
    /// A row of which only the rowid is known.
    pub(super) fn unplaced(rowid: i64) -> Self {
        Self { rowid, record: Vec::new(), page: 0, offset: 0, method: Method::Carved, doubt: None }
    }
}

/// How a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Its tree leads to its page, and the page to it.
    Tree,
    /// Its page belongs to no tree any more, and fits into this table only.
    Orphan,
    /// Its page lost the pointer to it.
    Carved,
}

impl Method {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Orphan => "orphan page",
            Self::Carved => "carved",
        }
    }
}

/// Reads rows; `is_shared` tells of overflow pages that more than one row uses.
pub(super) struct Reader<'a> {
    pub(super) image: &'a Image,
    pub(super) is_shared: &'a (dyn Fn(u32) -> bool + Sync),
    /// Pages of zeros.
    pub(super) is_empty: &'a (dyn Fn(u32) -> bool + Sync),
    /// Pages whose newest state is lost.
    pub(super) is_stale: &'a (dyn Fn(u32) -> bool + Sync),
}

impl Reader<'_> {
    /// The rows of a page whose rowids lie between these, and how many more it says that it has.
    pub(super) fn rows(
        &self,
        number: u32,
        bounds: (i64, i64),
        method: Method,
        is_table: bool,
    ) -> (Vec<Row>, u64) {
        let mut bytes = Vec::new();
        let Ok(present) = self.image.read(number, &mut bytes) else { return (Vec::new(), 0) };
        let parsed = BtreePage::parse(&bytes, number, self.image.geometry());
        let kind = if is_table { PageKind::TableLeaf } else { PageKind::IndexLeaf };
        let page = parsed.ok().filter(|page| page.kind().is_table() == is_table);
        if page.is_some_and(|page| page.kind() == PageKind::TableInterior) {
            return (Vec::new(), 0);
        }
        let told = page.as_ref().map_or(0, BtreePage::cells);
        let (cells, others) = match page {
            Some(page) => cells_of(&page, &bytes, self.image),
            None => (Vec::new(), chain_of_cells(&bytes, kind, 8, self.image)),
        };
        let is_damaged = page.is_none_or(|page| page.cells() != cells.len());
        let found = cells.into_iter().map(|cell| (cell, method));
        let found = found.chain(others.into_iter().map(|cell| (cell, Method::Carved)));
        let fits = |cell: &Cell<'_>| cell.rowid.is_none_or(|rowid| bounds.0 <= rowid && rowid <= bounds.1);
        let found = found.filter(|(cell, _)| !is_damaged || fits(cell));
        let rows: Vec<Row> = found
            .filter_map(|(cell, method)| self.row(number, &bytes[..present.min(bytes.len())], &cell, method))
            .collect();
        let missing = told.saturating_sub(rows.len()) as u64;
        (rows, missing)
    }

    fn row(&self, page: u32, bytes: &[u8], cell: &Cell<'_>, method: Method) -> Option<Row> {
        let payload = cell.payload?;
        let mut record = Vec::new();
        let mut doubt = None;
        let (mut shared, mut empty) = (false, false);
        let mut claim = |page| {
            shared |= (self.is_shared)(page);
            empty |= (self.is_empty)(page);
            true
        };
        if let Err(fault) = overflow::read(self.image, &payload, &mut record, &mut claim) {
            doubt = Some(fault.to_string());
        }
        if shared {
            doubt = doubt.or(Some("its overflow chain has a page that another row uses too".to_owned()));
        }
        let (rowid, offset) = (cell.rowid.unwrap_or(0), cell.offset);
        let parsed = Record::parse(&record);
        if let Err(fault) = parsed.and_then(|record| record.check()) {
            doubt = doubt.or(Some(fault.to_string()));
        }
        if cell.offset + cell.size > bytes.len() {
            doubt = Some("the file ends inside it".to_owned());
        }
        let is_hollow = doubt.is_none() && empty && has_text_of_zeros(&record);
        if doubt.is_none() && (is_hollow || self.has_hole(bytes, cell, &record)) {
            doubt = Some("a sector of zeros lies over it".to_owned());
        }
        if doubt.is_none() && (self.is_stale)(page) {
            doubt = Some("the newest state of its page in the write-ahead log is damaged".to_owned());
        }
        Some(Row { rowid, record, page, offset, method, doubt })
    }

    /// Whether a run of zeros that begins and ends like a sector lies over the row.
    fn has_hole(&self, bytes: &[u8], cell: &Cell<'_>, record: &[u8]) -> bool {
        let granule = (self.image.geometry().page_size as usize / 8).clamp(64, 512);
        // The number of the child, before the row, may well be zeros.
        let start = cell.offset + if cell.child.is_some() { 4 } else { 0 };
        let end = cell.offset + cell.size;
        let empty = |sector: usize| {
            let from = sector * granule;
            bytes.get(from..from + granule).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
        };
        let touched = (start / granule..=(end - 1) / granule).any(empty);
        if touched {
            return true;
        }
        // Overflow pages are looked at through the text that they hold: text has no long runs of zeros.
        let Ok(record) = Record::parse(record) else { return false };
        cell.payload.is_some_and(|payload| payload.overflow.is_some())
            && record.values().map_while(Result::ok).any(|value| match value {
                Value::Text(text) => memchr::memmem::find(text, &[0; 64]).is_some(),
                Value::Blob(blob) => {
                    blob.len() > granule
                        && blob.iter().any(|byte| *byte != 0)
                        && memchr::memmem::find(blob, &vec![0; granule]).is_some()
                }
                _ => false,
            })
    }
}

/// Whether a text ends with zeros or has some in a row: where an overflow page is nothing but zeros, they come from it.
fn has_text_of_zeros(record: &[u8]) -> bool {
    let Ok(record) = Record::parse(record) else { return false };
    record.values().map_while(Result::ok).any(
        |value| matches!(value, Value::Text(text) if text.ends_with(&[0, 0]) || text.windows(8).any(|run| run == [0; 8])),
    )
}

/// The cells that pointers lead to, and those that lost theirs.
fn cells_of<'a>(page: &BtreePage<'a>, bytes: &'a [u8], image: &Image) -> (Vec<Cell<'a>>, Vec<Cell<'a>>) {
    let mut cells: Vec<Cell<'a>> = page.iter().flatten().filter(|cell| is_whole(cell, image)).collect();
    cells.dedup_by_key(|cell| cell.offset);
    let mut places: Vec<(usize, usize)> =
        cells.iter().map(|cell| (cell.offset, cell.offset + cell.size)).collect();
    places.sort_unstable();
    places.dedup();
    let overlap = places.windows(2).any(|pair| pair[0].1 > pair[1].0);
    if cells.len() == page.cells() && places.len() == cells.len() && !overlap {
        return (cells, Vec::new());
    }
    if page.kind() != PageKind::TableLeaf {
        return (cells, Vec::new());
    }
    let tiles = tiles(page, bytes, image);
    if tiles.len() != page.cells() {
        cells.retain(|cell| !overlap || tiles.iter().any(|tile| tile.offset == cell.offset));
        return (cells, Vec::new());
    }
    let known: Vec<usize> = cells.iter().map(|cell| cell.offset).collect();
    tiles.into_iter().partition(|tile| known.contains(&tile.offset))
}

/// The cells that fill a page from where its header says that they begin, but for its free blocks.
fn tiles<'a>(page: &BtreePage<'a>, bytes: &'a [u8], image: &Image) -> Vec<Cell<'a>> {
    let usable = image.geometry().usable();
    let mut blocks = std::collections::BTreeMap::new();
    let mut block = page.first_freeblock();
    // They ascend; one that does not ends the list.
    while block >= page.pointers_end() && block + 4 <= usable {
        blocks.insert(block, usize::from(be16(bytes, block + 2)).max(4));
        let next = usize::from(be16(bytes, block));
        if next <= block {
            break;
        }
        block = next;
    }
    let (mut at, mut cells) = (page.content_start().max(page.pointers_end()), Vec::new());
    while at + 4 <= usable {
        if let Some(size) = blocks.get(&at) {
            at += size;
            continue;
        }
        match page.cell_at(at).ok().filter(|cell| is_whole(cell, image)) {
            Some(cell) => {
                at += cell.size;
                cells.push(cell);
            }
            // At most three bytes between cells are nothing.
            None => at += 1,
        }
    }
    cells
}

/// Whether a cell can be one.
fn is_whole(cell: &Cell<'_>, image: &Image) -> bool {
    let Some(payload) = cell.payload else { return false };
    let Ok(record) = Record::parse(payload.local) else { return false };
    let is_sane = record.types().all(|kind| kind.is_ok_and(|kind| !kind.is_reserved()));
    let has_room = payload.total <= u64::from(image.pages()) * u64::from(image.geometry().page_size);
    is_sane && has_room && !record.is_empty() && (payload.overflow.is_some() || record.check().is_ok())
}

/// The longest series of cells that lie one behind the other up to the end of the page, with free blocks between them.
fn chain_of_cells<'a>(bytes: &'a [u8], kind: PageKind, from: usize, image: &Image) -> Vec<Cell<'a>> {
    let geometry = image.geometry();
    let usable = geometry.usable();
    // How many cells follow from each place on, and where the first of them is followed up.
    let mut counts = vec![0u32; usable + 1];
    let mut is_joined = vec![false; usable + 1];
    is_joined[usable] = true;
    let mut steps: Vec<Option<(usize, bool)>> = vec![None; usable + 1];
    for at in (from..usable.saturating_sub(3)).rev() {
        let cell = cell_at(bytes, at, kind, geometry).ok().filter(|cell| is_whole(cell, image));
        let block = be16(bytes, at + 2) as usize;
        let block = (block >= 4 && be16(bytes, at) as usize <= usable).then_some(at + block);
        let ends = [cell.map(|cell| (at + cell.size, true)), block.map(|end| (end, false))];
        for (end, is_cell) in ends.into_iter().flatten() {
            let next = (end..=(end + 3).min(usable)).find(|next| is_joined[*next]);
            let Some(next) = next.filter(|_| end <= usable) else { continue };
            let count = counts[next] + u32::from(is_cell);
            if !is_joined[at] || count > counts[at] {
                (is_joined[at], counts[at], steps[at]) = (true, count, Some((next, is_cell)));
            }
        }
    }
    let Some(start) = (from..usable).max_by_key(|at| (counts[*at], *at)) else { return Vec::new() };
    let mut cells = Vec::new();
    let mut at = start;
    while let Some((next, is_cell)) = steps.get(at).copied().flatten() {
        if is_cell {
            cells.extend(cell_at(bytes, at, kind, geometry));
        }
        at = next;
    }
    cells
}
