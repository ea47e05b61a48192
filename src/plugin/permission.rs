//! What permissions grant: sets of strings, and one model for each matcher of the platform that turns patterns into one.

pub mod engine;
pub mod language;
