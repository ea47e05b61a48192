//! GitHub Actions annotations: one workflow command per line, which the runner shows beside the code.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::iter;

use super::gaps::grouped;
use super::place::Place;
use super::spot::{self, Spot, Standing};
use super::story;
use super::terminal::Sanitized;
use super::verdict::Verdict;
use super::wording::{count, names, number};
use super::{Report, Reporter};
use crate::finding::{Evidence, Finding};

/// GitHub shows this many annotations of each type for one step and drops the others without a word.
const SHOWN: usize = 10;

/// Inputs that one warning names.
const NAMES: usize = 5;

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

/// One finding, at the first place that can be opened. Beside a file of today, what only the history holds would
/// mislead, so its place is in the text.
fn error(finding: &Finding, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rule = finding.rule();
    let spots = spot::of(finding.locations());
    let Some(first) = spots.first() else { return Ok(()) };
    let subject = finding.evidence().map_or_else(|| rule.title.clone(), Evidence::preview);
    let mut lines = vec![format!("{subject} [{}, {} confidence]", rule.id, finding.confidence())];
    let path = match Standing::of(first.place) {
        Standing::Present => Place::of(&first.place.origin, report.run).path(),
        Standing::Past | Standing::Object => {
            let name = first.name(report.run);
            let remark = Some(first.fate()).filter(|fate| !fate.is_empty());
            lines.push(format!(
                "where: {name}{}",
                remark.map(|fate| format!(" ({fate})")).unwrap_or_default()
            ));
            None
        }
    };
    lines.extend(told(finding, report));
    if let more @ 1.. = spots.iter().map(Spot::places).sum::<u64>() - 1 {
        lines.push(format!("and at {}", count(more, "more place")));
    }
    let title = format!("{}: {}", finding.severity(), rule.title);
    let region = [
        ("line", first.place.start.line.to_string()),
        ("endLine", first.place.end.line.to_string()),
        ("col", first.place.start.column.to_string()),
        ("endColumn", first.place.end.column.to_string()),
    ];
    let mut properties = vec![("title", title.as_str())];
    if let Some(path) = &path {
        properties.push(("file", path));
        properties.extend(region.iter().map(|(key, value)| (*key, value.as_str())));
    }
    command("error", &properties, &lines, out)
}

/// Why it is believed, what its history tells, and what to do about it.
fn told(finding: &Finding, report: &Report<'_>) -> Vec<String> {
    let help = &finding.rule().help;
    let mut lines = Vec::new();
    if !finding.reasons().is_empty() {
        lines.push(format!("why: {}", finding.reasons().join(", ")));
    }
    let chapters = finding.exposure().map(|exposure| story::chapters(exposure, report.run.time.1));
    lines.extend(chapters.into_iter().flatten().map(|(label, text)| format!("{label}: {text}")));
    lines.extend((1..).zip(&help.steps).map(|(number, step)| format!("{number}. {step}")));
    lines.extend(help.uri.clone());
    lines
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
    let missed = grouped(&report.coverage.missed);
    let listed = if missed.len() > room { room - 1 } else { missed.len() };
    for group in &missed[..listed] {
        let what = match group.subjects.as_slice() {
            [subject] => format!("{subject}: {}", group.reason),
            many => {
                let named = names(many.iter().copied(), NAMES);
                format!("{} ({}): {named}", group.reason, number(many.len() as u64))
            }
        };
        let hint = Some(group.hint.to_owned()).filter(|hint| !hint.is_empty());
        command("warning", &title, &iter::once(what).chain(hint).collect::<Vec<_>>(), out)?;
    }
    match missed[listed..].iter().map(|group| group.subjects.len() as u64).sum() {
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
