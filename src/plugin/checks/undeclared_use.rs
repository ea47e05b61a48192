//! What: code that does what the manifest does not declare.
//!
//! Why: through the platform it fails when it runs, and somebody widens the permissions in a hurry. Through node itself it
//! works, as hardly any execution mode stops it, and the manifest tells its reader less than the code does.
//! Broad: `execFile('git')` without `shell.allow`. Narrow: `ctx.api.shell.exec('git')` with `shell: { allow: ['git'] }`.

use std::collections::BTreeMap;

use super::used::{barrier, fault, grants, is_controlled, names, objects, verb};
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::usage::grant::{self, Cover, Section};
use crate::plugin::usage::{Act, Shape, Used, Way};

pub(super) const CHECK: Check = Check {
    id: "undeclared-use",
    title: "Code does what the manifest does not declare",
    severity: Severity::Medium,
    impact: "Who reviews the manifest believes that the plugin cannot do it",
    steps: &["Declare what the code needs, and use the platform's interface for it", "Or remove the code"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    let mut groups: BTreeMap<(Act, bool), Vec<&Used>> = BTreeMap::new();
    for used in &usage.uses {
        if uncovered(plugin, used) {
            groups.entry((used.of.act, is_controlled(used.of.way))).or_default().push(used);
        }
    }
    for ((act, controlled), uses) in groups {
        let what = told(act, &uses);
        let Some(fault) = fault(plugin, &uses, what) else { continue };
        let (severity, why) = match controlled {
            true => (Severity::Low, "the platform refuses it at run time"),
            false => (severity(act, &uses), barrier(&uses)),
        };
        faults.push(fault.severity(severity).why(why));
    }
}

/// Whether some handler that leads to a use is not allowed to do it.
fn uncovered(plugin: &Plugin, used: &Used) -> bool {
    let mut handlers = used.handlers.iter().filter_map(|number| plugin.handlers.get(*number));
    handlers.any(|handler| {
        let cover = match Section::of(used.of.act) {
            Some(section) => grants().cover(&handler.permissions, section, used),
            None if used.of.act == Act::Service => match grant::service(used) {
                Some(permission) if used.of.way == Way::Platform => {
                    grant::service_cover(&handler.permissions, permission, used)
                }
                _ => Cover::Yes,
            },
            None => Cover::Yes,
        };
        cover == Cover::No
    })
}

fn told(act: Act, uses: &[&Used]) -> String {
    let section = match Section::of(act) {
        Some(section) => {
            let (group, key) = section.keys();
            format!("`{group}.{key}`")
        }
        None => "`platform`".to_owned(),
    };
    match act {
        Act::Service => {
            let mut services: Vec<&str> = uses.iter().filter_map(|used| grant::service(used)).collect();
            services.sort_unstable();
            services.dedup();
            format!("it uses {} of the platform, which `platform` does not grant", services.join(", "))
        }
        _ => format!("it {} {} with {}, which {section} does not cover", verb(act), objects(uses), names(uses)),
    }
}

/// How bad it is where nothing stops it.
fn severity(act: Act, uses: &[&Used]) -> Severity {
    match act {
        Act::Run | Act::Fetch | Act::Write => Severity::Medium,
        Act::Env => {
            let is_secret = |used: &&Used| {
                let mut texts = used.of.shapes.iter().filter_map(Shape::constant);
                texts.any(|name| super::env_secret::is_secret(&name))
            };
            if uses.iter().any(is_secret) { Severity::Medium } else { Severity::Low }
        }
        _ => Severity::Low,
    }
}
