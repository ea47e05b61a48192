//! The history of a search: which commits have hits at which paths, and in which of them that changes.

use std::collections::HashMap;

use super::objects::Objects;
use super::pruned::{Difference, EMPTY, Entry, Node, Object, Pruned};
use crate::finding::Reach;
use crate::git::graph::{CommitIndex, Peeled};
use crate::git::store::Store;
use crate::git::tree_table::Child;
use crate::git::tree_table::NameId;
use crate::git::{ObjectId, References};
use crate::needle::Tally;

/// Everything that is known of a repository after its objects were searched.
pub(super) struct History<'a> {
    pub(super) store: &'a Store,
    pub(super) objects: &'a Objects,
    pub(super) references: &'a References,
    pruned: Pruned,
    /// By commit.
    nodes: Vec<Node>,
}

/// A path at which a commit and one of its parents differ in how often the needle stands there.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) commit: CommitIndex,
    /// Of a merge, which parent, from 1; else 0.
    pub(super) parent: u32,
    pub(super) path: Vec<u8>,
    pub(super) before: Option<Object>,
    pub(super) after: Option<Object>,
}

impl<'a> History<'a> {
    /// Prunes the root directory of every commit.
    pub(super) fn new(store: &'a Store, objects: &'a Objects, references: &'a References) -> Self {
        let entries = |tree: Object| {
            let links = objects.trees.links(tree).iter();
            let entries = links.filter_map(|link| {
                let (child, is_tree) = match link.child() {
                    Child::Tree(child) => (child, true),
                    Child::Blob(child) => (child, false),
                    Child::Name | Child::Missing => return None,
                };
                Some(Entry { name: link.name().number(), child, is_tree })
            });
            entries.collect()
        };
        let mut pruned = Pruned::new(store.len());
        let node = |commit: CommitIndex| match objects.graph.tree(commit) {
            Some(tree) if objects.trees.position(tree).is_some() => pruned.prune(tree, &entries),
            _ => EMPTY,
        };
        let nodes = (0..objects.graph.len()).map(node).collect();
        Self { store, objects, references, pruned, nodes }
    }

    /// The number of an object.
    pub(super) fn number(&self, id: &ObjectId) -> Option<Object> {
        self.store.number(id.as_bytes())
    }

    /// The place of a commit in the graph.
    pub(super) fn commit(&self, id: &ObjectId) -> Option<CommitIndex> {
        self.objects.graph.commit(self.number(id)?)
    }

    /// Whether the tree of a commit has a hit.
    pub(super) fn has_hits(&self, commit: CommitIndex) -> bool {
        self.nodes.get(commit as usize).is_some_and(|&node| node != EMPTY)
    }

    /// Paths at which a commit has other hits than `before`, or than nothing.
    pub(super) fn differences(&self, before: Option<CommitIndex>, commit: CommitIndex) -> Vec<Difference> {
        let node = |commit: CommitIndex| self.nodes.get(commit as usize).copied().unwrap_or(EMPTY);
        let (before, after) = (before.map_or(EMPTY, node), node(commit));
        if before == after {
            return Vec::new();
        }
        self.pruned.differences(before, after, &|name| self.objects.trees.name(NameId::from_number(name)))
    }

    /// The commit that HEAD points to.
    pub(super) fn head(&self) -> Option<CommitIndex> {
        let head = self.references.refs.iter().find(|reference| reference.name == b"HEAD")?;
        self.commit(&head.target)
    }

    /// Every path of every commit at which blobs with hits come, go or are exchanged, parents before children.
    pub(super) fn steps(&self) -> Vec<Step> {
        let graph = &self.objects.graph;
        let mut steps = Vec::new();
        for commit in 0..graph.len() {
            let parents = graph.parents(commit);
            let pairs: Vec<(u32, Option<CommitIndex>)> = match parents {
                [] => vec![(0, None)],
                [one] => vec![(0, Some(*one))],
                many => (1..).zip(many.iter().copied().map(Some)).collect(),
            };
            for (parent, before) in pairs {
                steps.extend(self.differences(before, commit).into_iter().map(|found| Step {
                    commit,
                    parent,
                    path: found.path,
                    before: found.before,
                    after: found.after,
                }));
            }
        }
        steps
    }

    /// How often the needle stands in a blob.
    pub(super) fn tally(&self, blob: Option<Object>) -> Option<&Tally> {
        self.objects.tallies.get(&blob?)
    }

    /// The most public way to reach each commit.
    pub(super) fn reaches(&self) -> Vec<Reach> {
        let graph = &self.objects.graph;
        let mut tips: HashMap<Reach, Vec<CommitIndex>> = HashMap::new();
        for reference in &self.references.refs {
            if let Some(commit) = self.tip(&reference.target) {
                tips.entry(reference.reach).or_default().push(commit);
            }
        }
        for log in &self.references.reflogs {
            let ids = log.entries.iter().flat_map(|entry| [&entry.old, &entry.new]);
            tips.entry(log.reach).or_default().extend(ids.filter_map(|id| self.tip(id)));
        }
        let mut kinds: Vec<_> = tips.into_iter().collect();
        kinds.sort_by_key(|&(reach, _)| std::cmp::Reverse(reach));
        let mut reaches = vec![Reach::Unreachable; graph.len() as usize];
        for (reach, tips) in kinds {
            for commit in graph.ancestors(tips).iter() {
                reaches[commit as usize] = reach;
            }
        }
        reaches
    }

    /// The commit that an object is, or that a tag stands for.
    pub(super) fn tip(&self, id: &ObjectId) -> Option<CommitIndex> {
        match self.objects.graph.peel(self.number(id)?) {
            Peeled::Commit(commit) => Some(commit),
            Peeled::Other(_) => None,
        }
    }
}
