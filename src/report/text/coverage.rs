//! Coverage as text: how much was examined, what was left out and why, and what should not have been.

use std::io;

use super::page::{Body, Page};
use crate::coverage::Gap;
use crate::report::Report;
use crate::report::gaps::{Group, grouped};
use crate::report::wording::{count, examined, names, number, size};

/// Inputs that are named of those with the same reason.
const NAMES: usize = 5;

/// So many missed inputs have a line of their own before they are told together.
const ALONE: usize = 3;

/// Reasons to skip that are listed.
const SKIPPED: usize = 10;

/// Reasons to miss that are listed.
const MISSED: usize = 20;

/// Writes the account of the run.
pub(super) fn write(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let coverage = report.coverage;
    let examined = match coverage.items {
        0 => "nothing".to_owned(),
        _ => format!("{} ({})", examined(coverage), size(coverage.bytes)),
    };
    page.entry("examined", Body::Prose(&format!("{}: {examined}", report.run.subject)))?;
    skipped(&coverage.skipped, page)?;
    missed(&coverage.missed, page)
}

/// What was left out on purpose, the reason with most inputs first.
fn skipped(gaps: &[Gap], page: &mut Page<'_>) -> io::Result<()> {
    if gaps.is_empty() {
        return Ok(());
    }
    page.entry("skipped", Body::Prose(&format!("{} on purpose", number(gaps.len() as u64))))?;
    let mut groups = grouped(gaps);
    groups.sort_by_key(|group| (std::cmp::Reverse(group.subjects.len()), group.reason));
    for group in groups.iter().take(SKIPPED) {
        page.entry("", Body::Prose(&together(group)))?;
        hint(group, page)?;
    }
    match groups.len().saturating_sub(SKIPPED) as u64 {
        0 => Ok(()),
        more => page.entry("", Body::Prose(&format!("and for {}", count(more, "more reason")))),
    }
}

/// What should have been examined; thousands of objects that a shallow clone lacks are one entry.
fn missed(gaps: &[Gap], page: &mut Page<'_>) -> io::Result<()> {
    let groups = grouped(gaps);
    let mut label = "missed";
    for group in groups.iter().take(MISSED) {
        let lines = match group.subjects.as_slice() {
            few if few.len() <= ALONE => {
                few.iter().map(|subject| format!("{subject}: {}", group.reason)).collect()
            }
            _ => vec![together(group)],
        };
        for line in lines {
            page.entry(label, Body::Prose(&line))?;
            label = "";
        }
        hint(group, page)?;
    }
    match groups.iter().skip(MISSED).map(|group| group.subjects.len() as u64).sum() {
        0 => Ok(()),
        more => {
            let more = format!("and {} (-f json lists them)", count(more, "more input"));
            page.entry("", Body::Prose(&more))
        }
    }
}

/// The reason, how many inputs have it, and the first of them.
fn together(group: &Group<'_>) -> String {
    let subjects = &group.subjects;
    let names = names(subjects.iter().copied(), NAMES);
    format!("{} ({}): {names}", group.reason, number(subjects.len() as u64))
}

fn hint(group: &Group<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if group.hint.is_empty() { Ok(()) } else { page.entry("", Body::Below(group.hint)) }
}
