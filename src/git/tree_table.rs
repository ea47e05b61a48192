//! The tree table: of every directory of the store what leads to a hit, learned in one walk over all trees.
//!
//! Which commits hold a blob could be asked of each commit, by comparing its directories with those of its parents: that
//! reads most trees in an order that the pack does not have. Here all trees are walked once as the pack stores them.
//! Git stores a directory as copies of another one with a few bytes inserted, so of most directories only one entry is
//! parsed and looked up: the others are taken over from the base together with what is known of them.

mod missing;
mod name_table;
mod pass;
mod pruning;

pub use missing::MissingObjects;
pub use name_table::NameId;
pub use pass::TreePass;

use self::name_table::NameTable;
use self::pruning::Pruned;
use super::store::ObjectNumber;

/// What leads to hits, of all trees that were read.
#[derive(Debug)]
pub struct TreeTable {
    pruned: Pruned,
    names: NameTable,
    missing: MissingObjects,
    submodules: Vec<NameId>,
    malformed: Vec<(ObjectNumber, usize)>,
}

/// An entry of a directory that leads to a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    name: u32,
    child: ObjectNumber,
}

/// What an entry leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    /// A directory with hits below.
    Tree(ObjectNumber),
    /// A blob that is a hit.
    Blob(ObjectNumber),
    /// Anything; the name of the entry itself is a hit.
    Name,
    /// A directory that is missing, so that nobody knows.
    Missing,
}

/// Two bits of a name id tell the kind of child.
const KIND_SHIFT: u32 = 30;
/// Stands for an object that is not in the store.
const NONE: ObjectNumber = ObjectNumber::MAX;

impl Link {
    fn new(name: NameId, child: Child) -> Self {
        let (kind, child) = match child {
            Child::Tree(tree) => (0, tree),
            Child::Blob(blob) => (1, blob),
            Child::Name => (2, NONE),
            Child::Missing => (3, NONE),
        };
        Self { name: name.0 | kind << KIND_SHIFT, child }
    }

    /// The name of the entry.
    #[must_use]
    pub fn name(self) -> NameId {
        NameId(self.name & ((1 << KIND_SHIFT) - 1))
    }

    /// What it leads to.
    #[must_use]
    pub fn child(self) -> Child {
        match self.name >> KIND_SHIFT {
            0 => Child::Tree(self.child),
            1 => Child::Blob(self.child),
            2 => Child::Name,
            _ => Child::Missing,
        }
    }
}

impl TreeTable {
    /// The entries of a tree that lead to a hit, in the order of the tree; none where nothing does.
    #[must_use]
    pub fn links(&self, tree: ObjectNumber) -> &[Link] {
        self.pruned.links(tree)
    }

    /// The place of a tree among those that lead to a hit, `0..leading()`.
    #[must_use]
    pub fn position(&self, tree: ObjectNumber) -> Option<usize> {
        self.pruned.position(tree)
    }

    /// How many trees lead to a hit.
    #[must_use]
    pub fn leading(&self) -> usize {
        self.pruned.leading()
    }

    /// Whether the tree was read; else what is below it is not known.
    #[must_use]
    pub fn is_read(&self, tree: ObjectNumber) -> bool {
        self.pruned.read.contains(tree)
    }

    /// The bytes of a name.
    #[must_use]
    pub fn name(&self, name: NameId) -> &[u8] {
        self.names.get(name)
    }

    /// All names of subdirectories, hits and submodules.
    pub fn names(&self) -> impl Iterator<Item = (NameId, &[u8])> {
        self.names.iter()
    }

    /// Objects that trees name and that are not there.
    #[must_use]
    pub fn missing(&self) -> &MissingObjects {
        &self.missing
    }

    /// Names of submodules, each once.
    pub fn submodules(&self) -> impl Iterator<Item = &[u8]> {
        self.submodules.iter().map(|&name| self.names.get(name))
    }

    /// Trees that make no sense from the byte on that is told.
    #[must_use]
    pub fn malformed(&self) -> &[(ObjectNumber, usize)] {
        &self.malformed
    }
}
