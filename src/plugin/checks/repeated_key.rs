//! What: a manifest in JSON that has a key twice in one object.
//!
//! Why: the last one counts, and a reader may see the first one only.
//! Broad: `"write": ["docs/**"], "write": ["**"]`. Narrow: each key once.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::value::{Kind, Value};

pub(super) const CHECK: Check = Check {
    id: "repeated-key",
    title: "A key stands twice in a manifest",
    severity: Severity::Medium,
    impact: "The last one counts: what a reviewer sees first may not be what is granted",
    steps: &["Remove one of them"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for manifest in std::iter::once(&plugin.manifest).chain(&plugin.copies) {
        for place in &manifest.repeated {
            let value = Value::new(Kind::Undefined, place.clone());
            faults.push(Fault::of(&value, "this key stands above in the same object too"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn twice_and_once() {
        let json = |more: &str| {
            let text =
                format!(r#"{{ "schema": "kb.plugin/3", "id": "@acme/sample", {more} "version": "1.0.0" }}"#);
            sample::with_files("permissions: {}", &[("kb.plugin.json", &text)])
        };
        assert!(json(r#""version": "1.0.0","#).contains(&"plugin/repeated-key".to_owned()));
        assert!(!json("").contains(&"plugin/repeated-key".to_owned()));
    }
}
