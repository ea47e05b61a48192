//! The verdict: what a run says as a whole, so that "nothing found" never looks like "nothing looked at".

use super::Report;
use super::wording::{count, examined, size};

/// The outcome of a run. The first that applies holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The run was interrupted; whatever it found is only a part.
    Interrupted,
    /// There are findings, whether or not the run is complete.
    Findings,
    /// There was something to do, and not one input was examined.
    NothingExamined,
    /// Something that should have been examined was not.
    Incomplete,
    /// There was nothing to examine.
    NothingToDo,
    /// Everything was examined and nothing was found.
    Clean,
}

impl Verdict {
    pub(super) fn of(report: &Report<'_>) -> Self {
        let coverage = report.coverage;
        if report.run.interrupted {
            Self::Interrupted
        } else if !report.findings.is_empty() {
            Self::Findings
        } else if coverage.items == 0 && (coverage.nothing_to_do.is_none() || !coverage.missed.is_empty()) {
            Self::NothingExamined
        } else if coverage.is_incomplete() {
            Self::Incomplete
        } else if coverage.items == 0 {
            Self::NothingToDo
        } else {
            Self::Clean
        }
    }

    /// The verdict as one line for people, without the exit code.
    pub(super) fn sentence(self, report: &Report<'_>) -> String {
        let coverage = report.coverage;
        let missed = count(coverage.missed.len() as u64, "input");
        match self {
            Self::Interrupted if report.findings.is_empty() => {
                "interrupted: nothing was found until then, and the rest is not known".into()
            }
            Self::Interrupted => {
                format!("interrupted: {} until then, and the rest is not known", found(report))
            }
            Self::Findings if coverage.missed.is_empty() => found(report),
            Self::Findings => {
                format!("{}, and the search is incomplete: {missed} could not be examined", found(report))
            }
            Self::NothingExamined if coverage.missed.is_empty() => {
                "nothing was examined: this is not a clean result; check the path, or add --no-ignore".into()
            }
            Self::NothingExamined => {
                format!("nothing was examined: {missed} could not be read, and this is not a clean result")
            }
            Self::Incomplete => format!(
                "incomplete: {missed} could not be examined; nothing was found in {}",
                examined(coverage)
            ),
            Self::NothingToDo => {
                format!("nothing to do: {}", coverage.nothing_to_do.as_deref().unwrap_or("there is no input"))
            }
            Self::Clean => {
                format!("clean: nothing was found in {}, {}", examined(coverage), size(coverage.bytes))
            }
        }
    }
}

/// How many findings there are, called secrets when each of them is one.
pub(super) fn tally(report: &Report<'_>) -> String {
    let secrets = report.findings.iter().all(|finding| finding.evidence().is_some());
    count(report.findings.len() as u64, if secrets { "secret" } else { "problem" })
}

fn found(report: &Report<'_>) -> String {
    format!("{} found", tally(report))
}
