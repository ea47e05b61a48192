//! The rules of a run as reporting descriptors (section 3.49), and their index.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use serde_sarif::sarif::{
    MultiformatMessageString, PropertyBag, ReportingConfiguration, ReportingDescriptor, ResultLevel,
};

use super::encode;
use crate::finding::{Confidence, Help, RuleId, RuleMeta, Severity};
use crate::report::Report;

/// Every rule that ran or found something, by id.
pub(super) struct Rules<'a>(BTreeMap<&'a RuleId, &'a RuleMeta>);

impl<'a> Rules<'a> {
    pub(super) fn of(report: &Report<'a>) -> Self {
        let used = report.findings.iter().map(|finding| finding.rule());
        Self(report.rules.iter().chain(used).map(Arc::as_ref).map(|rule| (&rule.id, rule)).collect())
    }

    pub(super) fn descriptors(&self) -> Vec<ReportingDescriptor> {
        self.0.values().map(|rule| descriptor(rule)).collect()
    }

    /// The place of each rule among the descriptors.
    pub(super) fn indices(&self) -> BTreeMap<&'a RuleId, i64> {
        self.0.keys().copied().zip(0..).collect()
    }
}

fn descriptor(rule: &RuleMeta) -> ReportingDescriptor {
    let level = json!(level(rule.severity));
    let full = if rule.help.impact.is_empty() { &rule.title } else { &rule.help.impact };
    let mut descriptor = ReportingDescriptor::builder()
        .id(rule.id.as_str())
        .short_description(plain(&rule.title))
        .full_description(plain(full))
        .help(help(rule))
        .default_configuration(ReportingConfiguration::builder().level(level).build())
        .properties(properties(rule))
        .build();
    descriptor.help_uri = rule.help.uri.as_deref().filter(|uri| uri.starts_with("https://")).map(encode);
    descriptor
}

fn plain(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(text).build()
}

/// What GitHub shows beside an alert: the markdown, or the text where markdown is not shown.
fn help(rule: &RuleMeta) -> MultiformatMessageString {
    let Help { impact, steps, uri, audit_log } = &rule.help;
    let mut text = vec![rule.title.clone()];
    let mut markdown = vec![format!("# {}", rule.title)];
    if !impact.is_empty() {
        text.push(format!("Risk: {impact}"));
        markdown.push(format!("## Risk\n\n{impact}"));
    }
    if !steps.is_empty() {
        let steps: Vec<_> = (1..).zip(steps).map(|(number, step)| format!("{number}. {step}")).collect();
        text.push(format!("What to do:\n{}", steps.join("\n")));
        markdown.push(format!("## What to do\n\n{}", steps.join("\n")));
    }
    if let Some(uri) = uri {
        text.push(format!("Where: {uri}"));
        markdown.push(format!("Where: <{uri}>"));
    }
    if let Some(log) = audit_log {
        text.push(format!("Past use: {log}"));
        markdown.push(format!("Past use: {log}"));
    }
    let mut help = plain(&text.join("\n"));
    help.markdown = Some(markdown.join("\n\n") + "\n");
    help
}

/// The properties that GitHub reads: it ranks alerts by them.
fn properties(rule: &RuleMeta) -> PropertyBag {
    let engine = rule.id.as_str().split('/').next().unwrap_or_default();
    let mut tags = vec!["security".to_owned()];
    tags.extend((engine != "security").then(|| engine.to_owned()));
    let properties = [("precision", precision(rule.confidence)), ("security-severity", score(rule.severity))];
    PropertyBag::builder()
        .tags(tags)
        .additional_properties(properties.map(|(key, value)| (key.to_owned(), Value::from(value))))
        .build()
}

/// The score from 0 to 10 by which GitHub names a severity: over 9 critical, from 7 high, from 4 medium, else low.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "1.0",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "very-high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

/// The level of a result (section 3.27.10).
pub(super) fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Critical | Severity::High => ResultLevel::Error,
        Severity::Medium => ResultLevel::Warning,
        Severity::Low | Severity::Info => ResultLevel::Note,
    }
}
