//! The value of a finding: reports do not hold it, so the place is scanned again for what has the fingerprint.

use std::path::Path;

use kbsec::detect::Detector;
use kbsec::finding::Finding;
use kbsec::scan::{Limits, Options, Outcome, scan, scan_history};
use kbsec::secret::Secret;
use kbsec::source::Stop;
use kbsec::source::worktree::{self, Worktree};

use super::super::Context;
use super::super::environment::Environment;
use super::super::error::Hinted;
use super::super::project::Project;

/// Fewer digits could stand for many findings.
const FEWEST_DIGITS: usize = 8;

/// The value of the finding, and the name of its rule, whose fingerprint begins with `digits`: in
/// the files below `path`, else in the history.
pub(in crate::cli) fn value(
    digits: &str,
    path: &Path,
    (project, context): (&Project, &Context),
    stop: &Stop,
) -> anyhow::Result<(Secret, String)> {
    let digits = digits.to_ascii_lowercase();
    if digits.len() < FEWEST_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Hinted::error(
            format!("a finding is named by at least {FEWEST_DIGITS} digits of its fingerprint"),
            "take them from the line `fingerprint` of a report",
        ));
    }
    let detector = Detector::new(&project.rules(&[], &[])?)?;
    let options = Options { key: project.key(context), now: Environment::now(), progress: &|_| {} };
    let files = worktree::Options { git: context.environment.git.clone(), ..worktree::Options::default() };
    let files = Worktree::new([path.to_path_buf()], files);
    if let Some(found) = with(&digits, &scan(&files, &detector, &options, stop)?) {
        return Ok(found);
    }
    if let Ok(Some(repository)) = &project.repository {
        let limits = Limits { here: context.environment.directory.clone(), ..Limits::default() };
        let outcome = scan_history(repository, &detector, &limits, (&options, stop))?;
        if let Some(found) = with(&digits, &outcome) {
            return Ok(found);
        }
    }
    Err(Hinted::error(
        format!("no finding here has a fingerprint that begins with {digits}"),
        "fingerprints depend on the fingerprint key: use the one that the report was made with",
    ))
}

fn with(digits: &str, outcome: &Outcome) -> Option<(Secret, String)> {
    let is_it = |finding: &&Finding| finding.fingerprint().to_string().starts_with(digits);
    let finding = outcome.findings.iter().find(is_it)?;
    Some((finding.evidence()?.secret()?.clone(), finding.rule().id.name().to_owned()))
}
