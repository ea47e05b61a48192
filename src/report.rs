//! A report: findings and coverage, written in the format that the reader needs.

mod gaps;
mod github;
#[cfg(test)]
mod golden;
mod json;
mod place;
mod sarif;
mod spot;
mod story;
mod terminal;
mod text;
mod verdict;
mod wording;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::coverage::Coverage;
use crate::finding::{Finding, RuleMeta};
use crate::secret::Consent;

pub use terminal::Sanitized;
pub use wording::wrap;

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

impl Report<'_> {
    /// What the run comes to, as one line for people, such as `2 secrets found`.
    #[must_use]
    pub fn verdict(&self) -> String {
        verdict::Verdict::of(self).sentence(self)
    }
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
    /// Writes the whole report in many small pieces: `out` should be buffered, and the caller flushes it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// The formats of a report, each named as the user types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document of the shape `kbsec.report/1`.
    Json,
    /// The same shape, one line per finding and one for the run.
    Jsonl,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Jsonl, Self::Sarif, Self::Github];

    /// The name by which users ask for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Sarif => "sarif",
            Self::Github => "github",
        }
    }

    /// What writes it. Only `text` heeds the whole style; `json` and `jsonl` reveal secrets, the others never do.
    #[must_use]
    pub fn reporter(self, style: Style) -> Box<dyn Reporter> {
        match self {
            Self::Text => Box::new(text::Text { style }),
            Self::Json => Box::new(json::Json { reveal: style.reveal }),
            Self::Jsonl => Box::new(json::Jsonl { reveal: style.reveal }),
            Self::Sarif => Box::new(sarif::Sarif),
            Self::Github => Box::new(github::Github),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// There is no format of this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("format {0:?} is not known: choose one of {known}", known = Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(String);
