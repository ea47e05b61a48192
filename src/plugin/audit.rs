//! An audit: every plugin below a folder, examined by every check.

use std::path::PathBuf;
use std::sync::Arc;

use super::checks;
use super::workspace::Workspace;
use crate::coverage::Coverage;
use crate::finding::{Finding, RuleMeta};

/// What to audit.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; nothing outside of it is read.
    pub root: PathBuf,
    /// How its path begins in the report.
    pub base: PathBuf,
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What was read.
    pub coverage: Coverage,
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
