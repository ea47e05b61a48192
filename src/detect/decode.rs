//! Decoders: encoded stretches of text, decoded, with the way back to the bytes they came from.

mod base;
mod escape;
mod utf16;

use std::ops::Range;

use crate::finding::Decoding;

/// The decoded form of a stretch of bytes.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Which decoder made it.
    pub(crate) decoding: Decoding,
    /// The decoded bytes.
    pub(crate) bytes: Vec<u8>,
    /// For each decoded byte the offset of its first encoded byte, and at the end the offset after the stretch.
    origins: Vec<u32>,
}

impl Decoded {
    /// The encoded bytes that `span` of the decoded ones came from.
    pub(crate) fn source(&self, span: &Range<usize>) -> Range<usize> {
        let at = |index: usize| {
            self.origins.get(index).or(self.origins.last()).map_or(0, |&offset| offset as usize)
        };
        at(span.start)..at(span.end)
    }
}

/// Encoded stretches that hold less than this cannot hold a secret worth finding.
const SHORTEST_TEXT: usize = 16;
/// The longest stretch that is decoded: it has to fit into the overlap of two chunks.
pub(crate) const LONGEST_STRETCH: usize = 48 << 10;

/// Hands every stretch of text that some decoder finds in `bytes` to `visit`.
///
/// Binary data is decoded from UTF-16 only: in it, what looks encoded is chance.
pub(crate) fn each(bytes: &[u8], is_binary: bool, visit: &mut dyn FnMut(Decoded)) {
    utf16::each(bytes, visit);
    if !is_binary {
        base::each(bytes, visit);
        escape::each(bytes, visit);
    }
}

/// Whether the start of a decoded stretch looks like text.
fn is_text(start: &[u8]) -> bool {
    start.iter().all(|&byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'))
}
