//! `plug.perm`: what the auditor says of the permissions of plugins.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::context::Context;
use super::verdict::Verdict;
use super::{Check, show};
use crate::finding::{Finding, Severity};
use crate::plugin::audit::{self, Options};

pub(super) const CHECK: Check = Check {
    id: "plug.perm",
    title: "Plugins may do no more than they should",
    why: "What a rogue plugin did within its permissions was allowed: they were too broad, and others' may be too.",
    needs: &[],
    answer,
};

fn answer(context: &Context) -> Vec<Verdict> {
    let options = Options { root: context.root.clone(), base: PathBuf::new() };
    let outcome = match audit::audit(&options) {
        Ok(outcome) => outcome,
        Err(error) => return vec![Verdict::unknown("", error.to_string())],
    };
    let plugins =
        outcome.coverage.kinds.iter().find(|(kind, _)| *kind == "plugins").map_or(0, |(_, count)| *count);
    if plugins == 0 {
        let why = "there is no manifest of a plugin below the folder (node_modules is not searched)";
        return vec![Verdict::unknown("", why).fix("kbsec audit FOLDER, where the plugins are")];
    }
    let mut files: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in outcome.findings.iter().filter(|finding| finding.severity() >= Severity::Medium) {
        let place = finding.locations().first().map(|place| place.origin.to_string()).unwrap_or_default();
        files.entry(place).or_default().push(finding);
    }
    if let Some(only) = &context.only.plugin {
        files.retain(|file, findings| file.contains(only.as_str()) || tells_of(findings, only));
    }
    if files.is_empty() {
        return vec![Verdict::pass(
            "",
            format!("{} with no grant that is too broad", show::count(plugins, "plugin")),
        )];
    }
    files.into_iter().map(|(file, findings)| judge(context, &file, &findings)).collect()
}

fn tells_of(findings: &[&Finding], plugin: &str) -> bool {
    findings.iter().any(|finding| finding.reasons().iter().any(|reason| reason.contains(plugin)))
}

fn judge(context: &Context, file: &str, findings: &[&Finding]) -> Verdict {
    let worst = findings.iter().max_by_key(|finding| finding.severity());
    let told = worst.map_or_else(String::new, |worst| {
        let reason = worst.reasons().first().map_or_else(String::new, |reason| format!(": {reason}"));
        context.shorten(&format!("{}{reason}", worst.rule().title), 140)
    });
    let severity = worst.map_or(Severity::Info, |worst| worst.severity());
    let value = format!("{}, worst {severity}: {told}", show::count(findings.len() as u64, "grant"));
    let fix = "kbsec audit shows each with its line and a narrower one";
    let verdict = match severity {
        Severity::High | Severity::Critical => Verdict::fail(file, value),
        _ => Verdict::warn(file, value),
    };
    let places = findings.iter().filter_map(|finding| {
        let place = finding.locations().first()?;
        Some(format!("{}:{} {}", place.origin, place.start.line, finding.rule().id))
    });
    verdict.expected("least privilege").fix(fix).seen_at(places)
}
