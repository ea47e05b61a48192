//! A plugin of the KB Labs platform: what its manifest declares, and what the platform really lets it do.
//!
//! Manifests and code of plugins are read and never run. A permission is text; what it grants is decided by the code that
//! enforces it, and the platform enforces with several matchers that disagree. `permission` has an exact model of each,
//! which turns a declaration into a set of strings; checks ask these sets, not the text.

pub mod audit;
mod builder;
mod check;
mod checks;
mod evaluate;
pub mod explain;
pub mod growth;
mod handler;
pub mod lock;
mod manifest;
mod marketplace;
mod modules;
mod package;
pub mod permission;
#[cfg(test)]
mod sample;
pub mod suggest;
mod syntax;
mod usage;
mod value;
mod wider;
mod workspace;
