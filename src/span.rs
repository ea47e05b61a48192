//! Where bytes stand: byte spans, and the lines and columns that people see.

use memchr::{memchr_iter, memrchr};

/// A half-open range of bytes, counted from the start of the whole input (not of a chunk of it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSpan {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
}

impl ByteSpan {
    /// Length in bytes.
    #[must_use]
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the span holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Bytes of one buffer that were copied from another: `to..to + length` of it are `from..from + length` of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Offset in the buffer that was copied from.
    pub from: u32,
    /// Offset in the buffer that was made.
    pub to: u32,
    /// Bytes.
    pub length: u32,
}

/// A line and a column, both counted from 1; a column is one Unicode code point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1. Lines end at `\n`.
    pub line: u64,
    /// Column in code points, from 1.
    pub column: u64,
}

impl Position {
    /// The first character of an input.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The position after `bytes`, when they begin at `self`.
    #[must_use]
    pub fn advance(self, bytes: &[u8]) -> Self {
        match memrchr(b'\n', bytes) {
            None => Self { line: self.line, column: self.column + code_points(bytes) },
            Some(last) => Self {
                line: self.line + memchr_iter(b'\n', bytes).count() as u64,
                column: 1 + code_points(&bytes[last + 1..]),
            },
        }
    }
}

/// Translates byte offsets of one buffer into positions.
///
/// Queries in ascending order cost one pass over the buffer in total.
#[derive(Debug)]
pub struct LineIndex<'a> {
    bytes: &'a [u8],
    known: (usize, Position),
    origin: Position,
}

impl<'a> LineIndex<'a> {
    /// An index over `bytes`, whose first byte stands at `origin`.
    #[must_use]
    pub fn new(bytes: &'a [u8], origin: Position) -> Self {
        Self { bytes, known: (0, origin), origin }
    }

    /// The position of the byte at `offset`; an offset past the end means the end.
    pub fn position(&mut self, offset: usize) -> Position {
        let offset = offset.min(self.bytes.len());
        if offset < self.known.0 {
            self.known = (0, self.origin);
        }
        let (at, position) = self.known;
        let position = position.advance(&self.bytes[at..offset]);
        self.known = (offset, position);
        position
    }
}

/// Code points of UTF-8 text; in other encodings every byte that is no continuation byte counts as one.
fn code_points(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_code_points_and_lines_end_at_newlines() {
        let text = "a\r\nöß = x\n\nend".as_bytes();
        let mut index = LineIndex::new(text, Position::START);
        let at = |needle: &[u8]| memchr::memmem::find(text, needle).unwrap();
        assert_eq!(index.position(at(b"x")), Position { line: 2, column: 6 });
        assert_eq!(index.position(at(b"end")), Position { line: 4, column: 1 });
        assert_eq!(index.position(0), Position::START);
    }

    proptest::proptest! {
        #[test]
        fn asking_in_steps_equals_asking_at_once(bytes: Vec<u8>, cut in 0usize..200) {
            let cut = cut.min(bytes.len());
            let mut index = LineIndex::new(&bytes, Position::START);
            index.position(cut);
            proptest::prop_assert_eq!(index.position(bytes.len()), Position::START.advance(&bytes));
        }
    }
}
