//! A zip archive: read through its central directory, which alone knows the sizes of all members.

use super::Trouble;

/// One member, still packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) method: Method,
    pub(super) encrypted: bool,
    pub(super) bytes: &'a [u8],
}

/// How a member is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
    Other,
}

/// The end record, without the comment that may follow it (APPNOTE.TXT 4.3.16).
const END: usize = 22;
/// A header in the central directory, without its names (4.3.12).
const CENTRAL: usize = 46;
/// A header before a member, without its names (4.3.7).
const LOCAL: usize = 30;

/// Hands every member to `visit`, or what is wrong with it.
pub(super) fn each(bytes: &[u8], visit: &mut dyn FnMut(Result<Entry<'_>, Trouble>)) {
    let Some(mut rest) = directory(bytes) else { return visit(Err(Trouble::Damaged)) };
    while rest.starts_with(b"PK\x01\x02") {
        let Some((entry, next)) = entry(bytes, rest) else { return visit(Err(Trouble::Damaged)) };
        rest = next;
        visit(entry);
    }
}

/// The central directory, found through the end record at the end of the file.
fn directory(bytes: &[u8]) -> Option<&[u8]> {
    let tail = bytes.len().saturating_sub(END + usize::from(u16::MAX));
    let end = tail + memchr::memmem::rfind(&bytes[tail..], b"PK\x05\x06")?;
    let offset = number(bytes, end + 16, 4)?;
    if offset == 0xFFFF_FFFF {
        // ZIP64 (4.3.14, 4.3.15): a locator before the end record leads to the longer one.
        let locator = end.checked_sub(20).filter(|&at| bytes[at..].starts_with(b"PK\x06\x07"))?;
        let longer = number(bytes, locator + 8, 8)?;
        return bytes.get(number(bytes, longer.checked_add(48)?, 8)?..);
    }
    bytes.get(offset..)
}

/// The member that a header of the directory describes, and what follows that header.
fn entry<'a>(bytes: &'a [u8], header: &'a [u8]) -> Option<(Result<Entry<'a>, Trouble>, &'a [u8])> {
    let field = |at, length| number(header, at, length);
    let (name, extra, comment) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
    let next = header.get(CENTRAL + name + extra + comment..)?;
    let mut longer = zip64(header.get(CENTRAL + name..CENTRAL + name + extra)?);
    let mut widened = |at| match field(at, 4)? {
        0xFFFF_FFFF => {
            let value = number(longer, 0, 8)?;
            longer = longer.get(8..)?;
            Some(value)
        }
        value => Some(value),
    };
    // In the order in which the extra field has them: the full size comes first.
    widened(24)?;
    let (size, offset) = (widened(20)?, widened(42)?);
    let name = header.get(CENTRAL..CENTRAL + name)?;
    let content = offset
        .checked_add(26)
        .and_then(|at| Some(LOCAL + number(bytes, at, 2)? + number(bytes, at + 2, 2)?))
        .and_then(|before| {
            let start = offset.checked_add(before)?;
            bytes.get(start..start.checked_add(size)?)
        });
    let entry = content.ok_or(Trouble::Damaged).map(|bytes| Entry {
        name,
        method: match field(10, 2) {
            Some(0) => Method::Stored,
            Some(8) => Method::Deflated,
            _ => Method::Other,
        },
        encrypted: field(8, 2).is_some_and(|flags| flags & 1 == 1),
        bytes,
    });
    Some((entry, next))
}

/// The extra field with the sizes that need more than 32 bits (4.5.3).
fn zip64(extra: &[u8]) -> &[u8] {
    let mut rest = extra;
    while let (Some(id), Some(length)) = (number(rest, 0, 2), number(rest, 2, 2)) {
        let Some(field) = rest.get(4..4 + length) else { break };
        if id == 1 {
            return field;
        }
        rest = &rest[4 + length..];
    }
    &[]
}

/// A number of `length` bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    let value = bytes.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with one stored member.
    fn archive(name: &str, content: &[u8]) -> Vec<u8> {
        let (size, length) = ((content.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        let shared = [&[20, 0, 0, 0, 0, 0][..], &[0; 4], &[0; 4], &size, &size, &length, &[0, 0]].concat();
        let local = [b"PK\x03\x04", &shared[..], name.as_bytes(), content].concat();
        let central =
            [b"PK\x01\x02\x14\0", &shared[..], &[0; 10], &0u32.to_le_bytes(), name.as_bytes()].concat();
        let end = [
            b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(),
            &(central.len() as u32).to_le_bytes(),
            &(local.len() as u32).to_le_bytes(),
            &[0, 0],
        ];
        [local, central, end.concat()].concat()
    }

    #[test]
    fn a_stored_member_is_found() {
        let archive = archive("dir/name", b"content");
        let mut found = Vec::new();
        each(&archive, &mut |entry| {
            let entry = entry.unwrap();
            found.push((entry.name.to_vec(), entry.method, entry.bytes.to_vec()));
        });
        assert_eq!(found, [(b"dir/name".to_vec(), Method::Stored, b"content".to_vec())]);
    }

    proptest::proptest! {
        #[test]
        fn ends_without_panic(at in 0usize..120, byte: u8, tail: Vec<u8>) {
            let mut archive = archive("name", b"content");
            let at = at % archive.len();
            archive[at] = byte;
            each(&archive, &mut |_| {});
            archive.extend(tail);
            each(&archive, &mut |_| {});
        }
    }
}
