//! A chunk: consecutive bytes of one input, as sources hand them to the detector.

use std::ops::Range;

use crate::finding::Origin;
use crate::span::Position;

/// Bytes of one chunk at most: a single line of 200 MB must not need 200 MB of memory.
pub const CHUNK_BYTES: usize = 4 << 20;

/// How far neighbouring chunks overlap: twice the longest secret with all that decides about it.
pub const CHUNK_OVERLAP: usize = 64 << 10;

/// Bytes with the place they were taken from.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The bytes themselves.
    pub bytes: &'a [u8],
    /// The input they belong to.
    pub origin: &'a Origin,
    /// Offset of the first byte in the input.
    pub offset: u64,
    /// Line and column of the first byte.
    pub position: Position,
    /// Whether the input ends with these bytes.
    pub last: bool,
}

impl<'a> Chunk<'a> {
    /// A chunk that is a whole input.
    #[must_use]
    pub fn whole(bytes: &'a [u8], origin: &'a Origin) -> Self {
        Self { bytes, origin, offset: 0, position: Position::START, last: true }
    }

    /// Whether these are all the bytes of the input.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.offset == 0 && self.last
    }

    /// Whether a match in these bytes belongs to this chunk rather than to the one before or after it.
    ///
    /// What begins in the first half of an overlap belongs to the earlier chunk, which sees all of it and what stands
    /// before it; the rest belongs to the later one.
    #[must_use]
    pub fn owns(&self, span: &Range<usize>) -> bool {
        let half = CHUNK_OVERLAP / 2;
        let from = if self.offset == 0 { 0 } else { half };
        let to = if self.last { self.bytes.len() + 1 } else { self.bytes.len().saturating_sub(half) };
        (from..to).contains(&span.start)
    }
}
