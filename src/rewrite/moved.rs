//! The objects that moved: for each object with new content, the id of the new one, and the pack that takes them.

use std::collections::HashMap;

use super::RewriteError;
use crate::git::store::{ObjectNumber, Store};
use crate::git::{NewPack, ObjectId, ObjectKind};

/// No object that is edited may be larger.
const MAX_OBJECT_BYTES: u64 = 1 << 30;

/// Old objects, new ids.
pub(super) struct Moved<'s> {
    pub(super) store: &'s Store,
    new: HashMap<ObjectNumber, ObjectId>,
    pack: NewPack,
}

impl<'s> Moved<'s> {
    /// Nothing has moved.
    pub(super) fn new(store: &'s Store, pack: NewPack) -> Self {
        Self { store, new: HashMap::new(), pack }
    }

    /// The new id of an object that has one.
    pub(super) fn get(&self, number: ObjectNumber) -> Option<ObjectId> {
        self.new.get(&number).copied()
    }

    /// The new id of an object that has one.
    pub(super) fn by_id(&self, id: &[u8]) -> Option<ObjectId> {
        self.get(self.store.number(id)?)
    }

    /// The object with this id after the rewrite.
    pub(super) fn follow(&self, id: ObjectId) -> ObjectId {
        self.by_id(id.as_bytes()).unwrap_or(id)
    }

    /// Adds an object to the pack.
    pub(super) fn add(&mut self, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId, RewriteError> {
        self.pack.add(kind, bytes).map_err(|cause| RewriteError::io("write the new objects", cause))
    }

    /// Adds the new content of an object.
    pub(super) fn set(
        &mut self,
        old: ObjectNumber,
        kind: ObjectKind,
        bytes: &[u8],
    ) -> Result<(), RewriteError> {
        let id = self.add(kind, bytes)?;
        if id != self.store.id(old) {
            self.new.insert(old, id);
        }
        Ok(())
    }

    /// The content of an object.
    pub(super) fn read(&self, number: ObjectNumber) -> Result<Vec<u8>, RewriteError> {
        match self.store.read(number, MAX_OBJECT_BYTES) {
            Ok((_, bytes)) => Ok(bytes),
            Err(cause) => Err(RewriteError::Object { id: self.store.id(number), cause }),
        }
    }

    /// All objects that have moved, by kind, sorted by their old ids.
    pub(super) fn all(&self, kind: ObjectKind) -> Vec<(ObjectId, ObjectId)> {
        let of_kind = self.new.iter().filter(|(number, _)| self.store.kind(**number) == Some(kind));
        let mut all: Vec<_> = of_kind.map(|(&number, &id)| (self.store.id(number), id)).collect();
        all.sort_unstable();
        all
    }

    /// The pack, when nothing more moves.
    pub(super) fn into_pack(self) -> NewPack {
        self.pack
    }
}
