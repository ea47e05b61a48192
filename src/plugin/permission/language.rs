//! A language: a set of strings as a deterministic automaton, with the algebra of sets and examples of members.

mod minimal;
mod pattern;
mod witness;

use std::collections::HashMap;

pub use pattern::{Pattern, Units};

/// States that an automaton may have. More than this would take tens of milliseconds for each operation.
pub const MAX_STATES: usize = 10_000;

/// The automaton would have more than [`MAX_STATES`] states: the question is undecided, and must be reported so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("undecided: the patterns need an automaton of more than {MAX_STATES} states")]
pub struct TooLarge;

/// A set of strings of UTF-16 code units, which is what the strings of JavaScript are.
///
/// The automaton is complete: each state has a successor for each unit. Questions about members (`is_empty`,
/// `includes`, `witness`) are about well-formed strings only; a half of a surrogate pair cannot be a member of its own.
#[derive(Clone, Debug)]
pub struct Language {
    /// First units of the ranges into which the alphabet is cut; the first is 0. All units of a range act alike.
    cuts: Vec<u16>,
    /// Successor of state `s` by range `r` at `s * cuts.len() + r`. State 0 is the first.
    next: Vec<u32>,
    /// Whether a string that ends in the state is a member.
    accepting: Vec<bool>,
}

impl Language {
    /// The language of one anchored pattern.
    ///
    /// # Errors
    /// When the automaton would be too large.
    pub fn of(pattern: &Pattern) -> Result<Self, TooLarge> {
        pattern::determinize(pattern).map(minimal::minimize)
    }

    /// The language of a list of patterns: a member matches at least one. No patterns give the empty language.
    ///
    /// # Errors
    /// When the automaton would be too large.
    pub fn of_any<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> Result<Self, TooLarge> {
        Self::any(patterns.into_iter().map(Self::of))
    }

    /// The union of languages that may themselves be undecided.
    ///
    /// # Errors
    /// The first error of the parts, or when the union would be too large.
    pub fn any(parts: impl IntoIterator<Item = Result<Self, TooLarge>>) -> Result<Self, TooLarge> {
        parts.into_iter().try_fold(Self::none(), |all, part| all.union(&part?))
    }

    /// The empty language.
    #[must_use]
    pub fn none() -> Self {
        Self { cuts: vec![0], next: vec![0], accepting: vec![false] }
    }

    /// The language of all strings.
    #[must_use]
    pub fn all() -> Self {
        Self::none().complement()
    }

    /// The language of one string.
    ///
    /// # Errors
    /// When the text is longer than an automaton may have states.
    pub fn exactly(text: &str) -> Result<Self, TooLarge> {
        Self::of(&Pattern::new().text(text))
    }

    /// Whether a string is a member.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        let end = text.encode_utf16().fold(0, |state, unit| self.step(state, unit));
        self.accepts(end)
    }

    /// The strings in either.
    ///
    /// # Errors
    /// When the result would be too large.
    pub fn union(&self, other: &Self) -> Result<Self, TooLarge> {
        self.product(other, |mine, theirs| mine || theirs).map(minimal::minimize)
    }

    /// The strings in both.
    ///
    /// # Errors
    /// When the result would be too large.
    pub fn intersection(&self, other: &Self) -> Result<Self, TooLarge> {
        self.product(other, |mine, theirs| mine && theirs).map(minimal::minimize)
    }

    /// The strings in this language that are not in the other.
    ///
    /// # Errors
    /// When the result would be too large.
    pub fn difference(&self, other: &Self) -> Result<Self, TooLarge> {
        self.product(other, |mine, theirs| mine && !theirs).map(minimal::minimize)
    }

    /// All strings that are not members.
    #[must_use]
    pub fn complement(&self) -> Self {
        let accepting = self.accepting.iter().map(|accepted| !accepted).collect();
        Self { accepting, ..self.clone() }
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.witness().is_none()
    }

    /// Whether every member of the other language is a member of this one.
    ///
    /// # Errors
    /// When the difference would be too large.
    pub fn includes(&self, other: &Self) -> Result<bool, TooLarge> {
        Ok(other.product(self, |theirs, mine| theirs && !mine)?.is_empty())
    }

    /// Whether some string is in both.
    ///
    /// # Errors
    /// When the intersection would be too large.
    pub fn intersects(&self, other: &Self) -> Result<bool, TooLarge> {
        Ok(!self.product(other, |mine, theirs| mine && theirs)?.is_empty())
    }

    /// A shortest member, made of letters where the language leaves the choice; `None` when there is no member.
    #[must_use]
    pub fn witness(&self) -> Option<String> {
        witness::shortest(self)
    }

    /// The first of the exemplars that is a member, or else a shortest member: people recognise
    /// `.github/workflows/ci.yml` sooner than `.github/workflows/.yml`.
    #[must_use]
    pub fn witness_among<'e>(&self, exemplars: impl IntoIterator<Item = &'e str>) -> Option<String> {
        let known = exemplars.into_iter().find(|exemplar| self.contains(exemplar));
        known.map(str::to_owned).or_else(|| self.witness())
    }

    /// How many states the automaton has.
    #[must_use]
    pub fn states(&self) -> usize {
        self.accepting.len()
    }

    /// The automaton that follows both at once; `verdict` says from their verdicts which strings it accepts.
    fn product(&self, other: &Self, verdict: impl Fn(bool, bool) -> bool) -> Result<Self, TooLarge> {
        let cuts = merged(&self.cuts, &other.cuts);
        let ranges: Vec<_> = cuts.iter().map(|cut| (self.range(*cut), other.range(*cut))).collect();
        let mut pairs = vec![(0, 0)];
        let mut numbers = HashMap::from([((0, 0), 0)]);
        let mut next = Vec::new();
        let mut done = 0;
        while let Some(&(mine, theirs)) = pairs.get(done) {
            done += 1;
            for (by_mine, by_theirs) in &ranges {
                let pair = (self.successor(mine, *by_mine), other.successor(theirs, *by_theirs));
                let fresh = pairs.len();
                let number = *numbers.entry(pair).or_insert(fresh);
                if number == fresh {
                    if fresh == MAX_STATES {
                        return Err(TooLarge);
                    }
                    pairs.push(pair);
                }
                next.push(u32::try_from(number).map_err(|_| TooLarge)?);
            }
        }
        let accepting =
            pairs.iter().map(|(mine, theirs)| verdict(self.accepts(*mine), other.accepts(*theirs))).collect();
        Ok(Self { cuts, next, accepting })
    }

    fn step(&self, state: u32, unit: u16) -> u32 {
        self.successor(state, self.range(unit))
    }

    /// Number of the range that a unit is in.
    fn range(&self, unit: u16) -> usize {
        self.cuts.partition_point(|cut| *cut <= unit).saturating_sub(1)
    }

    fn successor(&self, state: u32, range: usize) -> u32 {
        self.next[state as usize * self.cuts.len() + range]
    }

    fn accepts(&self, state: u32) -> bool {
        self.accepting[state as usize]
    }
}

/// The cuts of both, in order, each once.
fn merged(one: &[u16], other: &[u16]) -> Vec<u16> {
    let mut cuts = [one, other].concat();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

#[cfg(test)]
mod tests;
