//! A foreign log or journal: one that was left by another database, which nothing in the format prevents.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

use super::btree::BtreePage;
use super::evidence::Evidence;
use super::image::Image;

/// Whether pages in the log have nothing in common with the same pages of the file.
pub(super) fn is_foreign(main: &Image, log: &Arc<Evidence>, frames: &HashMap<u32, u64>) -> io::Result<bool> {
    let over = main.with_frames(Arc::clone(log), frames.clone(), main.pages());
    let mut numbers: Vec<u32> = frames.keys().copied().filter(|page| main.contains(*page)).collect();
    numbers.sort_unstable();
    let (mut compared, mut alike) = (0u32, 0u32);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for page in numbers.into_iter().take(512) {
        main.read(page, &mut old)?;
        over.read(page, &mut new)?;
        let (Some(before), Some(after)) = (cells(main, page, &old), cells(main, page, &new)) else {
            continue;
        };
        compared += 1;
        alike += u32::from(after.iter().any(|cell| before.contains(cell)));
    }
    Ok(compared > 0 && alike * 8 < compared)
}

/// The contents of the cells of a page; `None` if it has none.
fn cells<'a>(image: &Image, number: u32, bytes: &'a [u8]) -> Option<BTreeSet<&'a [u8]>> {
    let page = BtreePage::parse(bytes, number, image.geometry()).ok()?;
    let cells = page.iter().flatten().filter(|cell| cell.size > 6);
    let cells: BTreeSet<&[u8]> =
        cells.filter_map(|cell| bytes.get(cell.offset..cell.offset + cell.size)).collect();
    (!cells.is_empty()).then_some(cells)
}
