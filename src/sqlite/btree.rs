//! A b-tree page and its cells (section 1.6).

use std::fmt;

use super::bytes::{be16, be32, varint};
use super::header::{Geometry, HEADER_BYTES};

/// What a page of a b-tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageKind {
    /// 2: an inner page of an index or of a table WITHOUT ROWID.
    IndexInterior,
    /// 5: an inner page of a table.
    TableInterior,
    /// 10: a leaf of an index or of a table WITHOUT ROWID.
    IndexLeaf,
    /// 13: a leaf of a table.
    TableLeaf,
}

/// A page whose header makes sense.
#[derive(Clone, Copy, Debug)]
pub struct BtreePage<'a> {
    bytes: &'a [u8],
    /// Where its header begins: at 100 on page 1.
    start: usize,
    kind: PageKind,
    geometry: Geometry,
}

/// What is wrong with the header of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageFault {
    /// The first byte is none of 2, 5, 10, 13.
    #[error("its first byte is {0}, which no b-tree page has")]
    Kind(u8),
    /// More cells than fit.
    #[error("it announces {0} cells, more than fit on it")]
    CellCount(u16),
}

/// One entry of a page.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// Where it begins on the page.
    pub offset: usize,
    /// Bytes that it takes on the page; at least 4.
    pub size: usize,
    /// The page with the smaller keys, on inner pages.
    pub child: Option<u32>,
    /// The key, on pages of a table.
    pub rowid: Option<i64>,
    /// The record, everywhere but on inner pages of a table.
    pub payload: Option<Payload<'a>>,
}

/// A record as far as the page holds it.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// Bytes of the whole record.
    pub total: u64,
    /// Those on this page.
    pub local: &'a [u8],
    /// Where the others begin.
    pub overflow: Option<u32>,
}

/// What is wrong with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellFault {
    /// The pointer leads into the header or the pointers, or off the page.
    #[error("its pointer leads to byte {0}, where no cell can be")]
    Pointer(usize),
    /// It begins on the page and does not end on it.
    #[error("it extends off the end of the page")]
    OffPage,
}

impl PageKind {
    /// The kind that the first byte of a page means.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        match byte {
            2 => Some(Self::IndexInterior),
            5 => Some(Self::TableInterior),
            10 => Some(Self::IndexLeaf),
            13 => Some(Self::TableLeaf),
            _ => None,
        }
    }

    /// Whether it has no pages below it.
    #[must_use]
    pub fn is_leaf(self) -> bool {
        matches!(self, Self::IndexLeaf | Self::TableLeaf)
    }

    /// Whether its keys are rowids.
    #[must_use]
    pub fn is_table(self) -> bool {
        matches!(self, Self::TableInterior | Self::TableLeaf)
    }

    /// Bytes of its header.
    #[must_use]
    pub fn header_bytes(self) -> usize {
        if self.is_leaf() { 8 } else { 12 }
    }
}

impl fmt::Display for PageKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::IndexInterior => "inner page of an index",
            Self::TableInterior => "inner page of a table",
            Self::IndexLeaf => "leaf of an index",
            Self::TableLeaf => "leaf of a table",
        })
    }
}

impl<'a> BtreePage<'a> {
    /// The page in `bytes`, which are a whole page.
    ///
    /// # Errors
    /// When it is no b-tree page.
    pub fn parse(bytes: &'a [u8], number: u32, geometry: Geometry) -> Result<Self, PageFault> {
        let start = if number == 1 { HEADER_BYTES } else { 0 };
        let first = bytes.get(start).copied().unwrap_or(0);
        let kind = PageKind::of(first).ok_or(PageFault::Kind(first))?;
        let page = Self { bytes, start, kind, geometry };
        let count = be16(bytes, start + 3);
        // A cell takes at least four bytes, and two for its pointer.
        if u32::from(count) > (geometry.page_size - 8) / 6 {
            return Err(PageFault::CellCount(count));
        }
        Ok(page)
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> PageKind {
        self.kind
    }

    /// How many cells it announces.
    #[must_use]
    pub fn cells(&self) -> usize {
        be16(self.bytes, self.start + 3).into()
    }

    /// Where the pointers end and unused bytes begin.
    #[must_use]
    pub fn pointers_end(&self) -> usize {
        self.start + self.kind.header_bytes() + 2 * self.cells()
    }

    /// Where the area of the cells begins; 65536 is stored as 0.
    #[must_use]
    pub fn content_start(&self) -> usize {
        match be16(self.bytes, self.start + 5) {
            0 => 65536,
            start => start.into(),
        }
    }

    /// Where the first free block begins; 0 for none.
    #[must_use]
    pub fn first_freeblock(&self) -> usize {
        be16(self.bytes, self.start + 1).into()
    }

    /// Free bytes too few to be a block, as the header counts them.
    #[must_use]
    pub fn fragments(&self) -> u8 {
        self.bytes.get(self.start + 7).copied().unwrap_or(0)
    }

    /// The page with the largest keys, on inner pages.
    #[must_use]
    pub fn right_child(&self) -> Option<u32> {
        (!self.kind.is_leaf()).then(|| be32(self.bytes, self.start + 8))
    }

    /// Where a cell begins, as its pointer says.
    #[must_use]
    pub fn pointer(&self, cell: usize) -> usize {
        be16(self.bytes, self.start + self.kind.header_bytes() + 2 * cell).into()
    }

    /// A cell by its number in the order of keys.
    ///
    /// # Errors
    /// When it does not lie where cells lie.
    pub fn cell(&self, cell: usize) -> Result<Cell<'a>, CellFault> {
        let offset = self.pointer(cell);
        if offset < self.pointers_end() || offset > self.geometry.usable() - 4 {
            return Err(CellFault::Pointer(offset));
        }
        self.cell_at(offset)
    }

    /// The cell that begins at an offset of the page.
    ///
    /// # Errors
    /// When it does not end on the page.
    pub fn cell_at(&self, offset: usize) -> Result<Cell<'a>, CellFault> {
        cell_at(self.bytes, offset, self.kind, self.geometry)
    }

    /// Every cell that it announces.
    pub fn iter(&self) -> impl Iterator<Item = Result<Cell<'a>, CellFault>> + use<'a> {
        let page = *self;
        (0..page.cells()).map(move |cell| page.cell(cell))
    }
}

/// The cell that begins at an offset of a page of this kind.
///
/// # Errors
/// When it does not end on the page.
pub(super) fn cell_at(
    bytes: &[u8],
    offset: usize,
    kind: PageKind,
    geometry: Geometry,
) -> Result<Cell<'_>, CellFault> {
    let bytes = bytes.get(..geometry.usable()).unwrap_or(bytes);
    let mut at = offset;
    let mut number = || {
        let (number, length) = bytes.get(at..).and_then(varint).ok_or(CellFault::OffPage)?;
        at += length;
        Ok(number)
    };
    let (total, rowid) = match kind {
        PageKind::TableLeaf => (Some(number()?), Some(number()?.cast_signed())),
        PageKind::IndexLeaf => (Some(number()?), None),
        PageKind::TableInterior | PageKind::IndexInterior => {
            return interior_cell(bytes, offset, kind, geometry);
        }
    };
    let (payload, end) = payload(bytes, at, (total.unwrap_or(0), !kind.is_table()), geometry)?;
    Ok(Cell { offset, size: (end - offset).max(4), child: None, rowid, payload: Some(payload) })
}

fn interior_cell(
    bytes: &[u8],
    offset: usize,
    kind: PageKind,
    geometry: Geometry,
) -> Result<Cell<'_>, CellFault> {
    let key = offset + 4;
    let (number, length) = bytes.get(key..).and_then(varint).ok_or(CellFault::OffPage)?;
    let child = Some(be32(bytes, offset));
    if kind == PageKind::TableInterior {
        let rowid = Some(number.cast_signed());
        return Ok(Cell { offset, size: 4 + length, child, rowid, payload: None });
    }
    let (payload, end) = payload(bytes, key + length, (number, true), geometry)?;
    Ok(Cell { offset, size: end - offset, child, rowid: None, payload: Some(payload) })
}

/// The payload that begins at `at`, and where the cell ends.
fn payload(
    bytes: &[u8],
    at: usize,
    (total, index): (u64, bool),
    geometry: Geometry,
) -> Result<(Payload<'_>, usize), CellFault> {
    let length = geometry.local(total, index);
    let local = bytes.get(at..at + length).ok_or(CellFault::OffPage)?;
    let end = at + length;
    if length as u64 == total {
        return Ok((Payload { total, local, overflow: None }, end));
    }
    let overflow = bytes.get(end..end + 4).ok_or(CellFault::OffPage)?;
    Ok((Payload { total, local, overflow: Some(be32(overflow, 0)) }, end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(cells: &[(usize, &[u8])]) -> Vec<u8> {
        let mut page = vec![0; 512];
        page[0] = 13;
        page[4] = cells.len() as u8;
        for (number, (offset, bytes)) in cells.iter().enumerate() {
            page[8 + 2 * number..][..2].copy_from_slice(&(*offset as u16).to_be_bytes());
            page[*offset..][..bytes.len()].copy_from_slice(bytes);
        }
        page
    }

    #[test]
    fn cells_are_found_or_refused() {
        let geometry = Geometry::new(512, 0).unwrap();
        let bytes = leaf(&[(500, &[3, 7, 2, 1, 5]), (3, &[]), (508, &[9, 1])]);
        let page = BtreePage::parse(&bytes, 2, geometry).unwrap();
        let cells: Vec<_> = page.iter().collect();
        let first = cells[0].unwrap();
        assert_eq!((first.rowid, first.size, first.payload.unwrap().local), (Some(7), 5, &[2, 1, 5][..]));
        assert_eq!(cells[1].unwrap_err(), CellFault::Pointer(3));
        assert_eq!(cells[2].unwrap_err(), CellFault::OffPage);
    }

    #[test]
    fn what_is_no_page_is_refused() {
        let geometry = Geometry::new(512, 0).unwrap();
        assert_eq!(BtreePage::parse(&[0; 512], 2, geometry).unwrap_err(), PageFault::Kind(0));
        let mut bytes = leaf(&[]);
        bytes[3] = 1;
        assert_eq!(BtreePage::parse(&bytes, 2, geometry).unwrap_err(), PageFault::CellCount(256));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_do_harm(mut bytes in proptest::collection::vec(0u8.., 1024), first in 0usize..4, two: bool) {
            let number = if two { 2 } else { 1 };
            bytes[if two { 0 } else { 100 }] = [2, 5, 10, 13][first];
            if let Ok(page) = BtreePage::parse(&bytes, number, Geometry::new(1024, 7).unwrap()) {
                for cell in page.iter().flatten() {
                    proptest::prop_assert!(cell.offset + cell.size <= 1024 + 4);
                }
                let _ = (page.right_child(), page.content_start(), page.first_freeblock(), page.fragments());
            }
        }
    }
}
