//! The engines: one model for each matcher of the platform, in two forms that a property test holds together.
//!
//! `matches` decides one input as the platform does; `language` gives all inputs that match, for the algebra of sets.
//! The models are of the runtime of `kb.plugin/3`; where one says nothing else, inputs are what the matcher itself sees,
//! and strings that are not well-formed UTF-16 are left out.

pub mod env;
pub mod fetch;
pub mod fs;
mod glob;
pub mod hardener;
mod posix;
pub mod scope;
pub mod shell;
pub mod url;

#[cfg(test)]
mod tests;
