//! What: a manifest whose id belongs to another scope than its package.
//!
//! Why: the platform grants, enables and locks by these names, and at discovery a mismatch is only a warning. A package
//! that calls itself by the name of another is taken for it.
//! Broad: package `@evil/tool` with id `@kb-labs/release`. Narrow: `@acme/tool-entry` with id `@acme/tool`.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "foreign-id",
    title: "A plugin calls itself by a name of another scope",
    severity: Severity::High,
    impact: "Whoever allows or trusts the one gets the other",
    steps: &["Give manifest and package the same scope"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let (Some(id), Some(value)) = (plugin.manifest.id(), plugin.manifest.value.get("id")) else { return };
    let scope = |name: &str| name.split_once('/').map(|(scope, _)| scope.to_owned());
    let package = &plugin.package.name;
    if scope(id) != scope(package) {
        let what = format!("the id is `{id}`, and the package is `{package}`");
        faults.push(Fault::of(value, what));
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |package: &str| {
            let package =
                format!(r#"{{ "name": "{package}", "kb": {{ "manifest": "./dist/manifest.js" }} }}"#);
            let files = [("package.json", package.as_str()), ("src/run.ts", "export default {};")];
            sample::findings("", &files).iter().map(|it| it.rule().id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(with("@evil/sample"), ["plugin/foreign-id"]);
        assert_eq!(with("sample"), ["plugin/foreign-id"]);
        assert_eq!(with("@acme/sample-entry"), [""; 0]);
    }
}
