//! The sweep over bytes that were made from others: only what is new, or stands where two copies meet, is searched.

use std::ops::Range;

use super::Hit;
use super::lines::{self, Lines};
use super::literal::Literal;

/// What bytes have in common with the base that they were made from.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// Bytes of the base.
    pub base_len: usize,
    /// The copied ranges in ascending order of `to`, without overlap there.
    pub copies: &'a [Copied],
}

/// `bytes[to..to + length]` are `from..from + length` of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where in the base.
    pub from: usize,
    /// Where in the bytes.
    pub to: usize,
    /// How many bytes.
    pub length: usize,
}

/// Occurrences of a value: one depends on its own bytes only.
pub(super) fn value(literal: &Literal, bytes: &[u8], base: &[Hit], kept: Kept<'_>, hits: &mut Vec<Hit>) {
    inherit(base, kept.copies, |_| true, hits);
    let margin = literal.reach().saturating_sub(1);
    let widen = |gap: Range<usize>| gap.start.saturating_sub(margin)..bytes.len().min(gap.end + margin);
    for range in merged(seams(bytes.len(), kept), widen) {
        literal.search(bytes, range, hits);
    }
}

/// Matches of an expression: one depends on all of its line.
pub(super) fn expression(lines: &Lines, bytes: &[u8], base: &[Hit], kept: Kept<'_>, hits: &mut Vec<Hit>) {
    // The bytes around a seam belong to it: a line that ends or begins there has changed.
    let widen = |gap: Range<usize>| lines::whole(bytes, gap.start.saturating_sub(1)..gap.end + 1);
    let dirty = merged(seams(bytes.len(), kept), widen);
    let is_clean = |hit: &Hit| {
        let after = dirty.partition_point(|range| range.start <= hit.start());
        !after.checked_sub(1).is_some_and(|at| dirty[at].contains(&hit.start()))
    };
    inherit(base, kept.copies, is_clean, hits);
    for range in dirty {
        lines.search(bytes, range, hits);
    }
}

/// Adds the occurrences that were copied as a whole, where they stand now, if `is_wanted` there.
fn inherit(base: &[Hit], copies: &[Copied], is_wanted: impl Fn(&Hit) -> bool, hits: &mut Vec<Hit>) {
    if base.is_empty() {
        return;
    }
    for copy in copies {
        let first = base.partition_point(|hit| hit.start() < copy.from);
        for hit in base[first..].iter().take_while(|hit| hit.start() < copy.from + copy.length) {
            if hit.end() > copy.from + copy.length {
                continue;
            }
            let moved = Hit::new(hit.start() - copy.from + copy.to, hit.length(), usize::from(hit.form));
            hits.extend(moved.filter(&is_wanted));
        }
    }
}

/// What was not copied, and, as empty ranges, where two copies meet; both ends of the bytes count unless they were
/// ends of the base.
fn seams(length: usize, kept: Kept<'_>) -> impl Iterator<Item = Range<usize>> {
    let starts = kept.copies.first().is_some_and(|copy| copy.to == 0 && copy.from == 0);
    let ends = kept
        .copies
        .last()
        .is_some_and(|copy| copy.to + copy.length == length && copy.from + copy.length == kept.base_len);
    let borders = kept.copies.iter().map(|copy| (copy.to, copy.to + copy.length));
    let befores = std::iter::once(0).chain(borders.clone().map(|(_, end)| end));
    let afters = borders.map(|(start, _)| start).chain(std::iter::once(length));
    let last = kept.copies.len();
    befores.zip(afters).enumerate().filter_map(move |(at, (from, to))| {
        let was_an_end = (at == 0 && starts) || (at == last && ends);
        (!was_an_end).then_some(from..to)
    })
}

/// The ranges widened, those that then touch as one.
fn merged(
    ranges: impl Iterator<Item = Range<usize>>,
    widen: impl Fn(Range<usize>) -> Range<usize>,
) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges.map(widen) {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::Needle;
    use super::*;
    use crate::secret::Secret;

    /// A step of a delta: bytes to insert, or a part of the base to copy, in thousandths of it.
    fn apply(base: &[u8], steps: &[(Option<String>, u16, u16)]) -> (Vec<u8>, Vec<Copied>) {
        let (mut bytes, mut copies) = (Vec::new(), Vec::new());
        for (insert, from, length) in steps {
            if let Some(text) = insert {
                bytes.extend(text.as_bytes());
                continue;
            }
            let from = base.len() * usize::from(*from) / 1000;
            let length = (base.len() * usize::from(*length) / 1000).min(base.len() - from);
            if length > 0 {
                copies.push(Copied { from, to: bytes.len(), length });
                bytes.extend(&base[from..from + length]);
            }
        }
        (bytes, copies)
    }

    fn agrees(needle: &Needle, base: &[u8], steps: &[(Option<String>, u16, u16)]) {
        let (bytes, copies) = apply(base, steps);
        let kept = Kept { base_len: base.len(), copies: &copies };
        let swept = needle.search_changed(&bytes, &needle.search(base), kept);
        assert_eq!(swept, needle.search(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
    }

    fn steps() -> impl proptest::strategy::Strategy<Value = Vec<(Option<String>, u16, u16)>> {
        let step = (proptest::option::of("[ab0-3\n]{0,9}"), 0u16..1000, 0u16..1001);
        proptest::collection::vec(step, 0..6)
    }

    proptest::proptest! {
        #[test]
        fn sweeping_a_delta_equals_searching_everything(base in "[ab\n]{0,80}", steps in steps()) {
            agrees(&Needle::value(&Secret::new("abab")).unwrap(), base.as_bytes(), &steps);
            agrees(&Needle::plain(&Secret::new("aaba")).unwrap(), base.as_bytes(), &steps);
            for expression in ["a+b", "^ab", "b$", "^$", r"a\b", "[^a]b"] {
                agrees(&Needle::expression(expression).unwrap(), base.as_bytes(), &steps);
            }
        }

        #[test]
        fn wrapped_forms_are_swept_too(base in "([0-3a-f]{20,40}\n){0,4}", steps in steps(), at in 0usize..60) {
            let mut base = base;
            let hex = "616263646566676869\n6a6b6c6d6e6f";
            base.insert_str(at.min(base.len()), hex);
            agrees(&Needle::value(&Secret::new("abcdefghijklmno")).unwrap(), base.as_bytes(), &steps);
        }
    }
}
