//! What: a path that was granted for writing and cannot be written.
//!
//! Why: the builder keeps one mode for all paths, that of the last call. A later `withFs({ mode: 'read' })` takes the
//! right to write from everything before it, silently.
//! Broad: does not apply. Narrow: put the call with `readWrite` last only if all paths may be written.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "mode-flip-narrowing",
    title: "A path granted for writing can only be read",
    severity: Severity::Info,
    impact: "The handler fails when it writes there, and somebody may widen its permissions to help it",
    steps: &["Write `fs: { read: […], write: […] }` without the builder, which has one mode for all paths"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        if handler.permissions.list("fs", "write").next().is_some() {
            continue;
        }
        for (pattern, value) in handler.permissions.list("fs", "read") {
            if value.steps().any(|step| &*step.what == "withFs (mode readWrite)") {
                let what = format!("`{pattern}` was granted for writing, and a later call took that away");
                faults.push(Fault::of(value, what).handler(handler));
            }
        }
    }
}
