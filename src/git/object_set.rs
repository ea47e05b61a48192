//! A set of object numbers: one bit for each object of the store, and the rank of each member among them.

use super::store::ObjectNumber;

/// Numbers below a fixed bound.
#[derive(Clone, Debug, Default)]
pub struct ObjectSet {
    words: Vec<u64>,
}

impl ObjectSet {
    /// No number, of those below `bound`.
    #[must_use]
    pub fn new(bound: u32) -> Self {
        Self { words: vec![0; (bound as usize).div_ceil(64)] }
    }

    /// A number that all members are below.
    #[must_use]
    pub fn bound(&self) -> u32 {
        self.words.len() as u32 * 64
    }

    /// Adds a number; whether it is new. One beyond the bound is not added.
    pub fn insert(&mut self, number: ObjectNumber) -> bool {
        let bit = 1 << (number % 64);
        match self.words.get_mut(number as usize / 64) {
            Some(word) => {
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
            None => false,
        }
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: ObjectNumber) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// How many numbers are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = ObjectNumber> + '_ {
        self.words.iter().zip(0u32..).flat_map(|(&word, index)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// Maps the members of a set to 0, 1, 2, … in ascending order, in an eighth of the memory of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranks {
    set: ObjectSet,
    /// For each word of the set, the number of members before it.
    before: Vec<u32>,
}

impl Ranks {
    pub(super) fn new(set: ObjectSet) -> Self {
        let mut sum = 0;
        let before = set
            .words
            .iter()
            .map(|word| {
                let before = sum;
                sum += word.count_ones();
                before
            })
            .collect();
        Self { set, before }
    }

    /// How many members are smaller; `None` for what is no member.
    pub(super) fn rank(&self, number: ObjectNumber) -> Option<u32> {
        let index = number as usize / 64;
        let word = *self.set.words.get(index)?;
        let below = number % 64;
        (word >> below & 1 == 1).then(|| self.before[index] + (word & ((1u64 << below) - 1)).count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_ranked() {
        let numbers = [0, 1, 63, 64, 127, 199];
        let mut set = ObjectSet::new(200);
        assert!(numbers.iter().all(|&number| set.insert(number)));
        assert!(!set.insert(64) && !set.insert(1000));
        assert_eq!((set.count(), set.contains(1000)), (6, false));
        assert_eq!(set.iter().collect::<Vec<_>>(), numbers);
        let ranks = Ranks::new(set);
        for number in 0..300 {
            let rank = numbers.iter().position(|&member| member == number);
            assert_eq!(ranks.rank(number), rank.map(|rank| rank as u32));
        }
    }
}
