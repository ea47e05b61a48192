//! The index of a pack: which objects the pack holds, and where.

use sha1::Digest;

use super::super::object::{ObjectFormat, ObjectId};

/// The content of an `.idx` file, version 1 or 2, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PackIndex {
    /// The names of the objects, ascending, without anything in between.
    pub(super) ids: Vec<u8>,
    /// Where each of them begins in the pack.
    pub(super) offsets: Vec<u64>,
    /// The checksum of each entry; empty where none are recorded.
    pub(super) checksums: Vec<u32>,
    /// The hash at the end of the pack; `None` where it is not recorded.
    pub(super) pack: Option<ObjectId>,
}

const CUT: &str = "it is cut off";
const MAGIC: &[u8] = b"\xfftOc";

impl PackIndex {
    /// Reads a file; its own checksum is not looked at.
    pub(super) fn parse(bytes: &[u8], format: ObjectFormat) -> Result<Self, &'static str> {
        let width = format.id_bytes();
        let body = bytes.len().checked_sub(2 * width).ok_or(CUT)?;
        let (body, trailer) = bytes.split_at(body);
        let mut index = match body.strip_prefix(MAGIC) {
            Some(rest) => {
                let version = rest.first_chunk().map(|version| u32::from_be_bytes(*version));
                version.filter(|version| *version == 2).ok_or("it has an unknown version")?;
                Self::parse_second(&rest[4..], width)
            }
            None => Self::parse_first(body, width),
        }?;
        if !is_ascending(&index.ids, width) {
            return Err("its names are not in order");
        }
        index.pack = ObjectId::from_bytes(&trailer[..width]);
        Ok(index)
    }

    /// Version 1: after the counts, offset and name of each object.
    fn parse_first(body: &[u8], width: usize) -> Result<Self, &'static str> {
        let (count, table) = counts(body)?;
        if count.checked_mul(4 + width) != Some(table.len()) {
            return Err("its length does not fit its number of objects");
        }
        let mut ids = Vec::with_capacity(count * width);
        let mut offsets = Vec::with_capacity(count);
        for entry in table.chunks_exact(4 + width) {
            offsets.push(u64::from(be32(entry)));
            ids.extend_from_slice(&entry[4..]);
        }
        Ok(Self { ids, offsets, checksums: Vec::new(), pack: None })
    }

    /// Version 2: after the counts, all names, all checksums, all offsets, and the offsets that need eight bytes.
    fn parse_second(body: &[u8], width: usize) -> Result<Self, &'static str> {
        let (count, rest) = counts(body)?;
        let bytes = |each: usize| count.checked_mul(each).ok_or(CUT);
        let (ids, rest) = rest.split_at_checked(bytes(width)?).ok_or(CUT)?;
        let (checksums, rest) = rest.split_at_checked(bytes(4)?).ok_or(CUT)?;
        let (offsets, large) = rest.split_at_checked(bytes(4)?).ok_or(CUT)?;
        Ok(Self {
            ids: ids.to_vec(),
            offsets: offsets
                .chunks_exact(4)
                .map(|offset| long(be32(offset), large))
                .collect::<Result<_, _>>()?,
            checksums: checksums.chunks_exact(4).map(be32).collect(),
            pack: None,
        })
    }
}

/// An offset, which is one of `large` when its highest bit is set.
pub(super) fn long(offset: u32, large: &[u8]) -> Result<u64, &'static str> {
    if offset & 0x8000_0000 == 0 {
        return Ok(u64::from(offset));
    }
    let bytes = large.chunks_exact(8).nth((offset & 0x7FFF_FFFF) as usize);
    let bytes = bytes.and_then(|bytes| bytes.first_chunk());
    bytes.map(|bytes| u64::from_be_bytes(*bytes)).ok_or("a long offset is missing")
}

/// How many objects there are, from the table of how many names begin with at most each byte, and what follows it.
pub(super) fn counts(bytes: &[u8]) -> Result<(usize, &[u8]), &'static str> {
    let (table, rest) = bytes.split_at_checked(4 * 256).ok_or(CUT)?;
    if !table.chunks_exact(4).is_sorted_by_key(be32) {
        return Err("its counts are not in order");
    }
    Ok((be32(&table[4 * 255..]) as usize, rest))
}

/// Whether names are in order; git tolerates that one stands there twice.
pub(super) fn is_ascending(ids: &[u8], width: usize) -> bool {
    ids.chunks_exact(width).is_sorted()
}

/// Whether the hash at the end of a file of git is that of what stands before; all zeros say that there is none.
pub(super) fn is_intact(bytes: &[u8], format: ObjectFormat) -> bool {
    let Some((body, hash)) = bytes.split_at_checked(bytes.len().wrapping_sub(format.id_bytes())) else {
        return false;
    };
    hash.iter().all(|&byte| byte == 0)
        || match format {
            ObjectFormat::Sha1 => sha1::Sha1::digest(body)[..] == *hash,
            ObjectFormat::Sha256 => sha2::Sha256::digest(body)[..] == *hash,
        }
}

/// The number in the first four bytes.
pub(super) fn be32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[u8]) -> Vec<u8> {
        (0..=255u8)
            .flat_map(|first| (names.iter().filter(|n| **n <= first).count() as u32).to_be_bytes())
            .collect()
    }

    fn second(names: &[u8], offsets: &[u32], large: &[u64], width: usize) -> Vec<u8> {
        let mut bytes = [MAGIC, &[0, 0, 0, 2], &table(names)].concat();
        names.iter().for_each(|&name| bytes.extend(vec![name; width]));
        names.iter().for_each(|&name| bytes.extend(u32::from(name).to_be_bytes()));
        offsets.iter().for_each(|offset| bytes.extend(offset.to_be_bytes()));
        large.iter().for_each(|offset| bytes.extend(offset.to_be_bytes()));
        bytes.extend(vec![9; width]);
        bytes.extend(vec![0; width]);
        bytes
    }

    #[test]
    fn both_versions_and_both_widths_are_read() {
        for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
            let width = format.id_bytes();
            let bytes = second(&[1, 1, 7], &[12, 99, 0x8000_0001], &[5, 1 << 40], width);
            let index = PackIndex::parse(&bytes, format).unwrap();
            assert_eq!(index.ids, [vec![1; 2 * width], vec![7; width]].concat());
            assert_eq!((index.offsets, index.checksums), (vec![12, 99, 1 << 40], vec![1, 1, 7]));
            assert_eq!(index.pack, ObjectId::from_bytes(&vec![9; width]));
            assert!(is_intact(&bytes, format));
            let mut first = table(&[3, 4]);
            for name in [3, 4] {
                first.extend([0, 0, 1, name]);
                first.extend(vec![name; width]);
            }
            first.extend(vec![9; 2 * width]);
            let index = PackIndex::parse(&first, format).unwrap();
            assert_eq!((index.offsets, index.checksums), (vec![0x103, 0x104], vec![]));
            assert_eq!(index.ids, [vec![3; width], vec![4; width]].concat());
            assert!(!is_intact(&first, format));
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let format = ObjectFormat::Sha1;
        assert!(PackIndex::parse(&second(&[1, 0], &[12, 13], &[], 20), format).is_err());
        assert!(PackIndex::parse(&second(&[1], &[0x8000_0001], &[5], 20), format).is_err());
        let good = second(&[1, 2], &[12, 13], &[], 20);
        for length in 0..good.len() - 1 {
            assert!(PackIndex::parse(&good[..length], format).is_err(), "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_an_index_or_an_error(head in 0usize..3, count in 0u32..5, body: Vec<u8>, sha256: bool) {
            let format = if sha256 { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 };
            let mut bytes = [&b""[..], b"\xfftOc\0\0\0\x02", b"\xfftOc\0\0\0\x03"][head].to_vec();
            bytes.extend([0; 4 * 255]);
            bytes.extend(count.to_be_bytes());
            bytes.extend(&body);
            if let Ok(index) = PackIndex::parse(&bytes, format) {
                proptest::prop_assert_eq!(index.ids.len(), index.offsets.len() * format.id_bytes());
            }
            let _ = PackIndex::parse(&body, format);
            let _ = is_intact(&body, format);
        }
    }
}
