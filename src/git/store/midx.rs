//! A multi-pack-index: which objects several packs hold, and where; needed where the index of a pack is gone.

use super::super::object::ObjectFormat;
use super::index::{self, PackIndex, be32};

/// The content of a `multi-pack-index` file, checked.
#[derive(Debug)]
pub(super) struct MultiPackIndex {
    width: usize,
    /// File names without their ending.
    packs: Vec<Vec<u8>>,
    ids: Vec<u8>,
    /// Pack and offset of each object.
    places: Vec<(u32, u64)>,
}

const CUT: &str = "it is cut off";

impl MultiPackIndex {
    /// Reads a file; its own checksum is not looked at.
    pub(super) fn parse(bytes: &[u8], format: ObjectFormat) -> Result<Self, &'static str> {
        let width = format.id_bytes();
        let hash = if width == 20 { 1 } else { 2 };
        let head = bytes.strip_prefix(b"MIDX").ok_or("it is no multi-pack-index")?;
        let &[1, found, chunks, _, ..] = head else { return Err("it has an unknown version") };
        if found != hash || head.len() < 8 {
            return Err("it is for another kind of names");
        }
        let chunk = |name| chunk(bytes, usize::from(chunks), name);
        let (count, rest) = index::counts(chunk(b"OIDF")?)?;
        let ids = chunk(b"OIDL")?;
        let places = chunk(b"OOFF")?;
        let large = chunk(b"LOFF").unwrap_or_default();
        if !rest.is_empty()
            || Some(ids.len()) != count.checked_mul(width)
            || Some(places.len()) != count.checked_mul(8)
        {
            return Err("its length does not fit its number of objects");
        }
        if !index::is_ascending(ids, width) {
            return Err("its names are not in order");
        }
        let mut packs = Vec::new();
        // After the last name there are zeros until the next multiple of four.
        for name in chunk(b"PNAM")?.split(|&byte| byte == 0).take(be32(&head[4..]) as usize) {
            let name = name.strip_suffix(b".idx").or(name.strip_suffix(b".pack")).unwrap_or(name);
            packs.push(name.to_vec());
        }
        let place = |place: &[u8]| index::long(be32(&place[4..]), large).map(|offset| (be32(place), offset));
        let places = places.chunks_exact(8).map(place).collect::<Result<_, _>>()?;
        Ok(Self { width, packs, ids: ids.to_vec(), places })
    }

    /// What is known of the pack with this file name (without its ending). Of an object that several packs hold, only
    /// one place is recorded, so some may be missing here.
    pub(super) fn pack(&self, name: &[u8]) -> Option<PackIndex> {
        let pack = self.packs.iter().position(|known| known == name)?;
        let mut found = PackIndex { ids: Vec::new(), offsets: Vec::new(), checksums: Vec::new(), pack: None };
        for (id, place) in self.ids.chunks_exact(self.width).zip(&self.places) {
            if place.0 as usize == pack {
                found.ids.extend_from_slice(id);
                found.offsets.push(place.1);
            }
        }
        Some(found)
    }
}

/// The chunk with this name, by the table after the header.
fn chunk<'a>(bytes: &'a [u8], chunks: usize, name: &[u8; 4]) -> Result<&'a [u8], &'static str> {
    let table = bytes.get(12..12 + 12 * (chunks + 1)).ok_or(CUT)?;
    let offset = |row: usize| {
        let offset = table[12 * row + 4..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        usize::try_from(offset).map_err(|_| CUT)
    };
    let row = (0..chunks).find(|row| table[12 * row..].starts_with(name)).ok_or("a part of it is missing")?;
    bytes.get(offset(row)?..offset(row + 1)?).ok_or(CUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_multi_pack_index_or_an_error(
            chunks in 0u8..6, offsets: [u16; 6], count in 0u32..4, body: Vec<u8>,
        ) {
            let mut bytes = vec![b'M', b'I', b'D', b'X', 1, 1, chunks, 0, 0, 0, 0, 1];
            for (name, offset) in [b"OIDF", b"OIDL", b"OOFF", b"PNAM", b"LOFF", b"\0\0\0\0"].iter().zip(offsets) {
                bytes.extend(*name);
                bytes.extend(u64::from(offset % 1400).to_be_bytes());
            }
            bytes.extend([0; 4 * 255]);
            bytes.extend(count.to_be_bytes());
            bytes.extend(&body);
            if let Ok(midx) = MultiPackIndex::parse(&bytes, ObjectFormat::Sha1) {
                let _ = midx.pack(b"");
            }
            let _ = MultiPackIndex::parse(&body, ObjectFormat::Sha1);
        }
    }
}
