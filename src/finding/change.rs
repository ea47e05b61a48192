//! A change: a commit in which a known value stands more or less often than before.

use std::path::PathBuf;
use std::sync::Arc;

use super::history::{Commit, Reach};
use super::location::Decoding;

/// A commit that changes how often a known value stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The commit.
    pub commit: Arc<Commit>,
    /// Of a merge, with which of its parents this compares, from 1; 0 for other commits.
    pub parent: u32,
    /// Relative to the root of the work tree, without the value should it stand in it.
    pub path: PathBuf,
    /// The decoders that lead to the value, outermost first.
    pub decoded: Vec<Decoding>,
    /// How often it stands there in the parent.
    pub before: u32,
    /// How often it stands there in the commit.
    pub after: u32,
    /// The most public way to reach the commit.
    pub reach: Reach,
}
