//! What: a service of the platform without any limit, by which a plugin acts on what belongs to others.
//!
//! Why: with `*`, or `true` where a list could stand, it can run every workflow, submit every job, invoke every plugin with
//! that plugin's own permissions, and remove environments, workspaces and snapshots of everybody.
//! Broad: `snapshot: { delete: true, namespaces: ['*'] }`. Narrow: `namespaces: ['my-plugin-*']`.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::handler::Handler;
use crate::plugin::value::{Kind, Value};

pub(super) const CHECK: Check = Check {
    id: "platform-wide",
    title: "A plugin may use a service of the platform without any limit",
    severity: Severity::Medium,
    impact: "It can act with the permissions of others, or on what belongs to them",
    steps: &["List the names, types or namespaces that it needs; a `*` may end a beginning of its own"],
    run,
};

/// A service, the list that limits it, and what it can do without.
const SERVICES: [(&str, &str, &str); 6] = [
    ("workflows", "workflowIds", "run every workflow, with what the workflow may do"),
    ("jobs", "types", "submit jobs of every type"),
    ("environment", "templates", "make and destroy every environment"),
    ("workspace", "sources", "attach and release every workspace"),
    ("snapshot", "namespaces", "restore and delete snapshots of everybody"),
    ("execution", "namespaces", "run code on every target"),
];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (service, list, what) in SERVICES {
            let Some(granted) = handler.permissions.0.path(&["platform", service]) else { continue };
            if let Some((value, how)) = unlimited(granted, list) {
                faults.push(
                    Fault::of(value, format!("platform.{service} {how}: it can {what}")).handler(handler),
                );
            }
        }
        invoke(handler, faults);
    }
}

fn invoke(handler: &Handler, faults: &mut Vec<Fault>) {
    for (_, value) in handler.permissions.list("invoke", "allow").filter(|(name, _)| *name == "*") {
        let what = "invoke.allow has `*`: it can call every plugin, which then acts with its own permissions";
        faults.push(Fault::of(value, what).handler(handler));
    }
}

/// What makes a grant one without limits, and how.
fn unlimited<'v>(granted: &'v Value, list: &str) -> Option<(&'v Value, &'static str)> {
    match &granted.kind {
        Kind::Bool(true) => Some((granted, "is granted whole")),
        Kind::Object(_) => {
            let names = granted.get(list)?.list();
            let all = names.iter().find(|name| name.text() == Some("*"))?;
            Some((all, "has `*` in the list of its limits"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        for broad in [
            "platform: { workflows: true }",
            "platform: { snapshot: { delete: true, namespaces: ['*'] } }",
            "invoke: { allow: ['*'] }",
        ] {
            assert_eq!(sample::permissions(broad), ["plugin/platform-wide"], "{broad}");
        }
        for narrow in [
            "platform: { workflows: { run: true, workflowIds: ['my-*'] }, llm: true }",
            "platform: { snapshot: { delete: true, namespaces: ['mine-*'] } }",
            "invoke: { allow: ['@acme/other'] }",
        ] {
            assert_eq!(sample::permissions(narrow), [""; 0], "{narrow}");
        }
    }
}
