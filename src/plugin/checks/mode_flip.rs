//! What: a path that was granted for reading and can be written.
//!
//! Why: the builder keeps one mode for all paths, that of the last call. A later `withFs({ mode: 'readWrite' })` makes
//! writable what an earlier call granted for reading.
//! Broad: `.withFs({ mode: 'read', allow: ['.'] }).withFs({ mode: 'readWrite', allow: ['out/**'] })`.
//! Narrow: `fs: { read: ['.'], write: ['out/**'] }` without the builder.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "mode-flip-widening",
    title: "A path granted for reading can be written",
    severity: Severity::High,
    impact: "A handler can change files that it was meant to read only",
    steps: &["Write `fs: { read: […], write: […] }` without the builder, which has one mode for all paths"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (pattern, value) in handler.permissions.list("fs", "write") {
            let has = |mode: &str| value.steps().any(|step| &*step.what == mode);
            if has("withFs (mode read)") && !has("withFs (mode readWrite)") {
                let what = format!("`{pattern}` was granted for reading, and a later call made it writable");
                faults.push(Fault::of(value, what).handler(handler));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const QUOTAS: &str = "quotas: { timeoutMs: 1, memoryMb: 1 }";

    #[test]
    fn broad_and_narrow() {
        let built = |calls: &str| {
            sample::ids(&format!(
                "permissions: combinePermissions(){calls}.withQuotas({{ timeoutMs: 1, memoryMb: 1 }}).build()"
            ))
        };
        let (read, write) = (
            ".withFs({ mode: 'read', allow: ['docs/**'] })",
            ".withFs({ mode: 'readWrite', allow: ['out/**'] })",
        );
        assert_eq!(built(&format!("{read}{write}")), ["plugin/mode-flip-widening"]);
        assert_eq!(built(&format!("{write}{read}")), ["plugin/mode-flip-narrowing"]);
        assert_eq!(built(&format!("{write}{}", write.replace("out", "log"))), [""; 0]);
        let both = format!("permissions: {{ fs: {{ read: ['docs/**'], write: ['out/**'] }}, {QUOTAS} }}");
        assert_eq!(sample::ids(&both), [""; 0]);
    }
}
