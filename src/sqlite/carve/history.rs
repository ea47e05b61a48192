//! The history: images of pages that are not the ones that count.

use std::sync::Arc;

use crate::sqlite::evidence::Evidence;
use crate::sqlite::files::Files;
use crate::sqlite::image::{Image, Stored};
use crate::sqlite::wal::Wal;

/// An image of a page that another one replaced.
#[derive(Clone, Debug)]
pub(super) struct Older {
    pub(super) page: u32,
    pub(super) file: Arc<Evidence>,
    pub(super) stored: Stored,
}

/// The image that counts, and the older ones: frames of the log that are not in it, and pages of the file below it.
pub(super) fn images(main: &Image, files: &Files, unreadable: &mut Vec<String>) -> (Image, Vec<Older>) {
    let alone = (main.clone(), Vec::new());
    let Some(log) = files.log.as_ref().filter(|log| !log.is_empty()) else { return alone };
    let wal = match Wal::read(log, main.geometry().page_size) {
        Ok(wal) => wal,
        Err(cause) => {
            unreadable.push(format!("the write-ahead log: {}", cause.kind()));
            return alone;
        }
    };
    // Pages of another size are those of another database.
    if wal.page_size != main.geometry().page_size {
        return alone;
    }
    let overlay = wal.resynchronised();
    let mut older = Vec::new();
    for frame in &wal.frames {
        let counts =
            overlay.as_ref().is_some_and(|over| over.frames.get(&frame.page) == Some(&frame.content()));
        if !counts {
            let stored = Stored::Log(frame.content());
            older.push(Older { page: frame.page, file: Arc::clone(log), stored });
        }
    }
    let Some(overlay) = overlay else { return (main.clone(), older) };
    let mut below: Vec<u32> = overlay.frames.keys().copied().filter(|page| main.contains(*page)).collect();
    below.sort_unstable();
    for page in below {
        older.push(Older { page, file: Arc::clone(main.file()), stored: main.stored(page) });
    }
    (main.with_frames(Arc::clone(log), overlay.frames, overlay.pages.max(1)), older)
}
