//! The account of a searched repository: what was examined, and everything that could not be.

use super::history::History;
use crate::coverage::{Coverage, Gap};
use crate::git::ObjectError;
use crate::git::graph::Link;
use crate::git::store::Store;

/// Missing objects that are told one by one.
const NAMED: usize = 20;
const FSCK: &str = "`git fsck` shows what is wrong; another clone may still have it";
const COMPLETE: &str =
    "in a partial clone `git fetch --refetch --no-filter origin` completes it; else run `git fsck`";

/// What the search of all objects comes to.
pub(super) fn account(history: &History<'_>) -> Coverage {
    let (store, objects) = (history.store, history.objects);
    let mut coverage = Coverage::default();
    (coverage.items, coverage.bytes) = objects.examined;
    coverage.kinds = vec![("objects", coverage.items)];
    coverage.missed.extend(store.gaps().iter().cloned());
    coverage.missed.extend(history.references.gaps.iter().cloned());
    let name = |object| format!("object {}", store.id(object));
    coverage.missed.extend(objects.failures.iter().map(|(object, error)| unread(name(*object), error)));
    coverage
        .missed
        .extend(objects.troubles.iter().map(|&(blob, trouble)| Gap::new(name(blob), trouble.reason())));
    for &(tree, offset) in objects.trees.malformed() {
        let gap = Gap::new(name(tree), format!("a directory that makes no sense from byte {offset} on"));
        coverage.missed.push(gap.hint(FSCK));
    }
    cut(history, &mut coverage);
    missing(history, store, &mut coverage);
    coverage
}

fn unread(subject: String, error: &ObjectError) -> Gap {
    match error {
        ObjectError::TooLarge { bytes } => {
            Gap::new(subject, format!("larger than kbsec reads ({bytes} bytes)"))
                .hint("check it out and search the file")
        }
        error => Gap::new(subject, error.to_string()).hint(FSCK),
    }
}

/// History that a shallow clone left behind.
fn cut(history: &History<'_>, coverage: &mut Coverage) {
    let commits = history.references.shallow.len();
    if commits > 0 {
        let gap = Gap::new(
            "the history before this shallow clone",
            format!("not here; it ends at {commits} commits"),
        );
        coverage.missed.push(gap.hint("`git fetch --unshallow` gets it"));
    }
}

/// Objects that others name and that are not there.
fn missing(history: &History<'_>, store: &Store, coverage: &mut Coverage) {
    let shallow = &history.references.shallow;
    let is_cut = |by| shallow.contains(&store.id(by));
    let named = history.objects.graph.missing().iter();
    let named: Vec<_> =
        named.filter(|missing| !(missing.link == Link::Parent && is_cut(missing.by))).collect();
    for missing in named.iter().take(NAMED) {
        let kind = match missing.link {
            Link::Parent => "commit",
            Link::Tree => "directory",
            Link::Target => "tagged object",
        };
        let gap = Gap::new(format!("{kind} {}", missing.id), "missing");
        coverage.missed.push(gap.hint(COMPLETE));
    }
    let more = named.len().saturating_sub(NAMED);
    if more > 0 {
        coverage.missed.push(Gap::new(format!("{more} more commits and directories"), "missing"));
    }
    let below = history.objects.trees.missing();
    for (count, one, many) in [(below.blobs, "file", "files"), (below.trees, "directory", "directories")] {
        let what = if count == 1 { one } else { many };
        if count > 0 {
            let example = below.examples.first().map_or(String::new(), |(id, name)| {
                format!(", such as {} ({id})", String::from_utf8_lossy(name))
            });
            let gap = Gap::new(format!("{count} {what} of the history{example}"), "not in the store");
            coverage.missed.push(gap.hint(COMPLETE));
        }
    }
}
