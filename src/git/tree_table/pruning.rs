//! Pruning: of all links between trees those stay that lead to a hit, or to something missing.

use super::{Child, Link};
use crate::git::object_set::{ObjectSet, Ranks};
use crate::git::store::ObjectNumber;

/// Some trees and all their links.
#[derive(Default)]
pub(super) struct Part {
    /// Trees, and where their links end.
    pub(super) trees: Vec<(ObjectNumber, u32)>,
    pub(super) links: Vec<Link>,
}

/// The links that stay, by tree.
pub(super) struct Pruned {
    pub(super) read: ObjectSet,
    pub(super) ranks: Ranks,
    pub(super) starts: Vec<u32>,
    pub(super) links: Vec<Link>,
}

/// Keeps what leads somewhere.
pub(super) fn prune(parts: &[Part], objects: u32) -> Pruned {
    let mut read = ObjectSet::new(objects);
    for &(tree, _) in parts.iter().flat_map(|part| &part.trees) {
        read.insert(tree);
    }
    let all = AllLinks::new(parts, Ranks::new(read.clone()));
    let leading = if all.is_hopeless() { ObjectSet::new(objects) } else { all.leading(&read) };
    let mut pruned = Pruned { ranks: Ranks::new(leading.clone()), read, starts: vec![0], links: Vec::new() };
    for tree in leading.iter() {
        let links = all.links(tree).iter().copied();
        pruned.links.extend(links.filter(|link| match link.child() {
            Child::Tree(child) => leading.contains(child) || !pruned.read.contains(child),
            Child::Blob(_) | Child::Name | Child::Missing => true,
        }));
        pruned.starts.push(pruned.links.len() as u32);
    }
    pruned
}

/// All links of all threads.
struct AllLinks<'a> {
    parts: &'a [Part],
    ranks: Ranks,
    /// By rank of the tree: the part, and where its links begin and end.
    spans: Vec<(u32, u32, u32)>,
}

impl<'a> AllLinks<'a> {
    fn new(parts: &'a [Part], ranks: Ranks) -> Self {
        let mut spans = vec![(0, 0, 0); parts.iter().map(|part| part.trees.len()).sum()];
        for (part, number) in parts.iter().zip(0..) {
            let mut start = 0;
            for &(tree, end) in &part.trees {
                if let Some(rank) = ranks.rank(tree) {
                    spans[rank as usize] = (number, start, end);
                }
                start = end;
            }
        }
        Self { parts, ranks, spans }
    }

    fn links(&self, tree: ObjectNumber) -> &'a [Link] {
        match self.ranks.rank(tree) {
            Some(rank) => {
                let (part, start, end) = self.spans[rank as usize];
                &self.parts[part as usize].links[start as usize..end as usize]
            }
            None => &[],
        }
    }

    /// Whether nothing can lead anywhere: the usual case, a repository without secrets.
    fn is_hopeless(&self) -> bool {
        self.parts.iter().flat_map(|part| &part.links).all(|link| match link.child() {
            Child::Tree(child) => self.ranks.rank(child).is_some(),
            Child::Blob(_) | Child::Name | Child::Missing => false,
        })
    }

    /// The trees from which a hit can be reached. Walks with a stack of its own: trees may be nested without end.
    fn leading(&self, read: &ObjectSet) -> ObjectSet {
        let objects = read.bound();
        let (mut begun, mut leading) = (ObjectSet::new(objects), ObjectSet::new(objects));
        let mut stack: Vec<(ObjectNumber, &[Link])> = Vec::new();
        for root in read.iter() {
            if begun.insert(root) {
                stack.push((root, self.links(root)));
            }
            while let Some((tree, links)) = stack.last_mut() {
                let tree = *tree;
                let Some((link, rest)) = links.split_first() else {
                    stack.pop();
                    if leading.contains(tree)
                        && let Some(&(parent, _)) = stack.last()
                    {
                        leading.insert(parent);
                    }
                    continue;
                };
                *links = rest;
                match link.child() {
                    Child::Tree(child) if read.contains(child) => {
                        if begun.insert(child) {
                            stack.push((child, self.links(child)));
                        } else if leading.contains(child) {
                            leading.insert(tree);
                        }
                    }
                    Child::Tree(_) | Child::Blob(_) | Child::Name | Child::Missing => {
                        leading.insert(tree);
                    }
                }
            }
        }
        leading
    }
}
