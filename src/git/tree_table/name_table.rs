//! Names of directory entries, each stored once and called by a number.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Parts of the table, so that threads seldom wait for each other.
const PARTS: usize = 64;

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub(super) u32);

impl NameId {
    /// The number itself, less than 2^30.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// The name with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// Gives numbers to names, from any thread.
#[derive(Debug)]
pub(super) struct Interner {
    hasher: RandomState,
    parts: Vec<Mutex<HashMap<Box<[u8]>, u32>>>,
}

impl Interner {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }

    /// A hash by which names can be told apart.
    pub(super) fn hash(&self, name: &[u8]) -> u64 {
        self.hasher.hash_one(name)
    }

    /// The number of a name, given its hash. None is as large as 2^30: that many names do not fit into memory.
    pub(super) fn intern(&self, name: &[u8], hash: u64) -> NameId {
        let part = (hash >> 58) as usize % PARTS;
        let mut names = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        let index = match names.get(name) {
            Some(&index) => index,
            None => {
                let index = names.len() as u32;
                names.insert(name.into(), index);
                index
            }
        };
        NameId((index * PARTS as u32 + part as u32) & ((1 << super::KIND_SHIFT) - 1))
    }

    pub(super) fn finish(self) -> NameTable {
        let parts = self.parts.into_iter().map(|part| {
            let names = part.into_inner().unwrap_or_else(PoisonError::into_inner);
            let mut all: Vec<Box<[u8]>> = vec![Box::default(); names.len()];
            for (name, index) in names {
                all[index as usize] = name;
            }
            all
        });
        NameTable(parts.collect())
    }
}

/// The names by number.
#[derive(Debug, Default)]
pub(super) struct NameTable(Vec<Vec<Box<[u8]>>>);

impl NameTable {
    pub(super) fn get(&self, name: NameId) -> &[u8] {
        let part = self.0.get(name.0 as usize % PARTS);
        part.and_then(|names| names.get(name.0 as usize / PARTS)).map_or(&[], |name| name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NameId, &[u8])> {
        self.0.iter().zip(0u32..).flat_map(|(names, part)| {
            let id = move |index| NameId(index * PARTS as u32 + part);
            names.iter().zip(0u32..).map(move |(name, index)| (id(index), &**name))
        })
    }
}
