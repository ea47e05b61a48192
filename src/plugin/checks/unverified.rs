//! What: an installed plugin whose files nothing vouches for.
//!
//! Why: the lock file's integrity is the hash of package.json alone, an empty one switches the comparison off, entries with
//! source `local` are refreshed without a word, signatures are never verified, and a path out of the workspace is followed.
//! Broad: `"integrity": ""`. Narrow: a current hash and a path inside, plus `kbsec audit lock` over the whole tree.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::value::Value;

pub(super) const CHECK: Check = Check {
    id: "unverified",
    title: "Nothing vouches for the files of an installed plugin",
    severity: Severity::Medium,
    impact: "Somebody can change the code of the plugin, and the platform runs it all the same",
    steps: &[
        "Compare the plugin with its source, then install it again",
        "Write `kbsec audit lock`, and verify it in CI: it covers every file of every plugin",
    ],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(installed) = &plugin.installed else { return };
    let entry = &installed.entry;
    let text = |key: &str| entry.get(key).and_then(Value::text);
    let is_local = text("source") == Some("local");
    let at = |key: &str| entry.get(key).unwrap_or(entry);
    if let Some(path) = text("resolvedPath")
        && (path.starts_with('/') || path.split('/').any(|part| part == ".."))
    {
        let what = format!("the lock file takes its code from {path}, outside of the workspace");
        faults.push(Fault::of(at("resolvedPath"), what).severity(Severity::High));
    }
    match text("integrity") {
        None | Some("") => {
            faults.push(Fault::of(at("integrity"), "the lock file has no integrity, so nothing is compared"));
        }
        Some(told) if told != installed.integrity && is_local => {
            let what = "package.json is another one than the lock file says; with source `local` the platform takes it";
            faults.push(Fault::of(at("integrity"), what).severity(Severity::Low));
        }
        Some(told) if told != installed.integrity => {
            let what = "package.json is another one than the lock file says";
            faults.push(Fault::of(at("integrity"), what).severity(Severity::High));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    fn entry(members: &str) -> Vec<String> {
        let lock = format!(
            r#"{{ "schema": "kb.marketplace/2", "installed": {{ "@acme/sample": {{ "resolvedPath": "./", {members} }} }} }}"#
        );
        sample::with_files(
            "permissions: { quotas: { timeoutMs: 1, memoryMb: 1 } }",
            &[(".kb/marketplace.lock", &lock)],
        )
    }

    #[test]
    fn broad_and_narrow() {
        let good = sample::integrity();
        assert_eq!(entry(&format!(r#""integrity": "{good}", "source": "marketplace""#)), [""; 0]);
        for bad in [
            r#""integrity": "", "source": "marketplace""#.to_owned(),
            r#""integrity": "sha256-AAAA", "source": "marketplace""#.to_owned(),
            r#""integrity": "sha256-AAAA", "source": "local""#.to_owned(),
            format!(r#""integrity": "{good}", "resolvedPath": "../elsewhere""#),
        ] {
            assert_eq!(entry(&bad), ["plugin/unverified"], "{bad}");
        }
    }
}
