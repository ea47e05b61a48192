//! A pack made by hand, which may say things that git never would.

use sha1::Digest;

use super::super::super::fixture::Fixture;
use super::ObjectId;

/// The bytes of a pack, and what its index will list.
pub(super) struct MadePack {
    bytes: Vec<u8>,
    entries: Vec<(ObjectId, usize)>,
}

/// How the object of an entry is stored.
pub(super) enum Stored<'a> {
    Blob(&'a [u8]),
    /// Delta to the entry that was added as this one.
    ToEntry(usize, &'a [u8]),
    ToId(ObjectId, &'a [u8]),
    /// Header and compressed bytes as they are.
    Raw(&'a [u8], &'a [u8]),
}

/// The name of a blob.
pub(super) fn blob_id(content: &[u8]) -> ObjectId {
    let text = [format!("blob {}\0", content.len()).as_bytes(), content].concat();
    ObjectId::from_bytes(&sha1::Sha1::digest(text)).unwrap()
}

pub(super) fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::default();
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let length = compressor.zlib_compress(bytes, &mut out).unwrap();
    out.truncate(length);
    out
}

/// A size as a delta has it.
fn size(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A delta that puts `more` (at most 127 bytes) behind all of a base of `base` (less than 64 KiB) bytes.
pub(super) fn appending(base: usize, more: &[u8]) -> Vec<u8> {
    let copy = [0xB0, base as u8, (base >> 8) as u8];
    [&size(base)[..], &size(base + more.len()), &copy, &[more.len() as u8], more].concat()
}

/// Kind and size as an entry has them.
pub(super) fn header(kind: u8, size: usize) -> Vec<u8> {
    let (mut bytes, mut rest) = (vec![kind << 4 | (size & 15) as u8], size >> 4);
    while rest > 0 {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push((rest & 0x7F) as u8);
        rest >>= 7;
    }
    bytes
}

fn distance(mut value: usize) -> Vec<u8> {
    let mut bytes = vec![(value & 0x7F) as u8];
    while value >> 7 > 0 {
        value = (value >> 7) - 1;
        bytes.insert(0, 0x80 | (value & 0x7F) as u8);
    }
    bytes
}

impl MadePack {
    pub(super) fn new() -> Self {
        Self { bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(), entries: Vec::new() }
    }

    /// Adds an object under a name that may be a lie; the number of the entry.
    pub(super) fn add(&mut self, id: ObjectId, stored: &Stored<'_>) -> usize {
        let offset = self.bytes.len();
        let (header, packed) = match stored {
            Stored::Blob(content) => (header(3, content.len()), compressed(content)),
            Stored::ToEntry(base, delta) => {
                let distance = distance(offset - self.entries[*base].1);
                ([header(6, delta.len()), distance].concat(), compressed(delta))
            }
            Stored::ToId(id, delta) => ([&header(7, delta.len()), id.as_bytes()].concat(), compressed(delta)),
            Stored::Raw(header, packed) => (header.to_vec(), packed.to_vec()),
        };
        self.bytes.extend(header);
        self.bytes.extend(packed);
        self.entries.push((id, offset));
        self.entries.len() - 1
    }

    /// Adds a blob as what it is.
    pub(super) fn blob(&mut self, content: &[u8]) -> usize {
        self.add(blob_id(content), &Stored::Blob(content))
    }

    /// Writes the pack and an index that fits it.
    pub(super) fn write(mut self, repo: &Fixture, name: &str) {
        self.bytes[8..12].copy_from_slice(&(self.entries.len() as u32).to_be_bytes());
        let mut ends: Vec<usize> = self.entries.iter().skip(1).map(|entry| entry.1).collect();
        ends.push(self.bytes.len());
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .zip(ends)
            .map(|(&(id, start), end)| (id, start as u32, crc32fast::hash(&self.bytes[start..end])))
            .collect();
        entries.sort_unstable();
        let hash = sha1::Sha1::digest(&self.bytes);
        self.bytes.extend(hash);
        let mut index = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=255 {
            let count = entries.iter().filter(|entry| entry.0.as_bytes()[0] <= first).count();
            index.extend((count as u32).to_be_bytes());
        }
        entries.iter().for_each(|entry| index.extend(entry.0.as_bytes()));
        entries.iter().for_each(|entry| index.extend(entry.2.to_be_bytes()));
        entries.iter().for_each(|entry| index.extend(entry.1.to_be_bytes()));
        index.extend(hash);
        let hash = sha1::Sha1::digest(&index);
        index.extend(hash);
        repo.write(&format!(".git/objects/pack/pack-{name}.pack"), &self.bytes);
        repo.write(&format!(".git/objects/pack/pack-{name}.idx"), &index);
    }
}
