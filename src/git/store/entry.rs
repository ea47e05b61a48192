//! The header of a pack entry: what the entry is, how large, and where its base lies.

use super::super::object::{ObjectFormat, ObjectId, ObjectKind};

/// Bytes that the longest header takes: ten for kind and size, then a base id.
pub(super) const LONGEST: usize = 10 + 32;

/// What stands before the compressed bytes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryHeader {
    pub(super) content: Content,
    /// Bytes of the object, or of the delta, once inflated; as claimed.
    pub(super) size: u64,
    /// Bytes of this header.
    pub(super) length: usize,
}

/// How the object is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// In full.
    Full(ObjectKind),
    /// As a delta to the entry at this offset of the same pack.
    DeltaToOffset(u64),
    /// As a delta to the object with this name.
    DeltaToId(ObjectId),
}

impl EntryHeader {
    /// Reads the header at the beginning of `bytes`, which stand at `offset` of the pack.
    pub(super) fn parse(bytes: &[u8], offset: u64, format: ObjectFormat) -> Result<Self, &'static str> {
        const CUT: &str = "its header is cut off";
        let first = *bytes.first().ok_or(CUT)?;
        let mut size = u64::from(first & 15);
        let mut shift = 4;
        let mut at = 1;
        let mut more = first & 0x80 != 0;
        while more {
            let byte = *bytes.get(at).ok_or(CUT)?;
            let bits = u64::from(byte & 0x7F);
            if shift > 60 || bits << shift >> shift != bits {
                return Err("its size is too large to be true");
            }
            size |= bits << shift;
            shift += 7;
            at += 1;
            more = byte & 0x80 != 0;
        }
        let content = match first >> 4 & 7 {
            1 => Content::Full(ObjectKind::Commit),
            2 => Content::Full(ObjectKind::Tree),
            3 => Content::Full(ObjectKind::Blob),
            4 => Content::Full(ObjectKind::Tag),
            6 => {
                let distance = distance(bytes, &mut at)?;
                let base = offset.checked_sub(distance).filter(|_| distance > 0);
                Content::DeltaToOffset(base.ok_or("its base lies outside of the pack")?)
            }
            7 => {
                let id = bytes.get(at..at + format.id_bytes()).and_then(ObjectId::from_bytes).ok_or(CUT)?;
                at += format.id_bytes();
                Content::DeltaToId(id)
            }
            _ => return Err("it has no known kind"),
        };
        Ok(Self { content, size, length: at })
    }
}

/// How far before the delta its base begins: seven bits a byte, most significant first, each continuation adding one.
fn distance(bytes: &[u8], at: &mut usize) -> Result<u64, &'static str> {
    let mut value = 0u64;
    loop {
        let byte = *bytes.get(*at).ok_or("its header is cut off")?;
        *at += 1;
        value |= u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
        value = value.checked_add(1).filter(|value| *value < 1 << 56).ok_or("its base is too far away")? << 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_sizes_and_bases_are_read() {
        let parse = |bytes: &[u8]| EntryHeader::parse(bytes, 1000, ObjectFormat::Sha1);
        let header = parse(&[0xB5, 0x0A, 9]).unwrap();
        assert_eq!((header.content, header.size), (Content::Full(ObjectKind::Blob), 5 + (10 << 4)));
        assert_eq!(header.length, 2);
        assert_eq!(parse(&[0x61, 0x80, 0x01]).unwrap().content, Content::DeltaToOffset(1000 - 129));
        let by_id = [&[0x71][..], &[7; 20]].concat();
        assert_eq!(
            parse(&by_id).unwrap().content,
            Content::DeltaToId(ObjectId::from_bytes(&[7; 20]).unwrap())
        );
        assert_eq!(parse(&by_id).unwrap().length, 21);
        for bad in [&[][..], &[0x80], &[0x01], &[0x51], &[0x61, 0], &[0x61, 0x88, 0x00], &[0x71, 1]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&[&[0xB5][..], &[0xFF; 9], &[0x7F]].concat()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_header_within_them_or_none(bytes: Vec<u8>, offset: u64, sha256: bool) {
            let format = if sha256 { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 };
            if let Ok(header) = EntryHeader::parse(&bytes, offset, format) {
                proptest::prop_assert!(header.length <= bytes.len().min(LONGEST));
                if let Content::DeltaToOffset(base) = header.content {
                    proptest::prop_assert!(base < offset);
                }
            }
        }
    }
}
