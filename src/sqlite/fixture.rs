//! Databases for tests: made by SQLite from a recipe, with every row known, and damaged in ways that are known.
//!
//! [`Recipe::build`] gives a [`Sample`]: bytes, rows, and SQLite's own map of the pages. [`Case::apply`] damages a
//! sample and computes what can still be recovered; [`Case::MUTATIONS`] are small harm for property tests. The
//! functions of [`oracle`] ask SQLite. Nothing in here uses the parsers of the engine, because it is their judge.

mod builder;
pub(crate) mod corpus;
mod damage;
pub(crate) mod exhaustive;
mod footprint;
pub(crate) mod log;
mod many_tables;
mod matrix;
pub(crate) mod oracle;
mod page_map;
mod platform;
mod random;
mod recipe;
mod rows;
mod sample;
#[cfg(unix)]
pub(crate) mod sparse;
mod wide;

pub(crate) use builder::samples;
pub(crate) use damage::{Case, Damaged};
pub(crate) use page_map::{PageKind, PageMap};
pub(crate) use random::Random;
pub(crate) use recipe::{Encoding, Recipe, Schema};
pub(crate) use rows::{Key, Rows, Score, TruthRow, read_rows};
pub(crate) use sample::{Deleted, Sample};

#[cfg(test)]
mod tests;
