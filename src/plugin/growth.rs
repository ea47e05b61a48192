//! Growth: what plugins may do that an older version of them might not.
//!
//! Grants are compared by what the platform makes of them, not by their text: a pattern that others covered before is
//! none, and one that looks narrower may be.

use std::sync::{Arc, LazyLock};

use super::audit::{Options, Outcome};
use super::check::{self, Fault, Plugin};
use super::handler::{Handler, Permissions};
use super::permission::engine::fs::Fs;
use super::permission::engine::scope::Scope;
use super::permission::engine::{env, fetch, shell};
use super::permission::language::{Language, TooLarge};
use super::value::{Kind, Value};
use super::workspace::Workspace;
use crate::finding::{Finding, RuleMeta, Severity};

/// Where the files of a plugin lie in this model.
const WORKSPACE: &str = "/work/space";

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

/// The three rules: more than before, a handler that is new, a plugin that is new.
static RULES: LazyLock<Option<[Arc<RuleMeta>; 3]>> = LazyLock::new(|| {
    let review = ["Ask its author why, and review the code that uses it, before you take the new version"];
    Some([
        check::rule(
            "growth",
            "A plugin may do more than before",
            Severity::Medium,
            ("An update can turn a plugin that was reviewed into one that was not", &review),
        )?,
        check::rule(
            "new-handler",
            "A plugin has a new handler",
            Severity::Low,
            ("Code that did not run before does now, with what the plugin is granted", &review),
        )?,
        check::rule(
            "new-plugin",
            "There is a new plugin",
            Severity::Low,
            ("Code of somebody else runs with what its manifest asks for", &review),
        )?,
    ])
});

/// The rules of growth, sorted by id.
#[must_use]
pub fn rules() -> Vec<Arc<RuleMeta>> {
    RULES.iter().flatten().cloned().collect()
}

/// What the plugins below a folder may do that those below another might not, worst first. Places are those of the new
/// one; what could not be read of either is a gap.
///
/// # Errors
/// When one of the folders cannot be read.
pub fn growth(old: &Options, new: &Options) -> std::io::Result<Outcome> {
    let (before, after) = (Workspace::read(old)?, Workspace::read(new)?);
    let mut findings: Vec<Finding> = after
        .plugins
        .iter()
        .flat_map(|plugin| match before.plugins.iter().find(|old| old.name() == plugin.name()) {
            Some(old) => grown(old, plugin, &after),
            None => arrived(plugin, &after),
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    let mut coverage = after.coverage;
    coverage.missed.extend(before.coverage.missed);
    Ok(Outcome { findings, coverage })
}

/// A plugin that was not there: that it is new, and all that is wrong with it.
fn arrived(plugin: &Plugin, workspace: &Workspace) -> Vec<Finding> {
    let Some([_, _, rule]) = &*RULES else { return Vec::new() };
    let what = format!("it was not there before; handlers: {}", plugin.handlers.len());
    let fault = Fault::of(&plugin.manifest.value, what);
    let mut findings =
        check::findings(rule, vec![fault], plugin.name(), (&workspace.modules, &workspace.base));
    findings.extend(workspace.findings_of(plugin));
    findings
}

fn grown(old: &Plugin, new: &Plugin, workspace: &Workspace) -> Vec<Finding> {
    let Some([growth, handler, _]) = &*RULES else { return Vec::new() };
    let (mut wider, mut more) = (Vec::new(), Vec::new());
    for now in &new.handlers {
        let before = old.handlers.iter().find(|one| (one.host, &one.name) == (now.host, &now.name));
        let known: Vec<&Permissions> = match before {
            Some(before) => vec![&before.permissions],
            None => old.handlers.iter().map(|one| &one.permissions).collect(),
        };
        if before.is_none() {
            let what = format!("{} is new", now.name);
            more.push(Fault::of(&now.entry, what).handler(now));
        }
        compare(&known, now, &mut wider);
    }
    let place = (&workspace.modules, &*workspace.base);
    let mut findings = check::findings(growth, wider, new.name(), place);
    findings.extend(check::findings(handler, more, new.name(), place));
    findings
}

/// What a handler has that none of `known` gave.
fn compare(known: &[&Permissions], now: &Handler, faults: &mut Vec<Fault>) {
    let Ok(files) = Fs::new(WORKSPACE, None) else { return };
    for list in &LISTS {
        let before: Vec<&str> =
            known.iter().flat_map(|known| known.list(list.section, list.key)).map(|(text, _)| text).collect();
        let new = now.permissions.list(list.section, list.key).filter(|(text, _)| !before.contains(text));
        for (pattern, value) in new {
            match list.beyond(&files, pattern, &before) {
                Ok(None) => {}
                Ok(Some(witness)) => {
                    let witness = witness.strip_prefix("/work/space/").unwrap_or(&witness);
                    let what =
                        format!("`{pattern}` lets it {} `{witness}`, which it could not before", list.verb);
                    faults.push(Fault::of(value, what).handler(now));
                }
                Err(TooLarge) => {
                    let what = format!("`{pattern}` is too complex to compare, so it counts as more");
                    faults.push(Fault::of(value, what).handler(now));
                }
            }
        }
    }
    others(known, now, faults);
}

/// What is granted otherwise than by patterns: services of the platform, limits, and what cannot be decided.
fn others(known: &[&Permissions], now: &Handler, faults: &mut Vec<Fault>) {
    let is_listed = |key: &str| LISTS.iter().any(|list| key == format!("{}.{}", list.section, list.key));
    let before = |key: &str| {
        let leaves = known.iter().flat_map(|known| known.0.leaves());
        let key = key.to_owned();
        leaves.filter(move |(name, _)| *name == key).map(|(_, value)| value)
    };
    for (key, value) in now.permissions.0.leaves() {
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
        faults.extend(what.map(|what| Fault::of(value, what).handler(now)));
    }
    for limit in ["quotas.timeoutMs", "quotas.memoryMb"] {
        let is_gone = !now.permissions.0.leaves().iter().any(|(key, _)| key == limit);
        if is_gone && before(limit).next().is_some() {
            faults.push(Fault::of(&now.permissions.0, format!("{limit} is gone")).handler(now));
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::plugin::sample;

    /// What the second manifest grants beyond the first, as rule and reason.
    fn between(old: &str, new: &str) -> Vec<(String, String)> {
        let folders = [old, new].map(sample::folder);
        let [old, new] =
            folders.each_ref().map(|it| Options { root: it.path().to_owned(), base: PathBuf::new() });
        let outcome = growth(&old, &new).unwrap();
        let told =
            outcome.findings.iter().map(|found| (found.rule().id.to_string(), found.reasons()[0].clone()));
        told.collect()
    }

    fn permissions(old: &str, new: &str) -> Vec<String> {
        let told = between(&format!("permissions: {{ {old} }}"), &format!("permissions: {{ {new} }}"));
        told.into_iter().map(|(_, what)| what).collect()
    }

    #[test]
    fn patterns_are_compared_by_what_they_grant() {
        let write = |old: &str, new: &str| {
            permissions(&format!("fs: {{ write: [{old}] }}"), &format!("fs: {{ write: [{new}] }}"))
        };
        // All of these grant less or the same.
        for (old, new) in [("'docs/**'", "'docs/a/**'"), ("'**'", "'**/*'"), ("'a/**', 'b/**'", "'a/**'")] {
            assert_eq!(write(old, new), [""; 0], "{old} {new}");
        }
        let told = write("'**/*'", "'**'");
        assert_eq!(told, ["`**` lets it write `/home/someone/.npmrc`, which it could not before"]);
        assert_eq!(write("'docs/**'", "'docs'").len(), 1, "a prefix has no end");
        let told = permissions("env: { read: ['KB_A'] }", "env: { read: ['KB_*'] }");
        assert_eq!(told, ["`KB_*` lets it read the variable `KB_API_KEY`, which it could not before"]);
        assert_eq!(permissions("", "env: { read: ['NODE_ENV'] }"), [""; 0]);
        assert_eq!(permissions("", "shell: { allow: ['git'] }").len(), 1);
        assert_eq!(
            permissions("network: { fetch: ['https://a.io/*'] }", "network: { fetch: ['https://*.a.io/*'] }")
                .len(),
            1
        );
    }

    #[test]
    fn services_and_limits_count_too() {
        assert_eq!(
            permissions("", "platform: { llm: true }"),
            ["platform.llm has `true`, which it had not before"]
        );
        let cache = ["platform: { cache: true }", "platform: { cache: ['a:'] }"];
        assert_eq!(permissions(cache[0], cache[1]), [""; 0]);
        assert_eq!(permissions(cache[1], cache[0]).len(), 1);
        let quota = ["quotas: { timeoutMs: 1000 }", "quotas: { timeoutMs: 2000 }", ""];
        assert_eq!(permissions(quota[0], quota[1]), ["quotas.timeoutMs went from 1000 to 2000"]);
        assert_eq!(permissions(quota[1], quota[0]), [""; 0]);
        assert_eq!(permissions(quota[0], quota[2]), ["quotas.timeoutMs is gone"]);
        assert_eq!(permissions("", "env: { read: process.argv }").len(), 1);
    }

    #[test]
    fn handlers_and_plugins_that_are_new() {
        let rest = "permissions: {}, rest: { routes: [{ path: '/x', handler: './x.js' }] }";
        assert_eq!(
            between("permissions: {}", rest),
            [("plugin/new-handler".into(), "route /x is new".into())]
        );
        let (old, new) = (tempfile::tempdir().unwrap(), sample::folder("permissions: {}"));
        let [old, new] = [&old, &new].map(|it| Options { root: it.path().to_owned(), base: PathBuf::new() });
        let ids: Vec<String> =
            growth(&old, &new).unwrap().findings.iter().map(|found| found.rule().id.to_string()).collect();
        assert_eq!(ids, ["plugin/new-plugin", "plugin/no-quota"]);
    }
}
