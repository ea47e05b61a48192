//! A pattern: a row of sets of code units, each taken once or any number of times, and the automaton it becomes.

use std::collections::HashMap;

use super::{Language, MAX_STATES, TooLarge};

/// A set of UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// The ranges of members or of non-members, both ends included, in order.
    ranges: Vec<(u16, u16)>,
    excluded: bool,
}

impl Units {
    /// All code units.
    pub const ALL: Self = Self { ranges: Vec::new(), excluded: true };

    /// One code unit.
    #[must_use]
    pub fn only(unit: u16) -> Self {
        Self { ranges: vec![(unit, unit)], excluded: false }
    }

    /// The code units of some ranges, both ends included.
    #[must_use]
    pub fn among(ranges: &[(char, char)]) -> Self {
        Self { ranges: ranges.iter().map(|(low, high)| (unit(*low), unit(*high))).collect(), excluded: false }
    }

    /// All code units but some characters of the basic plane.
    #[must_use]
    pub fn except(characters: &[char]) -> Self {
        Self { ranges: characters.iter().map(|one| (unit(*one), unit(*one))).collect(), excluded: true }
    }

    /// What `.` matches in a regular expression of JavaScript without flags: all but the four ends of lines
    /// (ECMAScript, section 12.3, LineTerminator).
    #[must_use]
    pub fn within_line() -> Self {
        Self::except(&['\n', '\r', '\u{2028}', '\u{2029}'])
    }

    /// Whether some code unit is a member of both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        match (self.excluded, other.excluded) {
            // Sets that leave out a few units have most in common.
            (true, true) => true,
            (false, _) => self.has_one_in(other),
            (true, false) => other.has_one_in(self),
        }
    }

    /// Whether one of the listed units is a member of another set.
    fn has_one_in(&self, other: &Self) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).any(|unit| other.contains(unit)))
    }

    /// Whether a code unit is a member.
    #[must_use]
    pub fn contains(&self, unit: u16) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&unit)) != self.excluded
    }
}

/// The code unit of a character of the basic plane; the replacement character for others.
fn unit(character: char) -> u16 {
    u16::try_from(u32::from(character)).unwrap_or(0xFFFD)
}

/// A set of units that a string must have at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    units: Units,
    /// Any number of times, zero included, instead of once.
    repeated: bool,
}

/// A row of pieces that a whole string must consist of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    /// The pattern of the empty string.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This pattern, followed by a text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        text.encode_utf16().fold(self, |pattern, unit| pattern.one(Units::only(unit)))
    }

    /// This pattern, followed by a text whose ASCII letters may be of either case: the flag `i` of JavaScript on ASCII
    /// text, for which no other unit has the same canonical form (ECMAScript, Canonicalize).
    #[must_use]
    pub fn text_of_any_case(self, text: &str) -> Self {
        text.chars().fold(self, |pattern, one| {
            let (lower, upper) = (one.to_ascii_lowercase(), one.to_ascii_uppercase());
            pattern.one(Units::among(&[(lower, lower), (upper, upper)]))
        })
    }

    /// This pattern, followed by one unit of a set.
    #[must_use]
    pub fn one(mut self, units: Units) -> Self {
        self.pieces.push(Piece { units, repeated: false });
        self
    }

    /// This pattern, followed by any number of units of a set.
    #[must_use]
    pub fn many(mut self, units: Units) -> Self {
        self.pieces.push(Piece { units, repeated: true });
        self
    }

    /// This pattern, followed by another.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        self.pieces.extend_from_slice(&other.pieces);
        self
    }

    /// This pattern, followed by anything.
    #[must_use]
    pub fn anything(self) -> Self {
        self.many(Units::ALL)
    }

    /// Whether a string matches: a simulation that goes from unit to unit and does not use the automaton of a language.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut here = vec![false; self.pieces.len() + 1];
        let mut then = here.clone();
        here[0] = true;
        self.skip(&mut here);
        for unit in text.encode_utf16() {
            then.fill(false);
            for (place, piece) in self.pieces.iter().enumerate() {
                if here[place] && piece.units.contains(unit) {
                    then[place + usize::from(!piece.repeated)] = true;
                }
            }
            self.skip(&mut then);
            std::mem::swap(&mut here, &mut then);
        }
        here[self.pieces.len()]
    }

    /// Whether some string matches both patterns: a walk over pairs of places, without an automaton.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let width = other.pieces.len() + 1;
        let mut seen = vec![false; (self.pieces.len() + 1) * width];
        let mut open = vec![(0, 0)];
        while let Some((mine, theirs)) = open.pop() {
            if std::mem::replace(&mut seen[mine * width + theirs], true) {
                continue;
            }
            let (one, two) = (self.pieces.get(mine), other.pieces.get(theirs));
            if one.is_none() && two.is_none() {
                return true;
            }
            if one.is_some_and(|piece| piece.repeated) {
                open.push((mine + 1, theirs));
            }
            if two.is_some_and(|piece| piece.repeated) {
                open.push((mine, theirs + 1));
            }
            if let (Some(one), Some(two)) = (one, two)
                && one.units.meets(&two.units)
            {
                open.push((mine + usize::from(!one.repeated), theirs + usize::from(!two.repeated)));
            }
        }
        false
    }

    /// Adds the places behind repeated pieces, which may match nothing.
    fn skip(&self, places: &mut [bool]) {
        for (place, piece) in self.pieces.iter().enumerate() {
            if places[place] && piece.repeated {
                places[place + 1] = true;
            }
        }
    }

    /// The first units of the ranges within which all units act alike.
    fn cuts(&self) -> Vec<u16> {
        let ranges = self.pieces.iter().flat_map(|piece| &piece.units.ranges);
        let mut cuts: Vec<u16> = ranges
            .flat_map(|(low, high)| [Some(*low), high.checked_add(1)])
            .flatten()
            .chain(std::iter::once(0))
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }
}

/// The automaton of a pattern by the construction of subsets: a state is the set of places where a string may stand.
pub(super) fn determinize(pattern: &Pattern) -> Result<Language, TooLarge> {
    if pattern.pieces.len() > MAX_STATES {
        return Err(TooLarge);
    }
    let cuts = pattern.cuts();
    let allowed: Vec<Vec<bool>> = pattern
        .pieces
        .iter()
        .map(|piece| cuts.iter().map(|cut| piece.units.contains(*cut)).collect())
        .collect();
    let first = reached(pattern, &[0]);
    let mut numbers = HashMap::from([(first.clone(), 0)]);
    let mut sets = vec![first];
    let mut next = Vec::new();
    let mut done = 0;
    while let Some(set) = sets.get(done).cloned() {
        done += 1;
        for range in 0..cuts.len() {
            let moved: Vec<usize> = set
                .iter()
                .filter(|place| allowed.get(**place).is_some_and(|ranges| ranges[range]))
                .map(|place| place + usize::from(!pattern.pieces[*place].repeated))
                .collect();
            let target = reached(pattern, &moved);
            let fresh = sets.len();
            let number = *numbers.entry(target.clone()).or_insert(fresh);
            if number == fresh {
                if fresh == MAX_STATES {
                    return Err(TooLarge);
                }
                sets.push(target);
            }
            next.push(u32::try_from(number).map_err(|_| TooLarge)?);
        }
    }
    let accepting = sets.iter().map(|set| set.last() == Some(&pattern.pieces.len())).collect();
    Ok(Language { cuts, next, accepting })
}

/// Places and those behind the repeated pieces at them, in order. Places before a piece `.*` of all units are left
/// out once it is reached: whatever they lead to, it has reached already.
fn reached(pattern: &Pattern, places: &[usize]) -> Vec<usize> {
    let mut all = places.to_vec();
    let mut done = 0;
    while let Some(&place) = all.get(done) {
        done += 1;
        if pattern.pieces.get(place).is_some_and(|piece| piece.repeated) {
            all.push(place + 1);
        }
    }
    all.sort_unstable();
    all.dedup();
    let anything =
        |place: &&usize| pattern.pieces.get(**place).is_some_and(|p| p.repeated && p.units == Units::ALL);
    let last = all.iter().rposition(|place| anything(&place)).unwrap_or(0);
    all.split_off(last)
}
