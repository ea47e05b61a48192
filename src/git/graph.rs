//! The commit graph: every commit of the store with its parents, in an order in which parents come first.
//!
//! Commits are numbered anew for it: an index is smaller than those of all descendants, and among unrelated commits the
//! earlier one has the smaller index. So one loop over the indexes, forward or backward, is a walk over the history, and
//! "earliest" is a minimum. A commit counts as no earlier than its parents, whatever its author's clock said.
//!
//! Commits come from all objects, not from references, so that also those that nothing reaches have a place.

mod builder;
mod commit_set;
mod ends;
mod names;
mod order;
mod range;
mod revision;
mod scope;
#[cfg(test)]
mod tests;

pub use builder::GraphBuilder;
pub use commit_set::CommitSet;
pub use names::{NameError, Names};
pub use range::{Ends, Range, RangeCommit, RangeParent, Unread};
pub use scope::Scope;

use super::object::ObjectId;
use super::object_set::Ranks;
use super::store::ObjectNumber;

/// The place of a commit in the graph.
pub type CommitIndex = u32;

/// Stands for a tree that is missing.
const NONE: u32 = u32::MAX;

/// All commits and what they say of each other.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    objects: Vec<ObjectNumber>,
    trees: Vec<ObjectNumber>,
    author_times: Vec<i64>,
    committer_times: Vec<i64>,
    /// Where in `parents` those of each commit begin; one more than there are commits.
    starts: Vec<u32>,
    parents: Vec<CommitIndex>,
    /// Commits of which a parent is missing.
    cut: CommitSet,
    ranks: Ranks,
    by_rank: Vec<CommitIndex>,
    /// Annotated tags and what they point to, sorted by tag.
    tags: Vec<(ObjectNumber, ObjectNumber)>,
    missing: Vec<Missing>,
}

/// An object that a commit or tag names and that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The object.
    pub id: ObjectId,
    /// What it would be.
    pub link: Link,
    /// The commit or tag that names it.
    pub by: ObjectNumber,
}

/// How commits and tags name other objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// As a parent.
    Parent,
    /// As the root directory.
    Tree,
    /// As what a tag is about.
    Target,
}

/// What is left of an object when all tags around it are taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peeled {
    /// A commit.
    Commit(CommitIndex),
    /// A tree or blob, or an object that cannot be read.
    Other(ObjectNumber),
}

impl Graph {
    /// How many commits there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.starts.len().saturating_sub(1) as u32
    }

    /// Whether there are no commits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The place of an object that is a commit.
    #[must_use]
    pub fn commit(&self, object: ObjectNumber) -> Option<CommitIndex> {
        self.by_rank.get(self.ranks.rank(object)? as usize).copied()
    }

    /// The object that the commit is.
    #[must_use]
    pub fn object(&self, commit: CommitIndex) -> ObjectNumber {
        self.objects[commit as usize]
    }

    /// Its root directory, if it is there.
    #[must_use]
    pub fn tree(&self, commit: CommitIndex) -> Option<ObjectNumber> {
        Some(self.trees[commit as usize]).filter(|&tree| tree != NONE)
    }

    /// Those of its parents that are there.
    #[must_use]
    pub fn parents(&self, commit: CommitIndex) -> &[CommitIndex] {
        let commit = commit as usize;
        &self.parents[self.starts[commit] as usize..self.starts[commit + 1] as usize]
    }

    /// When its author says it was written, seconds since the Unix epoch.
    #[must_use]
    pub fn author_time(&self, commit: CommitIndex) -> i64 {
        self.author_times[commit as usize]
    }

    /// When it was made, by its committer's clock.
    #[must_use]
    pub fn committer_time(&self, commit: CommitIndex) -> i64 {
        self.committer_times[commit as usize]
    }

    /// Whether one of its parents is missing: the history before it is not known.
    #[must_use]
    pub fn is_cut(&self, commit: CommitIndex) -> bool {
        self.cut.contains(commit)
    }

    /// Every object that a commit or tag names and that is not there.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// What a tag points to in the end; what is no tag stays what it is. A tag whose target is missing is that target's
    /// last trace.
    #[must_use]
    pub fn peel(&self, object: ObjectNumber) -> Peeled {
        let mut object = object;
        // No tag can be passed twice.
        for _ in 0..=self.tags.len() {
            if let Some(commit) = self.commit(object) {
                return Peeled::Commit(commit);
            }
            match self.tags.binary_search_by_key(&object, |tag| tag.0) {
                Ok(found) => object = self.tags[found].1,
                Err(_) => break,
            }
        }
        Peeled::Other(object)
    }

    /// The tags on the way from an object to what it is about, itself first; none for what is no tag.
    pub fn tags_at(&self, object: ObjectNumber) -> impl Iterator<Item = ObjectNumber> + '_ {
        let next = |object: ObjectNumber| {
            self.tags.binary_search_by_key(&object, |tag| tag.0).ok().map(|found| self.tags[found])
        };
        std::iter::successors(next(object), move |tag| next(tag.1)).map(|tag| tag.0).take(self.tags.len())
    }

    /// These commits and everything before them.
    #[must_use]
    pub fn ancestors(&self, tips: impl IntoIterator<Item = CommitIndex>) -> CommitSet {
        let mut found = CommitSet::new(self.len());
        let mut last = None;
        for tip in tips {
            found.insert(tip);
            last = last.max(Some(tip));
        }
        for commit in (0..last.map_or(0, |last| last + 1)).rev() {
            if found.contains(commit) {
                for &parent in self.parents(commit) {
                    found.insert(parent);
                }
            }
        }
        found
    }

    /// Hands the marks of each commit (64 bits, by index) on to all its descendants.
    ///
    /// So one pass tells of 64 secrets which commits, and so which references, have them in their history. The other way
    /// round, a pass for each 64 references, would cost a hundred times as much: secrets are few, references are many.
    pub fn spread(&self, marks: &mut [u64]) {
        for commit in 0..self.len() {
            let inherited = self.parents(commit).iter().fold(0, |all, &parent| all | marks[parent as usize]);
            marks[commit as usize] |= inherited;
        }
    }
}
