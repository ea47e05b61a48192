//! What must hold for any bytes that a parser is given. The fuzzer calls these functions, and so does `cargo test`, with
//! the seeds and with what was found once.

mod database;
mod database_seeds;
mod edit;
mod plugin;
mod plugin_seeds;
mod seeds;

use kbsec::git::store::fuzzing::{self, Listed};
use kbsec::git::{ObjectFormat, ParsedCommit, ParsedTag, TreeEntries};
use kbsec::span::Copied;

pub use database::{btree_page, database, database_header, record, rollback_journal, write_ahead_log};
pub use edit::inspect_copy;
pub use plugin::{manifest, permission_pattern};
pub use seeds::seeds;

/// A check and its name, which is that of its fuzz target.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 14] = [
    ("pack_entry", pack_entry),
    ("delta", delta),
    ("pack_index", pack_index),
    ("commit", commit),
    ("tree", tree),
    ("inspect_copy", inspect_copy),
    ("database_header", database_header),
    ("btree_page", btree_page),
    ("record", record),
    ("write_ahead_log", write_ahead_log),
    ("rollback_journal", rollback_journal),
    ("database", database),
    ("manifest", manifest),
    ("permission_pattern", permission_pattern),
];

/// Bytes of an object that a check makes at most.
const LARGEST: usize = 1 << 20;

/// The format and the rest of the bytes, by the lowest bit of the first one.
fn format(data: &[u8]) -> Option<(u8, ObjectFormat, &[u8])> {
    let (&first, rest) = data.split_first()?;
    Some((first, if first & 1 == 0 { ObjectFormat::Sha1 } else { ObjectFormat::Sha256 }, rest))
}

/// Header and content of an entry, at an offset that the first byte tells.
pub fn pack_entry(data: &[u8]) {
    let Some((first, format, bytes)) = format(data) else { return };
    let offset = 12 + (u64::from(first) << 6);
    let Some(entry) = fuzzing::entry(bytes, offset, format) else { return };
    assert!(entry.header <= bytes.len());
    assert!(entry.base.is_none_or(|base| base < offset));
    assert!(entry.content.is_none_or(|content| content.len() as u64 == entry.size));
}

/// A delta for a base whose size the first byte tells, compared with what a slow interpreter makes of it.
pub fn delta(data: &[u8]) {
    let Some((&first, delta)) = data.split_first() else { return };
    let base: Vec<u8> = (0..usize::from(first) * 300).map(|at| (at % 251) as u8).collect();
    let made = fuzzing::delta(delta, &base, LARGEST);
    assert_eq!(made.as_ref().map(|(made, _)| made), interpreted(delta, &base).as_ref());
    let Some((made, copies)) = made else { return };
    let mut end = 0;
    let mut last: Option<Copied> = None;
    for copy in copies {
        let part = |from: u32| from as usize..(from + copy.length) as usize;
        assert!(copy.length > 0 && copy.to >= end);
        assert_eq!(made[part(copy.to)], base[part(copy.from)]);
        let is_joint =
            |last: Copied| last.to + last.length == copy.to && last.from + last.length == copy.from;
        assert!(!last.is_some_and(is_joint), "two copies are one");
        (end, last) = (copy.to + copy.length, Some(copy));
    }
}

/// Follows the description in gitformat-pack(5), a byte at a time.
fn interpreted(delta: &[u8], base: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = delta.iter().copied();
    let mut size = || -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = bytes.next()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    let (from, to) = (size()?, size()?);
    if from != base.len() as u64 || to > LARGEST as u64 {
        return None;
    }
    let mut made = Vec::new();
    while let Some(code) = bytes.next() {
        if code == 0 {
            return None;
        }
        if code & 0x80 == 0 {
            for _ in 0..code {
                made.push(bytes.next()?);
            }
        } else {
            let mut field = |bits: std::ops::Range<u32>| -> Option<usize> {
                let mut value = 0;
                for (at, bit) in bits.enumerate() {
                    if code >> bit & 1 == 1 {
                        value |= usize::from(bytes.next()?) << (8 * at);
                    }
                }
                Some(value)
            };
            let start = field(0..4)?;
            let length = field(4..7)?;
            let length = if length == 0 { 0x1_0000 } else { length };
            made.extend_from_slice(base.get(start..start.checked_add(length)?)?);
        }
        if made.len() as u64 > to {
            return None;
        }
    }
    (made.len() as u64 == to).then_some(made)
}

/// An index of one pack, or of several if the second bit of the first byte is set.
pub fn pack_index(data: &[u8]) {
    let Some((first, format, bytes)) = format(data) else { return };
    let _ = fuzzing::is_intact(bytes, format);
    let listed = if first & 2 == 0 {
        fuzzing::pack_index(bytes, format)
    } else {
        fuzzing::multi_pack_index(bytes, format, b"pack-a").flatten()
    };
    let Some(Listed { ids, offsets, checksums, .. }) = listed else { return };
    assert_eq!(ids.len(), offsets.len() * format.id_bytes());
    assert!(checksums.is_empty() || checksums.len() == offsets.len());
    assert!(ids.chunks(format.id_bytes()).is_sorted());
    assert!(ids.len() <= bytes.len());
}

/// The same bytes as a commit and as a tag.
pub fn commit(data: &[u8]) {
    let commit = ParsedCommit::parse(data);
    assert!(data.get(commit.message.clone()).is_some());
    assert!(commit.parents.len() * "parent \n".len() <= data.len());
    for person in [&commit.author, &commit.committer].into_iter().flatten() {
        let _ = (commit.text(person.name), commit.text(person.email));
    }
    let _ = commit.text(&data[commit.message.clone()]);
    let tag = ParsedTag::parse(data);
    assert_eq!(tag.message, commit.message);
    assert!(tag.name.len() <= data.len());
}

/// A tree: entries are whole and follow each other, and nothing comes after a malformed one.
pub fn tree(data: &[u8]) {
    let Some((_, format, bytes)) = format(data) else { return };
    let mut entries = TreeEntries::new(bytes, format);
    let mut at = 0;
    while let Some(entry) = entries.next() {
        let Ok(entry) = entry else {
            assert!(entries.next().is_none());
            return;
        };
        let end = entries.offset();
        assert!(end > at && end <= bytes.len());
        assert!(!entry.name.is_empty() && !entry.name.contains(&0));
        assert_eq!(entry.id, &bytes[end - format.id_bytes()..end]);
        assert!(bytes[at..end - format.id_bytes()].ends_with(&[entry.name, b"\0"].concat()));
        at = end;
    }
    assert_eq!(at, bytes.len());
}
