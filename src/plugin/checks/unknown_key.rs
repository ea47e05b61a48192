//! What: a key in permissions that the platform does not know.
//!
//! Why: permissions are never checked against a schema; a key that is misspelt, or one of an older generation such as
//! `deny`, is ignored in silence.
//! Broad: `fs: { allow: [...], deny: ['secrets/**'] }`. Narrow: only keys that exist; denials are the platform's.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::value::{Kind, Value};

pub(super) const CHECK: Check = Check {
    id: "unknown-key",
    title: "The platform ignores a part of the permissions",
    severity: Severity::Medium,
    impact: "A limit that somebody wrote down does not exist",
    steps: &["Correct the name, or remove it and narrow what is granted"],
    run,
};

/// Sections and their keys; those of `platform` differ by service and are not listed.
const KNOWN: [(&str, &[&str]); 8] = [
    ("fs", &["read", "write"]),
    ("network", &["fetch", "tcp", "ws"]),
    ("env", &["read"]),
    ("shell", &["allow", "maxConcurrent"]),
    ("invoke", &["allow"]),
    ("state", &["namespaces", "quotas"]),
    ("quotas", &["timeoutMs", "memoryMb", "cpuMs"]),
    ("platform", &[]),
];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let own = plugin.handlers.iter().filter_map(|handler| handler.entry.get("permissions"));
    for permissions in plugin.manifest.value.get("permissions").into_iter().chain(own) {
        let Kind::Object(sections) = &permissions.kind else { continue };
        for (section, value) in sections {
            match KNOWN.iter().find(|(name, _)| *name == &**section) {
                None => faults.push(told(section, value)),
                Some((_, [])) => {}
                Some((_, keys)) => {
                    let Kind::Object(members) = &value.kind else { continue };
                    let odd = members.iter().filter(|(key, _)| !keys.contains(&&**key));
                    faults.extend(odd.map(|(key, value)| told(&format!("{section}.{key}"), value)));
                }
            }
        }
    }
}

fn told(key: &str, value: &Value) -> Fault {
    Fault::of(value, format!("`{key}` is no permission of this platform, and nothing reads it"))
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const QUOTAS: &str = "quotas: { timeoutMs: 1, memoryMb: 1 }";

    #[test]
    fn broad_and_narrow() {
        let with = |fs: &str| sample::ids(&format!("permissions: {{ fs: {{ {fs} }}, {QUOTAS} }}"));
        assert_eq!(with("read: ['.'], deny: ['secrets/**']"), ["plugin/unknown-key"]);
        assert_eq!(with("read: ['.']"), [""; 0]);
    }
}
