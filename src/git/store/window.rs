//! A window: the stretch of a pack that a thread has in memory.

use std::io;

use super::super::object::ObjectError;
use super::entry::{self, EntryHeader};
use super::pack::Pack;

/// Memory that a window keeps after it had to be larger.
const USUAL: usize = 1 << 20;

/// The bytes that were read last.
pub(super) struct Window {
    /// Which pack, as its owner counts them.
    source: u32,
    start: u64,
    length: usize,
    bytes: Vec<u8>,
    /// How much is read at least.
    ahead: usize,
}

/// One entry of a pack.
pub(super) struct Entry<'w> {
    pub(super) header: EntryHeader,
    /// The compressed bytes; of an entry that the index does not know, with what follows them.
    pub(super) packed: &'w [u8],
}

impl Window {
    /// A window that reads at least `ahead` bytes at a time.
    pub(super) fn new(ahead: usize) -> Self {
        Self { source: u32::MAX, start: 0, length: 0, bytes: Vec::new(), ahead }
    }

    /// The entry of a node, its checksum compared with that in the index.
    pub(super) fn entry(&mut self, pack: &Pack, source: u32, node: u32) -> Result<Entry<'_>, ObjectError> {
        let offset = pack.offset(node);
        let bytes = self.stretch(pack, source, offset..pack.end(node))?;
        if pack.checksum(node).is_some_and(|checksum| checksum != crc32fast::hash(bytes)) {
            return Err(damaged("its packed bytes do not match the checksum in the pack's index"));
        }
        let header = EntryHeader::parse(bytes, offset, pack.format).map_err(damaged)?;
        Ok(Entry { header, packed: &bytes[header.length..] })
    }

    /// The entry at an offset of which the index may know nothing.
    pub(super) fn entry_at(
        &mut self,
        pack: &Pack,
        source: u32,
        offset: u64,
    ) -> Result<Entry<'_>, ObjectError> {
        if let Some(node) = pack.node_at(offset, None) {
            return self.entry(pack, source, node);
        }
        let bytes = self.stretch(pack, source, offset..pack.end_after(offset))?;
        let header = EntryHeader::parse(bytes, offset, pack.format).map_err(damaged)?;
        Ok(Entry { header, packed: &bytes[header.length..] })
    }

    /// The header of the entry at an offset.
    pub(super) fn header_at(
        &mut self,
        pack: &Pack,
        source: u32,
        offset: u64,
    ) -> Result<EntryHeader, ObjectError> {
        let end = pack.end_after(offset).min(offset + entry::LONGEST as u64);
        let bytes = self.stretch(pack, source, offset..end)?;
        EntryHeader::parse(bytes, offset, pack.format).map_err(damaged)
    }

    /// The header of the entry of a node.
    pub(super) fn header(&mut self, pack: &Pack, source: u32, node: u32) -> Result<EntryHeader, ObjectError> {
        let offset = pack.offset(node);
        let end = pack.end(node).min(offset + entry::LONGEST as u64);
        let bytes = self.stretch(pack, source, offset..end)?;
        EntryHeader::parse(bytes, offset, pack.format).map_err(damaged)
    }

    fn stretch(
        &mut self,
        pack: &Pack,
        source: u32,
        wanted: std::ops::Range<u64>,
    ) -> Result<&[u8], ObjectError> {
        let length = usize::try_from(wanted.end.saturating_sub(wanted.start)).unwrap_or(0);
        if length == 0 || wanted.start < 12 {
            return Err(damaged("it lies outside of its pack"));
        }
        let have = self.start..self.start + self.length as u64;
        if source != self.source || wanted.start < have.start || wanted.end > have.end {
            self.fill(pack, source, wanted.start, length).map_err(|cause| {
                ObjectError::Damaged(format!("its pack cannot be read: {}", cause.kind()))
            })?;
        }
        let at = usize::try_from(wanted.start - self.start).unwrap_or(0);
        self.bytes.get(at..at + length).ok_or_else(|| damaged("it lies outside of its pack"))
    }

    fn fill(&mut self, pack: &Pack, source: u32, start: u64, length: usize) -> io::Result<()> {
        self.length = 0;
        let left = usize::try_from(pack.length().saturating_sub(start)).unwrap_or(usize::MAX);
        let length = length.max(self.ahead.min(left));
        if self.bytes.len() > USUAL.max(self.ahead) && length <= USUAL {
            self.bytes = Vec::new();
        }
        if self.bytes.len() < length {
            self.bytes = vec![0; length.max(self.ahead)];
        }
        pack.read_at(start, &mut self.bytes[..length])?;
        (self.source, self.start, self.length) = (source, start, length);
        Ok(())
    }
}

pub(super) fn damaged(what: &'static str) -> ObjectError {
    ObjectError::Damaged(what.into())
}
