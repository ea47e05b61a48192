//! What is wider: what one set of permissions allows beyond others, by what the platform lets through.

use super::handler::Permissions;
use super::permission::engine::fs::{Fs, files};
use super::permission::engine::scope::Scope;
use super::permission::engine::{env, fetch, shell};
use super::permission::language::{Language, TooLarge};
use super::value::{Kind, Value};

/// A list of patterns in a manifest, and how the platform understands it.
struct List {
    section: &'static str,
    key: &'static str,
    /// What a pattern of it lets the handler do, as a verb.
    verb: &'static str,
    /// What one pattern grants.
    one: fn(&Fs, &str) -> Result<Language, TooLarge>,
    /// What all of them grant, with what needs no grant.
    all: fn(&Fs, &[&str]) -> Result<Language, TooLarge>,
    /// Inputs that say more than the shortest one.
    telling: &'static [&'static str],
}

const PATHS: &[&str] = &[
    "/home/someone/.npmrc",
    "/work/space/.github/workflows/ci.yml",
    "/work/space/.kb/marketplace.lock",
    "/work/space/package.json",
    "/work/space/src/index.ts",
];

const LISTS: [List; 6] = [
    List { section: "fs", key: "read", verb: "read", one: Fs::effective, all: Fs::readable, telling: PATHS },
    List {
        section: "fs",
        key: "write",
        verb: "write",
        one: Fs::effective,
        all: Fs::writable,
        telling: PATHS,
    },
    List {
        section: "network",
        key: "fetch",
        verb: "ask",
        one: |_, pattern| fetch::language(pattern),
        all: |_, patterns| fetch::reachable(patterns),
        telling: &["https://evil.example/", "http://169.254.169.254/latest/meta-data/"],
    },
    List {
        section: "env",
        key: "read",
        verb: "read the variable",
        one: |_, pattern| env::language(pattern),
        all: |_, patterns| env::readable(patterns),
        telling: &["NPM_TOKEN", "GITHUB_TOKEN", "OPENAI_API_KEY", "KB_API_KEY"],
    },
    List {
        section: "shell",
        key: "allow",
        verb: "run",
        one: |_, pattern| shell::language(pattern),
        all: |_, patterns| shell::commands(patterns),
        telling: &["sh", "node"],
    },
    List {
        section: "invoke",
        key: "allow",
        verb: "invoke",
        one: |_, pattern| Scope::Plugin.language(pattern),
        all: |_, patterns| Scope::Plugin.allowed(patterns),
        telling: &["@kb-labs/release"],
    },
];

/// What `now` allows that none of `known` does, each with the value that allows it, as sentences.
pub(crate) fn beyond<'v>(known: &[&Permissions], now: &'v Permissions) -> Vec<(&'v Value, String)> {
    let mut found = Vec::new();
    let Ok(files) = files() else { return found };
    for list in &LISTS {
        let before: Vec<&str> =
            known.iter().flat_map(|known| known.list(list.section, list.key)).map(|(text, _)| text).collect();
        let new = now.list(list.section, list.key).filter(|(text, _)| !before.contains(text));
        for (pattern, value) in new {
            match list.beyond(files, pattern, &before) {
                Ok(None) => {}
                Ok(Some(witness)) => {
                    let witness = witness.strip_prefix("/work/space/").unwrap_or(&witness);
                    let what =
                        format!("`{pattern}` lets it {} `{witness}`, which it could not before", list.verb);
                    found.push((value, what));
                }
                Err(TooLarge) => {
                    let what = format!("`{pattern}` is too complex to compare, so it counts as more");
                    found.push((value, what));
                }
            }
        }
    }
    others(known, now, &mut found);
    found
}

/// Whether one pattern of a list such as `fs.write` lets through all that another does; where that cannot be decided it
/// does not.
pub(crate) fn covers(key: &str, wide: &str, narrow: &str) -> bool {
    let languages = || Some((language(key, wide)?, language(key, narrow)?));
    wide == narrow || languages().is_some_and(|(wide, narrow)| wide.includes(&narrow).unwrap_or(false))
}

/// What one pattern of a list such as `fs.write` lets through, denials that hold for everybody left aside; `None` if there
/// is no such list, or the pattern is undecided.
pub(crate) fn language(key: &str, pattern: &str) -> Option<Language> {
    let list = LISTS.iter().find(|list| key == format!("{}.{}", list.section, list.key))?;
    let files = files().ok()?;
    // Denials cut the same from both sides of a comparison, and make it slow.
    match list.section {
        "fs" => files.language(pattern).ok(),
        _ => (list.one)(files, pattern).ok(),
    }
}

/// What is granted otherwise than by patterns: services of the platform, limits, and what cannot be decided.
fn others<'v>(known: &[&Permissions], now: &'v Permissions, found: &mut Vec<(&'v Value, String)>) {
    let is_listed = |key: &str| LISTS.iter().any(|list| key == format!("{}.{}", list.section, list.key));
    let before = |key: &str| {
        let leaves = known.iter().flat_map(|known| known.0.leaves());
        let key = key.to_owned();
        leaves.filter(move |(name, _)| *name == key).map(|(_, value)| value)
    };
    for (key, value) in now.0.leaves() {
        let what = match &value.kind {
            Kind::Unknown(_) | Kind::Code(_) | Kind::Either(_) => {
                let is_known = before(&key).any(|old| old.shown() == value.shown());
                (!is_known).then(|| format!("{key} cannot be decided, so it counts as more"))
            }
            _ if is_listed(&key) => None,
            Kind::Number(number) if key.starts_with("quotas.") => {
                let most = before(&key)
                    .filter_map(number_of)
                    .fold(None, |most: Option<f64>, one| Some(most.map_or(one, |most| most.max(one))));
                most.filter(|most| number > most).map(|most| format!("{key} went from {most} to {number}"))
            }
            Kind::Bool(false) | Kind::Null => None,
            _ => {
                let is_known = before(&key).any(|old| old.shown() == value.shown() || is_all(old));
                // A service that was granted whole needs no limits.
                let parent = key.rsplit_once('.').is_some_and(|(parent, _)| before(parent).any(is_all));
                (!is_known && !parent)
                    .then(|| format!("{key} has `{}`, which it had not before", value.shown()))
            }
        };
        found.extend(what.map(|what| (value, what)));
    }
    for limit in ["quotas.timeoutMs", "quotas.memoryMb"] {
        let is_gone = !now.0.leaves().iter().any(|(key, _)| key == limit);
        if is_gone && before(limit).next().is_some() {
            found.push((&now.0, format!("{limit} is gone")));
        }
    }
}

fn number_of(value: &Value) -> Option<f64> {
    match value.kind {
        Kind::Number(number) => Some(number),
        _ => None,
    }
}

fn is_all(value: &Value) -> bool {
    matches!(value.kind, Kind::Bool(true))
}

impl List {
    /// An input that the pattern lets through and these did not.
    fn beyond(&self, files: &Fs, pattern: &str, before: &[&str]) -> Result<Option<String>, TooLarge> {
        let more = (self.one)(files, pattern)?.difference(&(self.all)(files, before)?)?;
        Ok(more.witness_among(self.telling.iter().copied()))
    }
}
