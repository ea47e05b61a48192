//! The prefilter: one pass over the bytes that finds every place where some rule's anchor stands.
//!
//! Every second position is looked at. Three bytes from there, case folded, are hashed into a bit table of 8 KiB that
//! stays in the first-level cache; only where the bit is set are anchors compared. An anchor is entered under two
//! neighbouring trigrams, the rarest that it has, so one of them falls on an even position wherever it stands. One of
//! three bytes has no second trigram of its own: it is entered under its first two bytes and any byte before them.
//! There is no state from byte to byte, so the processor overlaps the work of neighbouring positions: an automaton
//! waits for the memory at each byte, this does not.

use std::ops::Range;

use super::plausible::wordiness;

/// Finds anchors, all at once.
#[derive(Debug)]
pub(crate) struct Prefilter {
    bits: Box<[u64; TABLE_WORDS]>,
    /// Sorted by gram; `buckets[hash]` is where the first gram of that hash would be.
    entries: Vec<Entry>,
    buckets: Vec<u16>,
    /// For the upper bits of each hash the bytes that may stand beside its trigrams, by their lowest five bits: in the
    /// lower half the byte after it, in the upper half the byte before it. It rules out nine of ten trigrams that the
    /// bits let pass.
    neighbours: Box<[u64; NEIGHBOURS]>,
    /// How far from the start of an anchor its trigrams may stand.
    reach: usize,
    anchors: Vec<Vec<u8>>,
}

/// The index of an anchor, in the order in which they were given.
pub(crate) type AnchorIndex = u16;

const TABLE_BITS: u32 = 16;
const TABLE_WORDS: usize = 1 << (TABLE_BITS - 6);
/// Small enough for the second-level cache, together with what else is worked on.
const NEIGHBOUR_BITS: u32 = 14;
const NEIGHBOURS: usize = 1 << NEIGHBOUR_BITS;
/// Entries are sorted by the upper bits of the hash, of which this many choose the bucket.
const BUCKET_BITS: u32 = 12;
const SHORTEST: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u16,
    gram: u32,
    anchor: AnchorIndex,
    /// Bytes from the start of the anchor to the trigram; -1 when the trigram begins one byte before the anchor.
    offset: i8,
}

impl Entry {
    /// The bytes that may stand after and before the trigram, as in [`Prefilter::neighbours`].
    fn neighbours(self, anchor: &[u8]) -> u64 {
        let any = u64::from(u32::MAX);
        let offset = isize::from(self.offset);
        let at = |place: isize| usize::try_from(place).ok().and_then(|place| anchor.get(place)).copied();
        let after = at(offset + SHORTEST as isize).map_or(any, low_bits);
        let before = at(offset - 1).map_or(any, low_bits);
        before << 32 | after
    }
}

fn neighbour_slot(hash: u16) -> usize {
    usize::from(hash >> (TABLE_BITS - NEIGHBOUR_BITS))
}

/// One bit for the five lowest bits of a byte, which are the same in both cases of a letter.
fn low_bits(byte: u8) -> u64 {
    1 << (byte & 31)
}

/// A trigram and where it stands.
struct Gram {
    at: usize,
    gram: u32,
}

impl Prefilter {
    /// A filter for these anchors; case does not matter.
    ///
    /// # Errors
    /// The first anchor that is shorter than three bytes, or is one too many.
    pub(crate) fn new(anchors: Vec<Vec<u8>>) -> Result<Self, Vec<u8>> {
        let mut entries = Vec::with_capacity(anchors.len() * 2);
        for (index, anchor) in anchors.iter().enumerate() {
            let Ok(index) = AnchorIndex::try_from(index) else { return Err(anchor.clone()) };
            if anchor.len() < SHORTEST {
                return Err(anchor.clone());
            }
            let mut enter = |gram: u32, offset| {
                entries.push(Entry { hash: hash(gram), gram, anchor: index, offset });
            };
            if anchor.len() > SHORTEST {
                let at = rarest(anchor);
                enter(fold(anchor[at], anchor[at + 1], anchor[at + 2]), at as i8);
                enter(fold(anchor[at + 1], anchor[at + 2], anchor[at + 3]), at as i8 + 1);
                continue;
            }
            enter(fold(anchor[0], anchor[1], anchor[2]), 0);
            for before in (0..=u8::MAX).filter(|before| before & 0x20 != 0) {
                enter(fold(before, anchor[0], anchor[1]), -1);
            }
        }
        if entries.len() > usize::from(u16::MAX) {
            return Err(anchors.into_iter().next_back().unwrap_or_default());
        }
        entries.sort_unstable();
        entries.dedup();
        let mut bits = Box::new([0; TABLE_WORDS]);
        for entry in &entries {
            bits[usize::from(entry.hash >> 6)] |= 1u64 << (entry.hash & 63);
        }
        let buckets = (0..=1u32 << BUCKET_BITS)
            .map(|bucket| {
                entries.partition_point(|entry| u32::from(entry.hash) >> (TABLE_BITS - BUCKET_BITS) < bucket)
                    as u16
            })
            .collect();
        let mut neighbours = Box::new([0; NEIGHBOURS]);
        for entry in &entries {
            neighbours[neighbour_slot(entry.hash)] |= entry.neighbours(&anchors[usize::from(entry.anchor)]);
        }
        let reach = entries.iter().map(|entry| usize::try_from(entry.offset).unwrap_or(0)).max().unwrap_or(0);
        Ok(Self { bits, entries, buckets, neighbours, reach, anchors })
    }

    /// Calls `found(anchor, start)` for every anchor that stands wholly in `bytes` and begins in `range`.
    pub(crate) fn each(&self, bytes: &[u8], range: Range<usize>, mut found: impl FnMut(AnchorIndex, usize)) {
        // A short anchor at an odd position is seen from the byte before it, a long one from its second byte.
        let mut at = range.start.saturating_sub(1) & !1;
        let stop = (range.end + self.reach).min(bytes.len().saturating_sub(SHORTEST - 1));
        if at == 0 && at < stop {
            self.try_at(bytes, at, &range, &mut found);
            at = 2;
        }
        while at < stop {
            let Some(word) = bytes.get(at - 1..at + 7) else { break };
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            // Two trigrams lie in eight bytes with a byte on both sides.
            for step in [0, 2] {
                let gram = (word >> (step * 8 + 8)) as u32 & 0x00FF_FFFF | FOLD;
                let hash = hash(gram);
                if self.has(hash) {
                    let beside = self.neighbours[neighbour_slot(hash)];
                    let (before, after) = ((word >> (step * 8)) & 31, (word >> (step * 8 + 32)) & 31);
                    if (beside >> after) & (beside >> 32 >> before) & 1 == 1 {
                        self.confirm(bytes, Gram { at: at + step, gram }, &range, &mut found);
                    }
                }
            }
            at += 4;
        }
        while at < stop {
            self.try_at(bytes, at, &range, &mut found);
            at += 2;
        }
    }

    fn try_at(
        &self,
        bytes: &[u8],
        at: usize,
        range: &Range<usize>,
        found: &mut impl FnMut(AnchorIndex, usize),
    ) {
        let gram = fold(bytes[at], bytes[at + 1], bytes[at + 2]);
        if self.has(hash(gram)) {
            self.confirm(bytes, Gram { at, gram }, range, found);
        }
    }

    fn has(&self, hash: u16) -> bool {
        self.bits[usize::from(hash >> 6)] >> (hash & 63) & 1 == 1
    }

    #[inline(never)]
    fn confirm(
        &self,
        bytes: &[u8],
        Gram { at, gram }: Gram,
        range: &Range<usize>,
        found: &mut impl FnMut(AnchorIndex, usize),
    ) {
        let hash = hash(gram);
        let bucket = usize::from(hash >> (TABLE_BITS - BUCKET_BITS));
        let entries = &self.entries[usize::from(self.buckets[bucket])..usize::from(self.buckets[bucket + 1])];
        for entry in entries.iter().filter(|entry| entry.gram == gram) {
            let Some(start) = at.checked_add_signed(-isize::from(entry.offset)) else { continue };
            let anchor = &self.anchors[usize::from(entry.anchor)];
            if range.contains(&start)
                && bytes
                    .get(start..start + anchor.len())
                    .is_some_and(|text| text.eq_ignore_ascii_case(anchor))
            {
                found(entry.anchor, start);
            }
        }
    }
}

/// Offset of the two neighbouring trigrams that text has least often, judged by its letters; at most 120, so that it
/// fits into an entry.
fn rarest(anchor: &[u8]) -> usize {
    let last = (anchor.len() - SHORTEST - 1).min(120);
    let cost = |at: usize| frequency(&anchor[at..at + 3]) + frequency(&anchor[at + 1..at + 4]);
    (0..=last).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(0)
}

/// How often a trigram stands in source code and prose, roughly: the product of the frequencies of its characters,
/// doubled for each pair that English words have often, and less for one that they have rarely.
fn frequency(trigram: &[u8]) -> f64 {
    const LETTERS: [u8; 26] =
        [82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1];
    let character = |byte: u8| match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => f64::from(LETTERS[usize::from(letter - b'a')]),
        b' ' => 150.0,
        b'-' => 60.0,
        b'_' | b'.' | b'/' => 30.0,
        b':' | b'=' => 20.0,
        b'0'..=b'9' => 8.0,
        _ => 5.0,
    };
    let pair = |pair: &[u8]| match (pair[0].is_ascii_alphabetic(), pair[1].is_ascii_alphabetic()) {
        (true, true) if wordiness(pair) > 0.0 => 2.0,
        (true, true) => 0.25,
        (false, false) if pair[0] == pair[1] => 8.0,
        (false, false) => 0.5,
        _ => 1.0,
    };
    trigram.iter().map(|&byte| character(byte)).product::<f64>() * pair(&trigram[..2]) * pair(&trigram[1..])
}

const FOLD: u32 = 0x0020_2020;

/// Three bytes as one number, with the bit set that tells lower from upper case.
fn fold(first: u8, second: u8, third: u8) -> u32 {
    u32::from_le_bytes([first, second, third, 0]) | FOLD
}

fn hash(gram: u32) -> u16 {
    // Multiplication by an odd constant near 2^32 divided by the golden ratio spreads similar trigrams.
    (gram.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(filter: &Prefilter, bytes: &[u8], range: Range<usize>) -> Vec<(AnchorIndex, usize)> {
        let mut hits = Vec::new();
        filter.each(bytes, range, |anchor, start| hits.push((anchor, start)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn refuses_anchors_that_are_too_short() {
        assert_eq!(Prefilter::new(vec![b"abc".to_vec(), b"ab".to_vec()]).unwrap_err(), b"ab".to_vec());
    }

    #[test]
    fn an_anchor_that_begins_in_the_range_may_end_behind_it() {
        let filter = Prefilter::new(vec![b"the letters are rare: qjxz".to_vec()]).unwrap();
        let text = b"here the letters are rare: qjxz, not before";
        assert_eq!(hits(&filter, text, 5..6), [(0, 5)]);
        assert_eq!(hits(&filter, text, 6..text.len()), []);
    }

    proptest::proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            anchors in proptest::collection::vec("[abA_]{3,9}", 1..8),
            text in "[abB_]{0,80}",
            start in 0usize..80,
            end in 0usize..80,
        ) {
            let range = start.min(text.len())..end.min(text.len());
            let filter = Prefilter::new(anchors.iter().map(|anchor| anchor.clone().into_bytes()).collect()).unwrap();
            let mut expected = Vec::new();
            for (index, anchor) in anchors.iter().enumerate() {
                for at in range.clone() {
                    let found = text.get(at..at + anchor.len());
                    if found.is_some_and(|found| found.eq_ignore_ascii_case(anchor)) {
                        expected.push((index as AnchorIndex, at));
                    }
                }
            }
            expected.sort_unstable();
            proptest::prop_assert_eq!(hits(&filter, text.as_bytes(), range), expected);
        }
    }
}
