//! Findings as results (section 3.27): one for each finding and file, the worst first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_sarif::sarif::{
    self, ArtifactLocation, Message, PhysicalLocation, Region, ReportingDescriptorReference, ResultKind,
};

use super::rules::{Rules, level};
use super::{ROOT, escape, message};
use crate::finding::{Finding, Location, RuleId};
use crate::report::place::Place;
use crate::report::wording::names;
use crate::report::{Report, Run};

/// GitHub accepts more results, but shows only this many of one run.
const RESULTS: usize = 5_000;

/// GitHub shows this many locations of one result.
const RELATED: usize = 100;

/// Places of the same file that the message of a result links to.
const LINKS: usize = 10;

/// Results that a report leaves out because there are too many.
#[derive(Clone, Copy)]
pub(super) struct Cut(pub(super) usize);

/// A finding in one file; the places are never empty.
struct Match<'a> {
    finding: &'a Finding,
    place: Place,
    at: Vec<&'a Location>,
}

/// The results, and how many more there would be.
pub(super) fn of(report: &Report<'_>, rules: &Rules<'_>) -> (Vec<sarif::Result>, Cut) {
    let mut matches: Vec<_> = report.findings.iter().flat_map(|found| by_file(found, report.run)).collect();
    matches.sort_by_key(|found| Reverse((found.finding.severity(), found.finding.confidence())));
    let indices = rules.indices();
    let results = matches.iter().take(RESULTS).filter_map(|found| result(found, &indices)).collect();
    (results, Cut(matches.len().saturating_sub(RESULTS)))
}

/// The places of a finding, file by file, in the order of their first places.
fn by_file<'a>(finding: &'a Finding, run: &Run) -> Vec<Match<'a>> {
    let mut files: Vec<Match<'a>> = Vec::new();
    let mut index = BTreeMap::new();
    for location in finding.locations() {
        let place = Place::of(&location.origin, run);
        let file = *index.entry(place.uri()).or_insert_with(|| {
            files.push(Match { finding, place, at: Vec::new() });
            files.len() - 1
        });
        files[file].at.push(location);
    }
    files
}

fn result(found: &Match<'_>, indices: &BTreeMap<&RuleId, i64>) -> Option<sarif::Result> {
    let finding = found.finding;
    let rule = finding.rule();
    let index = *indices.get(&rule.id)?;
    let (first, others) = found.at.split_first()?;
    let related = &others[..others.len().min(RELATED)];
    let mut fingerprints =
        BTreeMap::from([("kbsecFinding/v1".to_owned(), finding.fingerprint().to_string())]);
    if let Some(hash) = &first.line_hash {
        fingerprints.insert("primaryLocationLineHash".into(), hash.clone());
    }
    let reference = ReportingDescriptorReference::builder().id(rule.id.as_str()).index(index).build();
    let mut result = sarif::Result::builder()
        .rule_id(rule.id.as_str())
        .rule_index(index)
        .rule(reference)
        .kind(ResultKind::Fail)
        .level(level(finding.severity()))
        .message(Message::builder().text(sentences(finding, others)).build())
        .locations(vec![location(&found.place, first)])
        .partial_fingerprints(fingerprints)
        .build();
    if !related.is_empty() {
        let numbered = (1..).zip(related).map(|(id, other)| {
            let mut other = location(&found.place, other);
            other.id = Some(id);
            other
        });
        result.related_locations = Some(numbered.collect());
    }
    Some(result)
}

/// What and why, the other places of the file, and what to do first.
fn sentences(finding: &Finding, others: &[&Location]) -> String {
    let rule = finding.rule();
    let mut what = rule.title.clone();
    if let Some(evidence) = finding.evidence() {
        what.push_str(&format!(": {}", evidence.preview()));
    }
    let mut why = finding.reasons().to_vec();
    why.push(format!("{} confidence", finding.confidence()));
    let mut text = escape(&format!("{what}; {}.", why.join(", ")));
    if !others.is_empty() {
        // GitHub shows a related location only where the message links to it.
        let links: Vec<_> =
            (1..).zip(others).map(|(id, other)| format!("[line {}]({id})", other.start.line)).collect();
        let links = names(links.iter().map(String::as_str), LINKS);
        text.push_str(&format!(" In this file it also stands on {links}."));
    }
    if let Some(step) = rule.help.steps.first() {
        text.push_str(&escape(&format!(" Do this first: {step}")));
    }
    text
}

fn location(place: &Place, at: &Location) -> sarif::Location {
    let mut artifact = ArtifactLocation::builder().uri(place.uri()).build();
    match place {
        Place::Inside(_) => artifact.uri_base_id = Some(ROOT.into()),
        Place::Outside(_) => {}
        Place::Stdin => artifact.description = Some(message("standard input")),
    }
    // A column is a code point, and the end is the one after the last (section 3.30.8), as in `Location`.
    let region = Region::builder()
        .start_line(integer(at.start.line))
        .start_column(integer(at.start.column))
        .end_line(integer(at.end.line))
        .end_column(integer(at.end.column))
        .build();
    let physical = PhysicalLocation::builder().artifact_location(artifact).region(region).build();
    sarif::Location::builder().physical_location(physical).build()
}

fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
