//! The report for people: one block per finding, then what was examined, then the verdict.

mod changes;
mod coverage;
mod database;
mod finding;
mod page;

use std::io::{self, Write};

use page::{Body, Page};

use super::terminal::Ink;
use super::verdict::{self, Verdict};
use super::{Report, Reporter, Style};
use crate::finding::{Finding, Severity};

/// Text in one column beside its labels; wrapped and coloured as the style says.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) style: Style,
}

impl Reporter for Text {
    fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut page = Page::new(&self.style, out);
        for group in by_rule(report.findings) {
            finding::write(&group, &self.style, report.run, &mut page)?;
        }
        summary(report, &mut page)?;
        database::write(&report.coverage.databases, &mut page)?;
        coverage::write(report, &mut page)?;
        // A value that somebody looks for is not harmless, and no comment hides it from the search.
        let is_secret = |finding: &Finding| {
            finding.evidence().is_some() && !finding.rule().id.as_str().starts_with("trace/")
        };
        if report.findings.iter().any(is_secret) {
            let past =
                report.findings.iter().all(|finding| finding.exposure().is_some_and(|told| !told.at_head));
            page.entry("if harmless", Body::Prose(if past { HARMLESS_PAST } else { HARMLESS }))?;
        }
        page.blank()?;
        let verdict = Verdict::of(report);
        let sentence = format!("{} (exit code {})", verdict.sentence(report), report.run.exit_code);
        page.paragraph(ink(verdict, report), &sentence)
    }
}

/// How to silence a finding that is none.
const HARMLESS: &str = "put the comment kbsec:allow on the line, or a [[waiver]] with the fingerprint into kbsec.toml, and say why";

/// The same for what only the history holds: there is no line to put a comment on.
const HARMLESS_PAST: &str = "put a [[waiver]] with the fingerprint into kbsec.toml, and say why";

/// Findings of the same rule side by side, because they share its help. Groups and findings keep their order.
fn by_rule(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for finding in findings {
        let group = *index.entry(&finding.rule().id).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(finding);
    }
    groups
}

/// How many findings there are of each severity.
fn summary(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info]
        .map(|severity| {
            let count = report.findings.iter().filter(|found| found.severity() == severity).count();
            (severity, count)
        });
    let counts: Vec<_> = severities
        .into_iter()
        .filter(|&(_, count)| count > 0)
        .map(|(severity, count)| format!("{} {severity}", super::wording::number(count as u64)))
        .collect();
    page.entry("found", Body::Prose(&format!("{}: {}", verdict::tally(report), counts.join(", "))))
}

/// The colour of the last line.
fn ink(verdict: Verdict, report: &Report<'_>) -> Ink {
    match verdict {
        Verdict::Clean => Ink::Good,
        Verdict::NothingToDo => Ink::Strong,
        Verdict::Incomplete | Verdict::NothingExamined | Verdict::Interrupted => Ink::Doubt,
        Verdict::Findings => {
            Ink::Severity(report.findings.iter().map(Finding::severity).max().unwrap_or(Severity::Info))
        }
    }
}
