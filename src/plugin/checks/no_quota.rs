//! What: no limit of time or memory.
//!
//! Why: the platform asks for quotas; without `timeoutMs` a command or workflow step runs until somebody stops it.
//! Broad: no `quotas`. Narrow: `.withQuotas({ timeoutMs: 60000, memoryMb: 256 })`.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "no-quota",
    title: "A plugin has no limits of time and memory",
    severity: Severity::Low,
    impact: "A handler that hangs or grows takes the service with it",
    steps: &["Add `.withQuotas({ timeoutMs: …, memoryMb: … })`; 256 to 512 MB suffice for most"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(permissions) = plugin.manifest.value.get("permissions") else { return };
    let has = |key| permissions.path(&["quotas", key]).is_some_and(|value| value.is_defined());
    let missing: Vec<&str> = ["timeoutMs", "memoryMb"].into_iter().filter(|key| !has(key)).collect();
    if !missing.is_empty() {
        faults.push(Fault::of(permissions, format!("{} is not set", missing.join(" and "))));
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const QUOTAS: &str = "quotas: { timeoutMs: 1, memoryMb: 1 }";

    #[test]
    fn broad_and_narrow() {
        assert_eq!(sample::ids("permissions: { fs: { read: ['src/**'] } }"), ["plugin/no-quota"]);
        assert_eq!(sample::ids(&format!("permissions: {{ {QUOTAS} }}")), [""; 0]);
    }
}
