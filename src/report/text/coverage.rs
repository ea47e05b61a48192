//! Coverage as text: how much was examined, what was left out and why, and what should not have been.

use std::io;

use super::page::{Body, Page};
use crate::coverage::Gap;
use crate::report::Report;
use crate::report::wording::{count, names, number, size};

/// Names that are listed for each reason to skip.
const SKIPPED_NAMES: usize = 5;

/// Reasons to skip that are listed.
const SKIPPED_REASONS: usize = 10;

/// Missed inputs that are listed.
const MISSED: usize = 20;

/// Writes the account of the run.
pub(super) fn write(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let coverage = report.coverage;
    let examined = match coverage.items {
        0 => "nothing".to_owned(),
        items => format!("{} ({})", count(items, "file"), size(coverage.bytes)),
    };
    page.entry("examined", Body::Prose(&format!("{}: {examined}", report.run.subject)))?;
    skipped(&coverage.skipped, page)?;
    missed(&coverage.missed, page)
}

fn skipped(gaps: &[Gap], page: &mut Page<'_>) -> io::Result<()> {
    if gaps.is_empty() {
        return Ok(());
    }
    page.entry("skipped", Body::Prose(&format!("{} on purpose", number(gaps.len() as u64))))?;
    let reasons = by_reason(gaps);
    for (reason, gaps) in reasons.iter().take(SKIPPED_REASONS) {
        let names = names(gaps.iter().map(|gap| gap.subject.as_str()), SKIPPED_NAMES);
        page.entry("", Body::Prose(&format!("{reason} ({}): {names}", number(gaps.len() as u64))))?;
        if let Some(gap) = gaps.iter().find(|gap| !gap.hint.is_empty()) {
            page.entry("", Body::Below(&gap.hint))?;
        }
    }
    match reasons.len().saturating_sub(SKIPPED_REASONS) as u64 {
        0 => Ok(()),
        more => page.entry("", Body::Prose(&format!("and for {}", count(more, "more reason")))),
    }
}

/// Gaps with the same reason together, the reason with most gaps first.
fn by_reason(gaps: &[Gap]) -> Vec<(&str, Vec<&Gap>)> {
    let mut groups = std::collections::BTreeMap::<&str, Vec<&Gap>>::new();
    for gap in gaps {
        groups.entry(&gap.reason).or_default().push(gap);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, gaps)| std::cmp::Reverse(gaps.len()));
    groups
}

fn missed(gaps: &[Gap], page: &mut Page<'_>) -> io::Result<()> {
    let mut label = "missed";
    for gap in &gaps[..gaps.len().min(MISSED)] {
        page.entry(label, Body::Prose(&format!("{}: {}", gap.subject, gap.reason)))?;
        if !gap.hint.is_empty() {
            page.entry("", Body::Below(&gap.hint))?;
        }
        label = "";
    }
    match gaps.len().saturating_sub(MISSED) as u64 {
        0 => Ok(()),
        more => {
            let more = format!("and {} (kbsec scan -f json lists them)", count(more, "more input"));
            page.entry("", Body::Prose(&more))
        }
    }
}
