//! What: `**` alone as a path.
//!
//! Why: the file system shim takes this one pattern for every absolute path of the machine, not for the workspace; only
//! the platform's fixed denials remain. `**/*` is resolved against the workspace and stays inside.
//! Broad: `fs: { mode: 'readWrite', allow: ['**'] }`. Narrow: `allow: ['**/*']`, or better the folders that are needed.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Mend, Plugin};

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
        let all = |key| handler.permissions.list("fs", key).find(|(pattern, _)| *pattern == "**");
        let (value, severity, verb) = match (all("write"), all("read")) {
            (Some((_, value)), _) => (value, Severity::High, "read and write"),
            (None, Some((_, value))) => (value, Severity::Medium, "read"),
            (None, None) => continue,
        };
        let what = format!("`**` lets it {verb} every file of the machine that is not denied by name");
        let fault = Fault::of(value, what).severity(severity).handler(handler);
        faults.push(fault.mend(Mend::Write("**/*".to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let broad = "fs: { read: ['**'], write: ['**'] }";
        assert_eq!(sample::permissions(broad), ["plugin/fs-everything"]);
        let narrow = "fs: { read: ['**/*'], write: ['out/**'] }";
        assert_eq!(sample::permissions(narrow), [""; 0]);
    }
}
