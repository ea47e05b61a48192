//! What: a file that can be written, and that something runs later.
//!
//! Why: who writes a CI workflow, the scripts of a package.json or the instructions of a coding agent runs code as
//! somebody else, outside of every limit of the platform.
//! Broad: `fs.write: ['**/*.yml']`. Narrow: `fs.write: ['.kb/release/**']`.

use super::reached::{self, Target};
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "code-sink",
    title: "A plugin may write files that are run later",
    severity: Severity::High,
    impact: "Code that it writes there runs with the rights of a developer or of CI",
    steps: &["Grant the folder that the plugin needs, not every file of a kind"],
    run,
};

const TARGETS: [Target; 8] = [
    Target { path: ".github/workflows/ci.yml", what: "CI runs it" },
    Target { path: "package.json", what: "its scripts run at every install" },
    Target { path: "packages/a/package.json", what: "its scripts run at every install" },
    Target { path: "Makefile", what: "`make` runs it" },
    Target { path: ".husky/pre-commit", what: "git runs it at every commit" },
    Target { path: ".vscode/tasks.json", what: "the editor runs it" },
    Target { path: ".claude/settings.json", what: "a coding agent obeys it" },
    Target { path: "AGENTS.md", what: "coding agents obey it" },
];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    reached::writable(plugin, &TARGETS, faults);
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |pattern: &str| {
            sample::ids(&format!(
                "permissions: {{ fs: {{ write: ['{pattern}'] }}, quotas: {{ timeoutMs: 1, memoryMb: 1 }} }}"
            ))
        };
        for broad in ["**/*.yml", "**/package.json", ".", ".github/**", "AGENTS*", "**/*.json"] {
            assert!(with(broad).contains(&"plugin/code-sink".to_owned()), "{broad}");
        }
        for narrow in ["out/**", ".kb/release/**", "docs/*.md"] {
            assert_eq!(with(narrow), [""; 0], "{narrow}");
        }
    }
}
