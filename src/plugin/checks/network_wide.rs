//! What: a URL pattern that other hosts match too, or none.
//!
//! Why: the fetch shim compares the pattern with the whole URL, and its `*` also stands for `/`, `?` and `@`. So
//! `https://*.vendor.io/*` accepts `https://evil.example/?x=.vendor.io/`, and `https://vendor.io*` accepts
//! `https://vendor.io.evil.example/`. A bare host name matches no URL at all.
//! Broad: `fetch: ['https://*.vendor.io/*']`. Narrow: `fetch: ['https://api.vendor.io/*']`.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Mend, Plugin};

pub(super) const CHECK: Check = Check {
    id: "network-wide",
    title: "A URL pattern means other hosts than it seems",
    severity: Severity::Medium,
    impact: "The handler can send what it knows to any host, or ask addresses inside of the network",
    steps: &["Write scheme, whole host and a slash before the first `*`: `https://api.vendor.io/*`"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (pattern, value) in handler.permissions.list("network", "fetch") {
            if let Some((severity, what)) = judge(pattern) {
                let fault = Fault::of(value, what).severity(severity).handler(handler);
                faults.push(match narrower(pattern) {
                    Some(narrower) => fault.mend(Mend::Write(narrower)),
                    None => fault,
                });
            }
        }
    }
}

/// The same host alone, where a pattern ends in a `*` right behind its name: `https://api.vendor.io*`.
fn narrower(pattern: &str) -> Option<String> {
    let (scheme, host) = pattern.strip_suffix('*')?.split_once("://")?;
    let is_name = !host.is_empty()
        && host.contains('.')
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    is_name.then(|| format!("{scheme}://{host}/*"))
}

/// What is wrong with a pattern.
fn judge(pattern: &str) -> Option<(Severity, String)> {
    let any = || Some((Severity::High, format!("`{pattern}` accepts every URL of every host")));
    let Some((scheme, rest)) = pattern.split_once("://") else {
        return match pattern {
            "*" | "**" => any(),
            _ if pattern.starts_with('*') => Some((
                Severity::High,
                format!("`{pattern}` accepts `https://evil.example/?{}`", filled(pattern)),
            )),
            _ => Some((Severity::Info, format!("`{pattern}` matches no URL: the scheme is missing"))),
        };
    };
    if scheme.contains('*') && rest.starts_with('*') && rest.trim_matches(['*', '/']).is_empty() {
        return any();
    }
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    if rest.trim_matches(['*', '/']).is_empty() {
        return any();
    }
    if let Some(at) = host.find('*') {
        let (before, after) = host.split_at(at);
        let path = rest.strip_prefix(host).unwrap_or_default();
        let tail = filled(after.trim_start_matches('*'));
        let witness = match before {
            "" => format!("{scheme}://evil.example/?x={tail}{}", filled(path)),
            _ if before.contains(':') => format!("{scheme}://{before}1@evil.example{tail}{}", filled(path)),
            _ => format!("{scheme}://{before}.evil.example/{tail}{}", filled(path)),
        };
        let severity = if before.contains(':') { Severity::Low } else { Severity::Medium };
        return Some((severity, format!("`{pattern}` accepts `{witness}` in the fetch shim")));
    }
    let is_here =
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host.split(':').next() == Some(*name));
    let is_plain = scheme == "http" && !is_here;
    is_plain.then(|| (Severity::Low, format!("`{pattern}` goes over the network unencrypted")))
}

/// The shortest text that the rest of a pattern accepts.
fn filled(pattern: &str) -> String {
    pattern.replace('*', "").replace('?', "x")
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::finding::Severity;
    use crate::plugin::permission::engine::fetch;

    #[test]
    fn broad_and_narrow() {
        let severity = |pattern| judge(pattern).map(|(severity, _)| severity);
        assert_eq!(severity("*"), Some(Severity::High));
        assert_eq!(severity("https://*"), Some(Severity::High));
        assert_eq!(severity("https://*.qdrant.io/*"), Some(Severity::Medium));
        assert_eq!(severity("https://api.openai.com*"), Some(Severity::Medium));
        assert_eq!(severity("http://localhost:*"), Some(Severity::Low));
        assert_eq!(severity("api.openai.com"), Some(Severity::Info));
        assert_eq!(severity("http://api.vendor.io/*"), Some(Severity::Low));
        for narrow in ["https://api.openai.com/*", "http://localhost:6333/*", "http://127.0.0.1:6333/*"] {
            assert_eq!(severity(narrow), None, "{narrow}");
        }
    }

    #[test]
    fn witnesses_are_accepted() {
        for pattern in [
            "https://*.qdrant.io/*",
            "https://api.openai.com*",
            "http://localhost:*",
            "*.vendor.io",
            "https://a*.b.io/c*d",
        ] {
            let (_, what) = judge(pattern).unwrap();
            let witness = what.split('`').nth(3).unwrap();
            assert!(fetch::matches(pattern, witness), "{pattern} {witness}");
        }
    }
}
