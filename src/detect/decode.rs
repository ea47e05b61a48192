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

/// A family of decoders that look at the same stretches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// UTF-16.
    Utf16,
    /// Base64 and hexadecimal.
    Base,
    /// Percent-encoding and escapes.
    Escape,
}

impl Layer {
    /// Those that apply. In binary data what looks encoded is chance, but for UTF-16.
    pub(crate) fn of(is_binary: bool) -> &'static [Self] {
        if is_binary { &[Self::Utf16] } else { &[Self::Utf16, Self::Base, Self::Escape] }
    }

    /// The smallest range around `range` that decodes on its own: no stretch of `bytes` lies on both sides of its start
    /// or its end, and what stands outside does not change the stretches inside.
    pub(crate) fn zone(self, bytes: &[u8], range: Range<usize>) -> Range<usize> {
        match self {
            Self::Utf16 => utf16::zone(bytes, range),
            Self::Base => base::zone(bytes, range),
            Self::Escape => escape::zone(bytes, range),
        }
    }
}

/// Hands every stretch of text that the decoders of a layer find in `bytes` to `visit`.
pub(crate) fn each(layer: Layer, bytes: &[u8], visit: &mut dyn FnMut(Decoded)) {
    match layer {
        Layer::Utf16 => utf16::each(bytes, visit),
        Layer::Base => base::each(bytes, visit),
        Layer::Escape => escape::each(bytes, visit),
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
