//! Use: what the code of a plugin does, from each handler through the modules that it leads to.
//!
//! Nothing is run. A use counts for a handler when a chain of names leads from the handler to it, or when loading a module
//! on the way runs it. Where code cannot be followed the use says that it does not know, and nothing is taken as unused.

pub(crate) mod grant;
mod graph;
mod origin;
mod parts;
mod reach;
mod shape;
mod sink;
mod survey;
#[cfg(test)]
mod tests;
pub(crate) mod unseen;

pub(crate) use reach::{Usage, Used, analyse};
pub(crate) use shape::{Part, Shape};
pub(crate) use sink::{Act, Way};
