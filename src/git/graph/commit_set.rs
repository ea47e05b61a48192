//! A set of commits: one bit for each commit of the graph.

use super::CommitIndex;

/// Some of the commits of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitSet {
    words: Vec<u64>,
}

impl CommitSet {
    /// None of `commits` commits.
    #[must_use]
    pub fn new(commits: u32) -> Self {
        Self { words: vec![0; (commits as usize).div_ceil(64)] }
    }

    /// Adds a commit.
    pub fn insert(&mut self, commit: CommitIndex) {
        if let Some(word) = self.words.get_mut(commit as usize / 64) {
            *word |= 1 << (commit % 64);
        }
    }

    /// Whether a commit is in it.
    #[must_use]
    pub fn contains(&self, commit: CommitIndex) -> bool {
        self.words.get(commit as usize / 64).is_some_and(|word| word >> (commit % 64) & 1 == 1)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Takes out what is in another set of the same graph.
    pub fn subtract(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Adds what is in another set of the same graph.
    pub fn add(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// The commits, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = CommitIndex> + '_ {
        (0u32..).take(self.words.len() * 64).filter(|&commit| self.contains(commit))
    }
}
