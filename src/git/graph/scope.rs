//! A scope: the part of the history that the user asks about.

use std::collections::BinaryHeap;

use super::commit_set::CommitSet;
use super::names::{NameError, Names};
use super::{CommitIndex, Graph};
use crate::finding::Reach;
use crate::git::object::ObjectId;

/// Some of the commits, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `A..B`: what B has and A has not; `A...B`: what only one of them has; an empty side is HEAD. `B` alone: its history.
    Range(String),
    /// The history of a branch, local or remote-tracking.
    Branch(String),
    /// What HEAD has and that commit has not.
    Since(String),
    /// What a push would publish: the history of `tips` (of HEAD and all branches, if there are none) without that of
    /// remote-tracking refs and of `known`, which may be missing here.
    Unpublished {
        /// Names of what would be pushed.
        tips: Vec<String>,
        /// Names of what the other side has.
        known: Vec<String>,
    },
    /// What a push brings: the history of `tips`, which may be tags, without that of `known`, which may be missing here.
    Push {
        /// The refs that are pushed, by their full names, and what they shall point to.
        tips: Vec<(String, ObjectId)>,
        /// What the other side has.
        known: Vec<ObjectId>,
    },
}

impl Scope {
    /// The commits of the scope.
    ///
    /// # Errors
    /// When a name stands for no commit.
    pub fn commits(&self, names: &Names<'_>) -> Result<CommitSet, NameError> {
        let graph = names.graph;
        match self {
            Self::Branch(name) => Ok(graph.ancestors([names.branch(name)?])),
            Self::Since(name) => between(names, name, "HEAD"),
            Self::Range(range) => {
                if let Some((one, other)) = range.split_once("...") {
                    let mut found = between(names, one, other)?;
                    found.add(&between(names, other, one)?);
                    return Ok(found);
                }
                match range.split_once("..") {
                    Some((from, to)) => between(names, from, to),
                    None => Ok(graph.ancestors([names.resolve(range)?])),
                }
            }
            Self::Unpublished { tips, known } => {
                let tips: Vec<CommitIndex> = if tips.is_empty() {
                    of_reach(names, |reach| matches!(reach, Reach::Head | Reach::Branch))
                } else {
                    tips.iter().map(|tip| names.resolve(tip)).collect::<Result<_, _>>()?
                };
                let mut found = graph.ancestors(tips);
                let published = of_reach(names, |reach| reach == Reach::Remote);
                let known = known.iter().filter_map(|name| names.resolve(name).ok());
                found.subtract(&graph.ancestors(published.into_iter().chain(known)));
                Ok(found)
            }
            Self::Push { tips, known } => {
                // What is no commit has no history; a scan looks at it by itself.
                let mut found = graph.ancestors(tips.iter().filter_map(|(_, tip)| names.commit_of(*tip)));
                found.subtract(&graph.ancestors(known.iter().filter_map(|known| names.commit_of(*known))));
                Ok(found)
            }
        }
    }
}

fn between(names: &Names<'_>, from: &str, to: &str) -> Result<CommitSet, NameError> {
    let resolve = |name: &str| names.resolve(if name.is_empty() { "HEAD" } else { name });
    let mut found = names.graph.ancestors([resolve(to)?]);
    found.subtract(&names.graph.ancestors([resolve(from)?]));
    Ok(found)
}

fn of_reach(names: &Names<'_>, wanted: impl Fn(Reach) -> bool) -> Vec<CommitIndex> {
    let refs = names.references.refs.iter().filter(|found| wanted(found.reach));
    refs.filter_map(|found| names.commit_of(found.target)).collect()
}

impl CommitSet {
    /// Keeps `count` commits: the first that `git log` would show, the latest of those whose children it has shown.
    pub fn keep_latest(&mut self, count: usize, graph: &Graph) {
        let mut with_children = Self::new(graph.len());
        for commit in self.iter() {
            graph.parents(commit).iter().for_each(|&parent| with_children.insert(parent));
        }
        let key = |commit: CommitIndex| (graph.committer_time(commit), graph.object(commit), commit);
        let mut queue: BinaryHeap<_> =
            self.iter().filter(|&commit| !with_children.contains(commit)).map(key).collect();
        let (mut met, mut kept, mut left) = (Self::new(graph.len()), Self::new(graph.len()), count);
        while let Some((_, _, commit)) = queue.pop().filter(|_| left > 0) {
            kept.insert(commit);
            left -= 1;
            for &parent in graph.parents(commit) {
                if self.contains(parent) && !met.contains(parent) {
                    met.insert(parent);
                    queue.push(key(parent));
                }
            }
        }
        *self = kept;
    }
}
