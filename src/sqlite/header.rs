//! The header: the first 100 bytes of a database file (section 1.3).

use super::bytes::{be16, be32};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 100;

/// How every database file begins.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The fields as they stand in the file, right or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; HEADER_BYTES],
}

/// How text is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// 1.
    #[default]
    Utf8,
    /// 2.
    Utf16Le,
    /// 3.
    Utf16Be,
}

/// The sizes by which pages are cut into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Geometry {
    /// Bytes of a page: a power of two from 512 to 65536.
    pub page_size: u32,
    /// Bytes at the end of each page that SQLite leaves to extensions.
    pub reserved: u8,
}

impl Header {
    /// The header in the first bytes of a file; missing bytes count as zero.
    #[must_use]
    pub fn new(start: &[u8]) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        let count = start.len().min(HEADER_BYTES);
        bytes[..count].copy_from_slice(&start[..count]);
        Self { bytes }
    }

    /// The bytes themselves.
    #[must_use]
    pub fn bytes(&self) -> &[u8; HEADER_BYTES] {
        &self.bytes
    }

    /// Whether the file begins as it must.
    #[must_use]
    pub fn has_magic(&self) -> bool {
        self.bytes.starts_with(MAGIC)
    }

    /// The page size and what is reserved of it; `None` unless both are possible.
    #[must_use]
    pub fn geometry(&self) -> Option<Geometry> {
        let page_size = match be16(&self.bytes, 16) {
            1 => 65536,
            size => u32::from(size),
        };
        Geometry::new(page_size, self.bytes[20])
    }

    /// Offset 18: 1 for a rollback journal, 2 for a write-ahead log; a higher number makes a database read-only.
    #[must_use]
    pub fn write_version(&self) -> u8 {
        self.bytes[18]
    }

    /// Offset 19: likewise; a higher number makes SQLite refuse the file.
    #[must_use]
    pub fn read_version(&self) -> u8 {
        self.bytes[19]
    }

    /// Offset 21: always 64, 32, 32.
    #[must_use]
    pub fn fractions(&self) -> [u8; 3] {
        [self.bytes[21], self.bytes[22], self.bytes[23]]
    }

    /// Offset 24: how often the file was changed.
    #[must_use]
    pub fn change_counter(&self) -> u32 {
        be32(&self.bytes, 24)
    }

    /// Offset 28: pages of the database.
    #[must_use]
    pub fn page_count(&self) -> u32 {
        be32(&self.bytes, 28)
    }

    /// Whether SQLite trusts the page count: other programs than SQLite 3.7.0 and later did not keep it.
    #[must_use]
    pub fn page_count_counts(&self) -> bool {
        self.page_count() != 0 && self.change_counter() == self.version_valid_for()
    }

    /// Offset 32: the first trunk page of the freelist; 0 for none.
    #[must_use]
    pub fn first_trunk(&self) -> u32 {
        be32(&self.bytes, 32)
    }

    /// Offset 36: pages of the freelist.
    #[must_use]
    pub fn free_pages(&self) -> u32 {
        be32(&self.bytes, 36)
    }

    /// Offset 40: how often the schema was changed.
    #[must_use]
    pub fn schema_cookie(&self) -> u32 {
        be32(&self.bytes, 40)
    }

    /// Offset 44: 1 to 4; 0 in a database without tables. Of its four bytes SQLite looks at the last one only.
    #[must_use]
    pub fn schema_format(&self) -> u8 {
        self.bytes[47]
    }

    /// Offset 52: the largest root page in a database that vacuums itself, 0 in others.
    #[must_use]
    pub fn largest_root(&self) -> u32 {
        be32(&self.bytes, 52)
    }

    /// Offset 56: the encoding as a number; 0 in a database without tables.
    #[must_use]
    pub fn encoding_code(&self) -> u32 {
        be32(&self.bytes, 56)
    }

    /// The encoding as SQLite takes it, which looks at the last two bits of the number; UTF-8 where they say nothing.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self.encoding_code() & 3 {
            2 => Encoding::Utf16Le,
            3 => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        }
    }

    /// Offset 60: `PRAGMA user_version`.
    #[must_use]
    pub fn user_version(&self) -> u32 {
        be32(&self.bytes, 60)
    }

    /// Offset 64: not 0 if vacuuming is incremental.
    #[must_use]
    pub fn incremental_vacuum(&self) -> u32 {
        be32(&self.bytes, 64)
    }

    /// Offset 68: `PRAGMA application_id`.
    #[must_use]
    pub fn application_id(&self) -> u32 {
        be32(&self.bytes, 68)
    }

    /// Offset 72: twenty bytes that must be zero.
    #[must_use]
    pub fn expansion(&self) -> &[u8] {
        &self.bytes[72..92]
    }

    /// Offset 92: the change counter when the library version was written.
    #[must_use]
    pub fn version_valid_for(&self) -> u32 {
        be32(&self.bytes, 92)
    }

    /// Offset 96: the library that wrote last, such as 3045001 for 3.45.1.
    #[must_use]
    pub fn library_version(&self) -> u32 {
        be32(&self.bytes, 96)
    }
}

impl Encoding {
    /// Its name as `PRAGMA encoding` spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16le",
            Self::Utf16Be => "UTF-16be",
        }
    }

    /// Text of a database as UTF-8, and whether nothing had to be replaced.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> (String, bool) {
        let units = |number: fn([u8; 2]) -> u16| {
            let mut whole = bytes.len().is_multiple_of(2);
            let pairs = bytes.chunks_exact(2).map(|pair| number([pair[0], pair[1]]));
            let text = char::decode_utf16(pairs).map(|unit| {
                unit.unwrap_or_else(|_| {
                    whole = false;
                    char::REPLACEMENT_CHARACTER
                })
            });
            let text: String = text.collect();
            (text, whole)
        };
        match self {
            Self::Utf8 => match std::str::from_utf8(bytes) {
                Ok(text) => (text.to_owned(), true),
                Err(_) => (String::from_utf8_lossy(bytes).into_owned(), false),
            },
            Self::Utf16Le => units(u16::from_le_bytes),
            Self::Utf16Be => units(u16::from_be_bytes),
        }
    }
}

impl Geometry {
    /// The geometry, if SQLite would take it.
    #[must_use]
    pub fn new(page_size: u32, reserved: u8) -> Option<Self> {
        let possible = page_size.is_power_of_two() && (512..=65536).contains(&page_size);
        (possible && page_size - u32::from(reserved) >= 480).then_some(Self { page_size, reserved })
    }

    /// Bytes of a page that SQLite uses.
    #[must_use]
    pub fn usable(self) -> usize {
        (self.page_size - u32::from(self.reserved)) as usize
    }

    /// Bytes of a payload that a page holds itself; `index` where the page belongs to an index or a table WITHOUT ROWID
    /// (section 1.6).
    #[must_use]
    pub fn local(self, payload: u64, index: bool) -> usize {
        let usable = self.usable() as u64;
        let most = if index { (usable - 12) * 64 / 255 - 23 } else { usable - 35 };
        if payload <= most {
            return payload as usize;
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let fitting = least + (payload - least) % (usable - 4);
        (if fitting <= most { fitting } else { least }) as usize
    }

    /// Bytes of a payload on one overflow page.
    #[must_use]
    pub fn per_overflow_page(self) -> usize {
        self.usable() - 4
    }

    /// Pages of an overflow chain for so many bytes.
    #[must_use]
    pub fn overflow_pages(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.per_overflow_page() as u64)
    }

    /// The page that SQLite keeps for locks and never uses (section 1.4).
    #[must_use]
    pub fn lock_page(self) -> u32 {
        (1 << 30) / self.page_size + 1
    }

    /// The pointer map page that describes a page of a database that vacuums itself (section 1.8); a pointer map page
    /// is its own.
    #[must_use]
    pub fn pointer_map_of(self, page: u32) -> u32 {
        let span = self.usable() as u32 / 5 + 1;
        let map = page.saturating_sub(2) / span * span + 2;
        if map == self.lock_page() { map + 1 } else { map }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_pages_are_checked() {
        let sizes = [(512, 32), (512, 33), (65536, 255), (1000, 0), (256, 0), (131_072, 0)];
        let good = sizes.map(|(size, reserved)| Geometry::new(size, reserved).is_some());
        assert_eq!(good, [true, false, true, false, false, false]);
        let mut start = *MAGIC;
        start[0] = 0;
        assert!(!Header::new(&start).has_magic());
        let header = [&MAGIC[..], &[0, 1, 1, 1, 0]].concat();
        assert_eq!(Header::new(&header).geometry().map(|found| found.page_size), Some(65536));
    }

    #[test]
    fn payloads_spill_as_the_format_says() {
        let geometry = Geometry::new(4096, 0).unwrap();
        assert_eq!([4061, 4062].map(|payload| geometry.local(payload, false)), [4061, 489]);
        assert_eq!([1002, 1003].map(|payload| geometry.local(payload, true)), [1002, 489]);
        assert_eq!(geometry.local(489 + 4092 + 7, false), 496);
        assert_eq!(geometry.overflow_pages(4093), 2);
    }

    #[test]
    fn pointer_maps_step_over_the_lock_page() {
        let geometry = Geometry::new(1024, 0).unwrap();
        let pages = [2, 3, 206, 207, 208].map(|page| geometry.pointer_map_of(page));
        assert_eq!(pages, [2, 2, 2, 207, 207]);
        assert_eq!(geometry.lock_page(), 1_048_577);
    }

    #[test]
    fn text_of_every_encoding_is_decoded() {
        assert_eq!(Encoding::Utf16Le.decode(&[0x61, 0, 0x3d, 0xd8, 0x00, 0xde]), ("a😀".into(), true));
        assert_eq!(Encoding::Utf16Be.decode(&[0, 0x61, 0xd8, 0x3d]), ("a\u{fffd}".into(), false));
        assert_eq!(Encoding::Utf8.decode(b"a\xff"), ("a\u{fffd}".into(), false));
    }
}
