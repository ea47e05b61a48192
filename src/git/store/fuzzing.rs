//! A door for fuzzers: the parsers of packs and their indexes, which nothing else outside of the store may call.

use super::super::object::{ObjectFormat, ObjectId};
use super::delta::Delta;
use super::entry::{Content, EntryHeader};
use super::index::{self, PackIndex};
use super::inflate::{self, Inflater};
use super::midx::MultiPackIndex;
use crate::span::Copied;

/// An entry of a pack.
#[derive(Debug)]
pub struct Entry {
    /// Bytes of its header.
    pub header: usize,
    /// Bytes that it claims to have once inflated.
    pub size: u64,
    /// Where the entry begins that it is made from, if it is in the same pack.
    pub base: Option<u64>,
    /// The object or the delta, if its bytes could be inflated.
    pub content: Option<Vec<u8>>,
}

/// Reads the entry at the beginning of `bytes`, which stand at `offset` of a pack.
#[must_use]
pub fn entry(bytes: &[u8], offset: u64, format: ObjectFormat) -> Option<Entry> {
    let header = EntryHeader::parse(bytes, offset, format).ok()?;
    let packed = bytes.get(header.length..)?;
    let content = inflate::plausible(header.size, packed.len()).ok().and_then(|size| {
        let mut content = vec![0; size];
        Inflater::new().inflate(packed, &mut content).ok().map(|()| content)
    });
    let base = match header.content {
        Content::DeltaToOffset(base) => Some(base),
        Content::Full(_) | Content::DeltaToId(_) => None,
    };
    Some(Entry { header: header.length, size: header.size, base, content })
}

/// The object that a delta makes from `base`, and which of its bytes are copies.
#[must_use]
pub fn delta(delta: &[u8], base: &[u8], most: usize) -> Option<(Vec<u8>, Vec<Copied>)> {
    let mut parts = Delta::default();
    parts.check(delta, base.len()).ok()?;
    let mut made = vec![0; Some(parts.target()).filter(|target| *target <= most)?];
    parts.apply(delta, base, &mut made).ok()?;
    Some((made, parts.copies().to_vec()))
}

/// What an index says: names, where each object begins, checksums if there are any.
#[derive(Debug)]
pub struct Listed {
    /// The names, without anything in between.
    pub ids: Vec<u8>,
    /// Where each begins.
    pub offsets: Vec<u64>,
    /// Of each entry.
    pub checksums: Vec<u32>,
    /// The hash of the pack.
    pub pack: Option<ObjectId>,
}

impl From<PackIndex> for Listed {
    fn from(index: PackIndex) -> Self {
        Self { ids: index.ids, offsets: index.offsets, checksums: index.checksums, pack: index.pack }
    }
}

/// Reads an `.idx` file.
#[must_use]
pub fn pack_index(bytes: &[u8], format: ObjectFormat) -> Option<Listed> {
    PackIndex::parse(bytes, format).ok().map(Listed::from)
}

/// Whether the hash at the end of a file is right, or absent.
#[must_use]
pub fn is_intact(bytes: &[u8], format: ObjectFormat) -> bool {
    index::is_intact(bytes, format)
}

/// Reads a `multi-pack-index` file, and what it says of the pack with this name.
#[must_use]
pub fn multi_pack_index(bytes: &[u8], format: ObjectFormat, pack: &[u8]) -> Option<Option<Listed>> {
    let index = MultiPackIndex::parse(bytes, format).ok()?;
    Some(index.pack(pack).map(Listed::from))
}
