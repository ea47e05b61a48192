//! What: the code of plugins, or what decides which packages are installed, can be written.
//!
//! Why: the platform loads `dist` of every enabled plugin into its own process at discovery, before any permission is
//! asked. Who writes there, or in the lock file that says which packages come next, runs as somebody else.
//! Broad: `fs.write: ['plugins/**']`. Narrow: `fs.write: ['.kb/my-plugin/**']`.

use super::reached::{self, Target};
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::permission::engine::fs;
use crate::plugin::permission::language::Pattern;
use crate::plugin::usage::{Act, Used};

pub(super) const CHECK: Check = Check {
    id: "plugin-code",
    title: "A plugin may change the code of plugins",
    severity: Severity::High,
    impact: "It gives itself the permissions of every plugin, and outlives its removal",
    steps: &["Grant a folder below `.kb/`, which no code is loaded from"],
    run,
};

const TARGETS: [Target; 5] = [
    Target { path: "plugins/other/entry/dist/manifest.js", what: "the platform loads it at discovery" },
    Target { path: "dist/manifest.js", what: "the platform loads it at discovery" },
    Target { path: "pnpm-lock.yaml", what: "the next install takes what it says" },
    Target { path: "package-lock.json", what: "the next install takes what it says" },
    Target { path: ".npmrc", what: "it says which registry packages come from" },
];

/// Places that the platform's file system denies to everybody, and node does not.
const BY_NODE: [(&str, &str); 2] =
    [("/node_modules", "every program of the workspace loads it"), ("/.git/hooks", "git runs it")];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    reached::writable(plugin, &TARGETS, faults);
    let Some(usage) = &plugin.usage else { return };
    for used in usage.uses.iter().filter(|used| used.of.act == Act::Write) {
        for (part, why) in BY_NODE {
            if writes(used, part) {
                let what =
                    format!("`{}` writes below `{}`: {why}", used.of.name, part.trim_start_matches('/'));
                faults.extend(
                    super::used::fault(plugin, &[used], what).map(|it| it.severity(Severity::Medium)),
                );
            }
        }
    }
}

/// Whether what is known of a path names a folder in it.
fn writes(used: &Used, part: &str) -> bool {
    let Ok(files) = fs::files() else { return false };
    let inside = Pattern::new().anything().text(part).anything();
    used.of.shapes.iter().any(|shape| {
        let path = shape.as_path(files, fs::WORKSPACE);
        let names = path.example(fs::WORKSPACE).contains(part);
        names && inside.meets(&path.pattern(fs::WORKSPACE))
    })
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |pattern: &str| {
            sample::permissions(&format!("fs: {{ write: ['{pattern}'] }}"))
                .contains(&"plugin/plugin-code".to_owned())
        };
        for broad in ["plugins/**", "**/dist/**", "**/*.js", ".npm*", "pnpm-*"] {
            assert!(with(broad), "{broad}");
        }
        for narrow in ["out/**", ".kb/mine/**", "docs/*.md"] {
            assert!(!with(narrow), "{narrow}");
        }
    }

    #[test]
    fn what_node_does_not_deny() {
        let with = |path: &str| {
            let code = format!(
                "import {{ writeFileSync }} from 'node:fs'; import {{ join }} from 'node:path';
                 export default {{ execute: (ctx) => writeFileSync(join(ctx.cwd, {path}), '') }};"
            );
            sample::coded("", &code).contains(&"plugin/plugin-code".to_owned())
        };
        assert!(with("'node_modules', 'a', 'index.js'"));
        assert!(with("'.git/hooks/pre-commit'"));
        assert!(!with("'out', 'a.txt'"));
    }
}
