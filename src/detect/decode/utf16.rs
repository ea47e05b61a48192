//! UTF-16: stretches of ASCII characters with a zero byte before or after each, with or without byte order mark.

use std::ops::Range;

use memchr::memchr;

use super::{Decoded, SHORTEST_TEXT, is_printable};
use crate::finding::Decoding;

/// Hands every stretch of at least sixteen characters to `visit`.
pub(super) fn each(bytes: &[u8], visit: &mut dyn FnMut(Decoded)) {
    let mut at = 0;
    while let Some(zero) = memchr(0, &bytes[at..]).map(|found| at + found) {
        // Little-endian text has its zero after the character, big-endian before it.
        let little =
            zero.checked_sub(1).filter(|&start| start >= at).map_or(0, |start| length(bytes, start, 0));
        let big = length(bytes, zero, 1);
        let (start, characters, character) =
            if little >= big { (zero.saturating_sub(1), little, 0) } else { (zero, big, 1) };
        if characters >= SHORTEST_TEXT {
            visit(stretch(bytes, start, characters, character));
        }
        // Of a run of zeros only the last can begin anything: sparse files have gigabytes of them.
        let zeros = bytes[zero..].iter().take_while(|&&byte| byte == 0).count();
        at = (start + characters * 2).max(zero + 1).max(zero + zeros - 1);
    }
}

/// The bytes around `range` as long as zeros and other bytes alternate.
pub(super) fn zone(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let alternates = |pair: &&[u8]| (pair[0] == 0) != (pair[1] == 0);
    let before = bytes[..bytes.len().min(range.start + 1)].windows(2).rev().take_while(alternates).count();
    let after = bytes[range.end.saturating_sub(1)..].windows(2).take_while(alternates).count();
    range.start - before..range.end + after
}

/// How many characters stand at `start`, each pair of bytes with its character at index `character`.
fn length(bytes: &[u8], start: usize, character: usize) -> usize {
    bytes[start..]
        .chunks_exact(2)
        .take_while(|pair| pair[1 - character] == 0 && is_printable(pair[character]))
        .count()
}

fn stretch(bytes: &[u8], start: usize, characters: usize, character: usize) -> Decoded {
    Decoded {
        decoding: Decoding::Utf16,
        bytes: bytes[start..start + characters * 2].chunks_exact(2).map(|pair| pair[character]).collect(),
        origins: (0..=characters).map(|index| (start + index * 2) as u32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_are_read_and_spans_lead_back() {
        for big in [false, true] {
            let mut bytes = b"\xff\xfe junk \x01".to_vec();
            let start = bytes.len();
            for byte in b"password = hunter2hunter2" {
                bytes.extend(if big { [0, *byte] } else { [*byte, 0] });
            }
            let mut found = Vec::new();
            each(&bytes, &mut |decoded| found.push(decoded));
            let decoded = found.pop().unwrap();
            let at = memchr::memmem::find(&decoded.bytes, b"hunter2hunter2").unwrap();
            let source = decoded.source(&(at..at + 14));
            assert_eq!((source.len(), source.end), (28, start + 50));
        }
    }

    #[test]
    fn text_is_found_behind_any_number_of_zeros() {
        for zeros in 0..6 {
            for big in [false, true] {
                let mut bytes = vec![0; zeros];
                for byte in b"password = hunter2hunter2" {
                    bytes.extend(if big { [0, *byte] } else { [*byte, 0] });
                }
                bytes.extend(vec![0; zeros]);
                let mut found = Vec::new();
                each(&bytes, &mut |decoded| found.push(decoded.bytes));
                assert!(
                    found.iter().any(|text| text.ends_with(b"hunter2hunter2")),
                    "{zeros} {big}: {found:?}"
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn ends_without_panic(bytes in proptest::collection::vec(0u8..4, 0..200)) {
            each(&bytes, &mut |_| {});
        }
    }
}
