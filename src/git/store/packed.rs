//! A packed part of a store: one pack file and the objects that are read from it.

use std::fmt;
use std::path::Path;

use super::forest::Base;
use super::pack::Pack;
use super::{ObjectNumber, Store};

/// A pack in scope.
#[derive(Clone, Copy)]
pub struct Packed<'s> {
    store: &'s Store,
    source: u32,
    pack: &'s Pack,
}

impl Store {
    /// The packs in scope.
    pub fn packs(&self) -> impl Iterator<Item = Packed<'_>> {
        (0..self.in_scope).filter_map(|source| Some(Packed { store: self, source, pack: self.pack(source)? }))
    }
}

impl fmt::Debug for Packed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Packed({} objects in {})", self.pack.len(), self.path().display())
    }
}

impl<'s> Packed<'s> {
    /// Its number in the store, by which a walk tells of [faulty packs](super::WalkReport::faulty).
    #[must_use]
    pub fn number(&self) -> u32 {
        self.source
    }

    /// The pack file.
    #[must_use]
    pub fn path(&self) -> &'s Path {
        self.pack.path()
    }

    /// Whether every object in it can be made without anything that lies outside.
    #[must_use]
    pub fn is_self_contained(&self) -> bool {
        let Some(forest) = self.store.forest(self.source) else { return false };
        let is_made_here = |node| match forest.base(node) {
            Base::Full | Base::Node(_) => forest.size(node) > 0,
            Base::Elsewhere | Base::Unreadable => false,
        };
        forest.nodes().all(is_made_here)
    }

    /// Its objects in the order of their names; `None` for one that is read from somewhere else.
    pub fn objects(&self) -> impl Iterator<Item = Option<ObjectNumber>> {
        let Self { store, source, pack } = *self;
        let own = move |node| store.is_own(source, pack, node).then(|| pack.number(node));
        pack.nodes_by_name().map(own)
    }
}
