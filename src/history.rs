//! The history of a repository as far as secrets are concerned: which commit brought each one, and what reaches it.

mod attribution;
mod events;
mod fold;
mod nodes;
mod paths;
mod places;
mod sets;
mod story;
#[cfg(test)]
mod tests;
mod tips;

use crate::finding::{Exposure, Trail};
use crate::git::References;
use crate::git::graph::{CommitIndex, Graph};
use crate::git::store::{ObjectNumber, Store};
use crate::git::tree_table::TreeTable;

/// What was learned of a repository in a walk over its objects.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Its objects.
    pub store: &'a Store,
    /// Its commits.
    pub graph: &'a Graph,
    /// Its directories, as far as they lead to the blobs and names of the hits.
    pub trees: &'a TreeTable,
    /// Its references.
    pub references: &'a References,
}

/// Where secrets were found. Secrets are numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// How many secrets there are.
    pub secrets: u32,
    /// Blobs and the secrets in them.
    pub blobs: Vec<(ObjectNumber, Vec<u32>)>,
    /// Names of files or directories and the secrets in them.
    pub names: Vec<(Vec<u8>, Vec<u32>)>,
    /// Commits and tags, and the secrets in their own text.
    pub objects: Vec<(ObjectNumber, Vec<u32>)>,
    /// References, by position, and the secrets in their names.
    pub refs: Vec<(usize, Vec<u32>)>,
    /// Reflogs, by position, and the secrets in their text.
    pub reflogs: Vec<(usize, Vec<u32>)>,
    /// Blobs that an index holds, with their paths.
    pub staged: Vec<(Vec<u8>, ObjectNumber)>,
}

/// What the history tells of all secrets.
#[derive(Debug)]
pub struct Attributions {
    /// By number of the secret.
    pub secrets: Vec<Attribution>,
    /// Whether there were so many paths that some are left out: one directory can be put into itself a billion times over.
    pub truncated: bool,
}

/// What the history tells of one secret.
#[derive(Clone, Debug)]
pub struct Attribution {
    /// The summary. It names at most `MAX_REFS` refs.
    pub exposure: Exposure,
    /// How many refs have it in their history.
    pub refs: usize,
    /// How many of them still have it in their files.
    pub live_refs: usize,
    /// Commits with it whose parents did not have it, earliest first.
    pub introducing: Vec<CommitIndex>,
    /// Commits without it whose parents all had it, earliest first.
    pub removing: Vec<CommitIndex>,
    /// Every place where it stands; never empty if it was found anywhere.
    pub places: Vec<Place>,
}

/// A place of a secret in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path; `None` for what has none: text of a commit or tag, a blob that no directory holds.
    pub path: Option<Vec<u8>>,
    /// The blob that the introducing commit has there; the directory, where the name itself is the secret.
    pub object: ObjectNumber,
    /// The same for the tree of HEAD, if it still has the secret there.
    pub at_head: Option<ObjectNumber>,
    /// The commits that brought it there and took it away.
    pub trail: Trail,
}

/// How many refs of one kind an attribution names. A secret in the first commit is in the history of all refs.
pub const MAX_REFS: usize = 100;

/// Tells for every secret where it came from and what reaches it.
///
/// `redact` takes the secrets out of names and addresses of authors.
#[must_use]
pub fn attribute(
    history: &History<'_>,
    hits: &Hits,
    redact: &(dyn Fn(&str) -> String + Sync),
) -> Attributions {
    attribution::attribute(history, hits, redact)
}
