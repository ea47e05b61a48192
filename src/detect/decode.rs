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

/// Whether the start of a decoded stretch looks like text, or like text in UTF-16, which the next layer decodes.
fn is_text(start: &[u8]) -> bool {
    if start.iter().copied().all(is_printable) {
        return true;
    }
    let start = start.strip_prefix(b"\xff\xfe").or_else(|| start.strip_prefix(b"\xfe\xff")).unwrap_or(start);
    let characters_at = |parity| {
        let fits = |(at, &byte): (usize, &u8)| if at % 2 == parity { is_printable(byte) } else { byte == 0 };
        start.iter().enumerate().all(fits)
    };
    characters_at(0) || characters_at(1)
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_utf_16_is_text() {
        for start in ["p\0a\0s\0", "\0p\0a\0s", "pass", "line\n"] {
            assert!(is_text(start.as_bytes()), "{start:?}");
        }
        assert!(is_text(b"\xff\xfep\0a\0"));
        for start in [b"\0\0\0\0".as_slice(), b"p\0a\0\0\0", b"pas\0s", b"\xff\xfe\xff\xfe"] {
            assert!(!is_text(start), "{start:?}");
        }
    }
}
