//! Events: the commits that bring a secret, or take it away, in the repository as a whole and at each path.

use std::collections::HashMap;

use super::nodes::{EMPTY, MISSING, NodeId, Nodes};
use super::paths::{PathId, Paths, ROOT};
use super::sets::SetId;
use crate::git::graph::{CommitIndex, CommitSet, Graph};

/// How many entries of directories are looked at. A small tree can have more paths than there are atoms.
const MAX_STEPS: u64 = 20_000_000;
/// How many paths of one secret are told.
const MAX_PLACES: u32 = 1000;

/// What happened to the secrets of one batch.
pub(super) struct Events {
    /// By secret, ascending.
    pub(super) introducing: Vec<Vec<CommitIndex>>,
    /// By secret, ascending.
    pub(super) removing: Vec<Vec<CommitIndex>>,
    /// By secret and path.
    pub(super) places: HashMap<(u32, PathId), Life>,
    pub(super) paths: Paths,
    pub(super) truncated: bool,
    places_of: Vec<u32>,
    steps: u64,
}

/// What happened to a secret at a path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    /// The earliest commit that brought it; `None` where only a tag of a directory has it.
    pub(super) introduced: Option<CommitIndex>,
    /// The latest commit that took it away.
    pub(super) removed: Option<CommitIndex>,
    /// The latest such commit in the history of HEAD.
    pub(super) removed_in_head: Option<CommitIndex>,
}

/// What one commit does to the secrets.
struct Change<'a> {
    commit: CommitIndex,
    in_head: bool,
    nodes: &'a Nodes<'a>,
}

/// A path that differs, with what the commit and its parents have there.
struct Frame {
    path: PathId,
    node: NodeId,
    parents: Vec<NodeId>,
}

impl Events {
    /// Compares all commits with their parents. `of_commit` are the nodes of their root directories.
    pub(super) fn find(
        graph: &Graph,
        nodes: &Nodes<'_>,
        of_commit: &[NodeId],
        head: &CommitSet,
        secrets: u32,
    ) -> Self {
        let count = secrets as usize;
        let mut events = Self {
            introducing: vec![Vec::new(); count],
            removing: vec![Vec::new(); count],
            places: HashMap::new(),
            paths: Paths::new(),
            truncated: false,
            places_of: vec![0; count],
            steps: 0,
        };
        for (commit, &node) in (0..).zip(of_commit) {
            let parents = graph.parents(commit).iter().map(|&parent| of_commit[parent as usize]);
            // What the commit shares with one parent is neither new nor gone.
            if parents.clone().any(|parent| parent == node) || (node == EMPTY && parents.len() == 0) {
                continue;
            }
            let change = Change { commit, in_head: head.contains(commit), nodes };
            events.compare(&change, node, parents.collect());
        }
        events
    }

    fn compare(&mut self, change: &Change<'_>, node: NodeId, parents: Vec<NodeId>) {
        let nodes = change.nodes;
        let sets: Vec<SetId> = parents.iter().map(|&parent| nodes.below(parent)).collect();
        for secret in nodes.sets.only_in(nodes.below(node), &sets) {
            self.introducing[secret as usize].push(change.commit);
        }
        let lost = nodes.sets.lost(&sets, nodes.below(node));
        let gone_at_a_path = self.compare_paths(change, Frame { path: ROOT, node, parents });
        for secret in lost {
            // It may be in a directory that is missing. A path from which it is gone proves that it is not.
            if self.truncated || gone_at_a_path.binary_search(&secret).is_ok() {
                self.removing[secret as usize].push(change.commit);
            }
        }
    }

    /// Records what happens at each path; the secrets that are gone from one, ascending.
    fn compare_paths(&mut self, change: &Change<'_>, root: Frame) -> Vec<u32> {
        let nodes = change.nodes;
        let mut gone = Vec::new();
        let mut stack = vec![root];
        while let Some(frame) = stack.pop() {
            if frame.node == MISSING {
                continue;
            }
            let own = nodes.get(frame.node).own;
            let parents: Vec<SetId> = frame.parents.iter().map(|&parent| nodes.get(parent).own).collect();
            for secret in nodes.sets.only_in(own, &parents) {
                self.introduce(secret, frame.path, change.commit);
            }
            for secret in nodes.sets.lost(&parents, own) {
                self.remove(secret, frame.path, change);
                gone.push(secret);
            }
            if self.steps > MAX_STEPS {
                self.truncated = true;
                break;
            }
            self.descend(nodes, &frame, &mut stack);
        }
        gone.sort_unstable();
        gone
    }

    /// Adds to the stack what differs one level below.
    fn descend(&mut self, nodes: &Nodes<'_>, frame: &Frame, stack: &mut Vec<Frame>) {
        let below =
            |name| -> Vec<NodeId> { frame.parents.iter().map(|&parent| nodes.child(parent, name)).collect() };
        let edges = &nodes.get(frame.node).edges;
        self.steps += edges.len() as u64 + 1;
        for edge in edges {
            let parents = below(edge.name);
            if !parents.contains(&edge.node) {
                stack.push(Frame { path: self.paths.below(frame.path, edge.name), node: edge.node, parents });
            }
        }
        // What the commit does not have is gone if all parents have it, so it is enough to ask the first one.
        let Some(&first) = frame.parents.first() else { return };
        let edges = &nodes.get(first).edges;
        self.steps += edges.len() as u64;
        for edge in edges {
            if nodes.child(frame.node, edge.name) != EMPTY {
                continue;
            }
            let parents = below(edge.name);
            if !parents.contains(&EMPTY) {
                stack.push(Frame { path: self.paths.below(frame.path, edge.name), node: EMPTY, parents });
            }
        }
    }

    fn introduce(&mut self, secret: u32, path: PathId, commit: CommitIndex) {
        if let Some(life) = self.life(secret, path) {
            // Commits come in order, so the first is the earliest.
            life.introduced.get_or_insert(commit);
        }
    }

    fn remove(&mut self, secret: u32, path: PathId, change: &Change<'_>) {
        if let Some(life) = self.places.get_mut(&(secret, path)) {
            life.removed = Some(change.commit);
            if change.in_head {
                life.removed_in_head = Some(change.commit);
            }
        }
    }

    /// What is known of a secret at a path; `None` if there are too many.
    fn life(&mut self, secret: u32, path: PathId) -> Option<&mut Life> {
        let count = &mut self.places_of[secret as usize];
        if *count >= MAX_PLACES && !self.places.contains_key(&(secret, path)) {
            self.truncated = true;
            return None;
        }
        Some(self.places.entry((secret, path)).or_insert_with(|| {
            *count += 1;
            Life::default()
        }))
    }

    /// Records the paths of a directory that a tag names and not a commit.
    pub(super) fn add_tree(&mut self, nodes: &Nodes<'_>, root: NodeId) {
        let mut stack = vec![(ROOT, root)];
        while let Some((path, node)) = stack.pop() {
            let node = nodes.get(node);
            for secret in nodes.sets.secrets(node.own) {
                self.life(secret, path);
            }
            self.steps += node.edges.len() as u64 + 1;
            if self.steps > MAX_STEPS {
                self.truncated = true;
                return;
            }
            for edge in &node.edges {
                stack.push((self.paths.below(path, edge.name), edge.node));
            }
        }
    }
}
