//! What: code that takes the way around the platform, even where the manifest would allow the same.
//!
//! Why: `ctx.runtime` compares each path and URL with the manifest; a module of node compares nothing. The hardened
//! subprocess patches `require`, not `import`, and the other execution modes patch neither. What is declared then binds
//! nobody: a later version can read other files without a change that a reviewer sees.
//! Broad: `import { readFile } from 'node:fs/promises'`. Narrow: `ctx.runtime.fs.readFile`.

use std::collections::BTreeMap;

use super::used::{barrier, fault, names};
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::usage::{Act, Used, Way};

pub(super) const CHECK: Check = Check {
    id: "sandbox-bypass",
    title: "Code goes around the platform's controls",
    severity: Severity::Low,
    impact: "The permissions in the manifest do not bind this code",
    steps: &["Use `ctx.runtime.fs`, `ctx.runtime.fetch`, `ctx.runtime.env` and `ctx.api.shell`"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    let around = |way: Way| matches!(way, Way::Module | Way::Global | Way::Package);
    let uses: Vec<&Used> = usage.uses.iter().filter(|used| around(used.of.way)).collect();
    let mut kinds: BTreeMap<&str, Vec<&Used>> = BTreeMap::new();
    for used in uses {
        if let Some(kind) = kind(used.of.act) {
            kinds.entry(kind).or_default().push(used);
        }
    }
    let all: Vec<&Used> = kinds.values().flatten().copied().collect();
    let told: Vec<String> = kinds.iter().map(|(kind, uses)| format!("{kind} with {}", names(uses))).collect();
    faults.extend(
        fault(plugin, &all, format!("it reaches {}", told.join("; "))).map(|it| it.why(barrier(&all))),
    );
    let inside: Vec<&Used> = usage.uses.iter().filter(|used| used.of.way == Way::Inside).collect();
    let what = format!("it takes the services of the platform without their guard, with {}", names(&inside));
    let found = fault(plugin, &inside, what);
    faults.extend(found.map(|fault| fault.severity(Severity::Medium).why(barrier(&inside))));
}

/// What an act reaches; `None` where another check tells of it.
fn kind(act: Act) -> Option<&'static str> {
    Some(match act {
        Act::Read | Act::Write => "files",
        Act::Fetch => "the network",
        Act::Listen => "the network as a server",
        Act::Env => "the environment",
        Act::Run => "programs",
        Act::Service | Act::Invoke | Act::Code | Act::Patch | Act::Decode | Act::Disguise => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |code: &str| sample::coded("fs: { read: ['docs/**'] }", code);
        let broad = "import { readFile } from 'node:fs/promises';
                     export default { execute: () => readFile('docs/a.md') };";
        assert_eq!(with(broad), ["plugin/sandbox-bypass"]);
        let narrow = "export default { execute: (ctx) => ctx.runtime.fs.readFile('docs/a.md') };";
        assert_eq!(with(narrow), [""; 0]);
        // Types are gone before the code runs.
        let types = "import type { Stats } from 'node:fs'; import { Dirent } from 'node:fs';
                     export default { execute: (ctx, of: Dirent): Stats => ctx.runtime.fs.readFile('docs/a.md') };";
        assert_eq!(with(types), [""; 0]);
    }
}
