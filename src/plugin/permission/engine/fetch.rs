//! The URLs that `ctx.runtime.fetch` lets through: the whole text of the URL against a glob whose `*` crosses slashes.
//!
//! The shim looks at the text it is given. A `URL` object comes in the form of [`super::url`]; a string comes as written,
//! and node normalises it only after the shim has decided.

use super::super::language::{Language, Pattern, TooLarge};
use super::glob;

/// Whether a pattern lets a URL through.
#[must_use]
pub fn matches(pattern: &str, url: &str) -> bool {
    compiled(pattern).matches(url)
}

/// The texts that a pattern lets through.
///
/// # Errors
/// When the pattern is undecided.
pub fn language(pattern: &str) -> Result<Language, TooLarge> {
    Language::of(&compiled(pattern))
}

/// The URLs in normal form that a list of patterns lets through; no patterns, no URL.
///
/// # Errors
/// When the patterns together are undecided.
pub fn reachable(patterns: &[&str]) -> Result<Language, TooLarge> {
    let texts = Language::any(patterns.iter().map(|pattern| language(pattern)))?;
    texts.intersection(&super::url::language()?)
}

fn compiled(pattern: &str) -> Pattern {
    glob::crossing(Pattern::new(), pattern)
}
