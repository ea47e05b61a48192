//! Names of commits: what `main`, `v1.0`, `HEAD~3`, `origin/main^2` or `1a2b3c4` stand for, by the rules of git.

use std::collections::HashMap;

use super::revision::{Revision, Step, branch_names};
use super::{CommitIndex, Graph, Peeled};
use crate::git::object::ObjectId;
use crate::git::refs::References;
use crate::git::store::{ObjectNumber, Store};

/// Finds commits by name.
pub struct Names<'a> {
    store: &'a Store,
    pub(super) graph: &'a Graph,
    pub(super) references: &'a References,
    refs: HashMap<&'a [u8], ObjectId>,
}

/// A name that stands for no commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing of that name.
    #[error("no branch, tag or commit is called {0:?}")]
    Unknown(String),
    /// The digits are the beginning of more than one id.
    #[error("{0:?} is the beginning of more than one commit id")]
    Ambiguous(String),
    /// There is something of that name and it is no commit.
    #[error("{0:?} is not a commit")]
    NotACommit(String),
    /// The reference is there and its commit is not.
    #[error("the commit of {0:?} is missing from this clone")]
    Missing(String),
    /// A `~` or `^` leads beyond the first commit.
    #[error("{0:?} leads beyond the beginning of the history")]
    NoParent(String),
    /// It is written in a way that is not understood.
    #[error("{0:?} is not understood")]
    Syntax(String),
}

impl NameError {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "check the spelling with `git branch --all` and `git tag`",
            Self::Ambiguous(_) => "give more digits",
            Self::NotACommit(_) => "name a commit, a branch or a tag of a commit",
            Self::Missing(_) => "complete the clone with `git fetch --unshallow`, or run `git fsck`",
            Self::NoParent(_) => "a shallow clone has a short history: `git fetch --unshallow` completes it",
            Self::Syntax(_) => {
                "understood are refs, ids, and `~n`, `^n` behind them; `git rev-parse` turns others into an id"
            }
        }
    }
}

impl std::fmt::Debug for Names<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Names({} refs)", self.refs.len())
    }
}

impl<'a> Names<'a> {
    /// The names of one repository.
    #[must_use]
    pub fn new(store: &'a Store, graph: &'a Graph, references: &'a References) -> Self {
        // A name with many objects, FETCH_HEAD, stands for the first.
        let refs = references.refs.iter().rev().map(|found| (&*found.name, found.target)).collect();
        Self { store, graph, references, refs }
    }

    /// The commit that a name stands for.
    ///
    /// # Errors
    /// When it stands for none.
    pub fn resolve(&self, name: &str) -> Result<CommitIndex, NameError> {
        let revision = Revision::new(name);
        let mut commit = self.base(&revision)?;
        for step in revision.steps() {
            let found = match step.ok_or_else(|| NameError::Syntax(name.to_owned()))? {
                Step::Back(number) => self.back(commit, number),
                Step::Parent(0) => Some(commit),
                Step::Parent(number) => self.graph.parents(commit).get(number as usize - 1).copied(),
            };
            commit = found.ok_or_else(|| NameError::NoParent(name.to_owned()))?;
        }
        Ok(commit)
    }

    fn back(&self, commit: CommitIndex, steps: u32) -> Option<CommitIndex> {
        (0..steps).try_fold(commit, |commit, _| self.graph.parents(commit).first().copied())
    }

    /// A name without steps: a whole id, a reference, or the beginning of an id, in this order, as git has it.
    fn base(&self, revision: &Revision<'_>) -> Result<CommitIndex, NameError> {
        let name = revision.base;
        if let Some(id) = ObjectId::from_hex(name.as_bytes())
            && let Some(number) = self.store.number(id.as_bytes())
        {
            return self.commit_at(number, name);
        }
        match revision.full_names().find_map(|full| self.reference(&full)) {
            Some(id) => self.target(id, name),
            None => self.abbreviated(name),
        }
    }

    /// What the reference of this full name points to.
    fn reference(&self, name: &str) -> Option<ObjectId> {
        self.refs.get(name.as_bytes()).copied()
    }

    /// The commit of the branch `name`, be it local or remote-tracking.
    pub(super) fn branch(&self, name: &str) -> Result<CommitIndex, NameError> {
        let id = branch_names(name).find_map(|full| self.reference(&full));
        self.target(id.ok_or_else(|| NameError::Unknown(name.to_owned()))?, name)
    }

    /// The commit that an object is, or that it points to as a tag.
    pub(super) fn commit_of(&self, id: ObjectId) -> Option<CommitIndex> {
        match self.graph.peel(self.store.number(id.as_bytes())?) {
            Peeled::Commit(commit) => Some(commit),
            Peeled::Other(_) => None,
        }
    }

    fn target(&self, id: ObjectId, name: &str) -> Result<CommitIndex, NameError> {
        match self.store.number(id.as_bytes()) {
            Some(number) => self.commit_at(number, name),
            None => Err(NameError::Missing(name.to_owned())),
        }
    }

    fn commit_at(&self, number: ObjectNumber, name: &str) -> Result<CommitIndex, NameError> {
        match self.graph.peel(number) {
            Peeled::Commit(commit) => Ok(commit),
            Peeled::Other(_) => Err(NameError::NotACommit(name.to_owned())),
        }
    }

    /// The commit whose id begins with these digits; of other objects only if no commit does.
    fn abbreviated(&self, name: &str) -> Result<CommitIndex, NameError> {
        let unknown = || NameError::Unknown(name.to_owned());
        let digits = name.to_ascii_lowercase();
        let most = self.store.format().id_bytes() * 2;
        if !(4..most).contains(&name.len()) || !name.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let (mut low, mut high) = (0, self.store.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if *self.store.id(middle).to_string() < *digits {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let alike =
            (low..self.store.len()).take_while(|&at| self.store.id(at).to_string().starts_with(&digits));
        let mut commits = alike.clone().filter_map(|number| match self.graph.peel(number) {
            Peeled::Commit(commit) => Some(commit),
            Peeled::Other(_) => None,
        });
        match (commits.next(), commits.next(), alike.count()) {
            (Some(commit), None, _) => Ok(commit),
            (Some(_), Some(_), _) => Err(NameError::Ambiguous(name.to_owned())),
            (None, _, 0) => Err(unknown()),
            (None, ..) => Err(NameError::NotACommit(name.to_owned())),
        }
    }
}
