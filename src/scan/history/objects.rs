//! The objects of a history, examined: each delta family once, what is copied taken over from where it was copied from.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use super::clean::Clean;
use super::secrets::Secrets;
use crate::detect::{Detector, Inspection};
use crate::git::ObjectKind;
use crate::git::graph::GraphBuilder;
use crate::git::store::{Derivation, ObjectNumber, Visited, Visitor};

/// Examines blobs, commits and tags, and notes how the commits hang together.
pub(super) struct Examiner<'a> {
    pub(super) detector: &'a Detector,
    pub(super) secrets: &'a Secrets,
    pub(super) graph: &'a GraphBuilder<'a>,
    pub(super) clean: &'a Clean,
    /// Called with the bytes of each object that is examined.
    pub(super) progress: &'a (dyn Fn(u64) + Sync),
    failed: Mutex<Vec<ObjectNumber>>,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(
        detector: &'a Detector,
        secrets: &'a Secrets,
        graph: &'a GraphBuilder<'a>,
        clean: &'a Clean,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> Self {
        Self { detector, secrets, graph, clean, progress, failed: Mutex::default() }
    }

    /// Objects on which the detector failed.
    pub(super) fn failed(self) -> Vec<ObjectNumber> {
        self.failed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn inspect(
        &self,
        bytes: &[u8],
        derivation: Option<&Derivation<'_, Option<Inspection>>>,
        number: ObjectNumber,
    ) -> Inspection {
        let seen = match derivation {
            Some(Derivation { base: Some(base), copies, .. }) => {
                self.detector.inspect_copy(bytes, base, copies)
            }
            _ => self.detector.inspect(bytes),
        };
        if !seen.is_clean() {
            self.secrets.record(number, bytes, self.detector.settle(bytes, &seen));
        }
        seen
    }
}

impl Visitor for Examiner<'_> {
    type State = Option<Inspection>;

    fn visit(&self, object: &Visited<'_>, derivation: Option<&Derivation<'_, Self::State>>) -> Self::State {
        if matches!(object.kind, ObjectKind::Commit | ObjectKind::Tag) {
            self.graph.add(object.number, object.kind, object.bytes);
        }
        if self.clean.is_recalled(object.number) {
            return None;
        }
        let inspect = || self.inspect(object.bytes, derivation, object.number);
        // One object on which the detector fails must not end the scan.
        let seen = catch_unwind(AssertUnwindSafe(inspect)).ok();
        match &seen {
            Some(seen) if seen.is_clean() => self.clean.note(object.number, object.bytes.len()),
            Some(_) => {}
            None => self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(object.number),
        }
        (self.progress)(object.bytes.len() as u64);
        seen
    }
}
