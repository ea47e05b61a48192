//! The URLs that the patched global `fetch` of a hardened subprocess lets through: the host against a name or a suffix,
//! or a part of the URL against a text.
//!
//! It is installed in the subprocess backend only and stops a request only in mode `enforce`; both are for the caller to
//! know. URLs are those of [`super::url`]: the hardener takes the host from a parsed URL.

use super::super::language::{Language, Pattern, TooLarge, Units};
use super::url;

/// What the patched `fetch` makes of a pattern.
enum Kind<'p> {
    Everything,
    /// The end of a host.
    Suffix(&'p str),
    /// A text anywhere in the URL.
    Part(&'p str),
    /// A host, or a domain above it.
    Domain(&'p str),
}

/// Whether a pattern lets a URL through. A text that is no URL of [`super::url`] has no host, and node would refuse it.
#[must_use]
pub fn matches(pattern: &str, url: &str) -> bool {
    let Some(host) = url::host(url) else { return false };
    match kind(pattern) {
        Kind::Everything => true,
        Kind::Suffix(suffix) => host.ends_with(suffix),
        Kind::Part(part) => url.contains(part),
        Kind::Domain(domain) => {
            host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        }
    }
}

/// The URLs that a pattern lets through.
///
/// # Errors
/// When the pattern is undecided.
pub fn language(pattern: &str) -> Result<Language, TooLarge> {
    match kind(pattern) {
        Kind::Everything => url::language(),
        Kind::Suffix(suffix) => hosts(Pattern::new().many(url::in_host()), suffix),
        Kind::Part(part) => {
            let texts = Language::of(&Pattern::new().anything().text(part).anything())?;
            texts.intersection(&url::language()?)
        }
        Kind::Domain(domain) => {
            let below = hosts(Pattern::new().many(url::in_host()).text("."), domain)?;
            let itself = if domain.is_empty() { Language::none() } else { hosts(Pattern::new(), domain)? };
            below.union(&itself)
        }
    }
}

/// The URLs that a list of patterns lets through; no patterns, no URL.
///
/// # Errors
/// When the patterns together are undecided.
pub fn reachable(patterns: &[&str]) -> Result<Language, TooLarge> {
    Language::any(patterns.iter().map(|pattern| language(pattern)))
}

fn kind(pattern: &str) -> Kind<'_> {
    if pattern == "*" {
        return Kind::Everything;
    }
    match pattern.strip_prefix('*') {
        Some(suffix) if suffix.starts_with('.') => Kind::Suffix(suffix),
        _ if pattern.contains("://") => Kind::Part(pattern),
        _ => Kind::Domain(pattern),
    }
}

/// The URLs whose host is something, then a text. A text that no host holds, such as one with a port, gives none.
fn hosts(before: Pattern, text: &str) -> Result<Language, TooLarge> {
    let is_address = text.starts_with('[') && text.ends_with(']') && before == Pattern::new();
    let address = Units::among(&[('0', ':'), ('a', 'f'), ('.', '.'), ('[', '['), (']', ']')]);
    let allowed = if is_address { address } else { url::in_host() };
    if !text.encode_utf16().all(|unit| allowed.contains(unit)) {
        return Ok(Language::none());
    }
    url::with_host(&before.text(text))?.intersection(&url::language()?)
}
