//! Pruned trees: directories without what leads to no hit, each distinct one stored once, so that equality is cheap.

use std::collections::HashMap;
use std::sync::Arc;

/// An object of the store, by its number there.
pub(super) type Object = u32;
/// A pruned tree; two with the same content have the same number. [`EMPTY`] leads to no hit.
pub(super) type Node = u32;

/// The tree without any hit.
pub(super) const EMPTY: Node = 0;

/// The number of a name of a file or directory.
pub(super) type Name = u32;

/// An entry of a tree that may lead to a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Below 2^31.
    pub(super) name: Name,
    pub(super) child: Object,
    pub(super) is_tree: bool,
}

/// Name, whether it is a tree, and blob or node, in one number: sorted by name, compared and hashed at once.
type Packed = u64;

/// All pruned trees.
pub(super) struct Pruned {
    /// The entries of each, sorted.
    nodes: Vec<Arc<[Packed]>>,
    known: HashMap<Arc<[Packed]>, Node>,
    /// By tree; [`UNKNOWN`] until it was pruned.
    of_tree: Vec<Node>,
    scratch: Vec<Packed>,
}

const UNKNOWN: Node = Node::MAX;

/// A path at which two trees differ in what is hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) path: Vec<u8>,
    pub(super) before: Option<Object>,
    pub(super) after: Option<Object>,
}

/// What is found of two trees, and pairs of subtrees that are still to be compared.
struct Comparison<'a> {
    name: &'a dyn Fn(Name) -> &'a [u8],
    found: Vec<Difference>,
    open: Vec<(Vec<u8>, Node, Node)>,
}

/// Tells the entries of a tree that may lead to a hit.
pub(super) type Lister<'a> = &'a dyn Fn(Object) -> Vec<Entry>;

impl Pruned {
    /// No tree yet, of those among so many objects.
    pub(super) fn new(objects: u32) -> Self {
        let empty: Arc<[Packed]> = Arc::new([]);
        Self {
            nodes: vec![Arc::clone(&empty)],
            known: HashMap::from([(empty, EMPTY)]),
            of_tree: vec![UNKNOWN; objects as usize],
            scratch: Vec::new(),
        }
    }

    /// The pruned form of `tree`.
    ///
    /// A stack of its own instead of recursion: foreign trees may be nested as deeply as somebody likes. A tree that
    /// contains itself, which no honest hash allows, counts as empty there.
    pub(super) fn prune(&mut self, tree: Object, entries: Lister<'_>) -> Node {
        let mut open = Vec::new();
        self.begin(tree, entries, &mut open);
        while let Some((tree, listed, next)) = open.last_mut() {
            if let Some(entry) = listed.get(*next) {
                *next += 1;
                let child = *entry;
                if child.is_tree {
                    self.begin(child.child, entries, &mut open);
                }
                continue;
            }
            let tree = *tree;
            let Some((_, listed, _)) = open.pop() else { break };
            let node = self.intern(&listed);
            self.set(tree, node);
        }
        self.node(tree)
    }

    fn begin(&mut self, tree: Object, entries: Lister<'_>, open: &mut Vec<(Object, Vec<Entry>, usize)>) {
        if self.node(tree) == UNKNOWN {
            self.set(tree, EMPTY);
            open.push((tree, entries(tree), 0));
        }
    }

    /// The pruned form of a tree; one that is no object is empty.
    fn node(&self, tree: Object) -> Node {
        self.of_tree.get(tree as usize).copied().unwrap_or(EMPTY)
    }

    fn set(&mut self, tree: Object, node: Node) {
        if let Some(known) = self.of_tree.get_mut(tree as usize) {
            *known = node;
        }
    }

    fn intern(&mut self, listed: &[Entry]) -> Node {
        let mut entries = std::mem::take(&mut self.scratch);
        entries.clear();
        for entry in listed {
            let child = if entry.is_tree { self.node(entry.child) } else { entry.child };
            if !entry.is_tree || child != EMPTY {
                entries.push(u64::from(entry.name) << 33 | u64::from(entry.is_tree) << 32 | u64::from(child));
            }
        }
        entries.sort_unstable();
        let node = match self.known.get(entries.as_slice()) {
            Some(&node) => node,
            None => self.add(entries.as_slice().into()),
        };
        self.scratch = entries;
        node
    }

    fn add(&mut self, entries: Arc<[Packed]>) -> Node {
        let Ok(node) = Node::try_from(self.nodes.len()) else { return EMPTY };
        self.nodes.push(Arc::clone(&entries));
        self.known.insert(entries, node);
        node
    }

    /// Every path with a hit that is not the same in both trees; `name` tells the bytes of a name.
    pub(super) fn differences<'a>(
        &self,
        before: Node,
        after: Node,
        name: &'a dyn Fn(Name) -> &'a [u8],
    ) -> Vec<Difference> {
        let mut comparison = Comparison { name, found: Vec::new(), open: vec![(Vec::new(), before, after)] };
        while let Some((path, before, after)) = comparison.open.pop() {
            self.compare(&path, (before, after), &mut comparison);
        }
        comparison.found.sort_by(|one, other| one.path.cmp(&other.path));
        comparison.found
    }

    fn compare(&self, path: &[u8], nodes: (Node, Node), comparison: &mut Comparison<'_>) {
        let (mut before, mut after) = (self.entries(nodes.0), self.entries(nodes.1));
        loop {
            // Most entries are the same.
            while let (Some((old, rest)), Some((new, others))) = (before.split_first(), after.split_first())
                && old == new
            {
                (before, after) = (rest, others);
            }
            let names = [before.first(), after.first()].into_iter().flatten().map(|&entry| name(entry));
            let Some(name) = names.min() else { return };
            let (old, new) = (take(&mut before, name), take(&mut after, name));
            if old == new {
                continue;
            }
            let last = (comparison.name)(name);
            let path = if path.is_empty() { last.to_vec() } else { [path, b"/", last].concat() };
            let trees = [old.1, new.1].map(|tree| tree.unwrap_or(EMPTY));
            if old.0 != new.0 {
                comparison.found.push(Difference { path: path.clone(), before: old.0, after: new.0 });
            }
            if trees[0] != trees[1] {
                comparison.open.push((path, trees[0], trees[1]));
            }
        }
    }

    fn entries(&self, node: Node) -> &[Packed] {
        self.nodes.get(node as usize).map_or(&[], |entries| entries)
    }
}

fn name(entry: Packed) -> Name {
    (entry >> 33) as Name
}

/// Takes all entries of that name off the front: at most one blob and one tree in a well-formed tree.
fn take(entries: &mut &[Packed], wanted: Name) -> (Option<Object>, Option<Node>) {
    let mut taken = (None, None);
    while let Some((&first, rest)) = entries.split_first() {
        if name(first) != wanted {
            break;
        }
        let child = first as u32;
        if first >> 32 & 1 == 1 {
            taken.1 = Some(child);
        } else {
            taken.0 = Some(child);
        }
        *entries = rest;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 12] =
        ["a", "b", "x", "dir", "deep", "file", "gone", "same", "turns", "new", "inner", "d"];

    fn name_of(name: Name) -> &'static [u8] {
        NAMES[name as usize].as_bytes()
    }

    fn number(name: &str) -> Name {
        NAMES.iter().position(|known| *known == name).unwrap() as Name
    }

    /// Trees by number: `name`, `name/` for a subtree, and the child.
    fn trees(listed: &[(Object, &[(&str, Object)])]) -> impl Fn(Object) -> Vec<Entry> {
        let trees: HashMap<Object, Vec<Entry>> = listed
            .iter()
            .map(|(tree, entries)| {
                let entries = entries.iter().map(|(name, child)| Entry {
                    name: number(name.trim_end_matches('/')),
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
        let mut pruned = Pruned::new(100_000);
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
        let mut pruned = Pruned::new(100_000);
        let (before, after) = (pruned.prune(1, &entries), pruned.prune(5, &entries));
        assert_eq!(
            told(&pruned.differences(before, after, &name_of)),
            ["dir/deep/file 23 25", "gone 20 -", "new - 24", "turns 22 -", "turns/inner - 26"]
        );
        assert_eq!(told(&pruned.differences(EMPTY, before, &name_of)).len(), 4);
        assert!(pruned.differences(after, after, &name_of).is_empty());
    }

    #[test]
    fn deep_and_circular_trees_do_no_harm() {
        let deep = |tree: Object| {
            let entry = |child, is_tree| Entry { name: number("d"), child, is_tree };
            if tree < 50_000 { vec![entry(tree + 1, true)] } else { vec![entry(1, false)] }
        };
        let mut pruned = Pruned::new(100_000);
        let node = pruned.prune(0, &deep);
        assert_ne!(node, EMPTY);
        let circle = trees(&[(70_000, &[("a/", 70_000)])]);
        assert_eq!(pruned.prune(70_000, &circle), EMPTY);
    }
}
