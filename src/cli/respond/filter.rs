//! The filter: takes secrets out of everything that an incident writes or shows, the known one in every encoding.

use std::ops::Range;

use kbsec::detect::Detector;
use kbsec::needle::Needle;
use kbsec::secret::Secret;

/// What stands in place of a secret.
const MASK: &[u8] = b"[redacted]";
/// Bytes that are looked at together. A secret over the border of two pieces is still found: they overlap.
const PIECE: usize = 4 << 20;
/// Bytes that two pieces share, more than any secret that the detector judges as a whole.
const OVERLAP: usize = 64 << 10;

/// Knows the value of this incident and the looks of all others.
pub(crate) struct Filter {
    detector: Detector,
    known: Vec<Needle>,
}

impl Filter {
    pub(crate) fn new(detector: Detector) -> Self {
        Self { detector, known: Vec::new() }
    }

    /// Takes in a value that must never be seen. False when it is too short or too long to be looked for.
    pub(crate) fn know(&mut self, value: &Secret) -> bool {
        let needle = Needle::value(value);
        let is_known = needle.is_ok();
        self.known.extend(needle);
        is_known
    }

    /// What finds other secrets.
    pub(crate) fn detector(&self) -> &Detector {
        &self.detector
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes()).0).into_owned()
    }

    /// The bytes without secrets, and how many there were.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut spans: Vec<Range<usize>> = Vec::new();
        let mut from = 0;
        while from < bytes.len() || from == 0 {
            let to = bytes.len().min(from + PIECE + OVERLAP);
            let piece = bytes.get(from..to).unwrap_or_default();
            let known = self.known.iter().flat_map(|needle| needle.search(piece));
            spans.extend(known.map(|hit| from + hit.start()..from + hit.end()));
            spans.extend(
                self.detector
                    .detect(piece)
                    .into_iter()
                    .map(|found| from + found.span.start..from + found.span.end),
            );
            if to == bytes.len() {
                break;
            }
            from += PIECE;
        }
        spans.sort_by_key(|span| span.start);
        let mut clean = Vec::with_capacity(bytes.len());
        let (mut done, mut count) = (0, 0);
        for span in spans {
            if span.start >= done {
                clean.extend_from_slice(bytes.get(done..span.start).unwrap_or_default());
                clean.extend_from_slice(MASK);
                count += 1;
            }
            done = done.max(span.end);
        }
        clean.extend_from_slice(bytes.get(done..).unwrap_or_default());
        (clean, count)
    }
}

#[cfg(test)]
mod tests {
    use kbsec::rule::RuleSet;

    use super::*;

    fn filter() -> Filter {
        Filter::new(Detector::new(&RuleSet::built_in().unwrap()).unwrap())
    }

    #[test]
    fn the_known_value_goes_in_every_encoding_and_others_by_their_looks() {
        let mut filter = filter();
        assert!(filter.know(&Secret::new("tr0ub4dor&3-horse")));
        let github = ["gh", "p_"].concat() + "0123456789abcdefghijABCDEFGHIJ2Tw1Vq";
        let text = format!("a tr0ub4dor&3-horse b dHIwdWI0ZG9yJjMtaG9yc2U= c {github}");
        let (clean, count) = filter.bytes(text.as_bytes());
        let clean = String::from_utf8(clean).unwrap();
        assert!(!clean.contains("horse") && !clean.contains("dHIwdWI0ZG9yJjMtaG9yc2"), "{clean}");
        assert!(count >= 2 && clean.starts_with("a [redacted] b "), "{clean}");
        assert_eq!(filter.text(""), "");
    }

    #[test]
    fn a_value_over_the_border_of_two_pieces_goes_too() {
        let mut filter = filter();
        filter.know(&Secret::new("tr0ub4dor&3-horse"));
        let mut bytes = vec![b'.'; PIECE + OVERLAP - 8];
        bytes.extend_from_slice(b"tr0ub4dor&3-horse");
        bytes.resize(2 * PIECE, b'.');
        let (clean, count) = filter.bytes(&bytes);
        assert_eq!((count, clean.windows(5).any(|part| part == b"horse")), (1, false));
    }
}
