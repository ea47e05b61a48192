//! A rewrite of the history: what it left behind, the proofs of it, and what the places it is pushed to have to be told.

pub mod forge;
pub mod maps;
pub mod prove;
pub mod remote;
mod scratch;
