//! Files that matter, and whether a plugin reaches them through the platform's file system.

use crate::plugin::check::{Fault, Plugin};
use crate::plugin::permission::engine::fs::{Access, Decision, files};

/// A file of a workspace, and why it matters, as a clause.
pub(super) struct Target {
    pub(super) path: &'static str,
    pub(super) what: &'static str,
}

/// Reports every pattern that lets a handler write one of the targets; `**` alone has a check of its own.
pub(super) fn writable(plugin: &Plugin, targets: &[Target], faults: &mut Vec<Fault>) {
    let Ok(files) = files() else { return };
    for handler in &plugin.handlers {
        for (pattern, value) in
            handler.permissions.list("fs", "write").filter(|(pattern, _)| *pattern != "**")
        {
            let is_reached = |target: &&Target| {
                matches!(files.decide(Access::Write, &[pattern], target.path), Decision::Granted(_))
            };
            let reached: Vec<&Target> = targets.iter().filter(is_reached).collect();
            let Some(first) = reached.first() else { continue };
            let more = match reached.len() {
                1 => String::new(),
                count => format!(", and {} more such files", count - 1),
            };
            let what = format!("`{pattern}` lets it write {}: {}{more}", first.path, first.what);
            faults.push(Fault::of(value, what).handler(handler));
        }
    }
}
