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
        _ => {
            format!("it {} {} with {}, which {section} does not cover", verb(act), objects(uses), names(uses))
        }
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

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    /// Whether the check has something against a command whose handler runs this.
    fn is_found(inside: &str, imports: &str, statements: &str) -> bool {
        let code = format!("{imports}\nexport default {{ async execute(ctx, input) {{ {statements} }} }};");
        sample::coded(inside, &code).contains(&"plugin/undeclared-use".to_owned())
    }

    #[test]
    fn broad_and_narrow() {
        let shell = "shell: { allow: ['pdftotext'] }";
        for (imports, statements) in [
            ("", "await ctx.api.shell.exec('git', ['status']);"),
            ("import { execFile } from 'node:child_process';", "execFile('git', ['status']);"),
            (
                "import { exec } from 'child_process'; import { promisify } from 'util'; const run = promisify(exec);",
                "await run(`git log ${input.a}`);",
            ),
            ("", "const { spawn } = await import('node:child_process'); spawn('git');"),
            ("const load = require; ", "load('child_' + 'process').execSync('git');"),
            (
                "import { createRequire } from 'node:module'; const r = createRequire(import.meta.url);",
                "r('node:child_process')['exec' + 'Sync']('git');",
            ),
        ] {
            assert!(is_found(shell, imports, statements), "{statements}");
            assert!(!is_found("shell: { allow: ['git'] }", imports, statements), "{statements}");
        }
    }

    #[test]
    fn each_section_is_asked() {
        for (broad, narrow, statements) in [
            (
                "",
                "network: { fetch: ['https://api.acme.io/*'] }",
                "await ctx.runtime.fetch(`https://api.acme.io/v1/${input.id}`);",
            ),
            ("", "network: { fetch: ['https://api.acme.io/*'] }", "await fetch('https://api.acme.io/v1');"),
            ("", "env: { read: ['ACME_MODE'] }", "return process.env.ACME_MODE;"),
            ("", "env: { read: ['ACME_*'] }", "const { ACME_MODE: mode } = process.env; return mode;"),
            ("", "fs: { write: ['out/**'] }", "await ctx.runtime.fs.writeFile('out/a.txt', '');"),
            ("", "platform: { llm: true }", "await ctx.platform.llm.complete('a');"),
            (
                "platform: { cache: ['other:'] }",
                "platform: { cache: ['mine:'] }",
                "await ctx.platform.cache.get(`mine:${input.id}`);",
            ),
            ("", "invoke: { allow: ['@acme/other'] }", "await ctx.api.invoke.call('@acme/other');"),
        ] {
            assert!(is_found(broad, "", statements), "{statements}");
            assert!(!is_found(narrow, "", statements), "{statements}");
        }
    }

    #[test]
    fn names_are_followed_over_files_and_what_is_not_used_is_not() {
        let files = |run: &'static str| {
            [
                ("src/run.ts", run),
                ("src/a.ts", "export * from './b'; export const idle = () => fetch('https://idle.example/');"),
                ("src/b.ts", "class Client { constructor(private ctx) {} send() { return this.ctx.runtime.fetch(HOST + '/x'); } }
                              const HOST = 'https://used.example'; export function send(ctx) { return new Client(ctx).send(); }"),
            ]
        };
        let used =
            files("import { send } from './a'; export default { execute(ctx) { return send(ctx); } };");
        let findings = sample::findings("", &used);
        let reasons: Vec<&str> = findings.iter().flat_map(|it| it.reasons()).map(String::as_str).collect();
        assert!(reasons.iter().any(|reason| reason.contains("https://used.example")), "{reasons:?}");
        assert!(!reasons.iter().any(|reason| reason.contains("idle.example")), "{reasons:?}");
        let unused = files("import { send } from './a'; export default { execute(ctx) { return 1; } };");
        assert!(sample::findings("", &unused).is_empty());
    }
}
