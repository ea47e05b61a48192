//! The story of one secret while it is put together: commits by number, before they are named.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use super::tips::Tip;
use super::{Attribution, History, MAX_REFS, Place};
use crate::finding::{Commit, Exposure, Reach, Trail};
use crate::git::ParsedCommit;
use crate::git::graph::{CommitIndex, CommitSet};
use crate::git::store::ObjectNumber;

/// A commit with a larger text is named without its author.
const MAX_COMMIT_BYTES: u64 = 16 << 20;

/// What is known of one secret.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) introducing: Vec<CommitIndex>,
    pub(super) removing: Vec<CommitIndex>,
    pub(super) places: Vec<Spot>,
    pub(super) at_head: bool,
    removed: Option<CommitIndex>,
    is_staged: bool,
    reach: Option<Reach>,
    refs: Vec<String>,
    published: Vec<String>,
    /// The name of the last ref that was counted.
    last: String,
    ref_count: usize,
    live_refs: usize,
}

/// A place with commits by number; sorts by path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) path: Option<Vec<u8>>,
    pub(super) object: ObjectNumber,
    pub(super) at_head: Option<ObjectNumber>,
    pub(super) introduced: Option<CommitIndex>,
    pub(super) removed: Option<CommitIndex>,
}

impl Story {
    /// A place without a path and without commits.
    pub(super) fn add_object(&mut self, object: ObjectNumber) {
        self.places.push(Spot { path: None, object, at_head: None, introduced: None, removed: None });
    }

    /// A place in an index, unless a commit has the secret at the same path.
    pub(super) fn add_staged(&mut self, path: &[u8], object: ObjectNumber) {
        self.is_staged = true;
        if !self.places.iter().any(|place| place.path.as_deref() == Some(path)) {
            let path = Some(path.to_vec());
            self.places.push(Spot { path, object, at_head: None, introduced: None, removed: None });
        }
    }

    /// The text of a commit or tag.
    pub(super) fn add_text(&mut self, object: ObjectNumber, commit: Option<CommitIndex>) {
        self.places.push(Spot { path: None, object, at_head: None, introduced: commit, removed: None });
        self.introducing.extend(commit);
        self.introducing.sort_unstable();
        self.introducing.dedup();
    }

    /// A tip that has the secret in its history, and whether its files still have it. Tips come in the order of reach.
    pub(super) fn reached(&mut self, tip: &Tip<'_>, is_live: bool) {
        self.is_at(tip.reach);
        // A reflog is worth a word only if no ref has the secret.
        if (!tip.is_ref && self.ref_count > 0 && !self.last.starts_with("logs/")) || self.last == tip.name {
            return;
        }
        self.last.clear();
        self.last.push_str(&tip.name);
        self.ref_count += 1;
        self.live_refs += usize::from(is_live && tip.is_ref);
        if self.refs.len() < MAX_REFS {
            self.refs.push(tip.name.to_string());
        }
        if tip.reach == Reach::Remote && self.published.len() < MAX_REFS {
            self.published.push(tip.name.to_string());
        }
    }

    /// A way in which it is reached.
    pub(super) fn is_at(&mut self, reach: Reach) {
        self.reach = Some(self.reach.map_or(reach, |known| known.min(reach)));
    }

    /// Decides what depends on all the rest.
    pub(super) fn settle(&mut self, in_head: &CommitSet) {
        if self.is_staged {
            self.is_at(Reach::Other);
        }
        // What a branch did that never came to HEAD matters only if nothing else is known.
        let in_head = self.removing.iter().rfind(|&&commit| in_head.contains(commit));
        self.removed = in_head.or(self.removing.last()).copied().filter(|_| !self.at_head);
    }

    fn commits(&self) -> impl Iterator<Item = CommitIndex> + '_ {
        let of_places = self.places.iter().flat_map(|place| [place.introduced, place.removed]);
        of_places.chain([self.introducing.first().copied(), self.removed]).flatten()
    }
}

/// Names the commits of all stories.
pub(super) fn finish(
    history: &History<'_>,
    stories: Vec<Story>,
    redact: &(dyn Fn(&str) -> String + Sync),
) -> Vec<Attribution> {
    let wanted: BTreeSet<CommitIndex> = stories.iter().flat_map(Story::commits).collect();
    let wanted: Vec<CommitIndex> = wanted.into_iter().collect();
    let named: HashMap<CommitIndex, Arc<Commit>> =
        wanted.par_iter().map(|&commit| (commit, Arc::new(name(history, commit, redact)))).collect();
    let named = |commit: Option<CommitIndex>| commit.and_then(|commit| named.get(&commit).cloned());
    let finish = |story: Story| Attribution {
        exposure: Exposure {
            reach: story.reach.unwrap_or(Reach::Unreachable),
            refs: story.refs,
            published: story.published,
            introduced: named(story.introducing.first().copied()),
            removed: named(story.removed),
            at_head: story.at_head,
        },
        refs: story.ref_count,
        live_refs: story.live_refs,
        introducing: story.introducing,
        removing: story.removing,
        places: story.places.into_iter().map(|spot| place(spot, &named)).collect(),
    };
    stories.into_iter().map(finish).collect()
}

fn place(spot: Spot, named: &impl Fn(Option<CommitIndex>) -> Option<Arc<Commit>>) -> Place {
    let trail = Trail {
        introduced: named(spot.introduced),
        removed: named(spot.removed),
        at_head: spot.at_head.is_some(),
    };
    Place { path: spot.path, object: spot.object, at_head: spot.at_head, trail }
}

fn name(history: &History<'_>, commit: CommitIndex, redact: &(dyn Fn(&str) -> String + Sync)) -> Commit {
    let object = history.graph.object(commit);
    let bytes = history.store.read(object, MAX_COMMIT_BYTES).map(|(_, bytes)| bytes).unwrap_or_default();
    let parsed = ParsedCommit::parse(&bytes);
    let author = parsed.author.unwrap_or_default();
    Commit {
        time: history.graph.author_time(commit),
        id: history.store.id(object).to_string(),
        author: redact(&parsed.text(author.name)),
        email: redact(&parsed.text(author.email)),
    }
}
