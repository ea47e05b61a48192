//! A git repository: what its directory holds and what git does with it.

pub mod hooks;
