//! What: a REST route that declares permissions of its own.
//!
//! Why: the route mounter gives every route the permissions of the plugin and never reads those of the route. Somebody
//! meant to narrow them and did not.
//! Broad: `routes: [{ path: '/a', permissions: narrow }]`. Narrow: what all routes may do, as `permissions` of the plugin.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "ignored-permissions",
    title: "Permissions of a route have no effect",
    severity: Severity::Medium,
    impact: "The route runs with everything that the plugin as a whole may do",
    steps: &["Narrow the permissions of the plugin; give what only commands need to the commands"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in plugin.handlers.iter().filter(|handler| handler.host.ignores_own()) {
        if let Some(own) = handler.entry.get("permissions").filter(|own| own.is_defined()) {
            let what = "the REST service gives the route the permissions of the plugin instead of these";
            faults.push(Fault::of(own, what).handler(handler));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const QUOTAS: &str = "quotas: { timeoutMs: 1, memoryMb: 1 }";

    #[test]
    fn broad_and_narrow() {
        let routes = "rest: { basePath: '/v1/plugins/a', routes: [{ path: '/a', permissions: { fs: { read: [] } } }] }";
        let broad = format!("permissions: {{ {QUOTAS} }}, {routes}");
        assert_eq!(sample::ids(&broad), ["plugin/ignored-permissions"]);
        let narrow = format!(
            "permissions: {{ {QUOTAS} }}, {}",
            routes.replace(", permissions: { fs: { read: [] } }", "")
        );
        assert_eq!(sample::ids(&narrow), [""; 0]);
    }
}
