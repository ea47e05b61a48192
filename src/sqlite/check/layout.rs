//! The layout of a page: its cells and free blocks fill it without overlap (section 1.6).

use crate::sqlite::btree::BtreePage;
use crate::sqlite::bytes::be16;
use crate::sqlite::header::Geometry;

/// What is wrong with the layout; `cells` are the places of all cells, start and end.
pub(super) fn fault(
    page: &BtreePage<'_>,
    bytes: &[u8],
    cells: &[(usize, usize)],
    geometry: Geometry,
) -> Option<String> {
    let usable = geometry.usable();
    let start = page.content_start();
    if start > usable || start < page.pointers_end() {
        return Some(format!("its cells begin at byte {start}, where they cannot"));
    }
    if let Some((first, _)) = cells.iter().find(|(first, _)| *first < start) {
        return Some(format!("a cell at byte {first} lies before the area of cells at {start}"));
    }
    let mut used = Bytes::new(start, usable);
    if let Some(twice) = cells.iter().find_map(|(first, end)| used.take(*first, *end)) {
        return Some(format!("byte {twice} is used twice"));
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
        if let Some(twice) = used.take(block, block + size) {
            return Some(format!("byte {twice} is used twice"));
        }
        (after, block) = (block + size, next);
    }
    let (told, fragments) = (usize::from(page.fragments()), used.left());
    (told != fragments).then(|| format!("{fragments} bytes are scattered on it, and it counts {told}"))
}

/// Which bytes of a stretch of a page are used, a bit each.
struct Bytes {
    start: usize,
    end: usize,
    words: Vec<u64>,
}

impl Bytes {
    fn new(start: usize, end: usize) -> Self {
        Self { start, end, words: vec![0; (end - start) / 64 + 1] }
    }

    /// Takes the bytes from `first` up to `end`, or tells the first that is in use already.
    fn take(&mut self, first: usize, end: usize) -> Option<usize> {
        let (mut at, end) = (first - self.start, end.min(self.end) - self.start);
        while at < end {
            let count = (64 - at % 64).min(end - at);
            let bits = (u64::MAX >> (64 - count)) << (at % 64);
            let word = &mut self.words[at / 64];
            if *word & bits != 0 {
                return Some(self.start + at / 64 * 64 + (*word & bits).trailing_zeros() as usize);
            }
            *word |= bits;
            at += count;
        }
        None
    }

    /// How many are not used.
    fn left(&self) -> usize {
        let used: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        self.end - self.start - used as usize
    }
}
