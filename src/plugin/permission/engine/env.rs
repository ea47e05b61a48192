//! The environment variables that a plugin reads: exact names, and beginnings of names before a closing `*`.

use super::super::language::{Language, Pattern, TooLarge};

/// The names that `ctx.runtime.env` gives to every plugin.
pub const ALWAYS: [&str; 6] = ["NODE_ENV", "CI", "DEBUG", "TZ", "LANG", "LC_ALL"];

/// Whether a pattern lets a name through. A `*` that does not close the pattern stands for itself.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

/// The names that a pattern lets through.
///
/// # Errors
/// When the pattern is undecided.
pub fn language(pattern: &str) -> Result<Language, TooLarge> {
    match pattern.strip_suffix('*') {
        Some(beginning) => Language::of(&Pattern::new().text(beginning).anything()),
        None => Language::exactly(pattern),
    }
}

/// The names that `ctx.runtime.env` answers under some patterns.
///
/// # Errors
/// When the patterns together are undecided.
pub fn readable(patterns: &[&str]) -> Result<Language, TooLarge> {
    Language::any(ALWAYS.iter().chain(patterns).map(|pattern| language(pattern)))
}

/// The names that the patched `process.env` of a hardened subprocess holds: the same patterns, and nothing always.
///
/// # Errors
/// When the patterns together are undecided.
pub fn patched(patterns: &[&str]) -> Result<Language, TooLarge> {
    Language::any(patterns.iter().map(|pattern| language(pattern)))
}
