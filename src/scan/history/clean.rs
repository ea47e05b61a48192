//! Clean objects: those in which nothing was found, by this scan, or by an earlier one in packs that are still the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::git::store::{Kinds, ObjectNumber, Packed, Store, WalkReport};
use crate::git::{ObjectKind, ObjectSet, PackState};

/// Which objects a walk visits; `None` for all.
pub(super) type Only<'a> = Option<&'a (dyn Fn(ObjectNumber) -> bool + Sync)>;

/// What is known of packs: for each object, in the order of their names, its size plus one if it is clean, else 0.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CleanPacks(pub(super) BTreeMap<PackState, Vec<u32>>);

/// What is known of the objects of a store.
#[derive(Default)]
pub(super) struct Clean {
    /// By number, as in [`CleanPacks`]; empty where nobody wants to know it later.
    sizes: Vec<AtomicU32>,
    /// Packs that can be recognized later, with their numbers in the store.
    packs: Vec<(PackState, u32)>,
    /// Objects that an earlier scan examined.
    recalled: ObjectSet,
    /// Those of them that this scan need not even read, how many they are, and their bytes.
    skipped: ObjectSet,
    objects: u64,
    bytes: u64,
}

impl Clean {
    /// What earlier scans knew of the objects of `store`. An object counts only if it is read from the pack in which it
    /// was examined: another copy may be something else.
    pub(super) fn recall(store: &Store, known: &CleanPacks) -> Self {
        let mut clean = Self {
            sizes: (0..store.len()).map(|_| AtomicU32::new(0)).collect(),
            recalled: ObjectSet::new(store.len()),
            skipped: ObjectSet::new(store.len()),
            ..Self::default()
        };
        for pack in store.packs().filter(|pack| pack.is_self_contained()) {
            let Some(state) = PackState::of(pack.path()) else { continue };
            clean.packs.push((state, pack.number()));
            let Some(sizes) = known.0.get(&state) else { continue };
            for (object, &size) in pack.objects().zip(sizes) {
                if let (Some(object), Some(bytes)) = (object, size.checked_sub(1)) {
                    clean.remember(object, bytes, store.kind(object));
                }
            }
        }
        clean
    }

    fn remember(&mut self, object: ObjectNumber, bytes: u32, kind: Option<ObjectKind>) {
        self.note(object, bytes as usize);
        self.recalled.insert(object);
        // Commits and tags are read for what they point to.
        if kind == Some(ObjectKind::Blob) && self.skipped.insert(object) {
            self.objects += 1;
            self.bytes += u64::from(bytes);
        }
    }

    /// Notes that nothing was found in an object.
    pub(super) fn note(&self, object: ObjectNumber, bytes: usize) {
        let size = u32::try_from(bytes).ok().and_then(|bytes| bytes.checked_add(1));
        if let (Some(place), Some(size)) = (self.sizes.get(object as usize), size) {
            place.store(size, Relaxed);
        }
    }

    /// Whether an earlier scan found nothing in it.
    pub(super) fn is_recalled(&self, object: ObjectNumber) -> bool {
        self.recalled.contains(object)
    }

    /// Walks over contents, messages and tags, but not over what need not be read; counts it as if it were.
    pub(super) fn walk(&self, walk: impl FnOnce(Kinds, Only<'_>) -> WalkReport) -> WalkReport {
        let is_left = |object| !self.skipped.contains(object);
        let mut report =
            walk(Kinds::BLOBS | Kinds::COMMITS | Kinds::TAGS, (self.objects > 0).then_some(&is_left));
        report.objects += self.objects;
        report.bytes += self.bytes;
        report
    }

    /// What is known now. Packs in which something was `faulty` are left out: it was found elsewhere, or not at all.
    pub(super) fn into_packs(self, store: &Store, faulty: &BTreeSet<u32>) -> CleanPacks {
        let states: BTreeMap<_, _> = self.packs.iter().map(|&(state, pack)| (pack, state)).collect();
        let size = |object: Option<ObjectNumber>| {
            object.and_then(|object| self.sizes.get(object as usize)).map_or(0, |size| size.load(Relaxed))
        };
        let known = |pack: Packed<'_>| {
            let state = states.get(&pack.number()).filter(|_| !faulty.contains(&pack.number()))?;
            Some((*state, pack.objects().map(size).collect()))
        };
        CleanPacks(store.packs().filter_map(known).collect())
    }
}
