//! A replacement: bytes without the values, each occurrence replaced in the encoding in which it stands.

use super::values::Values;
use crate::finding::Decoding;

/// What stands in text in place of a value; the same as git-filter-repo writes.
pub const TEXT: &[u8] = b"***REMOVED***";
/// What stands in names of files and references, where asterisks are not allowed everywhere.
pub const NAME: &[u8] = b"REMOVED";
/// Replacing one occurrence may join the bytes around it to another one, but not for ever.
const ROUNDS: usize = 4;

/// How occurrences are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// By [`TEXT`]; base64 and hexadecimal by as many characters, so that what is around them can still be decoded.
    Text,
    /// By as many bytes, so that nothing else moves.
    Fill,
    /// By [`NAME`].
    Name,
}

/// Everything that may stand in place of a value.
#[must_use]
pub fn replacements() -> [&'static [u8]; 5] {
    [
        TEXT,
        NAME,
        b"****************************************",
        b"KioqKioqKioqKioqKioqKioq",
        b"2a2a2a2a2a2a2a2a2a2a2a",
    ]
}

struct Span {
    start: usize,
    end: usize,
    encoding: Option<Decoding>,
}

/// The bytes without the values; `None` when none of them stands there.
#[must_use]
pub fn replaced(values: &Values, bytes: &[u8], style: Style) -> Option<Vec<u8>> {
    let mut spans = spans(values, bytes);
    if spans.is_empty() {
        return None;
    }
    let mut out = bytes.to_vec();
    for round in 0.. {
        if round >= ROUNDS {
            let joined = join(spans);
            return Some(substitute(&out, &joined, Style::Fill));
        }
        out = substitute(&out, &spans, style);
        spans = self::spans(values, &out);
        if spans.is_empty() {
            break;
        }
    }
    Some(out)
}

/// All occurrences, the first and among those of one place the longest ones first.
fn spans(values: &Values, bytes: &[u8]) -> Vec<Span> {
    let mut all = Vec::new();
    for needle in values.needles() {
        all.extend(needle.search(bytes).iter().map(|hit| Span {
            start: hit.start(),
            end: hit.end(),
            encoding: needle.decoding(hit).first().copied(),
        }));
    }
    all.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    all
}

/// Spans that overlap, as one.
fn join(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

/// Replaces those of the spans that begin after the one before has ended.
fn substitute(bytes: &[u8], spans: &[Span], style: Style) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for span in spans.iter().filter(|span| span.end <= bytes.len()) {
        if span.start < done {
            continue;
        }
        out.extend_from_slice(bytes.get(done..span.start).unwrap_or_default());
        let old = bytes.get(span.start..span.end).unwrap_or_default();
        out.extend(substitute_one(old, span.encoding, style));
        done = span.end;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    out
}

fn substitute_one(old: &[u8], encoding: Option<Decoding>, style: Style) -> Vec<u8> {
    match (encoding, style) {
        (_, Style::Name) => NAME.to_vec(),
        (Some(Decoding::Base64), _) => cycle(old, b"Kioq"),
        (Some(Decoding::Hex), _) => cycle(old, b"2a"),
        (Some(Decoding::Utf16), Style::Text) => utf16(TEXT, is_big_endian(old)),
        (Some(Decoding::Utf16), Style::Fill) => utf16(&vec![b'*'; old.len() / 2], is_big_endian(old)),
        (_, Style::Text) => TEXT.to_vec(),
        (_, Style::Fill) => vec![b'*'; old.len()],
    }
}

/// As many characters of the pattern as there were; line ends and the blanks after them stay, escaped ones too.
fn cycle(old: &[u8], pattern: &[u8]) -> Vec<u8> {
    let mut pattern = pattern.iter().cycle();
    let mut escaped = false;
    old.iter()
        .map(|&byte| {
            let stays = escaped || matches!(byte, b'\\' | b'\r' | b'\n' | b' ' | b'\t');
            escaped = byte == b'\\' && !escaped;
            if stays { byte } else { pattern.next().copied().unwrap_or(byte) }
        })
        .collect()
}

fn utf16(ascii: &[u8], big_endian: bool) -> Vec<u8> {
    ascii.iter().flat_map(|&byte| if big_endian { [0, byte] } else { [byte, 0] }).collect()
}

/// Text of western languages has its zeros before the other bytes, or after them.
fn is_big_endian(text: &[u8]) -> bool {
    let zeros = |skip: usize| text.iter().skip(skip).step_by(2).filter(|&&byte| byte == 0).count();
    zeros(0) > zeros(1)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;
    use crate::secret::Secret;

    const VALUE: &str = "s3cr3t-t0ken/9+8=7";

    fn values() -> Values {
        Values::new(vec![Secret::new(VALUE)], &replacements()).unwrap()
    }

    fn text(bytes: &[u8], style: Style) -> String {
        let out = replaced(&values(), bytes, style).unwrap();
        assert!(!values().are_in(&out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_replaced_as_filter_repo_does_and_names_by_a_word() {
        assert_eq!(replaced(&values(), b"nothing", Style::Text), None);
        let both = format!("a {VALUE} b\n{VALUE}{VALUE}");
        assert_eq!(text(both.as_bytes(), Style::Text), "a ***REMOVED*** b\n***REMOVED******REMOVED***");
        assert_eq!(text(both.as_bytes(), Style::Name), "a REMOVED b\nREMOVEDREMOVED");
        assert_eq!(text(both.as_bytes(), Style::Fill).len(), both.len());
    }

    #[test]
    fn what_was_base64_is_still_base64_and_as_long() {
        for before in 0..5 {
            let plain = format!("{}{VALUE} and more", "x".repeat(before));
            let encoded = BASE64_STANDARD.encode(&plain);
            let clean = text(encoded.as_bytes(), Style::Text);
            assert_eq!(clean.len(), encoded.len());
            let decoded = BASE64_STANDARD.decode(&clean).unwrap();
            assert!(decoded.ends_with(b" and more") && !values().are_in(&decoded), "{before}");
        }
    }

    #[test]
    fn utf16_stays_utf16_in_its_byte_order() {
        let encode = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(order).collect()
        };
        for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let out = replaced(&values(), &encode(&format!("a {VALUE} b"), order), Style::Text);
            assert_eq!(out.unwrap(), encode("a ***REMOVED*** b", order));
            let out = replaced(&values(), &encode(VALUE, order), Style::Fill).unwrap();
            assert_eq!(out, encode(&"*".repeat(VALUE.len()), order));
        }
    }

    #[test]
    fn nothing_is_left_where_one_replacement_makes_another_occurrence() {
        let halves = VALUE.split_at(7);
        let text_ = format!("{}{VALUE}{}", halves.0, halves.1);
        assert!(!text(text_.as_bytes(), Style::Text).contains(VALUE));
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_ever_left(parts in proptest::collection::vec(0usize..8, 0..12)) {
            let values = Values::new(vec![Secret::new("abcabcabd"), Secret::new("dabcabca")], &replacements()).unwrap();
            let pieces = ["abcabcabd", "dabcabca", "abc", "d", "616263616263616264", "YWJjYWJjYWJk", "x", "%61"];
            let text: String = parts.iter().map(|&part| pieces[part]).collect();
            for style in [Style::Text, Style::Fill, Style::Name] {
                let out = replaced(&values, text.as_bytes(), style).unwrap_or(text.clone().into_bytes());
                proptest::prop_assert!(!values.are_in(&out), "{text}");
            }
        }
    }
}
