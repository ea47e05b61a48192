//! A scope: the part of the history that the user asks about.

use super::commit_set::CommitSet;
use super::names::{NameError, Names};
use super::{CommitIndex, Graph};
use crate::finding::Reach;

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
    /// Keeps the `count` commits that were made last, by their committers' clocks.
    pub fn keep_latest(&mut self, count: usize, graph: &Graph) {
        let mut all: Vec<(i64, CommitIndex)> =
            self.iter().map(|commit| (graph.committer_time(commit), commit)).collect();
        if all.len() <= count {
            return;
        }
        all.sort_unstable_by(|a, b| b.cmp(a));
        let mut kept = Self::new(graph.len());
        all.iter().take(count).for_each(|&(_, commit)| kept.insert(commit));
        *self = kept;
    }
}
