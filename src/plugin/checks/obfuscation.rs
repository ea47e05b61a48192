//! What: a long encoded text in the code that is decoded there, or code whose names were made unreadable.
//!
//! Why: payloads of the known attacks (event-stream, Shai-Hulud) came as encoded literals that were decoded and run. Code
//! that hides what it does is worth a look even where nothing is proved.
//! Broad: `Buffer.from('aGVs…', 'base64')` with thousands of characters. Narrow: a file beside the code.

use super::used::{fault, objects};
use crate::finding::{Confidence, Severity};
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::usage::{Act, Used};

pub(super) const CHECK: Check = Check {
    id: "obfuscation",
    title: "A plugin's code hides what it does",
    severity: Severity::Medium,
    impact: "What is decoded there was reviewed by nobody",
    steps: &["Decode the text without running it, and look at it", "Keep data in files of their own"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    let of = |act| usage.uses.iter().filter(|used| used.of.act == act).collect::<Vec<&Used>>();
    let (decoded, run) = (of(Act::Decode), of(Act::Code));
    for used in decoded {
        let beside = run.iter().find(|code| code.at.file == used.at.file);
        let what = format!("it decodes a long text that is written in the code: {}", objects(&[used]));
        let found = fault(plugin, &[used], what);
        faults.extend(found.map(|fault| {
            match beside {
                Some(code) => fault
                    .severity(Severity::High)
                    .why(format!("the same file runs text as code with `{}`", code.of.name)),
                None => fault.confidence(Confidence::Low),
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let encoded = "QUJD".repeat(200);
        let with = |statements: &str| {
            let code = format!("export default {{ execute() {{ {statements} }} }};");
            let findings = sample::findings("", &[("src/run.ts", &code)]);
            let found = findings.into_iter().find(|it| it.rule().id.as_str() == "plugin/obfuscation");
            found.map(|found| found.severity())
        };
        assert_eq!(
            with(&format!("eval(Buffer.from('{encoded}', 'base64').toString());")),
            Some(Severity::High)
        );
        assert_eq!(with(&format!("return atob('{encoded}');")), Some(Severity::Medium));
        assert_eq!(with("return Buffer.from('QUJD', 'base64');"), None);
        assert_eq!(with(&format!("return '{encoded}';")), None);
    }
}
