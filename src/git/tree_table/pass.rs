//! The walk over all trees: parses what a tree does not share with its base, and takes over the rest.

use std::collections::HashMap;

use super::missing::MissingIds;
use super::name_table::{Interner, NameId};
use super::pruning::{Part, Parts, Pruned};
use super::{Child, Link, TreeTable};
use crate::git::object_set::ObjectSet;
use crate::git::shards::Shards;
use crate::git::store::{Derivation, ObjectNumber, Store, Visited, Visitor};
use crate::git::tree::TreeEntry;
use crate::span::Copied;

/// How many names of one thread are remembered as seen; beyond that a name may be judged more than once.
const MAX_SEEN: usize = 1 << 21;

/// A visitor over trees that fills the table.
pub struct TreePass<'a> {
    store: &'a Store,
    hits: &'a ObjectSet,
    judge: &'a (dyn Fn(&[u8], ObjectNumber) -> bool + Sync),
    interner: Interner,
    shards: Shards<Gathered>,
}

/// What one thread gathered.
#[derive(Default)]
struct Gathered {
    parts: Parts,
    seen: HashMap<u64, bool>,
    missing_trees: MissingIds,
    missing_blobs: MissingIds,
    submodules: Vec<NameId>,
    malformed: Vec<(ObjectNumber, usize)>,
}

/// What is known of a tree, for those that are made from it.
#[derive(Debug, Default)]
pub struct TreeState {
    /// Where its entries end, ascending; the first one begins at 0.
    ends: Vec<u32>,
    /// Its entries that may lead to a hit, by position; all subdirectories among them.
    links: Vec<(u32, Link)>,
}

impl std::fmt::Debug for TreePass<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TreePass")
    }
}

impl<'a> TreePass<'a> {
    /// A pass that looks for the blobs `hits`, and for entries whose name `judge` calls a hit. It is asked about once for
    /// each name, with a tree that has it; another thread may ask again.
    #[must_use]
    pub fn new(
        store: &'a Store,
        hits: &'a ObjectSet,
        judge: &'a (dyn Fn(&[u8], ObjectNumber) -> bool + Sync),
    ) -> Self {
        Self { store, hits, judge, interner: Interner::new(), shards: Shards::new(Gathered::default) }
    }

    /// What all trees that were visited tell.
    #[must_use]
    pub fn finish(self) -> TreeTable {
        let mut shards: Vec<Gathered> = self.shards.into_values().collect();
        let names = self.interner.finish();
        let missing = shards.iter_mut().map(|shard| {
            (std::mem::take(&mut shard.missing_trees), std::mem::take(&mut shard.missing_blobs))
        });
        let missing = MissingIds::account(missing, self.store.format().id_bytes(), &names);
        let mut submodules: Vec<NameId> =
            shards.iter().flat_map(|shard| shard.submodules.iter().copied()).collect();
        submodules.sort_unstable();
        submodules.dedup();
        let mut malformed: Vec<_> = shards.iter().flat_map(|shard| shard.malformed.iter().copied()).collect();
        malformed.sort_unstable();
        let parts: Vec<Part> = shards.into_iter().flat_map(|shard| shard.parts.finish()).collect();
        let pruned = Pruned::new(parts, self.store.len());
        TreeTable { pruned, names, missing, submodules, malformed }
    }

    /// Looks at an entry that no base has.
    fn look(&self, tree: ObjectNumber, entry: &TreeEntry<'_>, visit: &mut Visit<'_>) {
        let shard = &mut *visit.shard;
        let hash = self.interner.hash(entry.name);
        let is_hit = match shard.seen.get(&hash) {
            Some(&known) => known,
            None => {
                let judged = (self.judge)(entry.name, tree);
                if shard.seen.len() < MAX_SEEN {
                    shard.seen.insert(hash, judged);
                }
                judged
            }
        };
        let name = || self.interner.intern(entry.name, hash);
        if is_hit {
            visit.links.push((visit.ends.len() as u32, Link::new(name(), Child::Name)));
        }
        if entry.is_submodule() {
            let name = name();
            if shard.submodules.last() != Some(&name) {
                shard.submodules.push(name);
            }
            return;
        }
        let child = match self.store.number(entry.id) {
            Some(number) if entry.is_directory() => Child::Tree(number),
            Some(number) if self.hits.contains(number) => Child::Blob(number),
            Some(_) => return,
            None if entry.is_directory() => {
                shard.missing_trees.add(entry.id, name());
                Child::Missing
            }
            None => return shard.missing_blobs.add(entry.id, name()),
        };
        visit.links.push((visit.ends.len() as u32, Link::new(name(), child)));
    }
}

impl Visitor for TreePass<'_> {
    type State = TreeState;

    fn visit(&self, tree: &Visited<'_>, derivation: Option<&Derivation<'_, TreeState>>) -> TreeState {
        let mut guard = self.shards.take();
        let mut visit = Visit { shard: &mut guard, ends: Vec::new(), links: Vec::new() };
        let mut at = 0;
        let mut copies = derivation.map_or(&[][..], |made| made.copies);
        if let Some(made) = derivation {
            visit.ends.reserve(made.base.ends.len() + 1);
            visit.links.reserve(made.base.links.len() + 1);
        }
        while at < tree.bytes.len() {
            while copies.first().is_some_and(|copy| copy.to as usize + copy.length as usize <= at) {
                copies = &copies[1..];
            }
            if let (Some(made), Some(copy)) = (derivation, copies.first())
                && let Some(next) = visit.take_over(made.base, copy, at)
            {
                at = next;
                continue;
            }
            match TreeEntry::parse(&tree.bytes[at..], self.store.format()) {
                // Offsets have 32 bits; nobody has a directory of 4 GiB.
                Some((entry, length)) if at + length <= u32::MAX as usize => {
                    self.look(tree.number, &entry, &mut visit);
                    at += length;
                    visit.ends.push(at as u32);
                }
                _ => {
                    visit.shard.malformed.push((tree.number, at));
                    break;
                }
            }
        }
        let Visit { shard, ends, links } = visit;
        shard.parts.add(tree.number, links.iter().map(|link| link.1));
        TreeState { ends, links }
    }
}

/// The state of a tree in the making.
struct Visit<'a> {
    shard: &'a mut Gathered,
    ends: Vec<u32>,
    links: Vec<(u32, Link)>,
}

impl Visit<'_> {
    /// Takes over the entries of the base that were copied to `at` as a whole; where the last one ends. `None` if the
    /// copy does not begin there with an entry, or holds none. Same bytes have the same meaning if both begin an entry.
    fn take_over(&mut self, base: &TreeState, copy: &Copied, at: usize) -> Option<usize> {
        let from = (at as u32).checked_sub(copy.to)? + copy.from;
        let first = match from {
            0 => 0,
            _ => base.ends.binary_search(&from).ok()? + 1,
        };
        let rest = base.ends.get(first..)?;
        let count = rest.partition_point(|&end| end <= copy.from + copy.length);
        let last = *rest[..count].last()?;
        let position = self.ends.len() as u32;
        let moved = (at as u32).wrapping_sub(from);
        self.ends.extend(rest[..count].iter().map(|end| end.wrapping_add(moved)));
        let begin = base.links.partition_point(|link| (link.0 as usize) < first);
        let within = base.links[begin..].iter().take_while(|link| (link.0 as usize) < first + count);
        let entries = position.wrapping_sub(first as u32);
        self.links.extend(within.map(|&(entry, link)| (entry.wrapping_add(entries), link)));
        Some(at + (last - from) as usize)
    }
}
