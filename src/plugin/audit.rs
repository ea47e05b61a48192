//! An audit: every plugin below a folder, examined by every check.

use std::sync::Arc;

use super::checks;
use super::wider;
pub use super::workspace::Options;
use super::workspace::Workspace;
use crate::coverage::Coverage;
use crate::finding::{Finding, RuleMeta};

/// What an audit found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What was read.
    pub coverage: Coverage,
}

/// Grants that somebody accepted in findings of one rule about one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The rule, with or without `plugin/` before it.
    pub rule: String,
    /// The id of the plugin.
    pub plugin: String,
    /// The pattern up to which grants are accepted.
    pub grant: String,
}

impl Accepted {
    /// Whether the finding is about that plugin, and its grant lets through nothing that the accepted one does not. A
    /// wider grant is not covered, however it is written.
    #[must_use]
    pub fn covers(&self, finding: &Finding) -> bool {
        let id = finding.rule().id.as_str();
        let is_rule = id == self.rule || id.strip_prefix("plugin/") == Some(&self.rule);
        let granted = finding.granted().filter(|granted| is_rule && granted.plugin == self.plugin);
        granted.is_some_and(|granted| wider::covers(&granted.key, &self.grant, &granted.pattern))
    }
}

/// Every check as a rule, sorted by id.
#[must_use]
pub fn rules() -> Vec<Arc<RuleMeta>> {
    let mut rules: Vec<_> = checks::ALL.iter().filter_map(|check| check.meta()).collect();
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    rules
}

/// Audits every plugin below a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn audit(options: &Options) -> std::io::Result<Outcome> {
    let mut workspace = Workspace::read(options)?;
    workspace.examine_code();
    let mut findings = workspace.findings();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    Ok(Outcome { findings, coverage: workspace.coverage })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::sample;

    #[test]
    fn what_is_accepted_covers_narrower_grants_only() {
        let found = |write: &str| {
            let folder = sample::folder(&format!("permissions: {{ fs: {{ write: ['{write}'] }} }}"));
            let options = Options { root: folder.path().to_owned(), base: std::path::PathBuf::new() };
            let findings = audit(&options).unwrap().findings;
            findings.into_iter().find(|found| found.rule().id.as_str() == "plugin/control-plane")
        };
        let accepted = |rule: &str, plugin: &str| Accepted {
            rule: rule.to_owned(),
            plugin: plugin.to_owned(),
            grant: ".kb/**".to_owned(),
        };
        let right = accepted("control-plane", "@acme/sample");
        assert!(right.covers(&found(".kb/**").unwrap()));
        assert!(right.covers(&found(".kb/marketplace.lock").unwrap()));
        assert!(!right.covers(&found("**/*").unwrap()));
        assert!(!accepted("control-plane", "@acme/other").covers(&found(".kb/**").unwrap()));
        assert!(!accepted("no-quota", "@acme/sample").covers(&found(".kb/**").unwrap()));
        let name = |write| found(write).unwrap().fingerprint();
        assert!(name(".kb/**") == name(".kb/**") && name(".kb/**") != name("**/*"));
    }
}
