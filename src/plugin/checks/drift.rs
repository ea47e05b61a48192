//! What: two manifests of one plugin that grant different things.
//!
//! Why: people review the source, and the platform loads what was built, or a JSON file beside it, or its cache. A grant
//! that only one of them has was never reviewed, or was taken back and is still there.
//! Broad: `dist/manifest.js` with a grant that `src/manifest.ts` lacks. Narrow: both alike.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::handler::{Permissions, handlers};
use crate::plugin::manifest::Manifest;
use crate::plugin::wider;

pub(super) const CHECK: Check = Check {
    id: "manifest-drift",
    title: "Another manifest of the plugin grants more than the one that people read",
    severity: Severity::High,
    impact: "The platform may go by the other one: what was reviewed is not what runs",
    steps: &[
        "Find out which one is right; a build that adds a grant may be an attack",
        "Build the plugin again, and remove the cache",
    ],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for copy in &plugin.copies {
        let is_cache = copy.file.starts_with(".kb/");
        let severity = if is_cache { Severity::Medium } else { Severity::High };
        let same = faults.len();
        compare(plugin, copy, faults);
        for fault in faults.iter_mut().skip(same) {
            fault.severity = Some(fault.severity.unwrap_or(severity));
        }
    }
}

fn compare(plugin: &Plugin, copy: &Manifest, faults: &mut Vec<Fault>) {
    let read = &plugin.manifest.file;
    for key in ["id", "version", "schema"] {
        let (one, other) = (plugin.manifest.value.get(key), copy.value.get(key));
        if let (Some(one), Some(other)) = (one, other)
            && one.text() != other.text()
        {
            let what = format!("its {key} is {}, and {} in {read}", other.shown(), one.shown());
            faults.push(Fault::of(other, what).severity(Severity::Low));
        }
    }
    for now in handlers(copy) {
        let known = plugin.handlers.iter().find(|one| (one.host, &one.name) == (now.host, &now.name));
        let known: Vec<&Permissions> = match known {
            Some(known) => vec![&known.permissions],
            None => {
                let what = format!("{} stands here, and not in {read}", now.name);
                faults.push(Fault::of(&now.entry, what).severity(Severity::Medium).handler(&now));
                plugin.handlers.iter().map(|one| &one.permissions).collect()
            }
        };
        for (value, what) in wider::beyond(&known, &now.permissions) {
            let what =
                format!("by {read} it could not: {}", what.trim_end_matches(", which it could not before"));
            faults.push(Fault::of(value, what).handler(&now));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const SOURCE: &str = "permissions: { fs: { write: ['docs/**'] }, quotas: { timeoutMs: 1, memoryMb: 1 } }";

    fn built(write: &str, file: &str) -> Vec<String> {
        let json = format!(
            r#"{{ "schema": "kb.plugin/3", "id": "@acme/sample", "version": "1.0.0",
                "cli": {{ "commands": [{{ "id": "run", "handler": "./run.js#default" }}] }},
                "permissions": {{ "fs": {{ "write": ["{write}"] }}, "quotas": {{ "timeoutMs": 1, "memoryMb": 1 }} }} }}"#
        );
        let text = match file.ends_with(".js") {
            true => format!("const m = {json}; export {{ m as manifest }};"),
            false if file.starts_with(".kb/") => {
                format!(r#"{{ "entries": {{ "@acme/sample": {{ "manifest": {json} }} }} }}"#)
            }
            false => json,
        };
        sample::with_files(SOURCE, &[(file, &text)])
    }

    #[test]
    fn broad_and_narrow() {
        for file in
            ["dist/manifest.js", "dist/manifest.json", "kb.plugin.json", ".kb/marketplace.manifests.json"]
        {
            assert_eq!(built("docs/a/**", file), [""; 0], "{file}");
            assert_eq!(built("docs/**", file), [""; 0], "{file}");
            assert_eq!(built("**/*", file), ["plugin/manifest-drift"], "{file}");
        }
    }
}
