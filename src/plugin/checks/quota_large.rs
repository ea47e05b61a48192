//! What: limits so high that they are none.
//!
//! Why: the platform's own advice is 256 to 512 MB and short times; a handler that may run for half an hour with gigabytes
//! can take a machine down before anybody notices.
//! Broad: `quotas: { timeoutMs: 3600000, memoryMb: 8192 }`. Narrow: what the handler was seen to need, and some more.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::value::Kind;

pub(super) const CHECK: Check = Check {
    id: "quota-large",
    title: "The limits of a plugin are very high",
    severity: Severity::Info,
    impact: "A handler that hangs or grows is stopped late",
    steps: &["Set what the handler was seen to need, and some more; give long tasks a handler of their own"],
    run,
};

/// The limit, the most that is not mentioned, and its unit.
const MOST: [(&str, f64, &str); 2] = [("timeoutMs", 900_000.0, "ms"), ("memoryMb", 2048.0, "MB")];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (limit, most, unit) in MOST {
            let Some(value) = handler.permissions.0.path(&["quotas", limit]) else { continue };
            match value.kind {
                Kind::Number(number) if number > most => {
                    let what = format!("{limit} is {number} {unit}; more than {most} is unusual");
                    faults.push(Fault::of(value, what).handler(handler));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |timeout: u64, memory: u64| {
            sample::ids(&format!("permissions: {{ quotas: {{ timeoutMs: {timeout}, memoryMb: {memory} }} }}"))
        };
        assert_eq!(with(3_600_000, 512), ["plugin/quota-large"]);
        assert_eq!(with(1000, 8192), ["plugin/quota-large"]);
        assert_eq!(with(900_000, 2048), [""; 0]);
    }
}
