//! The objects of a search: where the needle stands in blobs, messages and names, learned in two walks over the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::examine::{Base, examine};
use crate::git::graph::{Graph, GraphBuilder};
use crate::git::store::{Derivation, Kinds, ObjectNumber, Store, Visited, Visitor, WalkOptions, WalkReport};
use crate::git::tree_table::{TreePass, TreeTable};
use crate::git::{ObjectError, ObjectKind, ObjectSet};
use crate::needle::{Copied, Hit, Needle, Tally};
use crate::source::Stop;
use crate::unpack::Trouble;

/// Larger objects are not examined, and said to be missed.
const MAX_OBJECT_BYTES: u64 = 512 << 20;
/// For objects that wait for those that are made from them.
const MEMORY: u64 = 512 << 20;

/// What to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything, packed or not.
    All,
    /// Blobs only, and nothing that is packed in them: what git's own search looks at.
    Blobs,
}

/// What the objects hold.
pub(super) struct Objects {
    /// How often the needle stands in each blob that has it.
    pub(super) tallies: HashMap<ObjectNumber, Tally>,
    /// Commits and tags that have it.
    pub(super) texts: Vec<(ObjectNumber, ObjectKind)>,
    /// Names of files and directories that have it, with a tree in which they stand.
    pub(super) names: Vec<(Vec<u8>, ObjectNumber)>,
    /// What could not be unpacked.
    pub(super) troubles: Vec<(ObjectNumber, Trouble)>,
    /// Objects that could not be read.
    pub(super) failures: Vec<(ObjectNumber, ObjectError)>,
    /// Objects and bytes that were examined.
    pub(super) examined: (u64, u64),
    pub(super) graph: Graph,
    pub(super) trees: TreeTable,
}

/// How a walk goes on and ends.
pub(super) struct Control<'a> {
    pub(super) stop: &'a Stop,
    pub(super) progress: &'a (dyn Fn(u64) + Sync),
}

impl Control<'_> {
    /// Walks the store.
    pub(super) fn walk<V: Visitor>(
        &self,
        store: &Store,
        kinds: Kinds,
        visitor: &V,
        only: Option<&(dyn Fn(ObjectNumber) -> bool + Sync)>,
    ) -> WalkReport {
        let told = AtomicU64::new(0);
        let progress = |packed: u64| {
            let before = told.fetch_max(packed, Ordering::Relaxed);
            (self.progress)(packed.saturating_sub(before));
        };
        let options = WalkOptions {
            stop: &|| self.stop.requested(),
            progress: &progress,
            max_object_bytes: MAX_OBJECT_BYTES,
            memory: MEMORY,
            only,
        };
        store.walk(kinds, visitor, &options)
    }
}

impl Objects {
    /// Searches all objects of the store.
    pub(super) fn search(store: &Store, needle: &Needle, extent: Extent, control: &Control<'_>) -> Self {
        let search = Search { needle, extent, graph: GraphBuilder::new(store), found: Mutex::default() };
        let kinds = Kinds::BLOBS | Kinds::COMMITS | Kinds::TAGS;
        let mut report = control.walk(store, kinds, &search, None);
        let graph = search.graph.finish();
        let found = search.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut hits = ObjectSet::new(store.len());
        for &blob in found.tallies.keys() {
            hits.insert(blob);
        }
        let names = Mutex::new(Vec::new());
        let judge = |name: &[u8], tree: ObjectNumber| {
            let is_hit = extent == Extent::All && !needle.search(name).is_empty();
            if is_hit {
                lock(&names).push((name.to_vec(), tree));
            }
            is_hit
        };
        let pass = TreePass::new(store, &hits, &judge);
        // Without a blob to look for, only names could be found in trees.
        if extent == Extent::All || !found.tallies.is_empty() {
            let more = control.walk(store, Kinds::TREES, &pass, None);
            report.objects += more.objects;
            report.bytes += more.bytes;
            report.failures.extend(more.failures);
        }
        report.failures.sort_by_key(|failure| failure.0);
        report.failures.dedup_by_key(|failure| failure.0);
        let trees = pass.finish();
        let mut names = names.into_inner().unwrap_or_else(PoisonError::into_inner);
        names.sort();
        names.dedup_by(|one, other| one.0 == other.0);
        let mut texts = found.texts;
        texts.sort_by_key(|text| text.0);
        Self {
            tallies: found.tallies,
            texts,
            names,
            troubles: found.troubles,
            failures: report.failures,
            examined: (report.objects, report.bytes),
            graph,
            trees,
        }
    }
}

/// Looks at blobs, commits and tags.
struct Search<'a> {
    needle: &'a Needle,
    extent: Extent,
    graph: GraphBuilder<'a>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    tallies: HashMap<ObjectNumber, Tally>,
    texts: Vec<(ObjectNumber, ObjectKind)>,
    troubles: Vec<(ObjectNumber, Trouble)>,
}

/// What is known of an object, for those that are made from it; `None` where there is too much to remember.
type Known = Option<Vec<Hit>>;

impl Visitor for Search<'_> {
    type State = Known;

    fn visit(&self, object: &Visited<'_>, derivation: Option<&Derivation<'_, Known>>) -> Known {
        self.graph.add(object.number, object.kind, object.bytes);
        let is_blob = object.kind == ObjectKind::Blob;
        if !is_blob && self.extent == Extent::Blobs {
            return None;
        }
        let copies: Vec<Copied>;
        let base = match derivation.and_then(|made| Some((made, made.base.as_ref()?))) {
            Some((made, hits)) => {
                let copied = made.copies.iter().map(|copy| Copied {
                    from: copy.from as usize,
                    to: copy.to as usize,
                    length: copy.length as usize,
                });
                copies = copied.collect();
                Some(Base { hits, len: made.base_bytes_len, copies: &copies })
            }
            None => None,
        };
        let unpacks = is_blob && self.extent == Extent::All;
        let examined = examine(self.needle, object.bytes, base.as_ref(), unpacks);
        let is_found = match is_blob {
            true => !examined.tally.is_empty(),
            false => examined.hits.iter().any(|hit| hit.start() >= text_start(object.bytes)),
        };
        if is_found || !examined.troubles.is_empty() {
            let mut found = lock(&self.found);
            found.troubles.extend(examined.troubles.iter().map(|&trouble| (object.number, trouble)));
            match is_blob {
                true if is_found => {
                    found.tallies.insert(object.number, examined.tally);
                }
                false => found.texts.push((object.number, object.kind)),
                true => {}
            }
        }
        examined.complete.then_some(examined.hits)
    }
}

/// Where the text of a commit or tag begins: ids of other objects are no text, whatever they look like.
pub(crate) fn text_start(bytes: &[u8]) -> usize {
    let mut start = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if ![&b"tree "[..], b"parent ", b"object "].iter().any(|header| line.starts_with(header)) {
            break;
        }
        start += line.len();
    }
    start
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
