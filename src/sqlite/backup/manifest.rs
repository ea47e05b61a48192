//! The manifest of a backup, as JSON: what it is a copy of, and what was checked.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Options, Outcome, Seal, Verdict, hex};
use crate::date;

/// Who makes such files; nothing else is ever removed.
const MADE_BY: &str = "kbsec backup";
/// The version of this format.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    made_by: String,
    format: u32,
    version: String,
    pub(super) time: String,
    /// The database, absolute.
    pub(super) source: String,
    /// The name of the copy.
    pub(super) file: String,
    /// The name of the seal.
    pub(super) seal: String,
    sha256: String,
    pub(super) size: u64,
    page_size: u32,
    pages: u64,
    pub(super) verified: bool,
    /// The checks that ran.
    checked_by: Vec<String>,
    /// Damage that was found, or why a check did not run.
    problems: Vec<String>,
    foreign_key_violations: u64,
    rows: BTreeMap<String, Option<u64>>,
}

impl Manifest {
    pub(super) fn new(
        options: &Options,
        source: &Path,
        outcome: &Outcome,
        seal: &Seal,
        how: Vec<&'static str>,
    ) -> Self {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            made_by: MADE_BY.to_owned(),
            format: FORMAT,
            version: options.version.clone(),
            time: date::second(options.time).unwrap_or_default(),
            source: source.to_string_lossy().into_owned(),
            file: name(&outcome.copy),
            seal: name(&outcome.seal),
            sha256: hex(&outcome.sha256),
            size: outcome.size,
            page_size: seal.facts.page_size,
            pages: seal.page_count() as u64,
            verified: outcome.verdict == Verdict::Verified,
            checked_by: how.into_iter().map(str::to_owned).collect(),
            problems: match &outcome.verdict {
                Verdict::Verified => Vec::new(),
                Verdict::Unverified(reason) => vec![reason.clone()],
                Verdict::Corrupt(damage) => damage.clone(),
            },
            foreign_key_violations: outcome.foreign_key_violations,
            rows: outcome.rows.clone(),
        }
    }

    /// Reads a manifest; `None` for anything that this program did not write.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let found: Self = serde_json::from_slice(bytes).ok()?;
        (found.made_by == MADE_BY && found.format == FORMAT).then_some(found)
    }

    pub(super) fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
