//! What: a pattern that covers every variable of the environment.
//!
//! Why: the environment of a service holds its tokens and those of all plugins. The platform's own handbook says never to
//! do this in a published plugin.
//! Broad: `env: { read: ['*'] }` or `fullEnvPreset`. Narrow: the names that are needed.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "env-everything",
    title: "A plugin may read the whole environment",
    severity: Severity::High,
    impact: "Every token that the service was started with is within its reach",
    steps: &["Name the variables that the plugin needs"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (pattern, value) in handler.permissions.list("env", "read") {
            if pattern == "*" {
                faults.push(Fault::of(value, "`*` covers every variable").handler(handler));
            } else if let Some(at) = pattern.find('*').filter(|at| at + 1 < pattern.len()) {
                let what =
                    format!("`{pattern}` matches nothing: only a `*` at the end counts, not one at {at}");
                faults.push(Fault::of(value, what).severity(Severity::Info).handler(handler));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let broad = "permissions: { env: { read: ['*'] }, quotas: { timeoutMs: 1, memoryMb: 1 } }";
        assert_eq!(sample::ids(broad), ["plugin/env-everything"]);
        let preset = "permissions: combinePermissions().with(fullEnvPreset).withQuotas({ timeoutMs: 1, memoryMb: 1 }).build()";
        assert_eq!(sample::ids(preset), ["plugin/env-everything"]);
        let narrow = "permissions: { env: { read: ['MY_PLUGIN_*'] }, quotas: { timeoutMs: 1, memoryMb: 1 } }";
        assert_eq!(sample::ids(narrow), [""; 0]);
    }
}
