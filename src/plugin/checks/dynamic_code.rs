//! What: text that is run as code, a module of a computed name, and replaced parts of the environment.
//!
//! Why: what such code does is not in the files that anybody reviewed, and neither this audit nor a reader can say it.
//! Broad: `new Function(text)()`. Narrow: a module that is imported by name.

use super::used::{fault, objects};
use crate::finding::{Confidence, Severity};
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::usage::{Act, Used};

pub(super) const CHECK: Check = Check {
    id: "dynamic-code",
    title: "A plugin runs code that is not in its files",
    severity: Severity::High,
    impact: "Nobody can say what the plugin does without running it",
    steps: &["Import modules by name, and leave out `eval`, `Function` and `vm`"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    for used in &usage.uses {
        let (severity, what) = match used.of.act {
            Act::Code => judge(used),
            Act::Patch => {
                (Severity::Medium, format!("it replaces `{}` for all code of the process", used.of.name))
            }
            _ => continue,
        };
        let found = fault(plugin, &[used], what).map(|fault| fault.severity(severity));
        faults.extend(found.map(|fault| match severity {
            Severity::Low => fault.confidence(Confidence::Medium),
            _ => fault,
        }));
    }
}

fn judge(used: &Used) -> (Severity, String) {
    let is_known = used.of.shapes.iter().all(|shape| shape.constant().is_some());
    match used.of.name.as_str() {
        "import" | "require" => {
            (Severity::Medium, format!("it loads a module whose name is computed: {}", objects(&[used])))
        }
        name if name.starts_with("process.") => {
            (Severity::High, format!("it asks for insides of node with `{name}`: {}", objects(&[used])))
        }
        name if is_known => (Severity::Medium, format!("it runs text as code with `{name}`")),
        name => (Severity::High, format!("it runs text as code with `{name}`, and the text is not known")),
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |statements: &str| {
            sample::coded("", &format!("export default {{ async execute(ctx, input) {{ {statements} }} }};"))
        };
        for broad in [
            "eval(input.a);",
            "(0, eval)(input.a);",
            "globalThis['ev' + 'al'](input.a);",
            "new Function('a', input.a)();",
            "(async () => {}).constructor('return process')();",
            "const vm = await import('node:vm'); vm.runInThisContext(input.a);",
            "await import(input.a);",
            "require(input.a);",
            "process.binding('fs');",
            "globalThis.fetch = async () => {};",
            "const fs = require('fs'); fs.readFileSync = () => '';",
        ] {
            assert!(with(broad).contains(&"plugin/dynamic-code".to_owned()), "{broad} {:?}", with(broad));
        }
        for narrow in [
            "await import('zod');",
            "const evaluate = (a) => a; evaluate(input.a);",
            "let fetch = 1; fetch = 2;",
        ] {
            assert_eq!(with(narrow), [""; 0], "{narrow}");
        }
    }
}
