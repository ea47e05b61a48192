//! Objects that trees name and that are not in the store: a handful in a damaged clone, all old ones in a partial clone.

use super::name_table::{NameId, NameTable};
use crate::git::object::ObjectId;

/// What is missing below directories that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingObjects {
    /// How many directories.
    pub trees: u64,
    /// How many files.
    pub blobs: u64,
    /// Some of them, with the last part of a path.
    pub examples: Vec<(ObjectId, Vec<u8>)>,
}

impl MissingObjects {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trees == 0 && self.blobs == 0
    }
}

/// How many are told by name.
const EXAMPLES: usize = 100;

/// Gathers ids without anything around them, for there may be millions, most of them many times.
#[derive(Debug, Default)]
pub(super) struct MissingIds {
    ids: Vec<u8>,
    names: Vec<NameId>,
    /// How many there were when duplicates were dropped last.
    distinct: usize,
}

impl MissingIds {
    pub(super) fn add(&mut self, id: &[u8], name: NameId) {
        self.ids.extend_from_slice(id);
        self.names.push(name);
        if self.names.len() > 1 << 16 && self.names.len() > self.distinct * 2 {
            self.drop_duplicates(id.len());
        }
    }

    fn drop_duplicates(&mut self, id_bytes: usize) {
        let id = |at: u32| &self.ids[at as usize * id_bytes..][..id_bytes];
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_by(|&a, &b| id(a).cmp(id(b)));
        order.dedup_by(|a, b| id(*a) == id(*b));
        let ids = order.iter().flat_map(|&at| id(at)).copied().collect();
        let names = order.iter().map(|&at| self.names[at as usize]).collect();
        *self = Self { ids, names, distinct: order.len() };
    }

    fn append(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.names.extend(other.names);
    }

    /// The account of what all threads missed: `(directories, files)` of each.
    pub(super) fn account(
        shards: impl Iterator<Item = (Self, Self)>,
        id_bytes: usize,
        names: &NameTable,
    ) -> MissingObjects {
        let (mut trees, mut blobs) = (Self::default(), Self::default());
        for (more_trees, more_blobs) in shards {
            trees.append(more_trees);
            blobs.append(more_blobs);
        }
        trees.drop_duplicates(id_bytes);
        blobs.drop_duplicates(id_bytes);
        let examples = |missing: &Self| -> Vec<_> {
            let ids = missing.ids.chunks_exact(id_bytes).zip(&missing.names).take(EXAMPLES);
            ids.filter_map(|(id, &name)| Some((ObjectId::from_bytes(id)?, names.get(name).to_vec())))
                .collect()
        };
        MissingObjects {
            trees: trees.names.len() as u64,
            blobs: blobs.names.len() as u64,
            examples: [examples(&trees), examples(&blobs)].concat(),
        }
    }
}
