//! What: the platform's own files can be written.
//!
//! Why: `.kb/marketplace.lock` says which plugins are enabled and where their code is, `.kb/kb.config.json` how they are
//! run. A plugin that can write them gives itself what it wants. The platform's recommended preset `kbPlatform` grants
//! this, so it is not called high here.
//! Broad: `.with(kbPlatformPreset)`. Narrow: `fs.write: ['.kb/my-plugin/**']`.

use super::reached::{self, Target};
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "control-plane",
    title: "A plugin may change the platform's own files",
    severity: Severity::Medium,
    impact: "It can enable itself, change what other plugins run, and lift its own limits",
    steps: &[
        "Grant `.kb/<plugin>/**` instead of `.kb/**`; write the variables of `kbPlatformPreset` by name",
    ],
    run,
};

const TARGETS: [Target; 4] = [
    Target { path: ".kb/marketplace.lock", what: "it says which plugins are enabled" },
    Target { path: ".kb/kb.config.json", what: "it says how plugins are run" },
    Target { path: ".kb/workflows/a.yml", what: "the workflow engine runs its commands" },
    Target { path: ".kb/cache/cli-manifests.json", what: "the command line believes it" },
];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    reached::writable(plugin, &TARGETS, faults);
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |member: &str| {
            sample::ids(&format!("permissions: {{ {member}, quotas: {{ timeoutMs: 1, memoryMb: 1 }} }}"))
        };
        assert_eq!(with("fs: { write: ['.kb/**'] }"), ["plugin/control-plane"]);
        assert_eq!(with("fs: { write: ['.kb/market'] }"), ["plugin/control-plane"]);
        assert_eq!(with("fs: { write: ['.kb/my-plugin/**'] }"), [""; 0]);
    }
}
