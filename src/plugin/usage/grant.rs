//! A grant against a use: whether what code does is covered by what the manifest lets it do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::reach::Used;
use super::shape::Shape;
use super::sink::Act;
use crate::plugin::handler::Permissions;
use crate::plugin::permission::engine::fs::{Access, Decision, WORKSPACE, files};
use crate::plugin::permission::engine::{env, fetch, hardener};
use crate::plugin::permission::language::{Language, TooLarge};
use crate::plugin::value::{Kind, Value};

/// Whether grants cover a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cover {
    /// All that it may be.
    Yes,
    /// A part, or it is not known.
    Maybe,
    /// Nothing of it.
    No,
}

/// A part of the permissions that lists patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Section {
    Read,
    Write,
    Fetch,
    Env,
    Shell,
    Invoke,
}

impl Section {
    pub(crate) const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Fetch, Self::Env, Self::Shell, Self::Invoke];

    /// Where it stands in a manifest.
    pub(crate) fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => ("fs", "read"),
            Self::Write => ("fs", "write"),
            Self::Fetch => ("network", "fetch"),
            Self::Env => ("env", "read"),
            Self::Shell => ("shell", "allow"),
            Self::Invoke => ("invoke", "allow"),
        }
    }

    /// The section that an act needs.
    pub(crate) fn of(act: Act) -> Option<Self> {
        Some(match act {
            Act::Read => Self::Read,
            Act::Write => Self::Write,
            Act::Fetch => Self::Fetch,
            Act::Env => Self::Env,
            Act::Run => Self::Shell,
            Act::Invoke => Self::Invoke,
            Act::Service | Act::Listen | Act::Code | Act::Patch | Act::Decode | Act::Disguise => return None,
        })
    }

    /// What a pattern of it grants; two readings where two engines differ.
    fn language(self, pattern: &str) -> Result<Language, TooLarge> {
        match self {
            Self::Read | Self::Write => files()?.language(pattern),
            Self::Fetch => fetch::language(pattern)?.union(&hardener::language(pattern)?),
            Self::Env => env::language(pattern),
            Self::Shell | Self::Invoke if pattern == "*" => Ok(Language::all()),
            Self::Shell | Self::Invoke => Language::exactly(pattern),
        }
    }

    /// What is granted to everybody.
    fn always(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["."],
            Self::Write => &[".kb/output"],
            Self::Env => &env::ALWAYS,
            _ => &[],
        }
    }
}

/// Whether a path pattern grants nothing: all that it covers is denied, or it begins with `~`, which nobody expands.
pub(crate) fn is_dead(pattern: &str) -> bool {
    pattern.starts_with("~/")
        || files().is_ok_and(|files| files.effective(pattern).is_ok_and(|paths| paths.is_empty()))
}

/// The language of a pattern; `None` if it is undecided.
type Known = Option<Arc<Language>>;

/// Answers, and remembers the languages of patterns.
#[derive(Default)]
pub(crate) struct Grants {
    known: Mutex<HashMap<(Section, String), Known>>,
}

impl Grants {
    /// Whether permissions cover a use of a section: all of what it may be, some of it, or nothing.
    pub(crate) fn cover(&self, permissions: &Permissions, section: Section, used: &Used) -> Cover {
        let (group, key) = section.keys();
        if permissions.0.path(&[group, key]).is_some_and(|value| !value.unknown().is_empty()) {
            return Cover::Maybe;
        }
        let patterns: Vec<&str> = permissions.list(group, key).map(|(pattern, _)| pattern).collect();
        let one = |shape: &Shape| {
            let shape = shaped(section, shape);
            if shape.is_open() {
                // Where nothing is granted at all, nothing that it may be is.
                let is_none = patterns.is_empty() && section.always().is_empty();
                return if is_none { Cover::No } else { Cover::Maybe };
            }
            if is_denied(section, &shape) {
                return Cover::No;
            }
            let mut all = patterns.iter().copied().chain(section.always().iter().copied());
            match (all.any(|pattern| self.meets(section, pattern, &shape)), shape.constant()) {
                (false, _) => Cover::No,
                (true, Some(_)) => Cover::Yes,
                (true, None) => Cover::Maybe,
            }
        };
        let covers: Vec<Cover> = used.of.shapes.iter().map(one).collect();
        match (covers.iter().min(), covers.iter().max()) {
            (Some(Cover::Yes), Some(Cover::Yes)) => Cover::Yes,
            (Some(Cover::No), _) => Cover::No,
            _ => Cover::Maybe,
        }
    }

    /// Whether a use may need a pattern: it is not known that it does not.
    pub(crate) fn needs(&self, section: Section, pattern: &str, used: &Used) -> bool {
        used.of.shapes.iter().any(|shape| {
            let shape = shaped(section, shape);
            let meets = || match (section, files()) {
                (Section::Read | Section::Write, Ok(files)) => {
                    files.intended(pattern).meets(&shape.pattern(WORKSPACE))
                }
                _ => self.meets(section, pattern, &shape),
            };
            shape.is_open() || (!is_denied(section, &shape) && meets())
        })
    }

    /// Whether a pattern lets something through that a shape may be; denials are left aside.
    fn meets(&self, section: Section, pattern: &str, shape: &Shape) -> bool {
        match (section, files()) {
            (Section::Read | Section::Write, Ok(files)) => {
                files.pattern(pattern).meets(&shape.pattern(WORKSPACE))
            }
            _ => {
                let Some(granted) = self.language(section, pattern) else { return true };
                match shape.constant() {
                    Some(text) => granted.contains(&text),
                    None => {
                        shape.language(WORKSPACE).and_then(|asked| asked.intersects(&granted)).unwrap_or(true)
                    }
                }
            }
        }
    }

    fn language(&self, section: Section, pattern: &str) -> Known {
        let key = (section, pattern.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert_with(|| section.language(pattern).ok().map(Arc::new)).clone()
    }
}

/// Whether the platform refuses every file that a shape may be.
fn is_denied(section: Section, shape: &Shape) -> bool {
    match (section, files()) {
        (Section::Read | Section::Write, Ok(files)) => {
            let path = shape.example(WORKSPACE);
            matches!(files.decide(Access::Read, &[], &path), Decision::Denied(_))
        }
        _ => false,
    }
}

/// A shape as the engine of a section sees it.
fn shaped(section: Section, shape: &Shape) -> Shape {
    match (section, files()) {
        (Section::Read | Section::Write, Ok(files)) => shape.as_path(files, WORKSPACE),
        _ => shape.clone(),
    }
}

/// Services that the platform asks a permission for, and the name of that permission.
const GOVERNED: [(&str, &str); 12] = [
    ("llm", "llm"),
    ("embeddings", "embeddings"),
    ("vectorStore", "vectorStore"),
    ("cache", "cache"),
    ("storage", "storage"),
    // State is kept in the cache.
    ("state", "cache"),
    ("workflows", "workflows"),
    ("jobs", "jobs"),
    ("cron", "cron"),
    ("environment", "environment"),
    ("workspace", "workspace"),
    ("snapshot", "snapshot"),
];

/// Whether the platform asks for this permission under `platform`.
pub(crate) fn is_governed(permission: &str) -> bool {
    GOVERNED.iter().any(|(_, known)| *known == permission)
}

/// The permission under `platform` that a use of a service needs; `None` for one that nobody asks for.
pub(crate) fn service(used: &Used) -> Option<&'static str> {
    let name = used.of.name.as_str();
    let service = match name.strip_prefix("ctx.") {
        Some(path) => path.split('.').nth(1)?.to_owned(),
        None => {
            let hook = name.rsplit(' ').next()?.strip_prefix("use")?;
            let (first, rest) = hook.split_at_checked(1)?;
            if hook == "LLM" { "llm".to_owned() } else { format!("{}{rest}", first.to_lowercase()) }
        }
    };
    GOVERNED.iter().find(|(known, _)| *known == service).map(|(_, permission)| *permission)
}

/// Whether permissions cover a use of a service.
pub(crate) fn service_cover(permissions: &Permissions, permission: &str, used: &Used) -> Cover {
    let Some(value) = permissions.0.path(&["platform", permission]) else {
        let platform = permissions.0.get("platform");
        let is_open =
            platform.is_some_and(|platform| matches!(platform.kind, Kind::Unknown(_) | Kind::Either(_)));
        return if is_open { Cover::Maybe } else { Cover::No };
    };
    match value.is_true() {
        Some(false) => return Cover::No,
        None => return Cover::Maybe,
        Some(true) => {}
    }
    let prefixes: Vec<&str> = match (permission, &value.kind) {
        ("cache", Kind::List(list)) => list.iter().filter_map(Value::text).collect(),
        ("cache", Kind::Object(_)) => texts(value, "namespaces"),
        ("storage", Kind::Object(_)) => texts(value, "paths"),
        // The platform does not understand a list here, and refuses everything.
        ("storage", Kind::List(_)) => Vec::new(),
        _ => return Cover::Yes,
    };
    let covers: Vec<Cover> = used
        .of
        .shapes
        .iter()
        .map(|shape| {
            let start = shape.beginning();
            if prefixes.iter().any(|prefix| start.starts_with(prefix)) {
                Cover::Yes
            } else if !prefixes.is_empty()
                && (start.is_empty() || prefixes.iter().any(|prefix| prefix.starts_with(start)))
            {
                if shape.constant().is_some() { Cover::No } else { Cover::Maybe }
            } else {
                Cover::No
            }
        })
        .collect();
    match (covers.iter().min(), covers.iter().max()) {
        (Some(Cover::Yes), Some(Cover::Yes)) => Cover::Yes,
        (_, Some(Cover::No)) if covers.iter().all(|cover| *cover == Cover::No) => Cover::No,
        _ => Cover::Maybe,
    }
}

fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    value.get(key).map(Value::list).unwrap_or_default().iter().filter_map(Value::text).collect()
}
