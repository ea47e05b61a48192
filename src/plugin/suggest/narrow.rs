//! The narrower permissions: lists without what nobody needs, and patterns no wider than what is used.

use std::collections::BTreeSet;

use crate::plugin::check::Plugin;
use crate::plugin::permission::engine::env;
use crate::plugin::permission::engine::fs::{WORKSPACE, files};
use crate::plugin::usage::grant::{self, Grants, Section};
use crate::plugin::usage::{Part, Shape, Usage, Used};
use crate::plugin::value::{Kind, Value};

/// Patterns that may stand in the place of one.
const MOST: usize = 8;

/// A value that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Js {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// Narrows the permissions of some handlers.
pub(super) struct Narrow<'p> {
    plugin: &'p Plugin,
    usage: &'p Usage,
    holders: &'p [usize],
    /// Whether a section that is left out means that of the plugin instead of none.
    is_overlay: bool,
    grants: Grants,
    /// What changes, a sentence each.
    pub(super) changes: Vec<String>,
}

impl<'p> Narrow<'p> {
    /// For the block `of` a plugin, which these handlers get.
    pub(super) fn new(plugin: &'p Plugin, usage: &'p Usage, of: &Value, holders: &'p [usize]) -> Self {
        let is_overlay = plugin.manifest.value.get("permissions").is_none_or(|own| own.at != of.at);
        Self { plugin, usage, holders, is_overlay, grants: Grants::default(), changes: Vec::new() }
    }

    /// The permissions that suffice; `None` if they hold something that is no constant.
    pub(super) fn object(&mut self, value: &Value) -> Option<Js> {
        let Kind::Object(members) = &value.kind else { return None };
        let mut sections = Vec::new();
        for (name, value) in members.iter().filter(|(_, value)| value.is_defined()) {
            let narrowed = match (&**name, &value.kind) {
                ("platform", Kind::Object(_)) => self.platform(value)?,
                (_, Kind::Object(_)) => self.section(name, value)?,
                _ => plain(value)?,
            };
            if self.is_overlay || !matches!(&narrowed, Js::Object(members) if members.is_empty()) {
                sections.push((name.to_string(), narrowed));
            }
        }
        Some(Js::Object(sections))
    }

    fn section(&mut self, group: &str, value: &Value) -> Option<Js> {
        let Kind::Object(members) = &value.kind else { return None };
        let mut kept = Vec::new();
        for (key, value) in members.iter().filter(|(_, value)| value.is_defined()) {
            let section = Section::ALL.into_iter().find(|section| section.keys() == (group, &**key));
            match section.filter(|_| matches!(value.kind, Kind::List(_))) {
                Some(section) => {
                    let texts = self.patterns(section, value)?;
                    if self.is_overlay || !texts.is_empty() {
                        kept.push((key.to_string(), Js::List(texts.into_iter().map(Js::Text).collect())));
                    }
                }
                None => kept.push((key.to_string(), plain(value)?)),
            }
        }
        Some(Js::Object(kept))
    }

    /// The patterns of a list that suffice.
    fn patterns(&mut self, section: Section, value: &Value) -> Option<Vec<String>> {
        let (group, key) = section.keys();
        let mut all = Vec::new();
        for element in value.list() {
            let pattern = element.text()?.to_owned();
            if section == Section::Env && env::ALWAYS.contains(&pattern.as_str()) {
                // Every plugin gets it; this alone is no reason to change anything.
                continue;
            }
            if matches!(section, Section::Read | Section::Write) && grant::is_dead(&pattern) {
                self.changes.push(format!("{group}.{key} without `{pattern}`, which grants nothing"));
                continue;
            }
            if self.usage.is_handed(group) {
                all.push(pattern);
                continue;
            }
            let needed = self.needing(section, &pattern);
            let is_implied = section == Section::Env && self.usage.implies(&pattern, self.holders);
            if needed.is_empty() && !is_implied {
                self.changes.push(format!("{group}.{key} without `{pattern}`, which no code needs"));
                continue;
            }
            match narrower(section, &pattern, &needed).filter(|_| !is_implied) {
                Some(narrower) => {
                    let list: Vec<String> = narrower.iter().map(|text| format!("`{text}`")).collect();
                    self.changes
                        .push(format!("{group}.{key} with {} instead of `{pattern}`", list.join(", ")));
                    all.extend(narrower);
                }
                None => all.push(pattern),
            }
        }
        let mut seen = BTreeSet::new();
        all.retain(|pattern| seen.insert(pattern.clone()));
        Some(all)
    }

    fn needing(&self, section: Section, pattern: &str) -> Vec<&'p Used> {
        let uses = self.usage.uses.iter().filter(|used| {
            Section::of(used.of.act) == Some(section)
                && used.handlers.iter().any(|number| self.holders.contains(number))
        });
        uses.filter(|used| self.grants.needs(section, pattern, used)).collect()
    }

    /// Services that are used.
    fn platform(&mut self, value: &Value) -> Option<Js> {
        let Kind::Object(members) = &value.kind else { return None };
        let uses = self
            .usage
            .uses
            .iter()
            .filter(|used| used.handlers.iter().any(|number| self.holders.contains(number)));
        let used: BTreeSet<&str> = uses.filter_map(grant::service).collect();
        let is_followed = !self.usage.is_handed("platform") && !self.usage.is_handed("api");
        let mut kept = Vec::new();
        for (name, value) in members.iter().filter(|(_, value)| value.is_defined()) {
            let is_idle = is_followed && grant::is_governed(name) && !used.contains(&**name);
            if is_idle && value.is_true() == Some(true) {
                self.changes
                    .push(format!("platform without `{name}`, which no code of {} uses", self.plugin.name()));
            } else {
                kept.push((name.to_string(), plain(value)?));
            }
        }
        Some(Js::Object(kept))
    }
}

/// Patterns that cover what is used and nothing beside; `None` if the one that is there is as good.
fn narrower(section: Section, pattern: &str, needed: &[&Used]) -> Option<Vec<String>> {
    if !is_wide(section, pattern) {
        return None;
    }
    let mut found: BTreeSet<String> = BTreeSet::new();
    for shape in needed.iter().flat_map(|used| &used.of.shapes) {
        let one = match section {
            Section::Read | Section::Write => path(shape)?,
            Section::Env | Section::Shell | Section::Invoke => shape.constant()?,
            Section::Fetch => host(shape)?,
        };
        // Another pattern of the list covers the rest.
        if covers(section, pattern, &one) {
            found.insert(one);
        }
    }
    let texts: Vec<String> = found.iter().cloned().collect();
    let is_covered = |text: &&String| {
        !texts.iter().any(|other| {
            other != *text && other.ends_with("/**") && text.starts_with(other.trim_end_matches("**"))
        })
    };
    let texts: Vec<String> = texts.iter().filter(is_covered).cloned().collect();
    (!texts.is_empty() && texts.len() <= MOST && texts != [pattern]).then_some(texts)
}

/// Whether a pattern lets more through than any one thing.
fn is_wide(section: Section, pattern: &str) -> bool {
    match section {
        Section::Read | Section::Write => pattern == "." || pattern.contains('*'),
        Section::Fetch => {
            pattern.contains('*') && !pattern.ends_with("/*") || pattern.matches('*').count() > 1
        }
        Section::Env | Section::Shell | Section::Invoke => pattern.contains('*'),
    }
}

/// Whether a pattern lets through what a narrower one does.
fn covers(section: Section, pattern: &str, narrower: &str) -> bool {
    match (section, files()) {
        (Section::Read | Section::Write, Ok(files)) => {
            files.matches(pattern, &narrower.replace("**", "x").replace('*', "x"))
        }
        (Section::Env, _) => env::matches(pattern, narrower),
        _ => true,
    }
}

/// The folder, or the file, that a path is in; `None` if that is the whole workspace or not in it.
fn path(shape: &Shape) -> Option<String> {
    let files = files().ok()?;
    let shape = shape.as_path(files, WORKSPACE);
    let [Part::Text(start), rest @ ..] = shape.0.as_slice() else { return None };
    let inside = start.strip_prefix(WORKSPACE)?.strip_prefix('/')?;
    if rest.is_empty() {
        return Some(inside.to_owned()).filter(|inside| !inside.is_empty());
    }
    let (folder, _) = inside.rsplit_once('/')?;
    Some(format!("{folder}/**"))
}

/// The host of a URL, with everything on it.
fn host(shape: &Shape) -> Option<String> {
    let text = shape.beginning();
    let (scheme, rest) = text.split_once("://")?;
    let (host, _) = rest.split_once('/').or_else(|| (shape.0.len() == 1).then_some((rest, "")))?;
    (!host.is_empty()).then(|| format!("{scheme}://{host}/*"))
}

/// A constant as it is; `None` for anything else.
fn plain(value: &Value) -> Option<Js> {
    Some(match &value.kind {
        Kind::Null => Js::Null,
        Kind::Bool(is) => Js::Bool(*is),
        Kind::Number(number) => Js::Number(*number),
        Kind::Text(text) => Js::Text(text.to_string()),
        Kind::List(values) => Js::List(values.iter().map(plain).collect::<Option<_>>()?),
        Kind::Object(members) => {
            let defined = members.iter().filter(|(_, value)| value.is_defined());
            Js::Object(
                defined.map(|(key, value)| Some((key.to_string(), plain(value)?))).collect::<Option<_>>()?,
            )
        }
        _ => return None,
    })
}

/// A value as TypeScript, its lines indented like the one that it stands in.
pub(super) fn printed(value: &Js, indent: &str) -> String {
    let inner = format!("{indent}  ");
    match value {
        Js::Null => "null".to_owned(),
        Js::Bool(is) => is.to_string(),
        Js::Number(number) => number.to_string(),
        Js::Text(text) => quoted(text),
        Js::List(values) => {
            let parts: Vec<String> = values.iter().map(|value| printed(value, &inner)).collect();
            let line = format!("[{}]", parts.join(", "));
            if line.len() + inner.len() <= 90 && !line.contains('\n') {
                return line;
            }
            let mut text = "[\n".to_owned();
            for part in &parts {
                text.push_str(&format!("{inner}{part},\n"));
            }
            text + indent + "]"
        }
        Js::Object(members) => {
            let mut text = "{\n".to_owned();
            for (key, value) in members {
                text.push_str(&format!("{inner}{}: {},\n", named(key), printed(value, &inner)));
            }
            text + indent + "}"
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = "'".to_owned();
    for one in text.chars() {
        match one {
            '\'' | '\\' => quoted.extend(['\\', one]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            one if one.is_control() || matches!(one, '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\u{{{:x}}}", u32::from(one)));
            }
            one => quoted.push(one),
        }
    }
    quoted + "'"
}

fn named(key: &str) -> String {
    let is_name = key.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_')
        && key.chars().all(|one| one.is_ascii_alphanumeric() || one == '_');
    if is_name { key.to_owned() } else { quoted(key) }
}
