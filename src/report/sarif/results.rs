//! Findings as results (section 3.27): one for each finding and file, the worst first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_sarif::sarif::{
    self, ArtifactChange, ArtifactContent, Message, Replacement, ReportingDescriptorReference, ResultKind,
};

use super::code_flow::flow;
use super::escape;
use super::locations::{history, location, properties, property};
use super::rules::{Rules, level};
use crate::finding::{Finding, Fix, Location, RuleId};
use crate::report::json::Exposure;
use crate::report::place::Place;
use crate::report::spot::{Spot, Standing};
use crate::report::story;
use crate::report::wording::names;
use crate::report::{Report, Run};

/// GitHub accepts more results, but shows only this many of one run.
const RESULTS: usize = 5_000;

/// GitHub shows this many locations of one result.
const RELATED: usize = 100;

/// Places of the same file that the message of a result links to.
const LINKS: usize = 10;

/// Refs in the properties of one result; `-f json` has all.
const REFS: usize = 20;

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
    let now = report.run.time.1;
    let results = matches.iter().take(RESULTS).filter_map(|found| result(found, &indices, now)).collect();
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

fn result<'a>(found: &Match<'a>, indices: &BTreeMap<&RuleId, i64>, now: u64) -> Option<sarif::Result> {
    let finding = found.finding;
    let rule = finding.rule();
    let index = *indices.get(&rule.id)?;
    let (first, others) = found.at.split_first()?;
    // Many versions of a file have a secret on the same line.
    let spot = |at: &'a Location| (at.start, at.end, &at.database);
    let mut seen = BTreeSet::from([spot(first)]);
    let others: Vec<_> = others.iter().copied().filter(|other| seen.insert(spot(other))).collect();
    let related = &others[..others.len().min(RELATED)];
    let mut fingerprints =
        BTreeMap::from([("kbsecFinding/v1".to_owned(), finding.fingerprint().to_string())]);
    if let Some(hash) = &first.line_hash {
        fingerprints.insert("primaryLocationLineHash".into(), hash.clone());
    }
    let reference = ReportingDescriptorReference::builder().id(rule.id.as_str()).index(index).build();
    let mut main = location(&found.place, first);
    main.properties = history(first);
    let mut result = sarif::Result::builder()
        .rule_id(rule.id.as_str())
        .rule_index(index)
        .rule(reference)
        .kind(ResultKind::Fail)
        .level(level(finding.severity()))
        .message(Message::builder().text(sentences(found, &others, now)).build())
        .locations(vec![main])
        .partial_fingerprints(fingerprints)
        .build();
    if !related.is_empty() {
        let numbered = (1..).zip(related).map(|(id, at)| {
            let mut other = location(&found.place, at);
            other.properties = history(at);
            other.id = Some(id);
            other
        });
        result.related_locations = Some(numbered.collect());
    }
    result.code_flows = flow(finding, &found.place, first).map(|flow| vec![flow]);
    result.fixes = fixes(found);
    let exposure = finding.exposure().map(|exposure| Exposure::new(exposure, REFS));
    result.properties =
        exposure.and_then(|exposure| property("exposure", &exposure)).map(|one| properties([one]));
    Some(result)
}

/// Replacements in the same file (section 3.55); a report without any leaves the member out.
fn fixes(found: &Match<'_>) -> Option<Vec<sarif::Fix>> {
    let here = found.at.first().map(|at| &at.origin)?;
    let fix = |fix: &Fix| {
        let physical = location(&found.place, &fix.at).physical_location?;
        let content = ArtifactContent::builder().text(fix.text.as_str()).build();
        let replacement =
            Replacement::builder().deleted_region(physical.region?).inserted_content(content).build();
        let change = ArtifactChange::builder()
            .artifact_location(physical.artifact_location?)
            .replacements(vec![replacement])
            .build();
        let description = Message::builder().text(escape(&fix.what)).build();
        Some(sarif::Fix::builder().artifact_changes(vec![change]).description(description).build())
    };
    let fixes: Vec<_> =
        found.finding.fixes().iter().filter(|fix| fix.at.origin == *here).filter_map(fix).collect();
    (!fixes.is_empty()).then_some(fixes)
}

/// What and why, what its history tells, the other places of the file, and what to do first.
fn sentences(found: &Match<'_>, others: &[&Location], now: u64) -> String {
    let finding = found.finding;
    let rule = finding.rule();
    let mut what = rule.title.clone();
    if let Some(evidence) = finding.evidence() {
        what.push_str(&format!(": {}", evidence.preview()));
    }
    let mut why = finding.reasons().to_vec();
    why.push(format!("{} confidence", finding.confidence()));
    let mut text = escape(&format!("{what}; {}.", why.join(", ")));
    for (label, chapter) in finding.exposure().map(|told| story::chapters(told, now)).unwrap_or_default() {
        text.push_str(&escape(&format!(" {}: {chapter}.", capital(label))));
    }
    text.push_str(&escape(&absence(found)));
    if !others.is_empty() {
        // GitHub shows a related location only where the message links to it.
        let links: Vec<_> =
            (1..).zip(others).map(|(id, other)| format!("[line {}]({id})", other.start.line)).collect();
        let links = names(links.iter().map(String::as_str), LINKS);
        let within = match (&found.place, found.at.iter().any(|at| at.trail.is_some())) {
            (Place::Object(..), _) => "In this object",
            (_, true) => "In versions of this file",
            (_, false) => "In this file",
        };
        text.push_str(&format!(" {within} it also stands on {links}."));
    }
    if let Some(step) = rule.help.steps.first() {
        text.push_str(&escape(&format!(" Do this first: {step}")));
    }
    text
}

/// Says that the place is not in the files of today, because whoever follows the link finds something else there.
fn absence(found: &Match<'_>) -> String {
    let Some(first) = found.at.first() else { return String::new() };
    let fate = Spot::from(*first).fate();
    let gap = if fate.is_empty() { "" } else { ": " };
    match Standing::of(first) {
        Standing::Present => String::new(),
        Standing::Past => format!(" HEAD does not have it at this path{gap}{fate}."),
        Standing::Object => format!(" It stands in no file of the work tree{gap}{fate}."),
    }
}

/// A label at the beginning of a sentence; labels are ASCII.
fn capital(label: &str) -> String {
    let mut sentence = label.to_owned();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence
}
