//! One finding as text, and the help of its rule.

use std::io;

use super::page::{Body, Page};
use crate::finding::{Evidence, Finding, Help, Location};
use crate::report::spot::{self, Spot};
use crate::report::story;
use crate::report::terminal::Ink;
use crate::report::wording::{count, number};
use crate::report::{Run, Style};
use crate::secret::Consent;

/// Places of one finding that are listed. One more would take the line that counts the rest.
const PLACES: usize = 10;

/// Writes findings of one rule, and once what the rule says about them.
pub(super) fn write(group: &[&Finding], style: &Style, run: &Run, page: &mut Page<'_>) -> io::Result<()> {
    let Some(first) = group.first() else { return Ok(()) };
    let rule = first.rule();
    for finding in group {
        let severity = finding.severity();
        page.headline(Ink::Severity(severity), &severity.to_string(), &rule.title, rule.id.as_str())?;
        if let Some(evidence) = finding.evidence() {
            secret(evidence, style.reveal.as_ref(), page)?;
        }
        places(finding.locations(), run, page)?;
        if let Some(exposure) = finding.exposure() {
            for (label, text) in story::chapters(exposure, run.time.1) {
                page.entry(label, Body::Prose(&text))?;
            }
        }
        super::changes::write(finding, page)?;
        page.entry("why", Body::Prose(&why(finding)))?;
        page.entry("fingerprint", Body::Prose(&finding.fingerprint().to_string()))?;
        if group.len() == 1 {
            help(&rule.help, page)?;
        }
        page.blank()?;
    }
    if group.len() > 1 && rule.help != Help::default() {
        let all = format!("For each of these {} ({}):", number(group.len() as u64), rule.id);
        page.entry("", Body::Prose(&all))?;
        help(&rule.help, page)?;
        page.blank()?;
    }
    Ok(())
}

fn secret(evidence: &Evidence, reveal: Option<&Consent>, page: &mut Page<'_>) -> io::Result<()> {
    let (Some(consent), Some(secret)) = (reveal, evidence.secret()) else {
        return page.entry("secret", Body::Prose(&evidence.preview()));
    };
    let mut label = "secret";
    for line in secret.reveal(consent).lines() {
        page.entry(label, Body::Verbatim(line))?;
        label = "";
    }
    Ok(())
}

fn places(locations: &[Location], run: &Run, page: &mut Page<'_>) -> io::Result<()> {
    let spots = spot::of(locations);
    let listed = if spots.len() > PLACES + 1 { PLACES } else { spots.len() };
    let mut label = "where";
    for spot in &spots[..listed] {
        page.entry(label, Body::Link(&spot.name(run), &remark(spot)))?;
        label = "";
    }
    match spots[listed..].iter().map(Spot::places).sum() {
        0 => Ok(()),
        more => {
            let more = format!("and {} (-f json lists them)", count(more, "more place"));
            page.entry("", Body::Prose(&more))
        }
    }
}

/// How it was hidden, what became of it, and whether other versions of the file have it too.
fn remark(spot: &Spot<'_>) -> String {
    let decoded: Vec<_> = spot.place.decoded.iter().map(ToString::to_string).collect();
    let via = if decoded.is_empty() { String::new() } else { format!("via {}", decoded.join(", ")) };
    let versions = match spot.versions {
        0 => String::new(),
        more => count(more, "more version"),
    };
    let parts = [via, spot.fate(), versions];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn why(finding: &Finding) -> String {
    let confidence = format!("{} confidence", finding.confidence());
    match finding.reasons().join(", ") {
        reasons if reasons.is_empty() => confidence,
        reasons => format!("{reasons}; {confidence}"),
    }
}

/// Writes what a rule says about each of its findings.
fn help(help: &Help, page: &mut Page<'_>) -> io::Result<()> {
    if !help.impact.is_empty() {
        page.entry("risk", Body::Prose(&help.impact))?;
    }
    let mut label = "what to do";
    for (at, step) in help.steps.iter().enumerate() {
        page.entry(label, Body::Step(at + 1, step))?;
        label = "";
    }
    if let Some(uri) = &help.uri {
        page.entry(label, Body::Link(uri, ""))?;
    }
    if let Some(log) = &help.audit_log {
        page.entry("past use", Body::Prose(log))?;
    }
    Ok(())
}
