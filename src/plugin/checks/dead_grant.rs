//! What: a path pattern that grants nothing.
//!
//! Why: the platform's fixed denials cut off all that it covers, or it begins with `~`, which nobody expands. Whoever
//! reads the manifest believes otherwise.
//! Broad: does not apply. Narrow: leave it out.

use std::collections::HashMap;

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Mend, Plugin};
use crate::plugin::usage::grant;

pub(super) const CHECK: Check = Check {
    id: "dead-grant",
    title: "A path pattern grants nothing",
    severity: Severity::Info,
    impact: "The plugin fails there, and somebody may widen its permissions to help it",
    steps: &["Remove it, or write a path that the platform allows"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let mut known: HashMap<String, bool> = HashMap::new();
    for handler in &plugin.handlers {
        for (pattern, value) in
            handler.permissions.list("fs", "read").chain(handler.permissions.list("fs", "write"))
        {
            let what = if pattern.starts_with("~/") {
                format!("`{pattern}` means a folder named `~` in the workspace, as nothing expands it")
            } else if *known.entry(pattern.to_owned()).or_insert_with(|| grant::is_dead(pattern)) {
                format!("`{pattern}` covers only what the platform denies to everybody")
            } else {
                continue;
            };
            faults.push(Fault::of(value, what).handler(handler).mend(Mend::Remove));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn dead_and_alive() {
        let with = |pattern: &str| sample::permissions(&format!("fs: {{ read: ['{pattern}'] }}"));
        assert_eq!(with("**/.git/**"), ["plugin/dead-grant"]);
        assert_eq!(with("~/.kb/**"), ["plugin/dead-grant"]);
        assert_eq!(with("**/.gitignore"), [""; 0]);
    }
}
