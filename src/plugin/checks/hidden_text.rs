//! What: characters in a manifest or in code that people do not see, and names that look like others.
//!
//! Why: text that turns direction shows another program than the one that runs (CVE-2021-42574); characters without a
//! shape carry whole payloads (GlassWorm, 2025); `fеtch` with a Cyrillic letter is another function than `fetch`.
//! Broad: a bidirectional override in a comment. Narrow: escapes such as `\u200b` where a text needs one.

use super::used::fault;
use crate::finding::{Confidence, Severity};
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::usage::Act;
use crate::plugin::usage::unseen::Kind;
use crate::plugin::value::Place;

pub(super) const CHECK: Check = Check {
    id: "hidden-text",
    title: "A plugin's code holds what people do not see",
    severity: Severity::High,
    impact: "The code that runs is not the code that was reviewed",
    steps: &["Look at the file with an editor that shows such characters", "Remove them, or write escapes"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    for (file, unseen) in &usage.unseen {
        let (severity, what) = match unseen.kind {
            Kind::Direction => (Severity::High, "characters that turn the direction of what follows"),
            Kind::Carrier => {
                (Severity::High, "characters without a shape in a row, which can carry hidden text")
            }
            Kind::Nothing => (Severity::Medium, "characters that show nothing"),
        };
        let at = Place { file: file.clone(), span: unseen.span };
        let count = if unseen.count == 1 { String::new() } else { format!(" ({} of them)", unseen.count) };
        faults.push(Fault::at(at, format!("it has {what}{count}")).severity(severity));
    }
    for used in usage.uses.iter().filter(|used| used.of.act == Act::Disguise) {
        let what = format!("the name `{}` has letters of another script that look like ASCII", used.of.name);
        let found = fault(plugin, &[used], what);
        faults.extend(found.map(|fault| fault.severity(Severity::Medium).confidence(Confidence::Medium)));
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with =
            |inside: &str| sample::coded("", &format!("export default {{ execute() {{ {inside} }} }};"));
        for broad in ["/* \u{202E} } */ return 1;", "return 'a\u{200B}b';", "const fеtch = 1; return fеtch;"]
        {
            assert_eq!(with(broad), ["plugin/hidden-text"], "{broad}");
        }
        for narrow in ["// größer и меньше\n return 1;", "return 'a\\u200Bb';", "const имя = 1; return имя;"]
        {
            assert_eq!(with(narrow), [""; 0], "{narrow}");
        }
    }
}
