//! GitHub Actions annotations: one workflow command per line, which the runner shows beside the code.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::iter;

use super::place::Place;
use super::terminal::Sanitized;
use super::verdict::Verdict;
use super::wording::count;
use super::{Report, Reporter};
use crate::finding::{Evidence, Finding};

/// GitHub shows this many annotations of each type for one step and drops the others without a word.
const SHOWN: usize = 10;

/// `::error` for the worst findings, `::warning` for gaps, and one `::notice` that sums up.
#[derive(Debug)]
pub(super) struct Github;

impl Reporter for Github {
    fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut worst: Vec<_> = report.findings.iter().collect();
        worst.sort_by_key(|found| Reverse((found.severity(), found.confidence())));
        for finding in worst.iter().take(SHOWN) {
            error(finding, report, out)?;
        }
        warnings(report, out)?;
        let mut lines = vec![Verdict::of(report).sentence(report)];
        if let more @ 1.. = worst.len().saturating_sub(SHOWN) as u64 {
            lines.push(format!("{} not shown here: -f text and -f sarif have all", count(more, "finding")));
        }
        command("notice", &[("title", "kbsec")], &lines, out)
    }
}

/// One finding at its first place.
fn error(finding: &Finding, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rule = finding.rule();
    let subject = finding.evidence().map_or_else(|| rule.title.clone(), Evidence::preview);
    let mut lines = vec![format!("{subject} [{}, {} confidence]", rule.id, finding.confidence())];
    if !finding.reasons().is_empty() {
        lines.push(format!("why: {}", finding.reasons().join(", ")));
    }
    lines.extend((1..).zip(&rule.help.steps).map(|(number, step)| format!("{number}. {step}")));
    lines.extend(rule.help.uri.clone());
    let Some((first, others)) = finding.locations().split_first() else { return Ok(()) };
    if !others.is_empty() {
        lines.push(format!("and at {}", count(others.len() as u64, "more place")));
    }
    let title = format!("{}: {}", finding.severity(), rule.title);
    let path = Place::of(&first.origin, report.run).path();
    let region = [
        ("line", first.start.line.to_string()),
        ("endLine", first.end.line.to_string()),
        ("col", first.start.column.to_string()),
        ("endColumn", first.end.column.to_string()),
    ];
    let mut properties = vec![("title", title.as_str())];
    if let Some(path) = &path {
        properties.push(("file", path));
        properties.extend(region.iter().map(|(key, value)| (*key, value.as_str())));
    }
    command("error", &properties, &lines, out)
}

/// What should have been examined and was not. The last warning counts those that GitHub would drop.
fn warnings(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let verdict = Verdict::of(report);
    let title = [("title", "kbsec: not examined")];
    let mut room = SHOWN;
    if matches!(verdict, Verdict::NothingExamined | Verdict::Interrupted) {
        command("warning", &title, &[verdict.sentence(report)], out)?;
        room -= 1;
    }
    let missed = &report.coverage.missed;
    let listed = if missed.len() > room { room - 1 } else { missed.len() };
    for gap in &missed[..listed] {
        let hint = Some(gap.hint.clone()).filter(|hint| !hint.is_empty());
        let lines: Vec<_> = iter::once(format!("{}: {}", gap.subject, gap.reason)).chain(hint).collect();
        command("warning", &title, &lines, out)?;
    }
    match (missed.len() - listed) as u64 {
        0 => Ok(()),
        more => {
            let rest = format!("{} could not be examined", count(more, "more input"));
            command("warning", &title, &[rest], out)
        }
    }
}

/// Writes one workflow command. Hidden characters are shown as escapes, because logs are read on terminals too.
fn command(name: &str, properties: &[(&str, &str)], lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    let properties: Vec<_> = properties
        .iter()
        .map(|(key, value)| format!("{key}={}", escape(value).replace(':', "%3A").replace(',', "%2C")))
        .collect();
    let lines: Vec<_> = lines.iter().map(|line| escape(line)).collect();
    writeln!(out, "::{name} {}::{}", properties.join(","), lines.join("%0A"))
}

/// The escape that the runner undoes everywhere. Line ends, which it would undo too, are hidden characters here.
fn escape(text: &str) -> String {
    Sanitized(text).to_string().replace('%', "%25")
}
