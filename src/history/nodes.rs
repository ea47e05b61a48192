//! Nodes: directories reduced to the secrets at each path, where equal ones are the same node.
//!
//! A node forgets which blob holds a secret. So a file that changes without its secret leaves all nodes as they were, and
//! nearly every commit has the very node of its parent.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Edge {
    pub(super) name: NameId,
    pub(super) node: NodeId,
}

/// What a node says.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    /// Secrets at this very path: in the file, or in its name.
    pub(super) own: SetId,
    /// What is below, by name.
    pub(super) edges: Box<[Edge]>,
}

/// All nodes, and the node of each tree.
pub(super) struct Nodes<'a> {
    trees: &'a TreeTable,
    pub(super) sets: Sets,
    blobs: HashMap<ObjectNumber, SetId>,
    names: HashMap<NameId, SetId>,
    all: Vec<Rc<Node>>,
    /// Secrets at or below each node.
    below: Vec<SetId>,
    known: HashMap<Rc<Node>, NodeId>,
    of_tree: Vec<NodeId>,
    /// Blobs with secrets that some directory holds.
    pub(super) seen: HashSet<ObjectNumber>,
}

impl<'a> Nodes<'a> {
    /// No nodes yet; `blobs` and `names` tell the secrets.
    pub(super) fn new(
        trees: &'a TreeTable,
        sets: Sets,
        blobs: HashMap<ObjectNumber, SetId>,
        names: HashMap<NameId, SetId>,
    ) -> Self {
        let of_tree = vec![UNKNOWN; trees.leading()];
        let mut nodes = Self {
            trees,
            sets,
            blobs,
            names,
            all: Vec::new(),
            below: Vec::new(),
            known: HashMap::new(),
            of_tree,
            seen: HashSet::new(),
        };
        nodes.intern(Node { own: NO_SECRETS, edges: Box::default() });
        // Like the empty node, but found by number only.
        nodes.all.push(Rc::new(Node { own: NO_SECRETS, edges: Box::default() }));
        nodes.below.push(NO_SECRETS);
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
        self.blobs.get(&blob).copied().unwrap_or(NO_SECRETS)
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
        let mut edges: Vec<Edge> = Vec::new();
        for link in self.trees.links(tree) {
            let name = link.name();
            let node = match link.child() {
                Child::Tree(child) => self.done(child),
                Child::Blob(blob) => {
                    let own = self.own_of_blob(blob);
                    if own != NO_SECRETS {
                        self.seen.insert(blob);
                    }
                    self.intern(Node { own, edges: Box::default() })
                }
                Child::Name => {
                    let own = self.own_of_name(name);
                    self.intern(Node { own, edges: Box::default() })
                }
                Child::Missing => MISSING,
            };
            if node != EMPTY {
                edges.push(Edge { name, node });
            }
        }
        edges.sort_by_key(|edge| edge.name);
        if edges.windows(2).any(|pair| pair[0].name == pair[1].name) {
            edges = self.merged(&edges);
        }
        self.intern(Node { own: NO_SECRETS, edges: edges.into() })
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
            let below = main.map(|edge| self.get(edge.node).edges.clone()).unwrap_or_default();
            let missing = group.iter().all(|edge| edge.node == MISSING);
            let node = if missing { MISSING } else { self.intern(Node { own, edges: below }) };
            merged.push(Edge { name: group[0].name, node });
        }
        merged
    }

    fn intern(&mut self, node: Node) -> NodeId {
        if let Some(&known) = self.known.get(&node) {
            return known;
        }
        let id = self.all.len() as NodeId;
        let all =
            std::iter::once(node.own).chain(node.edges.iter().map(|edge| self.below[edge.node as usize]));
        let below = self.sets.union(all);
        let node = Rc::new(node);
        self.all.push(Rc::clone(&node));
        self.below.push(below);
        self.known.insert(node, id);
        id
    }
}
