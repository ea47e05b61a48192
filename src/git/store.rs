//! An object store: everything that the object directories of a repository hold, read straight from the files.
//!
//! `store.walk` visits objects in the order in which packs build one from another, so that each is inflated once and a
//! visitor learns what an object shares with the one it is made from. `store.read` fetches a single object.

mod access;
mod buffer;
mod delta;
pub(super) mod directory;
mod entry;
mod forest;
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod inflate;
mod loose;
mod midx;
mod names;
mod pack;
mod packed;
#[cfg(test)]
mod tests;
mod walk;
mod window;

use std::fmt;

use rayon::prelude::*;

pub use packed::Packed;
pub use walk::{Derivation, Kinds, Visited, Visitor, WalkOptions, WalkReport};

use self::access::Access;
use self::forest::Forest;
use self::inflate::Inflater;
use self::loose::Loose;
use self::names::{First, Names};
use self::pack::Pack;
use super::GitError;
use super::object::{ObjectDirectories, ObjectError, ObjectFormat, ObjectId, ObjectKind};
use crate::coverage::Gap;

/// The number of an object in its store: every distinct name has one, in the order of names, from 0 on.
pub type ObjectNumber = u32;

/// Which objects are meant to be examined. Whatever these are made from is found in all directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of all object directories.
    All,
    /// Those of the main one, which holds what was just received while git asks a pre-receive hook.
    MainOnly,
}

/// How many objects of each kind are in scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commits.
    pub commits: u32,
    /// Directories.
    pub trees: u32,
    /// Contents of files.
    pub blobs: u32,
    /// Annotated tags.
    pub tags: u32,
    /// Objects whose header, or whose base, cannot be read.
    pub unknown: u32,
}

/// All objects of a repository, open for reading from several threads.
pub struct Store {
    format: ObjectFormat,
    names: Names,
    /// Packs and directories of loose objects, those of the main directory first.
    sources: Vec<Source>,
    /// For each source that is a pack in scope, what is made from what.
    forests: Vec<Option<Forest>>,
    first: First,
    /// How many of the sources are in scope.
    in_scope: u32,
    gaps: Vec<Gap>,
}

enum Source {
    Pack(Box<Pack>),
    Loose(Loose),
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Store({} objects in {} sources)", self.len(), self.sources.len())
    }
}

impl Store {
    pub(super) fn open(
        directories: &ObjectDirectories,
        format: ObjectFormat,
        scope: Scope,
    ) -> Result<Self, GitError> {
        let mut gaps = Vec::new();
        let (mut names, mut sources) = (Vec::new(), Vec::new());
        let mut in_main = None;
        for directory in directory::all(directories, format, &mut gaps)? {
            let opened: Vec<_> = directory
                .packs
                .into_par_iter()
                .map(|(path, mut index)| {
                    let mut gaps = Vec::new();
                    let ids = std::mem::take(&mut index.ids);
                    (ids, Pack::open(&path, index, format, &mut gaps), gaps)
                })
                .collect();
            for (ids, pack, more) in opened {
                gaps.extend(more);
                if let Some(pack) = pack {
                    names.push(ids);
                    sources.push(Source::Pack(Box::new(pack)));
                }
            }
            if !directory.loose.is_empty() {
                names.push(directory.loose);
                sources.push(Source::Loose(Loose::new(directory.path)));
            }
            in_main.get_or_insert(sources.len());
        }
        let merged = names::merge(format.id_bytes(), names).ok_or_else(|| GitError::Damaged {
            path: directories.main.clone(),
            what: "it has more objects than can be counted".into(),
        })?;
        for (source, numbers) in sources.iter_mut().zip(merged.numbers) {
            match source {
                Source::Pack(pack) => pack.set_numbers(numbers),
                Source::Loose(loose) => loose.set_numbers(numbers),
            }
        }
        let in_scope = match scope {
            Scope::All => sources.len(),
            Scope::MainOnly => in_main.unwrap_or(0),
        };
        let in_scope = u32::try_from(in_scope).unwrap_or(u32::MAX);
        let (names, first) = (merged.names, merged.first);
        let mut store = Self { format, names, sources, forests: Vec::new(), first, in_scope, gaps };
        store.look_at_headers();
        Ok(store)
    }

    /// Learns the kinds of all objects in scope, and what packs make from what.
    ///
    /// Not left until somebody asks: that may be a task of a thread pool, which must not wait for other tasks.
    fn look_at_headers(&mut self) {
        for at in 0..self.in_scope {
            let mut forest = None;
            let kinds = match &self.sources[at as usize] {
                Source::Pack(pack) => {
                    forest = Some(Forest::build(self, at, pack));
                    Vec::new()
                }
                Source::Loose(loose) => self.kinds_of_loose(loose),
            };
            if let Source::Loose(loose) = &mut self.sources[at as usize] {
                loose.set_kinds(kinds);
            }
            self.forests.push(forest);
        }
    }

    fn kinds_of_loose(&self, loose: &Loose) -> Vec<Option<ObjectKind>> {
        let numbers: Vec<_> = loose.numbers().all(self.len()).collect();
        numbers
            .into_par_iter()
            .map_init(Inflater::new, |inflater, number| loose.kind(self.id(number), inflater).ok())
            .collect()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The hash function of the names.
    #[must_use]
    pub fn format(&self) -> ObjectFormat {
        self.format
    }

    /// The number of the object with this name of 20 or 32 bytes.
    #[must_use]
    pub fn number(&self, id: &[u8]) -> Option<ObjectNumber> {
        self.names.number(id)
    }

    /// The name of an object.
    ///
    /// # Panics
    /// When `number` is not below `len`.
    #[must_use]
    pub fn id(&self, number: ObjectNumber) -> ObjectId {
        match ObjectId::from_bytes(self.names.id(number)) {
            Some(id) => id,
            None => unreachable!("names are as wide as the format says"),
        }
    }

    /// Whether the object is one of those to be examined.
    #[must_use]
    pub fn is_in_scope(&self, number: ObjectNumber) -> bool {
        self.first.source(number) < self.in_scope
    }

    /// What an object is; `None` when its header, or that of what it is made from, cannot be read.
    ///
    /// Quick for objects in scope; of others, the headers are read each time.
    #[must_use]
    pub fn kind(&self, number: ObjectNumber) -> Option<ObjectKind> {
        self.places(number).find_map(|source| match &self.sources[source as usize] {
            Source::Loose(loose) => match loose.known_kind(number) {
                None if source >= self.in_scope => loose.kind(self.id(number), &mut Inflater::new()).ok(),
                known => known,
            },
            Source::Pack(pack) => match self.forest(source) {
                Some(forest) => forest.kind(pack.node(number)?),
                None => {
                    let offset = pack.offset(pack.node(number)?);
                    Access::new(self).kind_at(source, offset, &mut u64::from(u32::MAX)).ok()
                }
            },
        })
    }

    /// How many objects of each kind are in scope.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for number in (0..self.len()).filter(|&number| self.is_in_scope(number)) {
            *match self.kind(number) {
                Some(ObjectKind::Commit) => &mut counts.commits,
                Some(ObjectKind::Tree) => &mut counts.trees,
                Some(ObjectKind::Blob) => &mut counts.blobs,
                Some(ObjectKind::Tag) => &mut counts.tags,
                None => &mut counts.unknown,
            } += 1;
        }
        counts
    }

    /// The content of an object of at most `limit` bytes.
    ///
    /// # Errors
    /// When it is too large, or no place that should have it does.
    pub fn read(&self, number: ObjectNumber, limit: u64) -> Result<(ObjectKind, Vec<u8>), ObjectError> {
        let (kind, content) = Access::new(self).object(number, limit, None)?;
        Ok((kind, content.into_vec()))
    }

    /// Packs, indexes and directories of which something could not be read.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The sources that have an object, the first one first.
    fn places(&self, number: ObjectNumber) -> impl Iterator<Item = u32> {
        let first = self.first.source(number);
        let more =
            (0u32..).zip(&self.sources).skip(first as usize + 1).filter(move |(_, source)| match source {
                Source::Pack(pack) => pack.node(number).is_some(),
                Source::Loose(loose) => loose.numbers().position(number).is_some(),
            });
        std::iter::once(first).chain(more.map(|(source, _)| source))
    }

    /// Whether the object at a node of a pack is read there and not from another source, or another node, that has it, too.
    fn is_own(&self, source: u32, pack: &Pack, node: u32) -> bool {
        self.first.source(pack.number(node)) == source && !pack.is_repeated(node)
    }

    fn pack(&self, source: u32) -> Option<&Pack> {
        match self.sources.get(source as usize) {
            Some(Source::Pack(pack)) => Some(pack),
            _ => None,
        }
    }

    fn forest(&self, source: u32) -> Option<&Forest> {
        self.forests.get(source as usize)?.as_ref()
    }
}
