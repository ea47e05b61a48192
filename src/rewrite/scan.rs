//! The scan before a rewrite: every object that holds one of the values itself, found as `kbsec find` finds it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::lfs::LfsFiles;
use super::values::Values;
use crate::git::graph::{Graph, GraphBuilder};
use crate::git::store::{Derivation, Kinds, ObjectNumber, Store, Visited, Visitor, WalkOptions, WalkReport};
use crate::git::tree_table::{TreePass, TreeTable};
use crate::git::{ObjectError, ObjectKind, ObjectSet};
use crate::needle::{Copied, Hit, Needle};
use crate::source::Stop;
use crate::trace::{Base, examine, text_start};
use crate::unpack::Trouble;

/// Larger objects are not examined, and the rewrite is refused.
const MAX_OBJECT_BYTES: u64 = 512 << 20;
/// For objects that wait for those that are made from them.
const MEMORY: u64 = 96 << 20;

/// Where the values stand in the objects of a store.
#[derive(Debug)]
pub(super) struct Scanned {
    /// Blobs that hold a value, also packed in them.
    pub(super) blobs: ObjectSet,
    /// Commits and tags that hold one, apart from ids of other objects.
    pub(super) texts: ObjectSet,
    /// Trees that lead to these blobs, or have a name with a value.
    pub(super) trees: TreeTable,
    /// All commits.
    pub(super) graph: Graph,
    /// How common the values are.
    pub(super) commonness: Commonness,
    /// Blobs that could not be unpacked to their end.
    pub(super) troubles: Vec<(ObjectNumber, Trouble)>,
    /// Objects that could not be read.
    pub(super) failures: Vec<(ObjectNumber, ObjectError)>,
    /// Objects and bytes that were examined.
    pub(super) examined: (u64, u64),
}

/// What to look for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) values: &'a Values,
    pub(super) lfs: &'a LfsFiles,
    pub(super) submodules: bool,
}

/// How often the values stand in blobs as they are, and how often inside of longer words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commonness {
    /// Occurrences without any encoding.
    pub places: u64,
    /// Those with a letter or digit just before or after.
    pub in_words: u64,
}

impl Scanned {
    /// Searches all objects of the store, and for pointers to these files of Git LFS. Where commits of submodules move,
    /// trees with submodules count as hits.
    pub(super) fn search(wanted: &Wanted<'_>, store: &Store, stop: &Stop) -> Self {
        let Wanted { values, lfs, submodules } = *wanted;
        let needles = values.needles();
        let search = Search { needles, lfs, graph: GraphBuilder::new(store), found: Mutex::default() };
        let mut report = walk(store, Kinds::BLOBS | Kinds::COMMITS | Kinds::TAGS, &search, stop);
        let graph = search.graph.finish();
        let found = search.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (mut blobs, mut texts) = (ObjectSet::new(store.len()), ObjectSet::new(store.len()));
        found.blobs.iter().for_each(|&blob| _ = blobs.insert(blob));
        found.texts.iter().for_each(|&text| _ = texts.insert(text));
        let judge = |name: &[u8], _: ObjectNumber| values.are_in(name);
        let pass = TreePass::new(store, &blobs, &judge);
        let more = walk(store, Kinds::TREES, &pass, stop);
        let mut trees = pass.finish();
        if submodules && trees.submodules().next().is_some() {
            let names: HashSet<Vec<u8>> = trees.submodules().map(<[u8]>::to_vec).collect();
            let judge = |name: &[u8], _: ObjectNumber| names.contains(name) || values.are_in(name);
            let pass = TreePass::new(store, &blobs, &judge);
            walk(store, Kinds::TREES, &pass, stop);
            trees = pass.finish();
        }
        report.failures.extend(more.failures);
        report.failures.sort_by_key(|failure| failure.0);
        report.failures.dedup_by_key(|failure| failure.0);
        Self {
            blobs,
            texts,
            trees,
            graph,
            commonness: found.commonness,
            troubles: found.troubles,
            failures: report.failures,
            examined: (report.objects + more.objects, report.bytes + more.bytes),
        }
    }
}

fn walk<V: Visitor>(store: &Store, kinds: Kinds, visitor: &V, stop: &Stop) -> WalkReport {
    let options = WalkOptions {
        stop: &|| stop.requested(),
        progress: &|_| {},
        max_object_bytes: MAX_OBJECT_BYTES,
        memory: MEMORY,
        only: None,
    };
    store.walk(kinds, visitor, &options)
}

/// Looks at blobs, commits and tags.
struct Search<'a> {
    needles: &'a [Needle],
    lfs: &'a LfsFiles,
    graph: GraphBuilder<'a>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    blobs: Vec<ObjectNumber>,
    texts: Vec<ObjectNumber>,
    troubles: Vec<(ObjectNumber, Trouble)>,
    commonness: Commonness,
}

/// What is known of an object for each needle; `None` where there is too much to remember.
type Known = Vec<Option<Vec<Hit>>>;

impl Visitor for Search<'_> {
    type State = Known;

    fn visit(&self, object: &Visited<'_>, derivation: Option<&Derivation<'_, Known>>) -> Known {
        self.graph.add(object.number, object.kind, object.bytes);
        let copies: Vec<Copied> = derivation.map(copies).unwrap_or_default();
        let is_blob = object.kind == ObjectKind::Blob;
        if is_blob && self.lfs.new_pointer(object.bytes).is_some() {
            lock(&self.found).blobs.push(object.number);
        }
        let mut known = Vec::with_capacity(self.needles.len());
        for (at, needle) in self.needles.iter().enumerate() {
            let base = derivation.and_then(|made| {
                let hits = made.base.get(at)?.as_ref()?;
                Some(Base { hits, len: made.base_bytes_len, copies: &copies })
            });
            let examined = examine(needle, object.bytes, base.as_ref(), is_blob);
            let is_found = match is_blob {
                true => !examined.tally.is_empty(),
                false => examined.hits.iter().any(|hit| hit.start() >= text_start(object.bytes)),
            };
            if is_found || !examined.troubles.is_empty() {
                let mut found = lock(&self.found);
                found.troubles.extend(examined.troubles.iter().map(|&trouble| (object.number, trouble)));
                match (is_found, is_blob) {
                    (true, true) => {
                        found.blobs.push(object.number);
                        found.commonness.count(needle, object.bytes, &examined.hits);
                    }
                    (true, false) => found.texts.push(object.number),
                    (false, _) => {}
                }
            }
            known.push(examined.complete.then_some(examined.hits));
        }
        known
    }
}

fn copies<S>(made: &Derivation<'_, S>) -> Vec<Copied> {
    let copied = made.copies.iter().map(|copy| Copied {
        from: copy.from as usize,
        to: copy.to as usize,
        length: copy.length as usize,
    });
    copied.collect()
}

impl Commonness {
    fn count(&mut self, needle: &Needle, bytes: &[u8], hits: &[Hit]) {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric())
        };
        let mut plain = hits.iter().filter(|hit| needle.decoding(hit).is_empty()).peekable();
        let mut before = None;
        while let Some(hit) = plain.next() {
            self.places += 1;
            // One right after another is no longer word.
            let follows = before == Some(hit.start());
            let is_followed = plain.peek().is_some_and(|next| next.start() == hit.end());
            let in_word = (!follows && is_word(hit.start().checked_sub(1)))
                || (!is_followed && is_word(Some(hit.end())));
            self.in_words += u64::from(in_word);
            before = Some(hit.end());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
