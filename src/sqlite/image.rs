//! An image: one way to see a database as numbered pages, the file alone or with frames of its write-ahead log over it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::evidence::Evidence;
use super::header::Geometry;

/// Pages 1 to [`Image::pages`], read from the file or, where a frame replaces a page, from the log.
#[derive(Clone, Debug)]
pub struct Image {
    file: Arc<Evidence>,
    base: u64,
    geometry: Geometry,
    pages: u32,
    log: Option<Log>,
}

/// Pages that were made and set free in one transaction are counted and need not be written.
pub const UNWRITTEN: u32 = 1 << 16;

/// The frames that lie over the file.
#[derive(Clone, Debug)]
struct Log {
    file: Arc<Evidence>,
    /// Where in it the content of a page begins.
    frames: Arc<HashMap<u32, u64>>,
}

/// Where the bytes of a page stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// At this offset of the database file.
    File(u64),
    /// At this offset of the write-ahead log.
    Log(u64),
}

impl Stored {
    /// The offset, in whichever file.
    #[must_use]
    pub fn offset(self) -> u64 {
        match self {
            Self::File(offset) | Self::Log(offset) => offset,
        }
    }
}

impl Image {
    /// The pages of a file whose first page begins at `base`; a last page that is cut off counts.
    #[must_use]
    pub fn new(file: Arc<Evidence>, base: u64, geometry: Geometry) -> Self {
        let bytes = file.len().saturating_sub(base);
        let pages = u32::try_from(bytes.div_ceil(geometry.page_size.into())).unwrap_or(u32::MAX - 1);
        Self { file, base, geometry, pages, log: None }
    }

    /// The same with other contents for some pages: `frames` tells where in `log` each of them begins, `pages` how many
    /// there are then. Not believed are more than [`UNWRITTEN`] pages beyond as many as the file and the frames hold,
    /// whatever number a frame has.
    #[must_use]
    pub fn with_frames(&self, log: Arc<Evidence>, frames: HashMap<u32, u64>, pages: u32) -> Self {
        let held = self.pages.saturating_add(u32::try_from(frames.len()).unwrap_or(u32::MAX));
        let pages = pages.min(held.saturating_add(UNWRITTEN));
        Self { pages, log: Some(Log { file: log, frames: Arc::new(frames) }), ..self.clone() }
    }

    /// The same file with its pages counted otherwise, as a header that is to be trusted says.
    #[must_use]
    pub fn with_pages(&self, pages: u32) -> Self {
        Self { pages, ..self.clone() }
    }

    /// The sizes.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// How many pages there are; the last one may be cut off.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Whether a page has this number.
    #[must_use]
    pub fn contains(&self, page: u32) -> bool {
        (1..=self.pages).contains(&page)
    }

    /// The database file.
    #[must_use]
    pub fn file(&self) -> &Arc<Evidence> {
        &self.file
    }

    /// The write-ahead log, if some of its frames count.
    #[must_use]
    pub fn log(&self) -> Option<&Arc<Evidence>> {
        self.log.as_ref().map(|log| &log.file)
    }

    /// The pages that come from the log, sorted.
    #[must_use]
    pub fn replaced(&self) -> Vec<u32> {
        let mut pages: Vec<u32> = self.log.iter().flat_map(|log| log.frames.keys().copied()).collect();
        pages.sort_unstable();
        pages
    }

    /// Whether a page comes from the log.
    #[must_use]
    pub fn replaces(&self, page: u32) -> bool {
        self.frame(page).is_some()
    }

    /// Where a page is stored.
    #[must_use]
    pub fn stored(&self, page: u32) -> Stored {
        match self.frame(page) {
            Some((_, offset)) => Stored::Log(offset),
            None => Stored::File(self.base + u64::from(page.saturating_sub(1)) * self.size() as u64),
        }
    }

    /// Reads a page into `out`, which becomes as long as a page, and tells how many bytes of it exist.
    ///
    /// # Errors
    /// When the system cannot read there.
    pub fn read(&self, page: u32, out: &mut Vec<u8>) -> io::Result<usize> {
        out.resize(self.size(), 0);
        match self.frame(page) {
            Some((log, offset)) => log.read_at(offset, out),
            None => self.file.read_at(self.stored(page).offset(), out),
        }
    }

    /// Reads the pages from `first` on that `out` has room for, and tells how many bytes of the file exist there.
    ///
    /// # Errors
    /// When the system cannot read there.
    pub fn read_run(&self, first: u32, out: &mut [u8]) -> io::Result<usize> {
        let start = self.base + u64::from(first.saturating_sub(1)) * self.size() as u64;
        let mut count = self.file.read_at(start, out)?;
        if let Some(log) = &self.log {
            for (page, bytes) in (first..).zip(out.chunks_exact_mut(self.size())) {
                if let Some(&offset) = log.frames.get(&page) {
                    let end = (page - first) as usize * self.size() + log.file.read_at(offset, bytes)?;
                    count = count.max(end);
                }
            }
        }
        Ok(count)
    }

    fn frame(&self, page: u32) -> Option<(&Evidence, u64)> {
        let log = self.log.as_ref()?;
        log.frames.get(&page).map(|&offset| (&*log.file, offset))
    }

    fn size(&self) -> usize {
        self.geometry.page_size as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_over_pages() {
        let file = Arc::new(Evidence::of_bytes("a", [[1; 512], [2; 512], [3; 512]].concat()));
        let log = Arc::new(Evidence::of_bytes("a-wal", [[7; 100], [9; 100]].concat().repeat(8)));
        let plain = Image::new(file, 0, Geometry::new(512, 0).unwrap());
        let image = plain.with_frames(log, HashMap::from([(2, 600), (4, 100)]), 4);
        let mut page = Vec::new();
        let firsts = [1, 2, 3, 4, 5].map(|number| {
            let count = image.read(number, &mut page).unwrap();
            (page[0], count)
        });
        assert_eq!(firsts, [(1, 512), (7, 512), (3, 512), (9, 512), (0, 0)]);
        let mut run = vec![0; 3 * 512];
        image.read_run(2, &mut run).unwrap();
        assert_eq!([run[0], run[512], run[1024]], [7, 3, 9]);
        assert_eq!((plain.pages(), image.pages()), (3, 4));
        assert_eq!((image.stored(2), image.stored(3)), (Stored::Log(600), Stored::File(1024)));
        let log = Arc::clone(image.log().unwrap());
        for page in [4, u32::MAX] {
            let image = plain.with_frames(Arc::clone(&log), HashMap::from([(page, 100)]), u32::MAX);
            assert_eq!(image.pages(), 4 + UNWRITTEN);
        }
    }
}
