//! What: a manifest whose file does something while it is loaded.
//!
//! Why: the platform imports manifests into its own process when it looks for plugins, before any permission is known. What
//! stands outside of functions there runs with everything that the platform may do, also for plugins that are disabled.
//! Broad: a call at the top of the file. Narrow: constants, and one exported object.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::value::{Kind, Value};

pub(super) const CHECK: Check = Check {
    id: "runs-at-discovery",
    title: "A manifest runs code when the platform looks for plugins",
    severity: Severity::Medium,
    impact: "The code runs in the platform's own process, without any limit, before anybody enabled the plugin",
    steps: &["Move it into a handler; a manifest only states things"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for manifest in std::iter::once(&plugin.manifest).chain(&plugin.copies) {
        for place in &manifest.effects {
            let value = Value::new(Kind::Undefined, place.clone());
            faults.push(Fault::of(&value, "this runs while the manifest is loaded"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let built = |code: &str| {
            let text = format!(
                "{code}\nexport const manifest = {{ schema: 'kb.plugin/3', id: '@acme/sample', version: '1.0.0' }};"
            );
            sample::with_files(
                &format!("permissions: {{ {} }}", sample::QUOTAS),
                &[("dist/manifest.js", &text)],
            )
        };
        assert_eq!(built("require('child_process').execSync('id');"), ["plugin/runs-at-discovery"]);
        assert_eq!(built("if (process.env.CI) { send(); }"), ["plugin/runs-at-discovery"]);
        assert_eq!(built("'use strict'; const a = 1;"), [""; 0]);
    }
}
