//! Base64 and hexadecimal: long runs of their alphabets that decode to text.

use std::ops::Range;

use super::{Decoded, LONGEST_STRETCH, SHORTEST_TEXT, is_text};
use crate::finding::Decoding;

/// Sixteen bytes need this many characters.
const SHORTEST_BASE64: usize = SHORTEST_TEXT * 4 / 3 + 2;
const SHORTEST_HEX: usize = SHORTEST_TEXT * 2;
/// Base64 is wrapped at 64 or 76 columns, by hand also at fewer; still shorter lines are no wrapped text.
const SHORTEST_LINE: usize = 32;
/// Blanks before a line of wrapped text.
const LONGEST_INDENT: usize = 40;
/// Decoded bytes that must be text before the rest is looked at.
const PROBE: usize = 6;

/// Value of each base64 character (RFC 4648 sections 4 and 5), 64 for any other byte.
const VALUES: [u8; 256] = values();

/// What encoded text consists of, with its padding and its line ends.
const GOES_ON: [bool; 256] = goes_on();

const fn goes_on() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = VALUES[byte] < 64 || matches!(byte as u8, b'\r' | b'\n' | b'\\' | b' ' | b'\t' | b'=');
        byte += 1;
    }
    table
}

const fn values() -> [u8; 256] {
    let mut table = [64; 256];
    let mut value = 0;
    while value < 64 {
        let byte = match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => b'+',
            _ => b'/',
        };
        table[byte as usize] = value;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
}

fn value(byte: u8) -> u8 {
    VALUES[usize::from(byte)]
}

/// Hands every stretch to `visit`.
pub(super) fn each(bytes: &[u8], visit: &mut dyn FnMut(Decoded)) {
    let mut at = 0;
    while let Some((start, end)) = next_run(bytes, at) {
        at = end;
        if let Some(decoded) = hex(bytes, start, end) {
            visit(decoded);
        } else if let Some(first) = alignment(bytes, start, end) {
            let (decoded, stop) = base64(bytes, first);
            at = at.max(stop);
            if decoded.bytes.len() >= SHORTEST_TEXT {
                visit(decoded);
            }
        }
    }
}

/// The bytes around `range` up to one that cannot be in encoded text; where a stretch goes on over a line end, or went on
/// before the range was changed, up to one that cannot be in wrapped text.
pub(super) fn zone(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let back = |end: usize| bytes[..end].iter().rev().take_while(|&&byte| value(byte) < 64).count();
    let (start, end) = (range.start - back(range.start), range.end + run(bytes, range.end));
    let above = start - line_start(&bytes[..start]);
    let below = line_end(bytes, end).map(|length| run(bytes, end + length));
    if (above > 0 && back(start - above) >= SHORTEST_LINE)
        || below.is_some_and(|length| length >= SHORTEST_BASE64)
        || next_run(&bytes[start..end], 0).is_some()
    {
        return wrapped_zone(bytes, range);
    }
    start..end
}

/// How many base64 characters stand at `start`.
fn run(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().take_while(|&&byte| value(byte) < 64).count()
}

/// Where the line end and the indent begin that `before` ends in; its length if it ends in none.
fn line_start(before: &[u8]) -> usize {
    let indent = before.iter().rev().take(LONGEST_INDENT).take_while(|byte| is_blank(byte)).count();
    match before[..before.len() - indent] {
        [.., b'\r', b'\n'] => before.len() - indent - 2,
        [.., b'\n'] => before.len() - indent - 1,
        // The rest of `\n` is taken for encoded text.
        [.., b'\\'] => before.len() - indent - 1,
        _ => before.len(),
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The bytes around `range` up to one that neither encoded text nor its line ends have.
fn wrapped_zone(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let goes_on = |byte: u8| GOES_ON[usize::from(byte)];
    let (mut start, mut end) = (range.start, range.end);
    while start > 0 && goes_on(bytes[start - 1]) {
        start -= 1;
    }
    while end < bytes.len() && goes_on(bytes[end]) {
        end += 1;
    }
    start..end
}

/// The next run of base64 characters that is long enough.
///
/// Only every n-th byte is looked at: a run of n characters covers one of them, and where that byte is no member,
/// no run can cover it. Text with short words is passed over n bytes at a time.
fn next_run(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut from = from;
    loop {
        let sample = from + SHORTEST_BASE64 - 1;
        if sample >= bytes.len() {
            return None;
        }
        let back = bytes[from..=sample].iter().rev().take_while(|&&byte| value(byte) < 64).count();
        let start = sample + 1 - back;
        if back < SHORTEST_BASE64 {
            from = start.max(from + 1);
            if back == 0 {
                from = sample + 1;
            }
            continue;
        }
        let more = bytes[sample + 1..].iter().take_while(|&&byte| value(byte) < 64).count();
        return Some((start, sample + 1 + more));
    }
}

/// Where in the first four characters of a run its base64 begins, if it decodes to text at its start or middle.
///
/// What stands before the true start, such as the directory in `path/aGVs…`, decodes to garbage that no rule matches.
fn alignment(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let middle = ((end - start) / 2) & !3;
    (start..start + 4).find(|&first| is_text(&probe(bytes, first)) || is_text(&probe(bytes, first + middle)))
}

/// The first bytes that a run decodes to when it begins at `first`.
fn probe(bytes: &[u8], first: usize) -> [u8; PROBE] {
    let mut probe = [0; PROBE];
    for (three, four) in probe.chunks_exact_mut(3).zip(bytes[first..].chunks_exact(4)) {
        three.copy_from_slice(&triple([four[0], four[1], four[2], four[3]]));
    }
    probe
}

fn triple(four: [u8; 4]) -> [u8; 3] {
    let bits = four.iter().fold(0u32, |bits, &byte| bits << 6 | u32::from(value(byte) & 63));
    [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]
}

/// Decodes from `first` on, over line ends when the text is wrapped; also where it stopped.
fn base64(bytes: &[u8], first: usize) -> (Decoded, usize) {
    let (mut decoded, mut origins) = (Vec::new(), Vec::new());
    let (mut four, mut places) = ([0u8; 4], [0u32; 4]);
    let (mut filled, mut at, mut line) = (0, first, first);
    while at < bytes.len() && at - first < LONGEST_STRETCH {
        if value(bytes[at]) == 64 {
            match continuation(bytes, at, line) {
                Some(next) => (at, line) = (next, next),
                None => break,
            }
            continue;
        }
        (four[filled], places[filled]) = (bytes[at], at as u32);
        filled += 1;
        at += 1;
        if filled == 4 {
            decoded.extend(triple(four));
            origins.extend([places[0], places[1], places[2]]);
            filled = 0;
        }
    }
    if filled > 1 {
        four[filled..].fill(b'A');
        decoded.extend(&triple(four)[..filled - 1]);
        origins.extend(&places[..filled - 1]);
    }
    let padding = bytes[at..].iter().take(2).take_while(|&&byte| byte == b'=').count();
    origins.push((at + padding) as u32);
    (Decoded { decoding: Decoding::Base64, bytes: decoded, origins }, at)
}

/// Where wrapped text goes on after the line end at `at`, when the line that began at `line` was long enough.
fn continuation(bytes: &[u8], at: usize, line: usize) -> Option<usize> {
    let next = at + line_end(bytes, at)?;
    let goes_on = bytes.get(next).is_some_and(|&byte| value(byte) < 64);
    (at - line >= SHORTEST_LINE && goes_on).then_some(next)
}

/// Length of the line end at `at`, with the indent of the next line.
fn line_end(bytes: &[u8], at: usize) -> Option<usize> {
    let length = match bytes[at..] {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        [b'\\', b'n', ..] => 2,
        _ => return None,
    };
    Some(length + bytes[at + length..].iter().take(LONGEST_INDENT).take_while(|byte| is_blank(byte)).count())
}

/// Decodes a run that is hexadecimal text.
fn hex(bytes: &[u8], start: usize, end: usize) -> Option<Decoded> {
    let run = &bytes[start..end.min(start + LONGEST_STRETCH)];
    let digits = run.iter().take_while(|byte| byte.is_ascii_hexdigit()).count() & !1;
    if digits < SHORTEST_HEX || digits + 1 < run.len() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map_or(0, |digit| digit as u8);
    let decoded: Vec<u8> =
        run[..digits].chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let origins = (0..=decoded.len()).map(|index| (start + index * 2) as u32).collect();
    is_text(&decoded[..SHORTEST_TEXT]).then_some(Decoded { decoding: Decoding::Hex, bytes: decoded, origins })
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};

    use super::*;

    const TEXT: &[u8] =
        b"url = https://u:p@host/?a=1 and some more text, long enough to be wrapped over lines.";

    fn decode(text: &[u8]) -> Vec<Decoded> {
        let mut found = Vec::new();
        each(text, &mut |decoded| found.push(decoded));
        found
    }

    #[test]
    fn decodes_standard_and_url_alphabet_with_and_without_junk_before() {
        for encoded in [BASE64_STANDARD.encode(TEXT), BASE64_URL_SAFE_NO_PAD.encode(TEXT)] {
            for before in ["key: ", "path/", "x", "ab/"] {
                let text = format!("{before}{encoded}\n");
                let found = decode(text.as_bytes());
                assert!(found.iter().any(|decoded| decoded.bytes.ends_with(TEXT)), "{text}");
            }
        }
    }

    #[test]
    fn decodes_wrapped_text_and_leads_back() {
        let encoded = BASE64_STANDARD.encode(TEXT);
        let wrapped = format!("data:\n  {}\n  {}\n", &encoded[..64], &encoded[64..]);
        let found = decode(wrapped.as_bytes());
        assert_eq!(found[0].bytes, TEXT);
        assert_eq!(found[0].source(&(0..TEXT.len())), 8..8 + encoded.len() + 3);
    }

    #[test]
    fn decodes_hexadecimal_text() {
        let encoded: String = TEXT.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = decode(format!("0x {encoded};").as_bytes());
        assert_eq!((found[0].decoding, found[0].bytes.as_slice()), (Decoding::Hex, TEXT));
        assert_eq!(found[0].source(&(0..3)), 3..9);
    }

    proptest::proptest! {
        #[test]
        fn runs_are_those_of_a_plain_search(text in "[aZ9 \n]{0,200}") {
            let bytes = text.as_bytes();
            let mut expected = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let run = bytes[at..].iter().take_while(|&&byte| value(byte) < 64).count();
                if run >= SHORTEST_BASE64 {
                    expected.push((at, at + run));
                }
                at += run + 1;
            }
            let mut found = Vec::new();
            let mut from = 0;
            while let Some((start, end)) = next_run(bytes, from) {
                found.push((start, end));
                from = end;
            }
            proptest::prop_assert_eq!(found, expected);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, text in "[A-Za-z0-9+/=\r\n \\\\]{0,300}") {
            decode(&bytes);
            decode(text.as_bytes());
        }
    }
}
