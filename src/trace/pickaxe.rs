//! The pickaxe: which commits `git log --all -S<value>` prints, and in which order.
//!
//! Git compares, for each file that a commit changes, how often the value stands in it before and after, and prints the
//! commit if some file differs. It finds renames first, so a file that is moved with as many occurrences does not count.
//! Renames matter only where a commit both adds and removes files with the value, the same number of times each: for
//! these few commits git itself is asked for the pairs (by object ids; the value is never given to it).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::history::History;
use super::pruned::{Difference, Object};
use crate::git::graph::{CommitIndex, Peeled};
use crate::git::renames::RawChange;
use crate::git::{GitError, ObjectId, Repository};

/// The commits that git prints.
pub(super) struct Printed {
    /// In git's order; a merge stands there once for each parent that it differs from.
    pub(super) commits: Vec<ObjectId>,
    /// Those of which git cannot tell what was renamed, because something is missing.
    pub(super) undecided: Vec<ObjectId>,
}

/// A commit and one of its parents.
struct Step {
    commit: CommitIndex,
    verdict: Verdict,
}

/// The commits that `git log --all -S<value> --format=%H` prints, and with `merges` those that `-m` adds to them.
///
/// # Errors
/// When git is needed and cannot be started.
pub(super) fn printed(
    history: &History<'_>,
    repository: &Repository,
    merges: bool,
) -> Result<Printed, GitError> {
    let graph = &history.objects.graph;
    let cut: HashSet<CommitIndex> =
        history.references.shallow.iter().filter_map(|id| history.commit(id)).collect();
    let parents_of = |commit: CommitIndex| match cut.contains(&commit) {
        true => Vec::new(),
        false => graph.parents(commit).to_vec(),
    };
    let count = |blob: Object| history.objects.tallies.get(&blob).map_or(0, |tally| tally.plain());
    let (mut steps, mut asked, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    let date = |commit: CommitIndex| graph.committer_time(commit);
    for commit in ByDate::new(tips(history), &date, &parents_of) {
        let parents = parents_of(commit);
        if parents.len() > 1 && !merges {
            continue;
        }
        let befores = if parents.is_empty() { vec![None] } else { parents.into_iter().map(Some).collect() };
        for before in befores {
            let verdict = judge(&history.differences(before, commit), &count);
            if verdict == Verdict::Passes {
                continue;
            }
            let trees = (before.and_then(|parent| graph.tree(parent)), graph.tree(commit));
            if let (Verdict::Depends, (Some(old), Some(new))) = (verdict, trees) {
                asked.push(steps.len());
                pairs.push((history.store.id(old), history.store.id(new)));
            }
            steps.push(Step { commit, verdict });
        }
    }
    let failed = repository.changes_with_renames(&pairs, &mut |pair, changes| {
        let differs = changes.iter().any(|change| {
            let count = |id: Option<ObjectId>| id.and_then(|id| history.number(&id)).map_or(0, count);
            let RawChange { before, after } = *change;
            count(before) != count(after)
        });
        steps[asked[pair]].verdict = if differs { Verdict::Prints } else { Verdict::Passes };
    })?;
    let id = |step: &Step| history.store.id(graph.object(step.commit));
    Ok(Printed {
        commits: steps.iter().filter(|step| step.verdict == Verdict::Prints).map(id).collect(),
        undecided: failed.iter().map(|&pair| id(&steps[asked[pair]])).collect(),
    })
}

/// Where `git log --all` begins: references in the order of their names, then HEAD, then HEAD of other work trees.
fn tips(history: &History<'_>) -> Vec<CommitIndex> {
    let rank = |name: &[u8]| match name {
        _ if name.starts_with(b"refs/") => Some(0),
        b"HEAD" => Some(1),
        _ if name.ends_with(b"worktree/HEAD") => Some(2),
        _ if name.starts_with(b"worktrees/") && name.ends_with(b"/HEAD") && !name.ends_with(b"_HEAD") => {
            Some(2)
        }
        _ => None,
    };
    let mut tips: Vec<_> = history
        .references
        .refs
        .iter()
        .filter_map(|reference| Some((rank(&reference.name)?, reference)))
        .collect();
    tips.sort_by_key(|&(rank, reference)| (rank, reference));
    let peeled = tips.into_iter().filter_map(|(_, reference)| {
        match history.objects.graph.peel(history.number(&reference.target)?) {
            Peeled::Commit(commit) => Some(commit),
            Peeled::Other(_) => None,
        }
    });
    peeled.collect()
}

/// What can be said of a commit and one of its parents without looking for renames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Git prints it.
    Prints,
    /// Git does not.
    Passes,
    /// It depends on which files are paired.
    Depends,
}

/// Judges the differences of a commit; `count` tells how often the value stands in a blob.
pub(super) fn judge(differences: &[Difference], count: &dyn Fn(Object) -> u32) -> Verdict {
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for difference in differences {
        match (difference.before, difference.after) {
            (Some(before), Some(after)) if count(before) != count(after) => return Verdict::Prints,
            (Some(before), None) => removed.push(count(before)),
            (None, Some(after)) => added.push(count(after)),
            _ => {}
        }
    }
    added.sort_unstable();
    removed.sort_unstable();
    // Each addition would have to be paired with a removal of the same count, and none may be left over.
    match (added == removed, added.is_empty()) {
        (false, _) => Verdict::Prints,
        (true, true) => Verdict::Passes,
        (true, false) => Verdict::Depends,
    }
}

/// Commits as `git log` walks them: by commit date from the newest on, those with the same date as they were met.
pub(super) struct ByDate<'a> {
    heap: BinaryHeap<(i64, Reverse<u64>, u32)>,
    seen: HashSet<u32>,
    met: u64,
    date: &'a dyn Fn(u32) -> i64,
    parents: &'a dyn Fn(u32) -> Vec<u32>,
}

impl<'a> ByDate<'a> {
    /// A walk from `tips`, in git's order of refs.
    pub(super) fn new(
        tips: impl IntoIterator<Item = u32>,
        date: &'a dyn Fn(u32) -> i64,
        parents: &'a dyn Fn(u32) -> Vec<u32>,
    ) -> Self {
        let mut walk = Self { heap: BinaryHeap::new(), seen: HashSet::new(), met: 0, date, parents };
        tips.into_iter().for_each(|tip| walk.meet(tip));
        walk
    }

    fn meet(&mut self, commit: u32) {
        if self.seen.insert(commit) {
            self.heap.push(((self.date)(commit), Reverse(self.met), commit));
            self.met += 1;
        }
    }
}

impl Iterator for ByDate<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (_, _, commit) = self.heap.pop()?;
        for parent in (self.parents)(commit) {
            self.meet(parent);
        }
        Some(commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(path: &str, before: Option<Object>, after: Option<Object>) -> Difference {
        Difference { path: path.into(), before, after }
    }

    #[test]
    fn only_balanced_additions_and_removals_depend_on_renames() {
        // The count of each blob is its number.
        let judge = |differences: &[Difference]| judge(differences, &|object| object % 10);
        assert_eq!(judge(&[]), Verdict::Passes);
        assert_eq!(judge(&[difference("a", Some(1), Some(11))]), Verdict::Passes);
        assert_eq!(judge(&[difference("a", Some(1), Some(2))]), Verdict::Prints);
        assert_eq!(judge(&[difference("a", None, Some(2))]), Verdict::Prints);
        let moved = [difference("a", Some(2), None), difference("b", None, Some(12))];
        assert_eq!(judge(&moved), Verdict::Depends);
        let more = [difference("a", Some(2), None), difference("b", None, Some(3))];
        assert_eq!(judge(&more), Verdict::Prints);
    }

    #[test]
    fn the_walk_follows_dates_and_then_the_order_of_meeting() {
        let dates = [10, 30, 20, 20, 50, 20];
        let parents: [&[u32]; 6] = [&[], &[0], &[0], &[0], &[1, 2], &[]];
        let date = |commit: u32| dates[commit as usize];
        let parents = |commit: u32| parents[commit as usize].to_vec();
        let walked: Vec<u32> = ByDate::new([3, 4, 3, 5], &date, &parents).collect();
        assert_eq!(walked, [4, 1, 3, 5, 2, 0]);
    }
}
