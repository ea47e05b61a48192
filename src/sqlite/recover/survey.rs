//! A survey: what every page of an image looks like, before anything is known of its use.

use std::io;

use rayon::prelude::*;

use super::super::btree::{BtreePage, Cell, PageKind};
use super::super::image::Image;
use super::super::record::Record;

/// Pages that one task reads.
const RUN: u32 = 64;
/// Columns that are looked at.
const COLUMNS: usize = 12;

/// One page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) state: State,
    /// Its smallest and largest rowid as far as cells are whole; empty (low > high) if none is.
    pub(super) low: i64,
    pub(super) high: i64,
    /// Cells that are whole, and others.
    pub(super) good: u16,
    pub(super) bad: u16,
    /// The least and most values that a record has.
    pub(super) least: u16,
    pub(super) most: u16,
    /// Which classes of values each of the first columns has: five bits a column.
    pub(super) classes: u64,
    /// Whether a payload goes on elsewhere.
    pub(super) spills: bool,
}

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The system cannot read it.
    Unreadable,
    /// Nothing but zeros, or behind the end of the file.
    Empty,
    /// It begins like a page of a b-tree.
    Btree(PageKind),
    /// Anything else: an overflow page, a trunk, or rubbish.
    Other,
}

/// The classes of values, as bits.
pub(super) mod class {
    pub(in super::super) const NULL: u8 = 1;
    pub(in super::super) const INTEGER: u8 = 2;
    pub(in super::super) const REAL: u8 = 4;
    pub(in super::super) const TEXT: u8 = 8;
    pub(in super::super) const BLOB: u8 = 16;
}

/// All pages.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    facts: Vec<Facts>,
}

impl Survey {
    /// Looks at every page once, on all processors.
    pub(super) fn of(image: &Image) -> Self {
        let count = image.pages();
        let runs: Vec<u32> = (1..=count).step_by(RUN as usize).collect();
        let facts = runs.par_iter().map(|first| look_at_run(image, *first, RUN.min(count - first + 1)));
        Self { facts: facts.flatten_iter().collect() }
    }

    /// What is known of a page; a page that does not exist is empty.
    pub(super) fn page(&self, number: u32) -> Facts {
        let index = (number as usize).wrapping_sub(1);
        self.facts.get(index).copied().unwrap_or(Facts::new(State::Empty))
    }

    /// Every page with its number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Facts)> + '_ {
        (1..).zip(self.facts.iter().copied())
    }
}

impl Facts {
    fn new(state: State) -> Self {
        Self {
            state,
            low: i64::MAX,
            high: i64::MIN,
            good: 0,
            bad: 0,
            least: u16::MAX,
            most: 0,
            classes: 0,
            spills: false,
        }
    }

    /// What it is as a page of a b-tree.
    pub(super) fn kind(&self) -> Option<PageKind> {
        match self.state {
            State::Btree(kind) => Some(kind),
            _ => None,
        }
    }

    /// Whether so many of its cells are whole that it is no chance.
    pub(super) fn is_plausible(&self) -> bool {
        self.kind().is_some() && (self.good > 0 && self.good >= self.bad)
    }

    /// The classes of values in a column.
    pub(super) fn column(&self, column: usize) -> u8 {
        if column < COLUMNS { (self.classes >> (5 * column) & 31) as u8 } else { 0 }
    }
}

fn look_at_run(image: &Image, first: u32, count: u32) -> Vec<Facts> {
    let size = image.geometry().page_size as usize;
    let mut bytes = vec![0; size * count as usize];
    if image.read_run(first, &mut bytes).is_ok() {
        let pages = (first..).zip(bytes.chunks_exact(size));
        return pages.map(|(number, page)| look_at(image, number, page)).collect();
    }
    // Some page of them is unreadable; the others are not lost for it.
    let mut page = Vec::new();
    let one = |number| -> io::Result<Facts> {
        image.read(number, &mut page)?;
        Ok(look_at(image, number, &page))
    };
    (first..first + count).map(one).map(|facts| facts.unwrap_or(Facts::new(State::Unreadable))).collect()
}

fn look_at(image: &Image, number: u32, bytes: &[u8]) -> Facts {
    let Ok(page) = BtreePage::parse(bytes, number, image.geometry()) else {
        let is_empty = bytes.iter().all(|byte| *byte == 0);
        return Facts::new(if is_empty { State::Empty } else { State::Other });
    };
    let mut facts = Facts::new(State::Btree(page.kind()));
    let mut rowids = Vec::with_capacity(if page.kind().is_table() { page.cells() } else { 0 });
    for cell in page.iter() {
        match cell.ok().filter(|cell| note_record(cell, &mut facts) && child_exists(cell, image)) {
            Some(cell) => {
                facts.good += 1;
                rowids.extend(cell.rowid);
            }
            None => facts.bad += 1,
        }
    }
    if !rowids.is_sorted_by(|a, b| a < b) {
        rowids = longest_ascent(&rowids);
    }
    if let (Some(low), Some(high)) = (rowids.first(), rowids.last()) {
        (facts.low, facts.high) = (*low, *high);
    }
    facts
}

fn child_exists(cell: &Cell<'_>, image: &Image) -> bool {
    cell.child.is_none_or(|child| image.contains(child))
}

/// Adds a record to what is known, and tells whether it is whole as far as it is on the page.
fn note_record(cell: &Cell<'_>, facts: &mut Facts) -> bool {
    let Some(payload) = cell.payload else { return true };
    let Ok(record) = Record::parse(payload.local) else { return false };
    let (mut count, mut classes) = (0u16, 0u64);
    for (column, kind) in record.types().enumerate() {
        let Ok(kind) = kind else { return false };
        if kind.is_reserved() {
            return false;
        }
        count = count.saturating_add(1);
        if column < COLUMNS {
            classes |= u64::from(class_of(kind.0)) << (5 * column);
        }
    }
    if count == 0 || payload.overflow.is_none() && record.check().is_err() {
        return false;
    }
    facts.classes |= classes;
    facts.least = facts.least.min(count);
    facts.most = facts.most.max(count);
    facts.spills |= payload.overflow.is_some();
    true
}

/// The class of a serial type.
pub(super) fn class_of(kind: u64) -> u8 {
    match kind {
        0 => class::NULL,
        1..=6 | 8 | 9 => class::INTEGER,
        7 => class::REAL,
        number if number % 2 == 1 => class::TEXT,
        _ => class::BLOB,
    }
}

/// The longest series of growing numbers: what remains is out of place.
fn longest_ascent(numbers: &[i64]) -> Vec<i64> {
    // `tails[n]` ends the best series of n + 1 numbers; `before` leads back through it.
    let mut tails: Vec<usize> = Vec::new();
    let mut before = vec![usize::MAX; numbers.len()];
    for (at, number) in numbers.iter().enumerate() {
        let length = tails.partition_point(|tail| numbers[*tail] < *number);
        if length > 0 {
            before[at] = tails[length - 1];
        }
        if length == tails.len() {
            tails.push(at);
        } else {
            tails[length] = at;
        }
    }
    let mut series = Vec::new();
    let mut at = tails.last().copied();
    while let Some(index) = at.filter(|index| *index != usize::MAX) {
        series.push(numbers[index]);
        at = Some(before[index]);
    }
    series.reverse();
    series
}

/// A child of an inner page and the largest rowid that may be under it; `None` where a cell is damaged.
pub(super) type Child = Option<(u32, Option<i64>)>;

/// The children of an inner page in order.
pub(super) fn children(page: &BtreePage<'_>) -> Vec<Child> {
    let cells = page.iter().map(|cell| cell.ok().and_then(|cell| Some((cell.child?, cell.rowid))));
    cells.chain(page.right_child().map(|child| Some((child, None)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_place_is_left_out() {
        assert_eq!(longest_ascent(&[1, 2, 900, 3, -5, 4, 4]), [1, 2, 3, 4]);
        assert_eq!(longest_ascent(&[]), [0; 0]);
    }
}
