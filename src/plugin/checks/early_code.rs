//! What: a manifest that does something when it is loaded, itself or through a module that it imports.
//!
//! Why: the platform imports manifests into its own process to find out what they say. No permission is asked then, and no
//! sandbox exists; the plugin need not even be enabled.
//! Broad: `execSync('git config user.name')` at the top of `manifest.ts`. Narrow: constants.

use super::used::{fault, names, objects, verb};
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::usage::{Act, Used};

pub(super) const CHECK: Check = Check {
    id: "early-code",
    title: "Loading a manifest runs code of the plugin",
    severity: Severity::High,
    impact: "It runs in the platform's own process, before any permission and with every secret that is there",
    steps: &["Keep the manifest to constants, and do the work in a handler"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    let of =
        |acts: &[Act]| usage.early.iter().filter(|used| acts.contains(&used.of.act)).collect::<Vec<&Used>>();
    let deeds = [
        (Severity::High, of(&[Act::Run])),
        (Severity::High, of(&[Act::Write])),
        (Severity::High, of(&[Act::Fetch])),
        (Severity::High, of(&[Act::Code, Act::Patch])),
        // A manifest may be written in several ways, by what is there.
        (Severity::Low, of(&[Act::Read])),
        (Severity::Low, of(&[Act::Env])),
    ];
    for (severity, uses) in deeds {
        let Some(first) = uses.first() else { continue };
        let what =
            format!("while it is loaded it {} {} with {}", verb(first.of.act), objects(&uses), names(&uses));
        faults.extend(fault(plugin, &uses, what).map(|fault| fault.severity(severity)));
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |told: &str| {
            let member = format!("display: told, permissions: {{ {} }}", sample::QUOTAS);
            let told = format!("import {{ execSync }} from 'node:child_process'; {told}");
            let files = [("src/run.ts", "export default {};"), ("src/told.ts", told.as_str())];
            sample::audited(&member, &files)
        };
        assert_eq!(with("execSync('id'); export const told = {};"), ["plugin/early-code"]);
        assert_eq!(with("export const told = {}; export const later = () => execSync('id');"), [""; 0]);
    }
}
