//! The account of a scanned range: how much was examined, and what is missing or out of reach.

use std::collections::HashSet;

use super::contents::Contents;
use super::{Changed, Question};
use crate::coverage::{Coverage, Gap};
use crate::git::{ObjectError, ObjectId};
use crate::scan::history::gaps::{FSCK, REFETCH, UNSHALLOW};

/// Gaps of one kind that are listed; the others are counted.
const MOST: usize = 20;

/// The account.
pub(super) fn coverage(changed: &Changed, contents: &Contents<'_>, question: &Question<'_>) -> Coverage {
    let range = &changed.range;
    let (commits, blobs) = (range.commits.iter().map(|commit| commit.id), changed.blobs());
    let others = range.others.iter().map(|(id, _)| *id);
    let kinds = vec![
        ("commits", contents.count(commits)),
        ("blobs", contents.count(blobs.into_iter().chain(others))),
        ("tags", contents.count(range.tags.iter().copied())),
    ];
    let mut coverage = Coverage { items: kinds.iter().map(|(_, count)| count).sum(), ..Coverage::default() };
    coverage.bytes = contents.bytes();
    coverage.kinds = kinds;
    let missed = &mut coverage.missed;
    missed.extend_from_slice(&changed.references.gaps);
    unread(changed, missed);
    let limit = question.limits.max_object_bytes;
    let mut more = 0;
    contents.each_gap(|id, error| match error {
        Some(ObjectError::Missing) if missed.len() >= MOST => more += 1,
        error => missed.push(gap(id, error, limit)),
    });
    if more > 0 {
        missed.push(Gap::new(format!("{more} more objects"), "missing").hint(REFETCH));
    }
    if question.stop.requested() {
        missed.push(Gap::new("the rest of the history", "the scan was interrupted"));
    }
    if coverage.items == 0 && coverage.missed.is_empty() {
        coverage.nothing_to_do = Some("no commit is new".into());
    }
    let submodules: HashSet<&Vec<u8>> =
        changed.changes.iter().flat_map(|change| &change.submodules).collect();
    for path in submodules {
        let path = String::from_utf8_lossy(path).into_owned();
        coverage.skipped.push(Gap::new(path, "a submodule").hint("scan it in its own repository"));
    }
    coverage.skipped.sort();
    coverage
}

/// Commits that are missing, and tips.
fn unread(changed: &Changed, missed: &mut Vec<Gap>) {
    let shallow = &changed.references.shallow;
    let mut cut = 0;
    for unread in &changed.range.unread {
        match unread.by {
            Some(by) if shallow.contains(&by) => cut += 1,
            Some(by) => {
                let reason = format!("{}, though commit {by} needs it", reason(&unread.error));
                missed.push(Gap::new(format!("commit {}", unread.id), reason).hint(REFETCH));
            }
            None => missed.push(gap(unread.id, Some(&unread.error), u64::MAX)),
        }
    }
    if cut > 0 {
        let subject = format!("the history before {cut} of its commits");
        missed.push(Gap::new(subject, "the clone is shallow").hint(UNSHALLOW));
    }
}

fn gap(id: ObjectId, error: Option<&ObjectError>, limit: u64) -> Gap {
    let subject = format!("object {id}");
    match error {
        None => Gap::new(subject, "the detector failed on it; please report this with the file's kind"),
        Some(ObjectError::TooLarge { bytes }) => {
            Gap::new(subject, format!("larger than the limit of {} MiB", limit >> 20))
                .hint(format!("Raise it with --max-file-size {bytes}."))
        }
        Some(ObjectError::Program(cause)) => Gap::new(subject, cause.to_string()).hint(cause.hint()),
        Some(error @ ObjectError::Missing) => Gap::new(subject, reason(error)).hint(REFETCH),
        Some(error @ ObjectError::Damaged(_)) => Gap::new(subject, reason(error)).hint(FSCK),
    }
}

fn reason(error: &ObjectError) -> String {
    match error {
        ObjectError::Missing => "missing".to_owned(),
        ObjectError::Damaged(what) => format!("damaged: {what}"),
        other => other.to_string(),
    }
}
