//! The forge: how a rewritten history gets to where it is shared, and what has to be told and done there.

pub mod kit;
pub mod push;
