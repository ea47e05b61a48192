//! A report: findings and coverage, written in the format that the reader needs.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::coverage::Coverage;
use crate::finding::{Finding, RuleMeta};
use crate::secret::Consent;

/// Everything a report may tell.
#[derive(Debug)]
pub struct Report<'a> {
    /// Findings, worst first.
    pub findings: &'a [Finding],
    /// What was and was not examined.
    pub coverage: &'a Coverage,
    /// Every rule that ran, sorted by id.
    pub rules: &'a [Arc<RuleMeta>],
    /// The run itself.
    pub run: &'a Run,
}

/// Facts about the run that no engine can know.
#[derive(Clone, Debug)]
pub struct Run {
    /// Version of kbsec, such as `0.1.0`.
    pub version: &'static str,
    /// What was done, for people: `staged changes`, `3 paths`.
    pub subject: String,
    /// Directory against which relative paths of findings are resolved.
    pub base: PathBuf,
    /// Root of the work tree, to which paths in SARIF are relative; the base where there is no repository.
    pub root: PathBuf,
    /// The repository, for `versionControlProvenance`.
    pub repository: Option<Repository>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// The exit code that the process will have.
    pub exit_code: u8,
    /// Seconds since the Unix epoch at the start and at the end.
    pub time: (u64, u64),
}

/// The repository that a run belongs to; its URL carries no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// URL of the remote `origin`, without user and password.
    pub uri: Option<String>,
    /// Commit of HEAD, in hexadecimal.
    pub revision: Option<String>,
    /// Short name of the branch.
    pub branch: Option<String>,
}

/// How a report for people looks.
#[derive(Debug, Default)]
pub struct Style {
    /// Whether to colour.
    pub color: bool,
    /// Columns to fill; 0 means that lines are not wrapped.
    pub width: usize,
    /// Given when a person asked to see the secrets.
    pub reveal: Option<Consent>,
}

/// Writes a report in one format.
pub trait Reporter {
    /// Writes the whole report.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()>;
}
