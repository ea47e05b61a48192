//! The library of kbsec: everything but the command line.
//!
//! Read in this order: `finding` (what every engine produces), `rule` (how secrets are described), `detect` (rules
//! made executable), `source` (where bytes come from), `scan` (sources through detector), `report` (what users see).
//! Modules import downward only; ARCHITECTURE.md has the table and a test holds the code to it.

pub mod check;
pub mod chunk;
pub mod config;
pub mod coverage;
pub mod date;
pub mod detect;
pub mod digest;
pub mod finding;
pub mod git;
pub mod history;
pub mod needle;
pub mod playbook;
pub mod plugin;
pub mod report;
pub mod rewrite;
pub mod rule;
pub mod scan;
pub mod secret;
pub mod source;
pub mod span;
pub mod sqlite;
pub mod toml_text;
pub mod trace;
pub mod unpack;
