//! A chunk: consecutive bytes of one input, as sources hand them to the detector.

use crate::finding::Origin;
use crate::span::Position;

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
    /// Whether these are all the bytes of the input.
    pub whole: bool,
}

impl<'a> Chunk<'a> {
    /// A chunk that is a whole input.
    #[must_use]
    pub fn whole(bytes: &'a [u8], origin: &'a Origin) -> Self {
        Self { bytes, origin, offset: 0, position: Position::START, whole: true }
    }
}
