//! The nodes of a pack that a walk needs: those to be visited and everything that they are made from.

use super::super::forest::Base;
use super::super::pack::Pack;
use super::super::{ObjectNumber, Store};

/// A bit for each node.
pub(super) struct Needed(Vec<u64>);

impl Needed {
    /// `None` when every node is needed.
    pub(super) fn new(
        store: &Store,
        source: u32,
        pack: &Pack,
        only: Option<&(dyn Fn(ObjectNumber) -> bool + Sync)>,
    ) -> Option<Self> {
        let forest = store.forest(source)?;
        if only.is_none() && forest.nodes().all(|node| store.is_own(source, pack, node)) {
            return None;
        }
        let mut needed = Self(vec![0; pack.len() as usize / 64 + 1]);
        for node in forest.nodes() {
            let asked = || only.is_none_or(|only| only(pack.number(node)));
            if !store.is_own(source, pack, node) || !asked() {
                continue;
            }
            // Where a base is marked, so are its bases; this also ends loops.
            let mut node = node;
            while needed.mark(node)
                && let Base::Node(base) = forest.base(node)
            {
                node = base;
            }
        }
        Some(needed)
    }

    pub(super) fn has(&self, node: u32) -> bool {
        self.0[node as usize / 64] >> (node % 64) & 1 == 1
    }

    /// Whether the node was not marked before.
    fn mark(&mut self, node: u32) -> bool {
        let word = &mut self.0[node as usize / 64];
        let before = *word;
        *word |= 1 << (node % 64);
        *word != before
    }
}
