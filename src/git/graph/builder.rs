//! The builder of the commit graph: takes commits and tags in any order and from any thread.

use super::order::Unordered;
use super::{CommitSet, Graph, Link, Missing, NONE};
use crate::git::commit::ParsedCommit;
use crate::git::object::{ObjectId, ObjectKind};
use crate::git::object_set::{ObjectSet, Ranks};
use crate::git::shards::Shards;
use crate::git::store::{Derivation, ObjectNumber, Store, Visited, Visitor};
use crate::git::tag::ParsedTag;

/// Gathers commits and tags. A visitor by itself; a visitor that does more calls `add`.
pub struct GraphBuilder<'s> {
    store: &'s Store,
    shards: Shards<Gathered>,
}

/// What one thread gathered.
#[derive(Default)]
struct Gathered {
    commits: Vec<Entry>,
    parents: Vec<ObjectNumber>,
    tags: Vec<(ObjectNumber, ObjectNumber)>,
    missing: Vec<Missing>,
}

struct Entry {
    object: ObjectNumber,
    tree: ObjectNumber,
    author_time: i64,
    committer_time: i64,
    /// Where its parents end in the list of the thread.
    parents_end: u32,
}

impl std::fmt::Debug for GraphBuilder<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("GraphBuilder")
    }
}

impl<'s> GraphBuilder<'s> {
    /// A builder for the objects of a store.
    #[must_use]
    pub fn new(store: &'s Store) -> Self {
        Self { store, shards: Shards::new(Gathered::default) }
    }

    /// Takes a commit or tag; other objects are left alone. Each object is to be given once.
    pub fn add(&self, object: ObjectNumber, kind: ObjectKind, bytes: &[u8]) {
        match kind {
            ObjectKind::Commit => self.add_commit(object, bytes),
            ObjectKind::Tag => self.add_tag(object, bytes),
            ObjectKind::Tree | ObjectKind::Blob => {}
        }
    }

    fn add_commit(&self, object: ObjectNumber, bytes: &[u8]) {
        let commit = ParsedCommit::parse(bytes);
        let tree = commit.tree.map(|id| self.find(id, Link::Tree, object));
        let parents = commit.parents.iter().map(|&id| self.find(id, Link::Parent, object));
        let parents: Vec<Result<ObjectNumber, Missing>> = parents.collect();
        let mut shard = self.shards.take();
        let tree = match tree {
            Some(Ok(tree)) => tree,
            Some(Err(missing)) => {
                shard.missing.push(missing);
                NONE
            }
            None => NONE,
        };
        for parent in parents {
            match parent {
                Ok(parent) => shard.parents.push(parent),
                Err(missing) => shard.missing.push(missing),
            }
        }
        let parents_end = shard.parents.len() as u32;
        shard.commits.push(Entry {
            object,
            tree,
            author_time: commit.author.map_or(0, |author| author.time),
            committer_time: commit.committer.map_or(0, |committer| committer.time),
            parents_end,
        });
    }

    fn add_tag(&self, object: ObjectNumber, bytes: &[u8]) {
        let Some(target) = ParsedTag::parse(bytes).target else { return };
        let target = self.find(target, Link::Target, object);
        let mut shard = self.shards.take();
        match target {
            Ok(target) => shard.tags.push((object, target)),
            Err(missing) => shard.missing.push(missing),
        }
    }

    fn find(&self, id: ObjectId, link: Link, by: ObjectNumber) -> Result<ObjectNumber, Missing> {
        self.store.number(id.as_bytes()).ok_or(Missing { id, link, by })
    }

    /// The graph of all commits that were given.
    #[must_use]
    pub fn finish(self) -> Graph {
        let shards: Vec<Gathered> = self.shards.into_values().collect();
        let mut set = ObjectSet::new(self.store.len());
        for entry in shards.iter().flat_map(|shard| &shard.commits) {
            set.insert(entry.object);
        }
        let count = set.count();
        let ranks = Ranks::new(set);
        let mut by_rank = Ranked::new(count);
        let mut graph = Graph::default();
        let mut cut: Vec<ObjectNumber> = Vec::new();
        for (shard, number) in shards.iter().zip(0u32..) {
            by_rank.place(shard, number, &ranks);
            graph.tags.extend_from_slice(&shard.tags);
            graph.missing.extend_from_slice(&shard.missing);
        }
        graph.tags.sort_unstable();
        // A parent that is there and is no readable commit is as good as missing.
        by_rank.link(&shards, &ranks, |by, parent| {
            graph.missing.push(Missing { id: self.store.id(parent), link: Link::Parent, by });
        });
        let parentless = graph.missing.iter().filter(|missing| missing.link == Link::Parent);
        cut.extend(parentless.map(|missing| missing.by));
        graph.missing.sort_unstable_by_key(|missing| (missing.by, missing.id));
        graph.ranks = ranks;
        by_rank.fill(&shards, &mut graph);
        let cut: Vec<_> = cut.into_iter().filter_map(|object| graph.commit(object)).collect();
        graph.cut = CommitSet::new(graph.len());
        cut.into_iter().for_each(|commit| graph.cut.insert(commit));
        graph
    }
}

impl Visitor for GraphBuilder<'_> {
    type State = ();

    fn visit(&self, object: &Visited<'_>, _: Option<&Derivation<'_, ()>>) {
        self.add(object.number, object.kind, object.bytes);
    }
}

/// The commits by rank, that is, by object number.
struct Ranked {
    /// Shard and position in it.
    entries: Vec<(u32, u32)>,
    author_times: Vec<i64>,
    starts: Vec<u32>,
    parents: Vec<u32>,
}

impl Ranked {
    fn new(count: usize) -> Self {
        let starts = Vec::with_capacity(count + 1);
        Self { entries: vec![(0, 0); count], author_times: vec![0; count], starts, parents: Vec::new() }
    }

    fn place(&mut self, shard: &Gathered, number: u32, ranks: &Ranks) {
        for (entry, at) in shard.commits.iter().zip(0u32..) {
            if let Some(rank) = ranks.rank(entry.object) {
                self.entries[rank as usize] = (number, at);
                self.author_times[rank as usize] = entry.author_time;
            }
        }
    }

    /// Names parents by rank.
    fn link(&mut self, shards: &[Gathered], ranks: &Ranks, mut lost: impl FnMut(ObjectNumber, ObjectNumber)) {
        self.parents.reserve(shards.iter().map(|shard| shard.parents.len()).sum());
        self.starts.push(0);
        for &(shard, at) in &self.entries {
            let shard = &shards[shard as usize];
            let entry = &shard.commits[at as usize];
            for &parent in &shard.parents[shard.parents_of(at)] {
                match ranks.rank(parent) {
                    Some(rank) => self.parents.push(rank),
                    None => lost(entry.object, parent),
                }
            }
            self.starts.push(self.parents.len() as u32);
        }
    }

    /// Puts everything in order.
    fn fill(self, shards: &[Gathered], graph: &mut Graph) {
        let unordered =
            Unordered { author_times: &self.author_times, starts: &self.starts, parents: &self.parents };
        let order = unordered.order();
        graph.by_rank = vec![0; order.len()];
        for (&rank, index) in order.iter().zip(0u32..) {
            graph.by_rank[rank as usize] = index;
        }
        graph.starts.reserve_exact(order.len() + 1);
        graph.starts.push(0);
        graph.parents.reserve_exact(self.parents.len());
        for (&rank, index) in order.iter().zip(0u32..) {
            let (shard, at) = self.entries[rank as usize];
            let entry = &shards[shard as usize].commits[at as usize];
            graph.objects.push(entry.object);
            graph.trees.push(entry.tree);
            graph.author_times.push(entry.author_time);
            graph.committer_times.push(entry.committer_time);
            let parents = self.starts[rank as usize] as usize..self.starts[rank as usize + 1] as usize;
            let parents = self.parents[parents].iter().map(|&parent| graph.by_rank[parent as usize]);
            // All loops over the graph rely on this; only a circle of commits would break it.
            graph.parents.extend(parents.filter(|&parent| parent < index));
            graph.starts.push(graph.parents.len() as u32);
        }
    }
}

impl Gathered {
    fn parents_of(&self, at: u32) -> std::ops::Range<usize> {
        let at = at as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.commits[before].parents_end);
        start as usize..self.commits[at].parents_end as usize
    }
}
