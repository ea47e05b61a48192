//! Escapes: `%41` in URLs, and `\u0041` or `\x41` in JSON and code, inside otherwise plain text.

use std::ops::Range;

use memchr::{memchr2_iter, memchr3, memrchr3};

use super::{Decoded, SHORTEST_TEXT};
use crate::finding::Decoding;

/// How much text before the first escape, and after the last one, belongs to the stretch.
const SURROUNDING: usize = 256;
/// Most lines end within so many bytes.
const NEAR: usize = 512;
/// Longest stretch; a longer one is cut and goes on in the next.
const LONGEST: usize = 24 << 10;

/// Hands every stretch with at least one escaped printable character to `visit`.
pub(super) fn each(bytes: &[u8], visit: &mut dyn FnMut(Decoded)) {
    let mut done = 0;
    for at in memchr2_iter(b'%', b'\\', bytes) {
        if at < done {
            continue;
        }
        // An escaped line end is common in code; only one of a visible character hides something.
        if let Some((decoding, b' '..=b'~', _)) = escape(&bytes[at..]) {
            let (decoded, end) = stretch(bytes, at, done, decoding);
            done = end;
            if decoded.bytes.len() >= SHORTEST_TEXT {
                visit(decoded);
            }
        }
    }
}

/// The bytes around `range` up to the ends of the line, or to where no escape stands for so long that no stretch can
/// reach the range from there.
pub(super) fn zone(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let (first, last) = (range.start.saturating_sub(NEAR), bytes.len().min(range.end + NEAR));
    let line_start = memrchr3(b'\n', b'\r', 0, &bytes[first..range.start]).map(|at| first + at + 1);
    let line_end = memchr3(b'\n', b'\r', 0, &bytes[range.end..last]).map(|at| range.end + at);
    if let (Some(start), Some(end)) = (line_start, line_end) {
        return start..end;
    }
    let walk = |bytes: &mut dyn Iterator<Item = &u8>| {
        let (mut length, mut plain) = (0, 0);
        for byte in bytes.take_while(|byte| !matches!(byte, b'\n' | b'\r' | 0)) {
            length += 1;
            plain = if matches!(byte, b'%' | b'\\') { 0 } else { plain + 1 };
            if plain == 4 * SURROUNDING {
                // In the middle, out of reach of the escapes on both sides.
                return length - 2 * SURROUNDING;
            }
        }
        length
    };
    let before = walk(&mut bytes[..range.start].iter().rev());
    let after = walk(&mut bytes[range.end..].iter());
    range.start - before..range.end + after
}

/// The escape at the start of `rest`: its decoder, its character, its length.
fn escape(rest: &[u8]) -> Option<(Decoding, u8, usize)> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u32, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
    };
    let (decoding, code, length) = match rest {
        [b'%', digits @ ..] => (Decoding::Percent, number(digits.get(..2)?)?, 3),
        [b'\\', b'x', digits @ ..] => (Decoding::Escape, number(digits.get(..2)?)?, 4),
        [b'\\', b'u', digits @ ..] => (Decoding::Escape, number(digits.get(..4)?)?, 6),
        [b'\\', b'\\', b'u', digits @ ..] => (Decoding::Escape, number(digits.get(..4)?)?, 7),
        _ => return None,
    };
    u8::try_from(code)
        .ok()
        .filter(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'))
        .map(|byte| (decoding, byte, length))
}

/// The stretch around the escape at `at`, not before `from`; also where it ends.
fn stretch(bytes: &[u8], at: usize, from: usize, decoding: Decoding) -> (Decoded, usize) {
    let goes_on = |byte: &u8| !matches!(byte, b'\n' | b'\r' | 0);
    let earliest = from.max(at.saturating_sub(SURROUNDING));
    let start = at - bytes[earliest..at].iter().rev().take_while(|byte| goes_on(byte)).count();
    let (mut decoded, mut origins) = (Vec::new(), Vec::new());
    let (mut position, mut last_escape) = (start, at);
    while position < bytes.len()
        && position - start < LONGEST
        && position.saturating_sub(last_escape) < SURROUNDING
    {
        let (byte, length) = match escape(&bytes[position..]) {
            Some((kind, byte, length)) if kind == decoding => {
                last_escape = position;
                (byte, length)
            }
            _ if goes_on(&bytes[position]) => (bytes[position], 1),
            _ => break,
        };
        decoded.push(byte);
        origins.push(position as u32);
        position += length;
    }
    origins.push(position as u32);
    (Decoded { decoding, bytes: decoded, origins }, position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Vec<Decoded> {
        let mut found = Vec::new();
        each(text.as_bytes(), &mut |decoded| found.push(decoded));
        found
    }

    #[test]
    fn decodes_escapes_in_their_surroundings_and_leads_back() {
        for (text, decoding) in [
            ("?key%3Dabcdefghijkl%5Fmnop", Decoding::Percent),
            (r#"{"key\u003dabcdefghijkl\u005fmnop"}"#, Decoding::Escape),
            (r"'key\x3dabcdefghijkl\x5Fmnop'", Decoding::Escape),
        ] {
            let found = decode(text);
            assert_eq!(found[0].decoding, decoding);
            let at = memchr::memmem::find(&found[0].bytes, b"key=abcdefghijkl_mnop").unwrap();
            let source = found[0].source(&(at..at + 21));
            assert!(text[source.clone()].starts_with("key") && text[source].ends_with("mnop"), "{text}");
        }
    }

    #[test]
    fn text_without_escaped_characters_is_left_alone() {
        assert!(decode("printf(\"%d%%\\n\", 100 % 7) \\u00e9 %zz %0A").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn ends_without_panic(text in "[%\\\\ux0-9a\n]{0,200}") {
            decode(&text);
        }
    }
}
