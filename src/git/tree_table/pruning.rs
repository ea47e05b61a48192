//! Pruning: of all links between trees those stay that lead to a hit, or to something missing.

use rayon::prelude::*;

use super::{Child, Link};
use crate::git::object_set::{ObjectSet, Ranks};
use crate::git::store::ObjectNumber;

/// How many links one part holds, more or less: parts never grow, so they are never moved.
const PART: usize = 1 << 16;

/// Some trees and all their links.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Trees, and where their links end.
    trees: Vec<(ObjectNumber, u32)>,
    links: Vec<Link>,
}

/// The links of all trees of one thread.
#[derive(Default)]
pub(super) struct Parts {
    full: Vec<Part>,
    last: Part,
}

impl Parts {
    /// Adds a tree.
    pub(super) fn add(&mut self, tree: ObjectNumber, links: impl ExactSizeIterator<Item = Link>) {
        let space = self.last.links.capacity() - self.last.links.len();
        if space < links.len() || self.last.trees.len() > PART {
            let new = Part { trees: Vec::new(), links: Vec::with_capacity(PART.max(links.len())) };
            self.full.push(std::mem::replace(&mut self.last, new));
        }
        self.last.links.extend(links);
        self.last.trees.push((tree, self.last.links.len() as u32));
    }

    pub(super) fn finish(mut self) -> Vec<Part> {
        self.full.push(self.last);
        self.full
    }
}

/// The links that stay.
#[derive(Debug)]
pub(super) struct Pruned {
    /// All trees.
    pub(super) read: ObjectSet,
    /// The trees that lead somewhere.
    ranks: Ranks,
    spans: Vec<Span>,
    parts: Vec<Part>,
}

/// Where the links of a tree stand: the part, and where in it they begin and end.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    part: u32,
    start: u32,
    end: u32,
}

impl Pruned {
    /// Keeps what leads somewhere.
    pub(super) fn new(mut parts: Vec<Part>, objects: u32) -> Self {
        let mut read = ObjectSet::new(objects);
        for &(tree, _) in parts.iter().flat_map(|part| &part.trees) {
            read.insert(tree);
        }
        let leading = AllLinks::new(&parts, Ranks::new(read.clone())).leading(&read);
        parts.par_iter_mut().for_each(|part| part.prune(&read, &leading));
        let spans = vec![Span::default(); leading.count()];
        let mut pruned = Self { read, ranks: Ranks::new(leading), spans, parts };
        pruned.spans = spans_of(&pruned.parts, &pruned.ranks, pruned.spans);
        pruned
    }

    pub(super) fn position(&self, tree: ObjectNumber) -> Option<usize> {
        self.ranks.rank(tree).map(|rank| rank as usize)
    }

    pub(super) fn leading(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn links(&self, tree: ObjectNumber) -> &[Link] {
        match self.position(tree) {
            Some(position) => {
                let span = self.spans[position];
                &self.parts[span.part as usize].links[span.start as usize..span.end as usize]
            }
            None => &[],
        }
    }
}

impl Part {
    /// Drops the trees that lead nowhere, and the links to them.
    fn prune(&mut self, read: &ObjectSet, leading: &ObjectSet) {
        let (mut start, mut kept) = (0, 0);
        let links = &mut self.links;
        self.trees.retain_mut(|(tree, end)| {
            let old = start..*end as usize;
            start = old.end;
            if !leading.contains(*tree) {
                return false;
            }
            for at in old {
                let stays = match links[at].child() {
                    Child::Tree(child) => leading.contains(child) || !read.contains(child),
                    Child::Blob(_) | Child::Name | Child::Missing => true,
                };
                if stays {
                    links[kept] = links[at];
                    kept += 1;
                }
            }
            *end = kept as u32;
            true
        });
        links.truncate(kept);
        links.shrink_to_fit();
        self.trees.shrink_to_fit();
    }
}

/// The spans of ranked trees.
fn spans_of(parts: &[Part], ranks: &Ranks, mut spans: Vec<Span>) -> Vec<Span> {
    for (part, number) in parts.iter().zip(0..) {
        let mut start = 0;
        for &(tree, end) in &part.trees {
            if let Some(rank) = ranks.rank(tree) {
                spans[rank as usize] = Span { part: number, start, end };
            }
            start = end;
        }
    }
    spans
}

/// All links of all threads.
struct AllLinks<'a> {
    parts: &'a [Part],
    ranks: Ranks,
    spans: Vec<Span>,
}

impl<'a> AllLinks<'a> {
    fn new(parts: &'a [Part], ranks: Ranks) -> Self {
        let spans = vec![Span::default(); parts.iter().map(|part| part.trees.len()).sum()];
        let spans = spans_of(parts, &ranks, spans);
        Self { parts, ranks, spans }
    }

    fn links(&self, tree: ObjectNumber) -> &'a [Link] {
        match self.ranks.rank(tree) {
            Some(rank) => {
                let span = self.spans[rank as usize];
                &self.parts[span.part as usize].links[span.start as usize..span.end as usize]
            }
            None => &[],
        }
    }

    /// Whether nothing can lead anywhere: the usual case, a repository without secrets.
    fn is_hopeless(&self, read: &ObjectSet) -> bool {
        self.parts.par_iter().flat_map_iter(|part| &part.links).all(|link| match link.child() {
            Child::Tree(child) => read.contains(child),
            Child::Blob(_) | Child::Name | Child::Missing => false,
        })
    }

    /// The trees from which a hit can be reached. Walks with a stack of its own: trees may be nested without end.
    fn leading(&self, read: &ObjectSet) -> ObjectSet {
        let objects = read.bound();
        let (mut begun, mut leading) = (ObjectSet::new(objects), ObjectSet::new(objects));
        if self.is_hopeless(read) {
            return leading;
        }
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
