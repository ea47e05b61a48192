//! All integration tests, linked once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to stop there")]

mod architecture;
mod audit;
mod bad_input;
mod common;
mod every_rule;
mod find;
mod fuzz;
#[cfg(unix)]
mod history_cache;
mod playbooks;
mod plugin_engines;
mod push;
mod respond;
mod scan;
mod secrets;
mod settings;
mod sqlite;
