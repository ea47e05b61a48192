//! A plugin of the KB Labs platform: what its manifest declares, and what the platform really lets it do.
//!
//! Manifests and code of plugins are read and never run.

pub mod audit;
mod builder;
mod check;
mod checks;
mod evaluate;
mod handler;
mod manifest;
mod modules;
mod package;
#[cfg(test)]
mod sample;
mod syntax;
mod value;
