//! The places of a secret in a history, as locations that reports can show.

use std::collections::HashMap;
use std::path::PathBuf;

use super::secrets::{Found, Hit, SecretNumber};
use crate::detect::Detector;
use crate::finding::{Location, Origin, TextKind, line_hashes};
use crate::git::store::ObjectNumber;
use crate::git::{ObjectKind, path_from_git};
use crate::history::{Attribution, History, Place};

/// Makes locations.
pub(super) struct Locations<'a> {
    history: &'a History<'a>,
    found: &'a Found,
    detector: &'a Detector,
    /// Files of HEAD that were read for the hashes of their lines.
    files: HashMap<ObjectNumber, Vec<u8>>,
}

/// Files that are kept at a time, and their bytes.
const MOST_FILES: usize = 256;
const MOST_BYTES: usize = 32 << 20;
const LARGEST_FILE: u64 = 4 << 20;

impl<'a> Locations<'a> {
    pub(super) fn new(history: &'a History<'a>, found: &'a Found, detector: &'a Detector) -> Self {
        Self { history, found, detector, files: HashMap::new() }
    }

    /// Every place of a secret.
    pub(super) fn of(&mut self, secret: SecretNumber, attribution: &Attribution) -> Vec<Location> {
        attribution.places.iter().flat_map(|place| self.locations(secret, place)).collect()
    }

    /// The places of a secret in the names of references to `target`.
    pub(super) fn in_ref_names(&self, secret: SecretNumber, target: ObjectNumber) -> Vec<Location> {
        let id = self.history.store.id(target).to_string();
        let hits = self.found.hits_of(secret, target).iter().filter(|hit| hit.in_name);
        let origin = Origin::Text { kind: TextKind::RefName, id };
        hits.map(|hit| hit.location(origin.clone(), None)).collect()
    }

    fn locations(&mut self, secret: SecretNumber, place: &Place) -> Vec<Location> {
        let object = place.at_head.unwrap_or(place.object);
        let mut hits = self.found.hits_of(secret, object);
        let kind = self.history.store.kind(object);
        if hits.is_empty() && kind == Some(ObjectKind::Tree) {
            // A name is examined once, in whichever of its directories is met first.
            hits = self.found.name_of(secret);
        }
        let origin = self.origin(place, object, kind);
        // What stands in the name of a reference is no place in the object that it leads to.
        let hits = hits.iter().filter(|hit| !hit.in_name || kind == Some(ObjectKind::Tree));
        let location = |hit: &Hit| hit.location(origin.clone(), Some(place.trail.clone()));
        let mut locations: Vec<Location> = hits.map(location).collect();
        if place.at_head.is_some() && kind == Some(ObjectKind::Blob) {
            self.hash_lines(object, &mut locations);
        }
        locations
    }

    fn origin(&self, place: &Place, object: ObjectNumber, kind: Option<ObjectKind>) -> Origin {
        let id = self.history.store.id(object).to_string();
        match kind {
            Some(ObjectKind::Tree) => Origin::Text { kind: TextKind::FileName, id },
            Some(ObjectKind::Commit) => Origin::Text { kind: TextKind::Commit, id },
            Some(ObjectKind::Tag) => Origin::Text { kind: TextKind::Tag, id },
            _ => Origin::Blob { path: place.path.as_deref().map(|path| shown(self.detector, path)), id },
        }
    }

    fn hash_lines(&mut self, object: ObjectNumber, locations: &mut [Location]) {
        if self.files.len() >= MOST_FILES || self.files.values().map(Vec::len).sum::<usize>() > MOST_BYTES {
            self.files.clear();
        }
        let store = self.history.store;
        let read = || store.read(object, LARGEST_FILE).map(|(_, bytes)| bytes).unwrap_or_default();
        let bytes = self.files.entry(object).or_insert_with(read);
        if !bytes.is_empty() {
            let lines: Vec<u64> = locations.iter().map(|location| location.start.line).collect();
            for (location, hash) in locations.iter_mut().zip(line_hashes(bytes, &lines)) {
                location.line_hash = hash;
            }
        }
    }
}

/// The path, without secrets that stand in it.
pub(super) fn shown(detector: &Detector, path: &[u8]) -> PathBuf {
    let found = detector.detect(path);
    if found.is_empty() {
        return path_from_git(path);
    }
    PathBuf::from(detector.redact(&String::from_utf8_lossy(path)))
}
