//! Growth: what plugins may do that an older version of them might not.
//!
//! Grants are compared by what the platform makes of them, not by their text: a pattern that others covered before is
//! none, and one that looks narrower may be.

use std::sync::{Arc, LazyLock};

use super::audit::Outcome;
use super::check::{self, Fault, Plugin};
use super::handler::Permissions;
use super::wider;
use super::workspace::{Options, Workspace};
use crate::finding::{Finding, RuleMeta, Severity};

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
    let mut findings = check::findings(rule, vec![fault], plugin, (&workspace.modules, &workspace.base));
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
        let beyond = wider::beyond(&known, &now.permissions).into_iter();
        wider.extend(beyond.map(|(value, what)| Fault::of(value, what).handler(now)));
    }
    let place = (&workspace.modules, &*workspace.base);
    let mut findings = check::findings(growth, wider, new, place);
    findings.extend(check::findings(handler, more, new, place));
    findings
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
