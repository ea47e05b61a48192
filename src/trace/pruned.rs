//! Pruned trees: directories without what leads to no hit, each distinct one stored once, so that equality is cheap.

use std::collections::HashMap;
use std::sync::Arc;

/// An object of the store, by its number there.
pub(super) type Object = u32;
/// A pruned tree; two with the same content have the same number. [`EMPTY`] leads to no hit.
pub(super) type Node = u32;

/// The tree without any hit.
pub(super) const EMPTY: Node = 0;

/// An entry of a tree that may lead to a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) child: Object,
    pub(super) is_tree: bool,
}

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Child {
    Blob(Object),
    Tree(Node),
}

/// The entries of a pruned tree, sorted by name.
type Entries = Arc<[(Arc<[u8]>, Child)]>;

/// All pruned trees.
#[derive(Debug)]
pub(super) struct Pruned {
    nodes: Vec<Entries>,
    known: HashMap<Entries, Node>,
    of_tree: HashMap<Object, Node>,
    names: HashMap<Vec<u8>, Arc<[u8]>>,
}

/// A path at which two trees differ in what is hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) path: Vec<u8>,
    pub(super) before: Option<Object>,
    pub(super) after: Option<Object>,
}

/// What is found of two trees, and pairs of subtrees that are still to be compared.
struct Comparison {
    found: Vec<Difference>,
    open: Vec<(Vec<u8>, Node, Node)>,
}

impl Default for Pruned {
    fn default() -> Self {
        let empty: Entries = Arc::new([]);
        Self {
            nodes: vec![Arc::clone(&empty)],
            known: HashMap::from([(empty, EMPTY)]),
            of_tree: HashMap::new(),
            names: HashMap::new(),
        }
    }
}

impl Pruned {
    /// The pruned form of `tree`, where `entries` tells those of each tree that may lead to a hit.
    ///
    /// A stack of its own instead of recursion: foreign trees may be nested as deeply as somebody likes. A tree that
    /// contains itself, which no honest hash allows, counts as empty there.
    pub(super) fn prune(&mut self, tree: Object, entries: &dyn Fn(Object) -> Vec<Entry>) -> Node {
        if let Some(&node) = self.of_tree.get(&tree) {
            return node;
        }
        let mut open = vec![(tree, entries(tree))];
        self.of_tree.insert(tree, EMPTY);
        while let Some((tree, listed)) = open.last() {
            let unknown = listed
                .iter()
                .find(|entry| entry.is_tree && !self.of_tree.contains_key(&entry.child))
                .map(|entry| entry.child);
            if let Some(child) = unknown {
                self.of_tree.insert(child, EMPTY);
                open.push((child, entries(child)));
                continue;
            }
            let tree = *tree;
            let Some((_, listed)) = open.pop() else { break };
            let node = self.intern(listed);
            self.of_tree.insert(tree, node);
        }
        self.of_tree.get(&tree).copied().unwrap_or(EMPTY)
    }

    fn intern(&mut self, listed: Vec<Entry>) -> Node {
        let mut entries: Vec<(Arc<[u8]>, Child)> = Vec::with_capacity(listed.len());
        for entry in listed {
            let child = if entry.is_tree {
                match self.of_tree.get(&entry.child) {
                    None | Some(&EMPTY) => continue,
                    Some(&node) => Child::Tree(node),
                }
            } else {
                Child::Blob(entry.child)
            };
            let name = self.names.entry(entry.name).or_insert_with_key(|name| name.as_slice().into());
            entries.push((Arc::clone(name), child));
        }
        entries.sort();
        let entries: Entries = entries.into();
        if let Some(&node) = self.known.get(&entries) {
            return node;
        }
        let Ok(node) = Node::try_from(self.nodes.len()) else { return EMPTY };
        self.nodes.push(Arc::clone(&entries));
        self.known.insert(entries, node);
        node
    }

    /// Every path with a hit that is not the same in both trees.
    pub(super) fn differences(&self, before: Node, after: Node) -> Vec<Difference> {
        let mut comparison = Comparison { found: Vec::new(), open: vec![(Vec::new(), before, after)] };
        while let Some((path, before, after)) = comparison.open.pop() {
            self.compare(&path, (before, after), &mut comparison);
        }
        comparison.found.sort_by(|one, other| one.path.cmp(&other.path));
        comparison.found
    }

    fn compare(&self, path: &[u8], nodes: (Node, Node), comparison: &mut Comparison) {
        let (mut before, mut after) = (self.entries(nodes.0), self.entries(nodes.1));
        while let Some(name) =
            [before.first(), after.first()].into_iter().flatten().map(|(name, _)| name).min()
        {
            let old = take(&mut before, name);
            let new = take(&mut after, name);
            if old == new {
                continue;
            }
            let path = if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() };
            let trees = [old.1, new.1].map(|tree| tree.unwrap_or(EMPTY));
            if old.0 != new.0 {
                comparison.found.push(Difference { path: path.clone(), before: old.0, after: new.0 });
            }
            if trees[0] != trees[1] {
                comparison.open.push((path, trees[0], trees[1]));
            }
        }
    }

    fn entries(&self, node: Node) -> &[(Arc<[u8]>, Child)] {
        self.nodes.get(node as usize).map_or(&[], |entries| entries)
    }
}

/// Takes all entries of that name off the front: at most one blob and one tree in a well-formed tree.
fn take(entries: &mut &[(Arc<[u8]>, Child)], name: &Arc<[u8]>) -> (Option<Object>, Option<Node>) {
    let mut taken = (None, None);
    while let Some(((first, child), rest)) = entries.split_first() {
        if first != name {
            break;
        }
        match *child {
            Child::Blob(object) => taken.0 = Some(object),
            Child::Tree(node) => taken.1 = Some(node),
        }
        *entries = rest;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trees by number: `name`, `name/` for a subtree, and the child.
    fn trees(listed: &[(Object, &[(&str, Object)])]) -> impl Fn(Object) -> Vec<Entry> {
        let trees: HashMap<Object, Vec<Entry>> = listed
            .iter()
            .map(|(tree, entries)| {
                let entries = entries.iter().map(|(name, child)| Entry {
                    name: name.trim_end_matches('/').into(),
                    child: *child,
                    is_tree: name.ends_with('/'),
                });
                (*tree, entries.collect())
            })
            .collect();
        move |tree| trees.get(&tree).cloned().unwrap_or_default()
    }

    fn told(differences: &[Difference]) -> Vec<String> {
        let object = |object: Option<Object>| object.map_or("-".to_owned(), |object| object.to_string());
        let tell = |found: &Difference| {
            let path = String::from_utf8_lossy(&found.path).into_owned();
            format!("{path} {} {}", object(found.before), object(found.after))
        };
        differences.iter().map(tell).collect()
    }

    #[test]
    fn trees_that_lead_to_the_same_hits_are_one() {
        let entries = trees(&[
            (1, &[("a/", 2), ("x", 9)]),
            (3, &[("a/", 4), ("x", 9)]),
            (2, &[("b", 7)]),
            (4, &[("b", 7)]),
        ]);
        let mut pruned = Pruned::default();
        assert_eq!(pruned.prune(1, &entries), pruned.prune(3, &entries));
        assert_eq!(pruned.prune(99, &entries), EMPTY);
    }

    #[test]
    fn changed_added_removed_and_replaced_entries_are_told() {
        let entries = trees(&[
            (1, &[("dir/", 2), ("gone", 20), ("same", 21), ("turns", 22)]),
            (2, &[("deep/", 3)]),
            (3, &[("file", 23)]),
            (5, &[("dir/", 6), ("new", 24), ("same", 21), ("turns/", 8)]),
            (6, &[("deep/", 7)]),
            (7, &[("file", 25)]),
            (8, &[("inner", 26)]),
        ]);
        let mut pruned = Pruned::default();
        let (before, after) = (pruned.prune(1, &entries), pruned.prune(5, &entries));
        assert_eq!(
            told(&pruned.differences(before, after)),
            ["dir/deep/file 23 25", "gone 20 -", "new - 24", "turns 22 -", "turns/inner - 26"]
        );
        assert_eq!(told(&pruned.differences(EMPTY, before)).len(), 4);
        assert!(pruned.differences(after, after).is_empty());
    }

    #[test]
    fn deep_and_circular_trees_do_no_harm() {
        let deep = |tree: Object| {
            let entry = |child, is_tree| Entry { name: b"d".to_vec(), child, is_tree };
            if tree < 50_000 { vec![entry(tree + 1, true)] } else { vec![entry(1, false)] }
        };
        let mut pruned = Pruned::default();
        let node = pruned.prune(0, &deep);
        assert_ne!(node, EMPTY);
        let circle = trees(&[(70_000, &[("a/", 70_000)])]);
        assert_eq!(pruned.prune(70_000, &circle), EMPTY);
    }
}
