//! What: `**` alone as a path.
//!
//! Why: the file system shim takes this one pattern for every absolute path of the machine, not for the workspace; only
//! the platform's fixed denials remain. `**/*` is resolved against the workspace and stays inside.
//! Broad: `fs: { mode: 'readWrite', allow: ['**'] }`. Narrow: `allow: ['**/*']`, or better the folders that are needed.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "fs-everything",
    title: "A path pattern covers the whole disk",
    severity: Severity::Medium,
    impact: "A handler can reach files far outside of the workspace, such as ~/.npmrc, ~/.aws/config and ~/.bashrc",
    steps: &["Write `**/*`, which stays inside of the workspace, or name the folders that are needed"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (key, severity, what) in [
            (
                "write",
                Severity::High,
                "`**` lets it write every file of the machine that is not denied by name",
            ),
            (
                "read",
                Severity::Medium,
                "`**` lets it read every file of the machine that is not denied by name",
            ),
        ] {
            let all = handler.permissions.list("fs", key).filter(|(pattern, _)| *pattern == "**");
            faults.extend(all.map(|(_, value)| Fault::of(value, what).severity(severity).handler(handler)));
        }
    }
}
