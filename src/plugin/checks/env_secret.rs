//! What: a pattern that covers variables which hold secrets, beside a way out.
//!
//! Why: a plugin that reads a token and may fetch, or run programs, can send it away. A pattern such as `GITHUB_*` covers
//! more than its author thinks of.
//! Broad: `env: { read: ['GITHUB_*'] }` with `network.fetch`. Narrow: the one name, or the platform's own service.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::handler::Handler;
use crate::plugin::permission::engine::env;

pub(super) const CHECK: Check = Check {
    id: "env-secret",
    title: "A plugin may read secrets of the environment",
    severity: Severity::Low,
    impact: "The plugin, and everything that it is made of, gets the secret",
    steps: &[
        "Use a service of the platform, such as `platform.llm`, instead of the key",
        "Name the one variable instead of a pattern",
    ],
    run,
};

/// Variables that hold secrets on this platform and beside it.
const SECRETS: [&str; 25] = [
    "GATEWAY_JWT_SECRET",
    "GATEWAY_INTERNAL_SECRET",
    "KB_REGISTRY_TOKEN",
    "KB_GATEWAY_TOKEN",
    "KB_API_KEY",
    "KB_DAEMON_API_KEY",
    "KB_EVENTS_AUTH_TOKEN",
    "KB_PLATFORM_SOCKET_TOKEN",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "QDRANT_API_KEY",
    "PINECONE_API_KEY",
    "WEAVIATE_API_KEY",
    "GITHUB_TOKEN",
    "GITHUB_WORKFLOW_TOKEN",
    "GH_TOKEN",
    "GITLAB_TOKEN",
    "CI_JOB_TOKEN",
    "NPM_TOKEN",
    "NPM_AUTH_TOKEN",
    "NODE_AUTH_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "TELEGRAM_BOT_TOKEN",
    "npm_config__authToken",
];

/// Whether a variable holds a secret, by its name.
pub(super) fn is_secret(name: &str) -> bool {
    let ends = ["_TOKEN", "_SECRET", "_PASSWORD", "_API_KEY", "_PRIVATE_KEY", "_ACCESS_KEY"];
    SECRETS.contains(&name) || ends.iter().any(|end| name.ends_with(end))
}

/// Whether a pattern covers such a variable.
pub(super) fn is_secret_pattern(pattern: &str) -> bool {
    is_secret(pattern) || SECRETS.iter().any(|name| env::matches(pattern, name))
}

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        let exit = exit(handler);
        for (pattern, value) in handler.permissions.list("env", "read").filter(|(pattern, _)| *pattern != "*")
        {
            let covers = |name: &&&str| env::matches(pattern, name);
            let covered: Vec<&str> = SECRETS.iter().filter(covers).copied().collect();
            let Some(first) = covered.first() else { continue };
            let more = match covered.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            let read = match pattern == *first {
                true => format!("it reads {first}"),
                false => format!("`{pattern}` covers {first}{more}"),
            };
            let fault = match &exit {
                Some(exit) => Fault::of(value, format!("{read}, and it can send it away: {exit}"))
                    .severity(Severity::Medium),
                None => Fault::of(value, read),
            };
            faults.push(fault.handler(handler));
        }
    }
}

/// A way by which data can leave.
fn exit(handler: &Handler) -> Option<String> {
    let is_live = |pattern: &str| pattern.contains("://") || pattern.starts_with('*');
    let host = handler
        .permissions
        .list("network", "fetch")
        .map(|(pattern, _)| pattern)
        .find(|pattern| is_live(pattern));
    let command = handler.permissions.list("shell", "allow").map(|(command, _)| command).next();
    host.map(|host| format!("network.fetch has `{host}`"))
        .or_else(|| command.map(|command| format!("shell.allow has `{command}`")))
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        assert_eq!(sample::permissions("env: { read: ['GITHUB_*'] }"), ["plugin/env-secret"]);
        assert_eq!(sample::permissions("env: { read: ['MY_PLUGIN_MODE'] }"), [""; 0]);
    }
}
