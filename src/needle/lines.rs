//! The regular expression: applied to each line by itself, so that a match depends on its line only.

use std::ops::Range;

use memchr::{memchr, memrchr};
use regex::bytes::{Regex, RegexBuilder};

use super::Hit;

/// Searches line by line.
#[derive(Debug)]
pub(super) struct Lines {
    regex: Regex,
}

impl Lines {
    /// The expression; `^` and `$` mean the ends of a line.
    pub(super) fn new(expression: &str) -> Result<Self, regex::Error> {
        let regex = RegexBuilder::new(expression).multi_line(true).unicode(true).build()?;
        Ok(Self { regex })
    }

    /// Adds the matches of all lines that lie in `range`, which begins and ends with lines.
    pub(super) fn search(&self, bytes: &[u8], range: Range<usize>, hits: &mut Vec<Hit>) {
        let Some(seen) = bytes.get(..range.end) else { return };
        let mut at = range.start;
        // The search over many lines only tells which line comes next: it may run past line ends.
        while let Some(found) = self.regex.find_at(seen, at.min(seen.len())) {
            let start = memrchr(b'\n', &seen[..found.start()]).map_or(0, |newline| newline + 1);
            let end = memchr(b'\n', &seen[found.start()..]).map_or(seen.len(), |more| found.start() + more);
            for found in self.regex.find_iter(&seen[start..end]).filter(|found| !found.is_empty()) {
                hits.extend(Hit::new(start + found.start(), found.len(), 0));
            }
            at = end + 1;
            if at > seen.len() {
                break;
            }
        }
    }
}

/// The smallest range around `range` that begins and ends with a line, line ends included.
pub(super) fn whole(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let (start, end) = (range.start.min(bytes.len()), range.end.min(bytes.len()));
    let first = memrchr(b'\n', &bytes[..start]).map_or(0, |newline| newline + 1);
    let last = memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |newline| end + newline + 1);
    first..last
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn matches_are_those_of_each_line(
            text in "[ab \n]{0,40}",
            expression in proptest::sample::select(&["a+", "^a", "b$", "[^a]b", r"\ba", r"a\s*b", "(?:)", "a|ab\n"][..]),
        ) {
            let lines = Lines::new(expression).unwrap();
            let mut expected = Vec::new();
            let mut start = 0;
            for line in text.as_bytes().split(|&byte| byte == b'\n') {
                let found = lines.regex.find_iter(line).filter(|found| !found.is_empty());
                expected.extend(found.map(|found| (start + found.start(), found.len())));
                start += line.len() + 1;
            }
            let mut hits = Vec::new();
            lines.search(text.as_bytes(), 0..text.len(), &mut hits);
            let found: Vec<_> = hits.iter().map(|hit| (hit.start(), hit.length())).collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
