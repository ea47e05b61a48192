//! What: a permission that depends on something other than the manifest.
//!
//! Why: what cannot be read cannot be judged. It counts as unlimited until somebody looks.
//! Broad: `withEnv(process.env.X ? ['A'] : ['B'])`. Narrow: constants.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::value::Kind;

pub(super) const CHECK: Check = Check {
    id: "undecidable",
    title: "A permission cannot be read from the manifest",
    severity: Severity::Medium,
    impact: "The plugin may get more than anybody reviewed",
    steps: &["Write permissions as constants"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for value in handler.permissions.0.unknown() {
            let why = match &value.kind {
                Kind::Unknown(why) => why,
                _ => "a function stands where a value should",
            };
            faults
                .push(Fault::of(value, format!("not decidable without running it: {why}")).handler(handler));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const QUOTAS: &str = "quotas: { timeoutMs: 1, memoryMb: 1 }";

    #[test]
    fn broad_and_narrow() {
        let with =
            |value: &str| sample::ids(&format!("permissions: {{ env: {{ read: {value} }}, {QUOTAS} }}"));
        assert_eq!(with("process.env.NAMES.split(',')"), ["plugin/undecidable"]);
        assert_eq!(with("process.env.A ? ['A'] : [missing]"), ["plugin/undecidable"]);
        assert_eq!(with("['A', ...['B']]"), [""; 0]);
    }
}
