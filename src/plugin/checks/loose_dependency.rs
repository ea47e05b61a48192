//! What: a dependency that may be another tomorrow: from a branch, from a web server, or of any version.
//!
//! Why: who controls the branch or the server controls the plugin, without a new version of it that anybody reviews.
//! Broad: `"lib": "github:acme/lib"`, `"lib": "*"`. Narrow: `"lib": "^1.4.0"`, or a commit's whole hash.

use super::package_text::PackageText;
use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "loose-dependency",
    title: "A dependency of a plugin is not pinned to a release",
    severity: Severity::Medium,
    impact: "Code that nobody reviewed gets the permissions of the plugin",
    steps: &["Depend on a release of a registry, or on a whole commit hash"],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(package) = PackageText::of(plugin) else { return };
    for section in ["dependencies", "optionalDependencies", "peerDependencies"] {
        for (name, version) in package.texts(section) {
            let Some((severity, what)) = judge(version) else { continue };
            // Who has the plugin decides on its peers.
            if section == "peerDependencies" && severity == Severity::Low {
                continue;
            }
            let what = format!("`{name}` comes {what}: `{version}`");
            faults.push(Fault::at(package.place(section, name), what).severity(severity));
        }
    }
}

/// What is wrong with where a dependency comes from.
fn judge(version: &str) -> Option<(Severity, &'static str)> {
    let is_git = ["git+", "git:", "git@", "github:", "gitlab:", "bitbucket:", "gist:"]
        .iter()
        .any(|start| version.starts_with(start))
        || version.ends_with(".git")
        || is_shorthand(version);
    if is_git {
        let hash = version.rsplit_once('#').map_or("", |(_, hash)| hash);
        let is_pinned = hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        return (!is_pinned).then_some((Severity::Medium, "from a branch or tag of a repository"));
    }
    if version.starts_with("http://") {
        return Some((Severity::High, "from a web server, unencrypted"));
    }
    if version.starts_with("https://") {
        return Some((Severity::Medium, "from a web server"));
    }
    let is_any = matches!(version.trim(), "" | "*" | "x" | "latest" | "next") || version.starts_with(">=0");
    is_any.then_some((Severity::Low, "in any version"))
}

/// `owner/repository`, which means GitHub.
fn is_shorthand(version: &str) -> bool {
    let path = version.split('#').next().unwrap_or(version);
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    path.split_once('/')
        .is_some_and(|(owner, name)| is_name(owner) && is_name(name) && !owner.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broad_and_narrow() {
        let severity = |version| judge(version).map(|(severity, _)| severity);
        let pinned = format!("github:acme/lib#{}", "0123456789".repeat(4));
        for medium in
            ["github:acme/lib", "acme/lib", "git+ssh://git@a.example/b.git#main", "https://a.example/b.tgz"]
        {
            assert_eq!(severity(medium), Some(Severity::Medium), "{medium}");
        }
        assert_eq!(severity("http://a.example/b.tgz"), Some(Severity::High));
        assert_eq!(severity("*"), Some(Severity::Low));
        for narrow in
            ["^1.4.0", "1.x", "workspace:*", "link:../lib", "npm:lib@^2", ">=20.0.0", pinned.as_str()]
        {
            assert_eq!(severity(narrow), None, "{narrow}");
        }
    }
}
