//! A write-ahead log: which of its frames SQLite would use, and which more can be proved to belong (section 4).
//!
//! SQLite stops at the first frame whose checksum is wrong. The checksum of a frame is computed from that of the frame
//! before it, and that is stored: so every frame can be verified by itself, with the stored checksum of its neighbour.

use std::collections::HashMap;
use std::io;

use super::bytes::be32;
use super::evidence::Evidence;

/// Bytes of the header of the log.
pub const WAL_HEADER_BYTES: u64 = 32;
/// Bytes before the page of a frame.
pub const FRAME_HEADER_BYTES: u64 = 24;

/// Everything that the log holds.
#[derive(Clone, Debug)]
pub struct Wal {
    /// What the first 32 bytes say.
    pub header: WalHeader,
    /// The page size that the frames have.
    pub page_size: u32,
    /// Every whole frame, in the order of the file.
    pub frames: Vec<Frame>,
    /// Bytes after the last whole frame.
    pub trailing: u64,
    /// The salts of the generation that counts: those of most frames that are verified from the first one on.
    pub salts: Option<[u32; 2]>,
}

/// The first 32 bytes of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalHeader {
    /// Whether magic number, format and checksum are right.
    pub is_valid: bool,
    /// The magic number, 0x377f0682 or 0x377f0683 in a good header.
    pub magic: u32,
    /// The format, 3007000.
    pub format: u32,
    /// The page size.
    pub page_size: u32,
    /// How often the log began anew.
    pub checkpoint: u32,
    /// The random numbers of this generation.
    pub salts: [u32; 2],
}

/// A page in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where the frame begins in the file.
    pub offset: u64,
    /// The page that it replaces.
    pub page: u32,
    /// Pages of the database after this commit; 0 if the frame does not end one.
    pub commit: u32,
    /// Its generation.
    pub salts: [u32; 2],
    /// What is known of it.
    pub state: FrameState,
}

/// How far a frame can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameState {
    /// SQLite uses it: its checksum and those of all frames before it are right.
    Chained,
    /// SQLite ignores it, but its checksum is right given the one stored in the frame before it.
    Verified,
    /// Its checksum is wrong whatever one starts from.
    Damaged,
    /// It is of another generation: a leftover from before the log began anew.
    Leftover,
}

/// Which frames lie over the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Where in the log the content of each page begins.
    pub frames: HashMap<u32, u64>,
    /// Pages of the database.
    pub pages: u32,
    /// Commits that are in it.
    pub commits: u64,
}

impl Frame {
    /// Where the content of the page begins in the file.
    #[must_use]
    pub fn content(&self) -> u64 {
        self.offset + FRAME_HEADER_BYTES
    }
}

impl Wal {
    /// Reads a log; `page_size` is that of the database, which counts where the log's own header is damaged.
    ///
    /// # Errors
    /// When the system cannot read the file.
    pub fn read(file: &Evidence, page_size: u32) -> io::Result<Self> {
        let mut start = [0; WAL_HEADER_BYTES as usize];
        file.read_at(0, &mut start)?;
        let header = WalHeader::new(&start);
        let page_size = if header.is_valid { header.page_size } else { page_size };
        let step = FRAME_HEADER_BYTES + u64::from(page_size);
        let body = file.len().saturating_sub(WAL_HEADER_BYTES);
        let mut frames = Vec::new();
        let mut chain = Chain::new(&start, header.is_valid);
        let mut bytes = vec![0; step as usize];
        for number in 0..body / step {
            let offset = WAL_HEADER_BYTES + number * step;
            file.read_at(offset, &mut bytes)?;
            let state = chain.judge(&bytes);
            frames.push(Frame {
                offset,
                page: be32(&bytes, 0),
                commit: be32(&bytes, 4),
                salts: [be32(&bytes, 8), be32(&bytes, 12)],
                state,
            });
        }
        let mut wal = Self { header, page_size, frames, trailing: body % step, salts: None };
        wal.sort_generations();
        Ok(wal)
    }

    /// The view that SQLite has: frames up to the last commit before the first bad checksum. `None` if there is none.
    #[must_use]
    pub fn chained(&self) -> Option<Overlay> {
        let good = self.frames.iter().take_while(|frame| frame.state == FrameState::Chained);
        overlay(good.copied())
    }

    /// The view with every frame that can be verified, whatever lies between them. `None` if there is none.
    ///
    /// A damaged frame is left out: if it was the last image of its page, that page is older than the others.
    #[must_use]
    pub fn resynchronised(&self) -> Option<Overlay> {
        let good = |frame: &&Frame| matches!(frame.state, FrameState::Chained | FrameState::Verified);
        overlay(self.frames.iter().filter(good).copied())
    }

    /// The pages whose last image in the log is damaged, so that an older one has to stand for it.
    #[must_use]
    pub fn stale_pages(&self) -> Vec<u32> {
        let mut last = HashMap::new();
        for frame in self.frames.iter().filter(|frame| frame.state != FrameState::Leftover) {
            last.insert(frame.page, frame.state);
        }
        let stale = last.into_iter().filter(|(_, state)| *state == FrameState::Damaged);
        let mut pages: Vec<u32> = stale.map(|(page, _)| page).collect();
        pages.sort_unstable();
        pages
    }

    /// Decides which salts are today's, and calls verified frames with others leftovers.
    fn sort_generations(&mut self) {
        let believed = |frame: &&Frame| matches!(frame.state, FrameState::Chained | FrameState::Verified);
        let salts = match self.header.is_valid && self.frames.iter().any(|f| f.salts == self.header.salts) {
            true => Some(self.header.salts),
            // The generation that was written last stands at the beginning of the file.
            false => self.frames.iter().find(believed).map(|frame| frame.salts),
        };
        self.salts = salts;
        for frame in &mut self.frames {
            let is_old = frame.state == FrameState::Verified && Some(frame.salts) != salts;
            if is_old {
                frame.state = FrameState::Leftover;
            }
        }
        // What follows a leftover was written before it. The first frame of an older generation cannot be verified, as
        // the one before it is gone; but its salts are known, or have nothing in common with those of today, unlike
        // salts in which bits are wrong.
        let first = self.frames.iter().position(|frame| frame.state == FrameState::Leftover);
        let old = first.map(|first| self.frames[first].salts);
        let last = self.frames.iter().rposition(|frame| believed(&frame)).map_or(0, |last| last + 1);
        for (at, frame) in self.frames.iter_mut().enumerate().filter(|(_, f)| f.state == FrameState::Damaged)
        {
            let follows = first.is_some_and(|first| first <= at) && Some(frame.salts) != salts;
            let is_other = salts.is_some_and(|salts| (salts[1] ^ frame.salts[1]).count_ones() > 4);
            if follows || at >= last && (is_other || old == Some(frame.salts)) {
                frame.state = FrameState::Leftover;
            }
        }
    }
}

impl WalHeader {
    fn new(start: &[u8]) -> Self {
        let (magic, format) = (be32(start, 0), be32(start, 4));
        let page_size = match be32(start, 8) {
            1 => 65536,
            size => size,
        };
        let known = matches!(magic, 0x377f_0682 | 0x377f_0683) && format == 3_007_000;
        let sane = page_size.is_power_of_two() && (512..=65536).contains(&page_size);
        let sum = checksum([0, 0], start.get(..24).unwrap_or_default(), magic & 1 == 1);
        Self {
            is_valid: known && sane && sum == [be32(start, 24), be32(start, 28)],
            magic,
            format,
            page_size,
            checkpoint: be32(start, 12),
            salts: [be32(start, 16), be32(start, 20)],
        }
    }
}

/// Follows the checksums from frame to frame.
struct Chain {
    /// The salts that frames must have to be used by SQLite.
    salts: [u32; 2],
    /// The checksum that SQLite computed so far; `None` after the first bad frame.
    running: Option<[u32; 2]>,
    /// The checksum stored in the frame before, or in the header.
    stored: [u32; 2],
    /// The byte order of the sums; both are tried until one fits.
    big_endian: Option<bool>,
}

impl Chain {
    fn new(start: &[u8], is_valid: bool) -> Self {
        let stored = [be32(start, 24), be32(start, 28)];
        Self {
            salts: [be32(start, 16), be32(start, 20)],
            running: is_valid.then_some(stored),
            stored,
            big_endian: is_valid.then_some(be32(start, 0) & 1 == 1),
        }
    }

    fn judge(&mut self, frame: &[u8]) -> FrameState {
        let told = [be32(frame, 16), be32(frame, 20)];
        let sum = |seed, big| checksum(checksum(seed, &frame[..8], big), &frame[24..], big);
        let page = be32(frame, 0);
        let seed = std::mem::replace(&mut self.stored, told);
        if let (Some(running), Some(big)) = (self.running, self.big_endian) {
            let salts = [be32(frame, 8), be32(frame, 12)];
            if page != 0 && salts == self.salts && sum(running, big) == told {
                self.running = Some(told);
                return FrameState::Chained;
            }
            self.running = None;
        }
        let orders = self.big_endian.map_or(&[false, true][..], |big| if big { &[true] } else { &[false] });
        match orders.iter().find(|big| page != 0 && sum(seed, **big) == told) {
            Some(big) => {
                self.big_endian = Some(*big);
                FrameState::Verified
            }
            None => FrameState::Damaged,
        }
    }
}

/// The view that frames in this order make, up to the last commit among them.
fn overlay(frames: impl Iterator<Item = Frame>) -> Option<Overlay> {
    let frames: Vec<Frame> = frames.collect();
    let last = frames.iter().rposition(|frame| frame.commit != 0)?;
    let pages = frames[last].commit;
    let commits = frames.iter().filter(|frame| frame.commit != 0).count() as u64;
    let places = frames[..=last].iter().map(|frame| (frame.page, frame.content()));
    // A page behind the end was dropped by a later commit.
    let frames = places.filter(|(page, _)| *page <= pages).collect();
    Some(Overlay { frames, pages, commits })
}

/// The checksum of section 4.2, continued from `seed`.
fn checksum(seed: [u32; 2], bytes: &[u8], big_endian: bool) -> [u32; 2] {
    let [mut one, mut two] = seed;
    let word = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    for pair in bytes.chunks_exact(8) {
        let (first, second) = ([pair[0], pair[1], pair[2], pair[3]], [pair[4], pair[5], pair[6], pair[7]]);
        one = one.wrapping_add(word(first)).wrapping_add(two);
        two = two.wrapping_add(word(second)).wrapping_add(one);
    }
    [one, two]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database in WAL mode with three commits in its log: the file and the log.
    fn sample() -> (Vec<u8>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA page_size = 512; PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
                 CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(900)); INSERT INTO t VALUES (2);",
            )
            .unwrap();
        (std::fs::read(&path).unwrap(), std::fs::read(folder.path().join("a.db-wal")).unwrap())
    }

    fn states(log: &[u8]) -> Vec<FrameState> {
        let wal = Wal::read(&Evidence::of_bytes("a-wal", log), 512).unwrap();
        wal.frames.iter().map(|frame| frame.state).collect()
    }

    #[test]
    fn a_good_log_is_used_whole() {
        let (_, log) = sample();
        let wal = Wal::read(&Evidence::of_bytes("a-wal", &log[..]), 512).unwrap();
        assert!(wal.header.is_valid && wal.frames.iter().all(|frame| frame.state == FrameState::Chained));
        assert_eq!(wal.chained(), wal.resynchronised());
        assert_eq!(wal.chained().unwrap().commits, 3);
        assert!(wal.stale_pages().is_empty());
    }

    #[test]
    fn frames_behind_a_damage_are_verified() {
        let (_, log) = sample();
        let frames = states(&log).len();
        for (at, lost) in [(17, 0), (24, 0), (100, 1), (32 + 3, 1)] {
            let mut log = log.clone();
            log[at] ^= 1;
            let states = states(&log);
            let damaged = states.iter().filter(|state| **state == FrameState::Damaged).count();
            // The first frame needs the checksum in the header.
            assert_eq!(damaged, if at == 24 { 1 } else { lost }, "byte {at}: {states:?}");
            assert_eq!(
                states.iter().filter(|state| **state == FrameState::Verified).count(),
                frames - damaged
            );
        }
    }

    #[test]
    fn leftovers_of_an_older_generation_do_not_count() {
        let (_, log) = sample();
        let (_, other) = sample();
        let mixed = [&other[..32 + 536], &log[32 + 536..]].concat();
        let wal = Wal::read(&Evidence::of_bytes("a-wal", mixed), 512).unwrap();
        let kept = wal.frames.iter().filter(|frame| frame.state == FrameState::Chained).count();
        assert_eq!(kept, 1);
        assert!(wal.frames[2..].iter().all(|frame| frame.state == FrameState::Leftover), "{:?}", wal.frames);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(0u8.., 0..3000)) {
            let wal = Wal::read(&Evidence::of_bytes("a-wal", bytes), 512).unwrap();
            let _ = (wal.chained(), wal.resynchronised(), wal.stale_pages());
        }
    }
}
