//! The account of a scanned history: how much was examined, and what is missing, damaged or out of reach.

use crate::coverage::{Coverage, Gap};
use crate::git::graph::Link;
use crate::git::store::{ObjectNumber, WalkReport};
use crate::git::{ObjectError, ObjectKind};
use crate::history::History;

/// What the walks could not read.
pub(super) struct Unread {
    /// What the walk over contents and the one over directories tell.
    pub(super) walks: [WalkReport; 2],
    /// Objects on which the detector failed.
    pub(super) failed: Vec<ObjectNumber>,
    /// Whether the scan was interrupted.
    pub(super) stopped: bool,
}

pub(super) const FSCK: &str = "Run `git fsck --full` to see what is damaged.";
const RAISE: &str = "Raise it with --max-file-size";
pub(super) const UNSHALLOW: &str = "`git fetch --unshallow` brings the rest.";
pub(super) const REFETCH: &str =
    "If the clone is partial, `git fetch --refetch --no-filter` brings the rest; else run `git fsck`.";

/// The account of a whole scan.
pub(super) fn coverage(history: &History<'_>, unread: &Unread, limit: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for walk in &unread.walks {
        coverage.items += walk.objects;
        coverage.bytes += walk.bytes;
    }
    let counts = history.store.counts();
    coverage.kinds = vec![
        ("blobs", counts.blobs.into()),
        ("commits", counts.commits.into()),
        ("trees", counts.trees.into()),
        ("tags", counts.tags.into()),
        ("refs", history.references.refs.len() as u64),
    ];
    if history.store.is_empty() {
        coverage.nothing_to_do = Some("the repository has no objects".into());
    }
    let missed = &mut coverage.missed;
    missed.extend_from_slice(history.store.gaps());
    missed.extend_from_slice(&history.references.gaps);
    for (number, error) in unread.walks.iter().flat_map(|walk| &walk.failures) {
        missed.push(unreadable(history, *number, error, limit));
    }
    let failed = |number: &ObjectNumber| {
        Gap::new(name(history, *number), "the detector failed on it; please report this with the file's kind")
    };
    missed.extend(unread.failed.iter().map(failed));
    if unread.stopped {
        missed.push(Gap::new("the rest of the history", "the scan was interrupted"));
    }
    missing(history, missed);
    for (tree, offset) in history.trees.malformed() {
        let reason = format!("damaged at byte {offset}, its other entries are unknown");
        missed.push(Gap::new(name(history, *tree), reason).hint(FSCK));
    }
    for path in history.trees.submodules() {
        let path = String::from_utf8_lossy(path).into_owned();
        coverage.skipped.push(Gap::new(path, "a submodule").hint("scan it in its own repository"));
    }
    coverage
}

/// Whether a gap is there again in every scan of the same files: one that comes from a trouble of the moment is not.
pub(super) fn is_lasting(gap: &Gap) -> bool {
    [UNSHALLOW, REFETCH].contains(&gap.hint.as_str()) || gap.hint.starts_with(RAISE)
}

/// There were more paths than anybody can read.
pub(super) fn too_many_paths() -> Gap {
    Gap::new("some paths of secrets", "there are too many to list")
}

fn missing(history: &History<'_>, missed: &mut Vec<Gap>) {
    let shallow = &history.references.shallow;
    if !shallow.is_empty() {
        let subject = format!("the history before {} of its commits", shallow.len());
        missed.push(Gap::new(subject, "the clone is shallow").hint(UNSHALLOW));
    }
    for missing in history.graph.missing() {
        let kind = match missing.link {
            Link::Parent if shallow.contains(&history.store.id(missing.by)) => continue,
            Link::Parent => "commit",
            Link::Tree => "tree",
            Link::Target => "object",
        };
        let by = name(history, missing.by);
        missed.push(
            Gap::new(format!("{kind} {}", missing.id), format!("missing, though {by} needs it"))
                .hint(REFETCH),
        );
    }
    let missing = history.trees.missing();
    for (id, name) in &missing.examples {
        let subject = format!("{id} ({})", String::from_utf8_lossy(name));
        missed.push(Gap::new(subject, "missing, though a tree names it").hint(REFETCH));
    }
    let more = (missing.blobs + missing.trees).saturating_sub(missing.examples.len() as u64);
    if more > 0 {
        missed.push(
            Gap::new(format!("{more} more objects"), "missing, though a tree names them").hint(REFETCH),
        );
    }
}

fn unreadable(history: &History<'_>, number: ObjectNumber, error: &ObjectError, limit: u64) -> Gap {
    let subject = name(history, number);
    match error {
        ObjectError::TooLarge { bytes } => {
            let reason = format!("larger than the limit of {} MiB", limit >> 20);
            Gap::new(subject, reason).hint(format!("{RAISE} {bytes}."))
        }
        ObjectError::Missing => Gap::new(subject, "missing").hint(REFETCH),
        ObjectError::Damaged(what) => Gap::new(subject, format!("damaged: {what}")).hint(FSCK),
        ObjectError::Program(cause) => Gap::new(subject, cause.to_string()).hint(cause.hint()),
    }
}

fn name(history: &History<'_>, number: ObjectNumber) -> String {
    let kind = match history.store.kind(number) {
        Some(ObjectKind::Commit) => "commit",
        Some(ObjectKind::Tree) => "tree",
        Some(ObjectKind::Blob) => "blob",
        Some(ObjectKind::Tag) => "tag",
        None => "object",
    };
    format!("{kind} {}", history.store.id(number))
}
