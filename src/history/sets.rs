//! Sets of secrets: bits of equal width, each distinct set stored once and called by a number.

use std::collections::HashMap;
use std::rc::Rc;

/// The number of a set.
pub(super) type SetId = u32;

/// The set without secrets.
pub(super) const NO_SECRETS: SetId = 0;

/// All sets that came up.
pub(super) struct Sets {
    width: usize,
    all: Vec<Rc<[u64]>>,
    known: HashMap<Rc<[u64]>, SetId>,
}

impl Sets {
    /// Sets of secrets below `secrets`.
    pub(super) fn new(secrets: u32) -> Self {
        let mut sets =
            Self { width: (secrets as usize).div_ceil(64), all: Vec::new(), known: HashMap::new() };
        sets.intern(&vec![0; sets.width]);
        sets
    }

    /// The number of a set.
    pub(super) fn intern(&mut self, words: &[u64]) -> SetId {
        if let Some(&known) = self.known.get(words) {
            return known;
        }
        let id = self.all.len() as SetId;
        let words: Rc<[u64]> = words.into();
        self.all.push(Rc::clone(&words));
        self.known.insert(words, id);
        id
    }

    /// The set of these secrets.
    pub(super) fn of(&mut self, secrets: impl IntoIterator<Item = u32>) -> SetId {
        let mut words = vec![0; self.width];
        for secret in secrets {
            if let Some(word) = words.get_mut(secret as usize / 64) {
                *word |= 1 << (secret % 64);
            }
        }
        self.intern(&words)
    }

    /// What is in any of these sets.
    pub(super) fn union(&mut self, sets: impl IntoIterator<Item = SetId>) -> SetId {
        let mut words: Vec<u64> = Vec::new();
        let mut only = NO_SECRETS;
        for set in sets {
            if set == NO_SECRETS || set == only {
                continue;
            }
            if only == NO_SECRETS && words.is_empty() {
                only = set;
                continue;
            }
            if words.is_empty() {
                words.extend_from_slice(self.words(only));
            }
            for (word, more) in words.iter_mut().zip(self.words(set)) {
                *word |= more;
            }
        }
        if words.is_empty() { only } else { self.intern(&words) }
    }

    /// The bits of a set.
    pub(super) fn words(&self, set: SetId) -> &[u64] {
        &self.all[set as usize]
    }

    pub(super) fn contains(&self, set: SetId, secret: u32) -> bool {
        self.words(set).get(secret as usize / 64).is_some_and(|word| word >> (secret % 64) & 1 == 1)
    }

    /// The secrets of `set` that are in none of the others.
    pub(super) fn only_in(&self, set: SetId, others: &[SetId]) -> Vec<u32> {
        self.select(set, |word, index| others.iter().fold(word, |rest, &set| rest & !self.words(set)[index]))
    }

    /// The secrets that are in all of `sets` and not in `gone`.
    pub(super) fn lost(&self, sets: &[SetId], gone: SetId) -> Vec<u32> {
        let Some((&first, others)) = sets.split_first() else { return Vec::new() };
        self.select(first, |word, index| {
            others.iter().fold(word, |rest, &set| rest & self.words(set)[index]) & !self.words(gone)[index]
        })
    }

    fn select(&self, set: SetId, keep: impl Fn(u64, usize) -> u64) -> Vec<u32> {
        let mut found = Vec::new();
        if set == NO_SECRETS {
            return found;
        }
        for (index, &word) in self.words(set).iter().enumerate().filter(|(_, word)| **word != 0) {
            let mut rest = keep(word, index);
            while rest != 0 {
                found.push(index as u32 * 64 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        found
    }

    /// The secrets of a set, ascending.
    pub(super) fn secrets(&self, set: SetId) -> Vec<u32> {
        self.only_in(set, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_compared_and_put_together() {
        let mut sets = Sets::new(130);
        let (a, b) = (sets.of([1, 64, 129]), sets.of([64]));
        assert_eq!(sets.of([129, 1, 64, 64]), a);
        assert_eq!(sets.of([]), NO_SECRETS);
        assert_eq!(sets.union([b, NO_SECRETS, b]), b);
        assert_eq!(sets.union([a, b]), a);
        assert_eq!(sets.union([]), NO_SECRETS);
        assert_eq!(sets.only_in(a, &[b]), [1, 129]);
        assert_eq!(sets.lost(&[a, b], NO_SECRETS), [64]);
        assert_eq!(sets.lost(&[a], b), [1, 129]);
        assert_eq!(sets.lost(&[], NO_SECRETS), [0u32; 0]);
        assert_eq!(sets.secrets(a), [1, 64, 129]);
        assert!(sets.contains(a, 129) && !sets.contains(b, 129));
    }
}
