//! The commits that change how often a known value stands somewhere, as text: one beside the other, oldest first.

use std::io;

use super::page::{Body, Page};
use crate::date;
use crate::finding::{Change, Finding};
use crate::report::wording::count;

/// Changes that are listed from the oldest on, and again up to the newest.
const LISTED: usize = 20;

/// Writes the table; nothing where no history was searched.
pub(super) fn write(finding: &Finding, page: &mut Page<'_>) -> io::Result<()> {
    let changes = finding.changes();
    let (first, last) = match changes.len().checked_sub(2 * LISTED + 1) {
        None => (changes, &[][..]),
        Some(_) => (&changes[..LISTED], &changes[changes.len() - LISTED..]),
    };
    let mut label = "changes";
    for change in first {
        row(label, change, page)?;
        label = "";
    }
    let left_out = changes.len() - first.len() - last.len();
    if left_out > 0 {
        let more =
            format!("… {} between; `-f json` lists all of them", count(left_out as u64, "more change"));
        page.entry("", Body::Prose(&more))?;
    }
    last.iter().try_for_each(|change| row("", change, page))
}

/// Two lines: what changed, then who did it and how it can be reached.
fn row(label: &str, change: &Change, page: &mut Page<'_>) -> io::Result<()> {
    let day = u64::try_from(change.commit.time).ok().and_then(date::day);
    let difference = i64::from(change.after) - i64::from(change.before);
    let what = format!(
        "{:10} {} {difference:+} {}",
        day.as_deref().unwrap_or("no date"),
        change.commit.short(),
        change.path.display(),
    );
    page.entry(label, Body::Verbatim(&what))?;
    let mut facts = vec![change.commit.author.clone(), change.reach.to_string()];
    if change.parent > 0 {
        facts.push(format!("merge, against parent {}", change.parent));
    }
    if !change.decoded.is_empty() {
        let decoders: Vec<_> = change.decoded.iter().map(ToString::to_string).collect();
        facts.push(format!("in {}", decoders.join(" of ")));
    }
    page.entry("", Body::Below(&facts.join("; ")))
}
