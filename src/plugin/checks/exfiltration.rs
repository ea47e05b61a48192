//! What: grants that together let a secret leave: a source that holds secrets, and a way to any host.
//!
//! Why: each alone may be needed; together they are all that a thief needs, and no other permission is asked on the way.
//! Broad: `env: { read: ['GITHUB_*'] }, network: { fetch: ['*'] }`.
//! Narrow: the same with `fetch: ['https://api.github.com/*']`.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::handler::Handler;
use crate::plugin::permission::engine::fetch;
use crate::plugin::value::Value;

pub(super) const CHECK: Check = Check {
    id: "exfiltration",
    title: "A plugin may send secrets to anybody",
    severity: Severity::High,
    impact: "Whoever controls the code of the plugin, or one package in it, gets the secrets",
    steps: &["Name the hosts that the plugin needs", "Name the variables and folders that it needs"],
    run,
};

/// Hosts that are nobody's whom a plugin would name.
const STRANGERS: [&str; 3] =
    ["https://evil.example/", "https://evil.example/?x=.", "https://webhook.site/00000000"];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        let Some((what, value)) = source(handler) else { continue };
        let Some(exit) = exit(handler) else { continue };
        let what = format!("1. {what}; 2. {exit}");
        faults.push(Fault::of(value, what).handler(handler));
    }
}

/// Something that holds secrets and can be read.
fn source(handler: &Handler) -> Option<(String, &Value)> {
    let mut names = handler.permissions.list("env", "read");
    let env = names.find(|(pattern, _)| *pattern == "*" || super::env_secret::is_secret_pattern(pattern));
    let mut paths = handler.permissions.list("fs", "read");
    env.map(|(pattern, value)| (format!("it reads secrets of the environment by `{pattern}`"), value))
        .or_else(|| {
            let (pattern, value) = paths.find(|(pattern, _)| *pattern == "**")?;
            Some((format!("it reads ~/.npmrc and ~/.aws/config by `{pattern}`"), value))
        })
}

/// A way to a host that nobody named.
fn exit(handler: &Handler) -> Option<String> {
    let mut patterns = handler.permissions.list("network", "fetch");
    patterns.find_map(|(pattern, _)| {
        let tail = pattern.trim_start_matches("https://").trim_start_matches('*').replace('*', "");
        let filled = format!("https://evil.example/?x={tail}");
        let mut known = STRANGERS.iter().copied().chain([filled.as_str()]);
        let witness = known.find(|url| fetch::matches(pattern, url))?.to_owned();
        Some(format!("it sends them to `{witness}`, which `{pattern}` accepts"))
    })
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |inside: &str| sample::permissions(inside).contains(&"plugin/exfiltration".to_owned());
        for broad in [
            "env: { read: ['GITHUB_*'] }, network: { fetch: ['*'] }",
            "env: { read: ['*'] }, network: { fetch: ['https://*.qdrant.io/*'] }",
            "fs: { read: ['**'] }, network: { fetch: ['https://*'] }",
        ] {
            assert!(with(broad), "{broad}");
        }
        for narrow in [
            "env: { read: ['GITHUB_TOKEN'] }, network: { fetch: ['https://api.github.com/*'] }",
            "env: { read: ['MY_MODE'] }, network: { fetch: ['*'] }",
            "fs: { read: ['**/*'] }, network: { fetch: ['*'] }",
        ] {
            assert!(!with(narrow), "{narrow}");
        }
    }
}
