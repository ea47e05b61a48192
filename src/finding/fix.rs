//! A fix: a text that ends a problem when it stands in the place of another.

use super::Location;

/// A replacement of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as a sentence without a full stop.
    pub what: String,
    /// What is replaced.
    pub at: Location,
    /// By what; empty to remove it.
    pub text: String,
}
