//! All integration tests, linked once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to stop there")]

mod architecture;
mod audit;
mod bad_input;
mod check;
mod collect;
mod common;
mod every_rule;
mod find;
mod forge;
mod fuzz;
#[cfg(unix)]
mod history_cache;
mod playbooks;
mod plugin_engines;
mod proofs;
mod push;
mod respond;
#[cfg(unix)]
mod rewrite;
mod rogue;
mod scan;
mod secrets;
mod servers;
mod settings;
mod sqlite;
