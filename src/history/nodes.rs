//! Nodes: directories reduced to the secrets at each path, where equal ones are the same node.
//!
//! A node forgets which blob holds a secret. So a file that changes without its secret leaves all nodes as they were, and
//! nearly every commit has the very node of its parent.

use std::collections::HashMap;
use std::rc::Rc;

use super::fold::FoldState;
use super::sets::{NO_SECRETS, SetId, Sets};
use crate::git::store::ObjectNumber;
use crate::git::tree_table::{Child, NameId, TreeTable};

/// The number of a node.
pub(super) type NodeId = u32;

/// Nothing at all.
pub(super) const EMPTY: NodeId = 0;
/// A directory that is missing or cannot be read.
pub(super) const MISSING: NodeId = 1;

/// Stands for a tree without a node yet.
const UNKNOWN: NodeId = NodeId::MAX;
/// Stands for a tree whose node is in the making; to meet it again would be a directory within itself.
const BEGUN: NodeId = NodeId::MAX - 1;

/// A name and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) name: NameId,
    pub(super) node: NodeId,
}

/// What a node says.
#[derive(Debug)]
pub(super) struct Node {
    /// Secrets at this very path: in the file, or in its name.
    pub(super) own: SetId,
    /// What is below, by name.
    pub(super) edges: Box<[Edge]>,
}

/// A blob with secrets.
#[derive(Clone, Copy)]
struct Leaf {
    own: SetId,
    node: NodeId,
    /// Whether some directory holds it.
    is_seen: bool,
}

/// All nodes, and the node of each tree.
pub(super) struct Nodes<'a> {
    trees: &'a TreeTable,
    pub(super) sets: Sets,
    leaves: HashMap<ObjectNumber, Leaf, FoldState>,
    names: HashMap<NameId, SetId>,
    all: Vec<Rc<Node>>,
    /// Secrets at or below each node.
    below: Vec<SetId>,
    /// Nodes by their own secrets and edges. The edges may be in any order: trees have them in theirs.
    known: HashMap<Box<[u64]>, NodeId, FoldState>,
    of_tree: Vec<NodeId>,
    /// The key in the making.
    key: Vec<u64>,
}

impl<'a> Nodes<'a> {
    /// No nodes yet; `blobs` and `names` tell the secrets.
    pub(super) fn new(
        trees: &'a TreeTable,
        sets: Sets,
        blobs: HashMap<ObjectNumber, SetId>,
        names: HashMap<NameId, SetId>,
    ) -> Self {
        let mut nodes = Self {
            trees,
            sets,
            leaves: HashMap::default(),
            names,
            all: Vec::new(),
            below: Vec::new(),
            known: HashMap::default(),
            of_tree: vec![UNKNOWN; trees.leading()],
            key: Vec::new(),
        };
        nodes.intern(NO_SECRETS, &[]);
        // Like the empty node, but found by number only.
        nodes.all.push(Rc::new(Node { own: NO_SECRETS, edges: Box::default() }));
        nodes.below.push(NO_SECRETS);
        for (blob, own) in blobs {
            let node = nodes.intern(own, &[]);
            nodes.leaves.insert(blob, Leaf { own, node, is_seen: false });
        }
        nodes
    }

    pub(super) fn get(&self, node: NodeId) -> &Rc<Node> {
        &self.all[node as usize]
    }

    /// The secrets at or below a node.
    pub(super) fn below(&self, node: NodeId) -> SetId {
        self.below[node as usize]
    }

    /// The secrets in a blob.
    pub(super) fn own_of_blob(&self, blob: ObjectNumber) -> SetId {
        self.leaves.get(&blob).map_or(NO_SECRETS, |leaf| leaf.own)
    }

    /// Whether a directory that was looked at holds a blob.
    pub(super) fn is_seen(&self, blob: ObjectNumber) -> bool {
        self.leaves.get(&blob).is_some_and(|leaf| leaf.is_seen)
    }

    /// The secrets in a name.
    pub(super) fn own_of_name(&self, name: NameId) -> SetId {
        self.names.get(&name).copied().unwrap_or(NO_SECRETS)
    }

    /// What stands under a name; `EMPTY` if nothing does.
    pub(super) fn child(&self, node: NodeId, name: NameId) -> NodeId {
        let edges = &self.all[node as usize].edges;
        edges.binary_search_by_key(&name, |edge| edge.name).map_or(EMPTY, |found| edges[found].node)
    }

    /// The node of a tree. Keeps its own stack: trees may be nested without end.
    pub(super) fn of_tree(&mut self, tree: ObjectNumber) -> NodeId {
        let mut stack = Vec::new();
        if let Some(position) = self.begin(tree) {
            stack.push((tree, position, 0));
        }
        while let Some((tree, position, next)) = stack.last_mut() {
            let (tree, position) = (*tree, *position);
            match self.trees.links(tree).get(*next) {
                Some(link) => {
                    *next += 1;
                    if let Child::Tree(child) = link.child()
                        && let Some(position) = self.begin(child)
                    {
                        stack.push((child, position, 0));
                    }
                }
                None => {
                    self.of_tree[position] = self.make(tree);
                    stack.pop();
                }
            }
        }
        self.done(tree)
    }

    /// The position of a tree whose node has to be made.
    fn begin(&mut self, tree: ObjectNumber) -> Option<usize> {
        let position = self.trees.position(tree).filter(|&position| self.of_tree[position] == UNKNOWN)?;
        self.of_tree[position] = BEGUN;
        Some(position)
    }

    /// The node of a tree whose turn is over.
    fn done(&self, tree: ObjectNumber) -> NodeId {
        match self.trees.position(tree).map(|position| self.of_tree[position]) {
            Some(UNKNOWN | BEGUN) => EMPTY,
            Some(node) => node,
            None if self.trees.is_read(tree) => EMPTY,
            None => MISSING,
        }
    }

    /// Makes the node of a tree from those of its children.
    fn make(&mut self, tree: ObjectNumber) -> NodeId {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.push(u64::from(NO_SECRETS));
        for link in self.trees.links(tree) {
            let node = match link.child() {
                Child::Tree(child) => self.done(child),
                Child::Blob(blob) => match self.leaves.get_mut(&blob) {
                    Some(leaf) => {
                        leaf.is_seen = true;
                        leaf.node
                    }
                    None => EMPTY,
                },
                Child::Name => {
                    let own = self.own_of_name(link.name());
                    self.intern(own, &[])
                }
                Child::Missing => MISSING,
            };
            if node != EMPTY {
                key.push(packed(Edge { name: link.name(), node }));
            }
        }
        let node = match self.known.get(&*key) {
            Some(&known) => known,
            None => {
                let mut edges: Vec<Edge> = key[1..].iter().map(|&edge| unpacked(edge)).collect();
                edges.sort_by_key(|edge| edge.name);
                if edges.windows(2).any(|pair| pair[0].name == pair[1].name) {
                    edges = self.merged(&edges);
                }
                let node = self.intern(NO_SECRETS, &edges);
                self.known.insert(key.as_slice().into(), node);
                node
            }
        };
        self.key = key;
        node
    }

    /// Makes one of several entries of the same name: a directory whose name is a secret, or a malformed tree.
    fn merged(&mut self, edges: &[Edge]) -> Vec<Edge> {
        let same = |a: &Edge, b: &Edge| a.name == b.name;
        let mut merged = Vec::new();
        for group in edges.chunk_by(same) {
            let own: Vec<SetId> = group.iter().map(|edge| self.get(edge.node).own).collect();
            let own = self.sets.union(own);
            // Two directories of one name are nothing that git makes; the second has to do without paths.
            let main = group.iter().find(|edge| !self.get(edge.node).edges.is_empty());
            let below = main.map(|edge| Rc::clone(self.get(edge.node)));
            let missing = group.iter().all(|edge| edge.node == MISSING);
            let edges = below.as_ref().map_or(&[][..], |node| &node.edges);
            let node = if missing { MISSING } else { self.intern(own, edges) };
            merged.push(Edge { name: group[0].name, node });
        }
        merged
    }

    /// The node with these secrets and these edges, which are in order.
    fn intern(&mut self, own: SetId, edges: &[Edge]) -> NodeId {
        let key: Box<[u64]> =
            std::iter::once(u64::from(own)).chain(edges.iter().map(|&edge| packed(edge))).collect();
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let id = self.all.len() as NodeId;
        let below = edges.iter().map(|edge| self.below[edge.node as usize]);
        let below = self.sets.union(std::iter::once(own).chain(below));
        self.all.push(Rc::new(Node { own, edges: edges.into() }));
        self.below.push(below);
        self.known.insert(key, id);
        id
    }
}

fn packed(edge: Edge) -> u64 {
    u64::from(edge.name.number()) << 32 | u64::from(edge.node)
}

fn unpacked(edge: u64) -> Edge {
    Edge { name: NameId::from_number((edge >> 32) as u32), node: edge as u32 }
}
