//! A needle: what `kbsec find` looks for, a value in every encoding or a regular expression, and where it stands.

mod encode;
mod lines;
mod literal;
mod sweep;

use std::collections::BTreeMap;
use std::fmt;

use crate::finding::Decoding;
use crate::secret::Secret;

use self::lines::Lines;
use self::literal::Literal;
pub use self::sweep::{Copied, Kept};

/// A shorter value would be found everywhere.
pub const SHORTEST_VALUE: usize = 4;
/// A longer value would not fit into what is held in memory of a large file.
pub const LONGEST_VALUE: usize = 16 << 10;
/// What stands in a report in place of an occurrence.
const REDACTED: &str = "[redacted]";

/// What is looked for. Its printed form says nothing of it.
pub struct Needle(Search);

enum Search {
    Value(Literal),
    Expression(Lines),
}

/// One occurrence. Sorts by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    start: u32,
    length: u32,
    form: u16,
}

/// How often the needle stands in some bytes, by the decoders that have to be applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally(BTreeMap<Vec<Decoding>, u32>);

/// Why something cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum Unsearchable {
    /// No byte.
    #[error("the value is empty")]
    Empty,
    /// Below [`SHORTEST_VALUE`].
    #[error("the value has fewer than {SHORTEST_VALUE} bytes")]
    TooShort,
    /// Above [`LONGEST_VALUE`].
    #[error("the value has more than {LONGEST_VALUE} bytes")]
    TooLong,
    /// Not even one automaton for it can be built.
    #[error("the value cannot be searched for")]
    TooComplex,
    /// No regular expression, with what is wrong about it.
    #[error("the regular expression cannot be understood: {0}")]
    Expression(String),
}

impl Unsearchable {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::TooShort => "give the whole value; a line end after it does not count",
            Self::TooLong | Self::TooComplex => {
                "give a part of it that stands nowhere else, such as one line"
            }
            Self::Expression(_) => "write it as the documentation of the Rust crate `regex` says",
        }
    }
}

impl Needle {
    /// The value in all its encodings.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn value(value: &Secret) -> Result<Self, Unsearchable> {
        check(value)?;
        Literal::new(encode::forms(value.expose()))
            .map(Search::Value)
            .map(Self)
            .ok_or(Unsearchable::TooComplex)
    }

    /// The value as it is, in no other encoding.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn plain(value: &Secret) -> Result<Self, Unsearchable> {
        check(value)?;
        let form = encode::plain(value.expose());
        Literal::new(vec![form]).map(Search::Value).map(Self).ok_or(Unsearchable::TooComplex)
    }

    /// A regular expression, applied to each line by itself; empty matches do not count.
    ///
    /// # Errors
    /// When it has no meaning.
    pub fn expression(expression: &str) -> Result<Self, Unsearchable> {
        // The message may take several lines, of which the last says what is wrong.
        let explain = |error: regex::Error| {
            let text = error.to_string();
            Unsearchable::Expression(text.lines().last().unwrap_or_default().trim().to_owned())
        };
        Lines::new(expression).map(Search::Expression).map(Self).map_err(explain)
    }

    /// Every occurrence, overlapping ones of a value too, sorted.
    #[must_use]
    pub fn search(&self, bytes: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        match &self.0 {
            Search::Value(literal) => literal.search(bytes, 0..bytes.len(), &mut hits),
            Search::Expression(lines) => lines.search(bytes, 0..bytes.len(), &mut hits),
        }
        sort(&mut hits);
        hits
    }

    /// The same as [`Needle::search`] for bytes of which some are `kept` from a base of `base_len` bytes, where the
    /// needle stands at `base`: what was copied as a whole is not looked at again.
    #[must_use]
    pub fn search_changed(&self, bytes: &[u8], base: &[Hit], kept: Kept<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        match &self.0 {
            Search::Value(literal) => sweep::value(literal, bytes, base, kept, &mut hits),
            Search::Expression(lines) => sweep::expression(lines, bytes, base, kept, &mut hits),
        }
        sort(&mut hits);
        hits
    }

    /// The most bytes that one occurrence can take; `None` for an expression, whose matches may be as long as lines.
    #[must_use]
    pub fn reach(&self) -> Option<usize> {
        match &self.0 {
            Search::Value(literal) => Some(literal.reach()),
            Search::Expression(_) => None,
        }
    }

    /// How often it stands there, counted from the start and without overlaps, as git counts.
    #[must_use]
    pub fn tally(&self, hits: &[Hit]) -> Tally {
        let mut ends: BTreeMap<&[Decoding], usize> = BTreeMap::new();
        let mut tally = Tally::default();
        for hit in hits {
            let decoding = self.decoding(hit);
            let end = ends.entry(decoding).or_default();
            if hit.start() >= *end {
                *end = hit.end();
                tally.add(decoding, 1);
            }
        }
        tally
    }

    /// The decoders that lead from an occurrence to the value, outermost first.
    #[must_use]
    pub fn decoding(&self, hit: &Hit) -> &[Decoding] {
        match &self.0 {
            Search::Value(literal) => {
                literal.forms().get(usize::from(hit.form)).map_or(&[], |form| &form.decoding)
            }
            Search::Expression(_) => &[],
        }
    }

    /// The text without the needle, for reports: what they show of paths and names must not tell it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for hit in self.search(text.as_bytes()) {
            if hit.start() < done {
                done = done.max(hit.end());
                continue;
            }
            out.push_str(text.get(done..hit.start()).unwrap_or_default());
            out.push_str(REDACTED);
            done = hit.end();
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

impl fmt::Debug for Needle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Search::Value(_) => "Needle(value)",
            Search::Expression(_) => "Needle(expression)",
        })
    }
}

impl Hit {
    /// None for a place beyond four gigabytes, where no object of git is looked at.
    fn new(start: usize, length: usize, form: usize) -> Option<Self> {
        let (start, length) = (u32::try_from(start).ok()?, u32::try_from(length).ok()?);
        Some(Self { start, length, form: u16::try_from(form).ok()? })
    }

    /// Offset of the first byte.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start as usize
    }

    /// Offset after the last byte.
    #[must_use]
    pub fn end(&self) -> usize {
        self.start as usize + self.length as usize
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length as usize
    }

    #[cfg(test)]
    fn form(&self) -> u16 {
        self.form
    }
}

impl Tally {
    /// Counts more occurrences behind these decoders.
    pub fn add(&mut self, decoding: &[Decoding], count: u32) {
        if count == 0 {
            return;
        }
        match self.0.get_mut(decoding) {
            Some(known) => *known = known.saturating_add(count),
            None => {
                self.0.insert(decoding.to_vec(), count);
            }
        }
    }

    /// Counts everything of another tally, found behind `outer` decoders.
    pub fn absorb(&mut self, outer: &[Decoding], other: &Self) {
        for (decoding, count) in other.iter() {
            self.add(&[outer, decoding].concat(), count);
        }
    }

    /// Whether the needle stands nowhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often it stands there in plain form.
    #[must_use]
    pub fn plain(&self) -> u32 {
        self.of(&[])
    }

    /// How often it stands there behind exactly these decoders.
    #[must_use]
    pub fn of(&self, decoding: &[Decoding]) -> u32 {
        self.0.get(decoding).copied().unwrap_or(0)
    }

    /// The counts by decoders, the plain one first.
    pub fn iter(&self) -> impl Iterator<Item = (&[Decoding], u32)> {
        self.0.iter().map(|(decoding, &count)| (decoding.as_slice(), count))
    }
}

fn check(value: &Secret) -> Result<(), Unsearchable> {
    match value.len() {
        0 => Err(Unsearchable::Empty),
        length if length < SHORTEST_VALUE => Err(Unsearchable::TooShort),
        length if length > LONGEST_VALUE => Err(Unsearchable::TooLong),
        _ => Ok(()),
    }
}

fn sort(hits: &mut Vec<Hit>) {
    hits.sort_unstable();
    hits.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needle(value: &str) -> Needle {
        Needle::value(&Secret::new(value)).unwrap()
    }

    #[test]
    fn occurrences_are_counted_as_git_does_and_by_encoding() {
        let needle = needle("abab");
        let hits = needle.search(b"ababababab 61626162 abab");
        let tally = needle.tally(&hits);
        assert_eq!(tally.plain(), 3);
        let counts: Vec<_> = tally.iter().collect();
        assert_eq!(counts, [(&[][..], 3), (&[Decoding::Hex][..], 1)]);
    }

    #[test]
    fn short_empty_and_huge_values_are_refused() {
        let refused = |length| Needle::value(&Secret::new(vec![b'x'; length])).is_err();
        assert_eq!(
            [0, 3, 4, LONGEST_VALUE, LONGEST_VALUE + 1].map(refused),
            [true, true, false, false, true]
        );
        assert!(Needle::expression("a(").is_err());
    }

    #[test]
    fn nothing_shown_tells_the_value() {
        let needle = needle("hunter2hunter2");
        assert_eq!(needle.redact("keys/hunter2hunter2.pem"), "keys/[redacted].pem");
        assert_eq!(needle.redact("ä68756e746572326"), "ä68756e746572326");
        assert_eq!(needle.redact("hunter2hunter2hunter2"), "[redacted]");
        assert_eq!(format!("{needle:?}"), "Needle(value)");
        let expression = Needle::expression("hunter[0-9]").unwrap();
        assert_eq!(expression.redact("a hunter2"), "a [redacted]");
    }
}
