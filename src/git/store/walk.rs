//! A walk: every object visited once, each delta family from its root down.

mod family;
mod needed;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::BitOr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use self::family::{Branch, Hands};
use self::needed::Needed;
use super::super::object::{ObjectError, ObjectKind};
use super::{ObjectNumber, Source, Store};
use crate::span::Copied;

/// A set of kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self(15);
    /// Commits.
    pub const COMMITS: Self = Self(1);
    /// Directories.
    pub const TREES: Self = Self(2);
    /// Contents of files.
    pub const BLOBS: Self = Self(4);
    /// Annotated tags.
    pub const TAGS: Self = Self(8);

    /// Whether the kind is in the set.
    #[must_use]
    pub fn contains(self, kind: ObjectKind) -> bool {
        self.0 & Self::from(kind).0 != 0
    }
}

impl From<ObjectKind> for Kinds {
    fn from(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Commit => Self::COMMITS,
            ObjectKind::Tree => Self::TREES,
            ObjectKind::Blob => Self::BLOBS,
            ObjectKind::Tag => Self::TAGS,
        }
    }
}

impl BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// An object, while it is visited.
#[derive(Clone, Copy)]
pub struct Visited<'a> {
    /// Its number.
    pub number: ObjectNumber,
    /// What it is.
    pub kind: ObjectKind,
    /// Its whole content.
    pub bytes: &'a [u8],
}

/// How an object was made from its base: what is not in `copies` was inserted.
#[derive(Clone, Copy)]
pub struct Derivation<'a, S> {
    /// What the visit of the base returned.
    pub base: &'a S,
    /// Bytes of the base.
    pub base_bytes_len: usize,
    /// Ascending by `to`, without overlap and within both objects; what adjoins in both is one.
    pub copies: &'a [Copied],
}

impl fmt::Debug for Visited<'_> {
    /// Shows the size only: a blob may hold a secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {}, {} bytes", self.kind, self.number, self.bytes.len())
    }
}

impl<S> fmt::Debug for Derivation<'_, S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} of a base of {} bytes", self.copies, self.base_bytes_len)
    }
}

/// Who is shown the objects.
pub trait Visitor: Sync {
    /// What the visit of an object leaves for those of the objects that are made from it. It may move between threads.
    type State: Send;

    /// Looks at an object. `derivation` is `None` when it is stored in full, and also when its base was not visited in
    /// this walk just before: it has been left out, is in another pack, or was damaged there and read from elsewhere.
    fn visit(&self, object: &Visited<'_>, derivation: Option<&Derivation<'_, Self::State>>) -> Self::State;
}

/// How to walk.
#[derive(Clone, Copy)]
pub struct WalkOptions<'a> {
    /// Asked often; once it says yes, nothing more is visited.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told how many packed bytes have been dealt with so far, of [`Store::packed_bytes`].
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Larger objects are failures. They are still made when others are made from them, if they are not larger than half
    /// of `memory`; otherwise these others are failures, too. No object of 4 GiB or more is ever visited.
    pub max_object_bytes: u64,
    /// Bytes for objects that wait for others to be made from them. What is beyond is made again when it is needed.
    pub memory: u64,
    /// Visit only these. Others are still made when something that is visited needs them.
    pub only: Option<&'a (dyn Fn(ObjectNumber) -> bool + Sync)>,
}

impl fmt::Debug for WalkOptions<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "objects up to {} bytes, in {} bytes of memory", self.max_object_bytes, self.memory)
    }
}

/// What a walk has done.
#[derive(Debug, Default)]
pub struct WalkReport {
    /// Objects that were visited.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that could not be visited. Those of unknown kind are among them whatever kinds were asked for.
    pub failures: Vec<(ObjectNumber, ObjectError)>,
    /// The numbers of [packs](super::Packed::number) of which an object that was needed could not be made, but for its
    /// size, even if it was found elsewhere.
    pub faulty: BTreeSet<u32>,
}

/// A walk that is going on.
struct Walk<'w, V: Visitor> {
    store: &'w Store,
    kinds: Kinds,
    visitor: &'w V,
    options: &'w WalkOptions<'w>,
    /// For each source; `None` where every node is.
    needed: Vec<Option<Needed>>,
    families: Vec<Family>,
    next: AtomicUsize,
    /// Threads that have run out of families.
    idle: AtomicUsize,
    live_bytes: AtomicU64,
    packed_bytes: AtomicU64,
    report: Mutex<WalkReport>,
}

/// Something that one thread walks at a time.
#[derive(Clone, Copy)]
enum Family {
    /// The tree at and below a node.
    Tree {
        source: u32,
        root: u32,
        size: u32,
    },
    /// A node whose bases form a loop.
    Loop {
        source: u32,
        node: u32,
    },
    Loose {
        number: ObjectNumber,
    },
}

/// Families that a thread takes at a time; neighbours are next to each other in the pack.
const BATCH: usize = 16;
/// Objects of a family that is not left for the end.
const LARGE: u32 = 256;

impl Store {
    /// Visits every object of `kinds` that is in scope once, in parallel.
    pub fn walk<V: Visitor>(&self, kinds: Kinds, visitor: &V, options: &WalkOptions<'_>) -> WalkReport {
        let needed = self.sources.iter().zip(0u32..).map(|(source, at)| match source {
            Source::Pack(pack) if at < self.in_scope => Needed::new(self, at, pack, options.only),
            _ => None,
        });
        let needed: Vec<_> = needed.collect();
        let walk = Walk {
            store: self,
            kinds,
            visitor,
            options,
            families: self.families(kinds, &needed, options),
            needed,
            next: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            live_bytes: AtomicU64::new(0),
            packed_bytes: AtomicU64::new(0),
            report: Mutex::default(),
        };
        rayon::scope(|scope| {
            for _ in 0..rayon::current_num_threads() {
                scope.spawn(|scope| {
                    let mut hands = Hands::new(&walk);
                    while let Some(families) = walk.take() {
                        for family in families {
                            hands.family(*family, scope);
                        }
                    }
                    hands.finish();
                });
            }
        });
        let mut report = walk.report.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.failures.sort_unstable_by_key(|(number, _)| *number);
        report
    }

    /// Packed bytes of all objects of `kinds`, of which a walk tells its progress. Loose objects are not counted.
    #[must_use]
    pub fn packed_bytes(&self, kinds: Kinds) -> u64 {
        let mut total = 0;
        for source in 0..self.in_scope {
            let Some((pack, forest)) = self.pack(source).and_then(|pack| Some((pack, self.forest(source)?)))
            else {
                continue;
            };
            let wanted =
                forest.nodes().filter(|&node| forest.kind(node).is_none_or(|kind| kinds.contains(kind)));
            total += wanted.map(|node| pack.end(node).saturating_sub(pack.offset(node))).sum::<u64>();
        }
        total
    }

    /// What there is to walk: the largest families first, so that no thread is left alone with one at the end, then the
    /// others in the order of the packs.
    fn families(&self, kinds: Kinds, needed: &[Option<Needed>], options: &WalkOptions<'_>) -> Vec<Family> {
        let mut families = Vec::new();
        let is_wanted = |kind: Option<ObjectKind>| kind.is_none_or(|kind| kinds.contains(kind));
        for (source, at) in self.sources.iter().zip(0..self.in_scope) {
            match source {
                Source::Pack(_) => {
                    let Some(forest) = self.forest(at) else { continue };
                    let is_needed = |node| needed[at as usize].as_ref().is_none_or(|needed| needed.has(node));
                    for node in forest.nodes().filter(|&node| is_wanted(forest.kind(node)) && is_needed(node))
                    {
                        match (forest.size(node), forest.base(node)) {
                            (0, _) => families.push(Family::Loop { source: at, node }),
                            (_, super::forest::Base::Node(_)) => {}
                            (size, _) => families.push(Family::Tree { source: at, root: node, size }),
                        }
                    }
                }
                Source::Loose(loose) => {
                    let first = |&number: &u32| self.first.source(number) == at;
                    let numbers = loose.numbers().all(self.len()).filter(first);
                    let asked = |number: &u32| options.only.is_none_or(|only| only(*number));
                    let wanted = numbers.filter(|&number| is_wanted(loose.known_kind(number)));
                    families.extend(wanted.filter(asked).map(|number| Family::Loose { number }));
                }
            }
        }
        families.sort_by_key(|family| match *family {
            Family::Tree { size, .. } if size >= LARGE => Reverse(size),
            _ => Reverse(0),
        });
        families
    }
}

impl<V: Visitor> Walk<'_, V> {
    fn take(&self) -> Option<&[Family]> {
        let start = self.next.fetch_add(BATCH, Relaxed);
        let end = (start + BATCH).min(self.families.len());
        match self.families.get(start..end) {
            Some(batch) if !batch.is_empty() && !(self.options.stop)() => Some(batch),
            _ => {
                self.idle.fetch_add(1, Relaxed);
                None
            }
        }
    }

    /// Whether a thread has nothing to do; if so, the caller has to give it something.
    fn claim_idle(&self) -> bool {
        self.idle.load(Relaxed) > 0
            && self.idle.fetch_update(Relaxed, Relaxed, |idle| idle.checked_sub(1)).is_ok()
    }

    fn add(&self, report: WalkReport) {
        let mut all = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        all.objects += report.objects;
        all.bytes += report.bytes;
        all.failures.extend(report.failures);
        all.faulty.extend(report.faulty);
    }

    fn progress(&self, packed: u64) {
        if packed > 0 {
            (self.options.progress)(self.packed_bytes.fetch_add(packed, Relaxed) + packed);
        }
    }

    /// Gives a branch to a thread that has nothing to do.
    fn hand_over<'s>(&'s self, branch: Branch<V::State>, scope: &rayon::Scope<'s>) {
        scope.spawn(move |scope| {
            let mut hands = Hands::new(self);
            hands.branch(branch, scope);
            hands.finish();
            self.idle.fetch_add(1, Relaxed);
        });
    }
}
