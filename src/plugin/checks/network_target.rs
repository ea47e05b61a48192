//! What: an address that no plugin should ask, granted by name.
//!
//! Why: the metadata service of a cloud hands out credentials to whoever asks; services that take anything from anybody are
//! how stolen secrets leave; below a domain of many tenants everybody can have a name; addresses of private networks are
//! those of systems that trust their neighbours.
//! Broad: `fetch: ['https://*.workers.dev/*']`. Narrow: `fetch: ['https://api.vendor.io/*']`.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "network-target",
    title: "A plugin may ask an address that no plugin should",
    severity: Severity::Medium,
    impact: "Credentials of the machine can be fetched, or what the plugin knows sent to anybody",
    steps: &["Remove it, or name the one host and path that is needed, and say why"],
    run,
};

/// Hosts that hand out credentials of a machine.
const METADATA: [&str; 7] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "[fd00:ec2::254]",
    "metadata.google.internal",
];

/// Hosts that take what anybody sends, and show it to whoever made the address.
const DROPS: [&str; 14] = [
    "webhook.site",
    "requestbin.com",
    "pipedream.net",
    "pastebin.com",
    "paste.ee",
    "transfer.sh",
    "file.io",
    "0x0.st",
    "api.telegram.org",
    "discord.com",
    "discordapp.com",
    "hooks.slack.com",
    "ngrok.io",
    "ngrok-free.app",
];

/// Domains below which anybody can have a name.
const SHARED: [&str; 12] = [
    "github.io",
    "gitlab.io",
    "vercel.app",
    "netlify.app",
    "pages.dev",
    "workers.dev",
    "herokuapp.com",
    "amazonaws.com",
    "azurewebsites.net",
    "web.app",
    "fly.dev",
    "onrender.com",
];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (pattern, value) in handler.permissions.list("network", "fetch") {
            if let Some((severity, what)) = judge(pattern) {
                faults.push(
                    Fault::of(value, format!("`{pattern}` {what}")).severity(severity).handler(handler),
                );
            }
        }
    }
}

fn judge(pattern: &str) -> Option<(Severity, String)> {
    let (_, rest) = pattern.split_once("://").unwrap_or(("", pattern));
    let host = rest.split(['/', '?']).next()?;
    let host = if host.starts_with('[') { host } else { host.split(':').next()? };
    let name = host.trim_start_matches("*.");
    let is_below = |domain: &&&str| name == **domain || name.ends_with(&format!(".{domain}"));
    if METADATA.contains(&name) {
        return Some((
            Severity::High,
            "is the metadata service of a cloud, which hands out credentials".to_owned(),
        ));
    }
    if let Some(drop) = DROPS.iter().find(is_below) {
        return Some((Severity::Medium, format!("sends to {drop}, which anybody can read from")));
    }
    if host.starts_with('*') && SHARED.contains(&name) {
        return Some((
            Severity::Medium,
            format!("accepts every name below {name}, and anybody can have one"),
        ));
    }
    is_private(host).then(|| (Severity::Low, "is an address of a private network".to_owned()))
}

/// Whether a host is an address of RFC 1918, RFC 6598 or RFC 3927; the loopback is not meant.
fn is_private(host: &str) -> bool {
    let parts: Vec<Option<u8>> = host.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [Some(10), ..] | [Some(192), Some(168), ..] | [Some(169), Some(254), ..] => parts.len() == 4,
        [Some(172), Some(second), ..] => parts.len() == 4 && (16..32).contains(second),
        [Some(100), Some(second), ..] => parts.len() == 4 && (64..128).contains(second),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broad_and_narrow() {
        let severity = |pattern| judge(pattern).map(|(severity, _)| severity);
        assert_eq!(severity("http://169.254.169.254/*"), Some(Severity::High));
        assert_eq!(severity("http://[fd00:ec2::254]/*"), Some(Severity::High));
        assert_eq!(severity("https://hooks.slack.com/services/*"), Some(Severity::Medium));
        assert_eq!(severity("https://a.ngrok.io/*"), Some(Severity::Medium));
        assert_eq!(severity("https://*.workers.dev/*"), Some(Severity::Medium));
        assert_eq!(severity("http://192.168.1.4:8080/*"), Some(Severity::Low));
        for narrow in
            ["https://my.workers.dev/*", "http://127.0.0.1:6333/*", "https://api.vendor.io/*", "*", "10.x/*"]
        {
            assert_eq!(severity(narrow), None, "{narrow}");
        }
    }
}
