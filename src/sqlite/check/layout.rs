//! The layout of a page: its cells and free blocks fill it without overlap (section 1.6).

use crate::sqlite::btree::BtreePage;
use crate::sqlite::bytes::be16;
use crate::sqlite::header::Geometry;

/// What is wrong with the layout; `cells` are the places of all cells, start and end.
pub(super) fn fault(
    page: &BtreePage<'_>,
    bytes: &[u8],
    cells: &mut Vec<(u32, u32)>,
    geometry: Geometry,
) -> Option<String> {
    let usable = geometry.usable();
    let start = page.content_start();
    if start > usable || start < page.pointers_end() {
        return Some(format!("its cells begin at byte {start}, where they cannot"));
    }
    if let Some((first, _)) = cells.iter().find(|(first, _)| (*first as usize) < start) {
        return Some(format!("a cell at byte {first} lies before the area of cells at {start}"));
    }
    let mut block = page.first_freeblock();
    let mut after = start;
    while block != 0 {
        if block < after || block + 4 > usable {
            return Some(format!("a free block at byte {block} is out of order"));
        }
        let (next, size) = (usize::from(be16(bytes, block)), usize::from(be16(bytes, block + 2)));
        if size < 4 || block + size > usable {
            return Some(format!("the free block at byte {block} has {size} bytes"));
        }
        if next != 0 && next < block + size + 4 {
            return Some(format!("the free block at byte {block} leads to {next}, too near or back"));
        }
        cells.push((block as u32, (block + size) as u32));
        (after, block) = (block + size, next);
    }
    cells.sort_unstable();
    let (mut at, mut fragments) = (start as u32, 0u32);
    for (first, end) in cells.iter() {
        if *first < at {
            return Some(format!("byte {first} is used twice"));
        }
        fragments += first - at;
        at = *end;
    }
    fragments += (usable as u32).saturating_sub(at);
    let told = u32::from(page.fragments());
    (told != fragments).then(|| format!("{fragments} bytes are scattered on it, and it counts {told}"))
}
