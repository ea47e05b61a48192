//! What: a permission that no code of the plugin needs.
//!
//! Why: what is granted and not used serves only who takes the plugin over. Presets bring most of it.
//! Broad: `.with(npmPublishPreset)` in a plugin that publishes nothing. Narrow: the permissions that the code uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::used::grants;
use crate::finding::{Confidence, Severity};
use crate::plugin::check::{Check, Fault, Mend, Plugin};
use crate::plugin::permission::engine::env;
use crate::plugin::usage::Usage;
use crate::plugin::usage::grant::{self, Section};
use crate::plugin::value::{Kind, Place, Value};

pub(super) const CHECK: Check = Check {
    id: "unused-grant",
    title: "A plugin may do what its code does not need",
    severity: Severity::Low,
    impact: "Whoever takes over the plugin, or a package in it, has this for nothing",
    steps: &["Remove it", "`kbsec audit suggest` shows the permissions that suffice"],
    run,
};

/// A grant that was not seen in use.
struct Idle<'p> {
    text: String,
    value: &'p Value,
    severity: Severity,
    /// Handlers that get it, by number.
    holders: Vec<usize>,
}

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    let mut groups: BTreeMap<(Arc<str>, u64, Option<String>), Vec<Idle<'_>>> = BTreeMap::new();
    for section in Section::ALL {
        for idle in idle(plugin, usage, section).into_iter().chain(services(plugin, usage, section)) {
            let preset = preset(idle.value);
            let own = preset.clone().or_else(|| Some(idle.text.clone()));
            let key = (Arc::clone(&idle.value.at.file), idle.value.at.span.start, own);
            groups.entry(key).or_default().push(idle);
        }
    }
    let mut idle: BTreeMap<(Arc<str>, u64), BTreeSet<String>> = BTreeMap::new();
    for one in groups.values().flatten() {
        let at = (Arc::clone(&one.value.at.file), one.value.at.span.start);
        idle.entry(at).or_default().insert(one.text.clone());
    }
    for group in groups.into_values() {
        let Some(fault) = told(plugin, usage, &group) else { continue };
        // A literal may stand for reading and for writing; it can go only if nobody needs either.
        let at = (Arc::clone(&fault.at.file), fault.at.span.start);
        let is_all = idle.get(&at).is_some_and(|texts| texts.len() == grants_at(plugin, &fault.at));
        faults.push(if is_all { fault.mend(Mend::Remove) } else { fault });
    }
}

/// How many grants come from one literal.
fn grants_at(plugin: &Plugin, at: &Place) -> usize {
    let leaves = plugin.handlers.iter().flat_map(|handler| handler.permissions.0.leaves());
    let keys: BTreeSet<String> = leaves.filter(|(_, value)| value.at == *at).map(|(key, _)| key).collect();
    keys.len()
}

fn told(plugin: &Plugin, usage: &Usage, group: &[Idle<'_>]) -> Option<Fault> {
    let first = group.first()?;
    let mut texts: Vec<&str> = group.iter().map(|idle| idle.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let what = match preset(first.value) {
        Some(name) => {
            let named: Vec<&str> = texts.iter().take(5).copied().collect();
            let rest = texts.len().saturating_sub(named.len());
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!("no code needs {}{more} of the {name}", named.join(", "))
        }
        None => format!("no code needs {}", texts.join(", ")),
    };
    let severity = group.iter().map(|idle| idle.severity).max()?;
    let mut fault = Fault::of(first.value, what).severity(severity);
    if !usage.outside.is_empty() {
        fault = fault.confidence(Confidence::Medium);
        let names: Vec<&str> = usage.outside.iter().take(4).map(String::as_str).collect();
        let rest = usage.outside.len() - names.len();
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        fault = fault.why(format!("packages that were not looked at: {}{more}", names.join(", ")));
    }
    let holders: BTreeSet<usize> = group.iter().flat_map(|idle| idle.holders.iter().copied()).collect();
    let holders = holders.iter().filter_map(|number| plugin.handlers.get(*number));
    fault.others = holders.map(|handler| handler.name.clone()).collect();
    Some(fault)
}

/// The patterns of a section that no use needs, each once.
fn idle<'p>(plugin: &'p Plugin, usage: &Usage, section: Section) -> Vec<Idle<'p>> {
    let (group, key) = section.keys();
    let mut found = Vec::new();
    if usage.is_handed(group) {
        return found;
    }
    let mut seen: BTreeMap<_, (Vec<usize>, &Value)> = BTreeMap::new();
    for (number, handler) in plugin.handlers.iter().enumerate() {
        for (pattern, value) in handler.permissions.list(group, key) {
            let key = (pattern.to_owned(), Arc::clone(&value.at.file), value.at.span.start);
            seen.entry(key).or_insert_with(|| (Vec::new(), value)).0.push(number);
        }
    }
    for ((pattern, ..), (holders, value)) in seen {
        if holders.iter().any(|number| usage.missing.contains(number)) {
            continue;
        }
        let is_used = usage.uses.iter().any(|used| {
            Section::of(used.of.act) == Some(section)
                && used.handlers.iter().any(|number| holders.contains(number))
                && grants().needs(section, &pattern, used)
        });
        let is_implied = section == Section::Env && usage.implies(&pattern, &holders);
        if !is_used && !is_implied && !is_told_elsewhere(section, &pattern) {
            let text = format!("`{pattern}` in {group}.{key}");
            found.push(Idle { text, value, severity: severity(section, &pattern), holders });
        }
    }
    found
}

/// Grants that mean nothing in themselves: what everybody has, and what nobody gets.
fn is_told_elsewhere(section: Section, pattern: &str) -> bool {
    match section {
        Section::Env => env::ALWAYS.contains(&pattern),
        Section::Read | Section::Write => grant::is_dead(pattern),
        _ => false,
    }
}

fn severity(section: Section, pattern: &str) -> Severity {
    let is_wide = match section {
        Section::Env => super::env_secret::is_secret_pattern(pattern),
        Section::Read | Section::Write => pattern == "**",
        Section::Fetch | Section::Shell | Section::Invoke => pattern == "*",
    };
    if is_wide { Severity::Medium } else { Severity::Low }
}

/// Services that are granted and not used; told once, with the first section.
fn services<'p>(plugin: &'p Plugin, usage: &Usage, section: Section) -> Vec<Idle<'p>> {
    let is_followed = usage.missing.is_empty() && !usage.is_handed("platform") && !usage.is_handed("api");
    if section != Section::Read || !is_followed {
        return Vec::new();
    }
    let used: BTreeSet<&str> = usage.uses.iter().filter_map(grant::service).collect();
    let mut found: Vec<Idle<'p>> = Vec::new();
    for (number, handler) in plugin.handlers.iter().enumerate() {
        let platform = handler.permissions.0.get("platform");
        let Some(Value { kind: Kind::Object(members), .. }) = platform else { continue };
        for (name, value) in members {
            let is_governed = grant::is_governed(name);
            if let Some(known) = found.iter_mut().find(|idle| idle.value.at == value.at) {
                known.holders.push(number);
            } else if is_governed && value.is_true() == Some(true) && !used.contains(&**name) {
                let text = format!("the service `{name}`");
                found.push(Idle { text, value, severity: Severity::Low, holders: vec![number] });
            }
        }
    }
    found
}

/// The preset that a value comes from.
fn preset(value: &Value) -> Option<String> {
    value.steps().map(|step| &*step.what).find(|what| what.starts_with("preset ")).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const CODE: &str = "export default { async execute(ctx) {
        await ctx.runtime.fs.writeFile('out/a.txt', ctx.runtime.env('MY_MODE'));
        await ctx.platform.cache.get('mine:a'); } };";

    #[test]
    fn broad_and_narrow() {
        let narrow = "fs: { write: ['out/**'] }, env: { read: ['MY_MODE'] }, platform: { cache: ['mine:'] }";
        assert_eq!(sample::coded(narrow, CODE), [""; 0]);
        for broad in [
            "fs: { write: ['out/**', 'log/**'] }, env: { read: ['MY_MODE'] }, platform: { cache: ['mine:'] }",
            "fs: { write: ['out/**'] }, env: { read: ['MY_MODE', 'OTHER'] }, platform: { cache: ['mine:'] }",
            "fs: { write: ['out/**'] }, env: { read: ['MY_MODE'] }, platform: { cache: ['mine:'], llm: true }",
            "fs: { write: ['out/**'] }, env: { read: ['MY_MODE'] }, platform: { cache: ['mine:'] }, shell: { allow: ['pdftotext'] }",
        ] {
            assert_eq!(sample::coded(broad, CODE), ["plugin/unused-grant"], "{broad}");
        }
    }

    #[test]
    fn what_is_not_known_counts_as_used() {
        let grants = "fs: { write: ['out/**'] }, platform: { llm: true }";
        let handed = "import { go } from 'elsewhere'; export default { execute(ctx) { return go(ctx); } };";
        assert_eq!(sample::coded(grants, handed), [""; 0]);
        let computed = "export default { async execute(ctx, input) {
            await ctx.runtime.fs.writeFile(input.path, ''); await ctx.platform.llm.complete('a'); } };";
        assert_eq!(sample::coded(grants, computed), [""; 0]);
    }
}
