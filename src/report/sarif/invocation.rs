//! The run as an invocation (section 3.20): times, exit code, and a notification for everything not examined.

use std::collections::BTreeMap;

use serde_json::json;
use serde_sarif::sarif::{
    Invocation, MultiformatMessageString, Notification, NotificationLevel, ReportingDescriptor,
    ReportingDescriptorReference,
};

use super::message;
use super::results::Cut;
use crate::coverage::Gap;
use crate::report::Report;
use crate::report::wording::{count, names, number, time};

/// Missed inputs with a notification of their own.
const MISSED: usize = 300;

/// Reasons to skip with a notification of their own.
const SKIPPED: usize = 100;

/// Skipped inputs that are named for one reason.
const NAMES: usize = 20;

/// What a notification is about.
#[derive(Clone, Copy)]
enum Topic {
    Missed,
    Skipped,
    NothingExamined,
    Interrupted,
    Cut,
}

impl Topic {
    const ALL: [Self; 5] = [Self::Missed, Self::Skipped, Self::NothingExamined, Self::Interrupted, Self::Cut];

    fn id(self) -> &'static str {
        match self {
            Self::Missed => "coverage/missed",
            Self::Skipped => "coverage/skipped",
            Self::NothingExamined => "coverage/nothing-examined",
            Self::Interrupted => "coverage/interrupted",
            Self::Cut => "report/cut",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Missed => "An input that should have been examined was not",
            Self::Skipped => "Inputs were left out on purpose",
            Self::NothingExamined => "No input was examined",
            Self::Interrupted => "The run was interrupted",
            Self::Cut => "There are more results than this report holds",
        }
    }

    /// A notification of level `warning`, or `note` where nothing is wrong.
    fn notification(self, text: &str) -> Notification {
        let level =
            if matches!(self, Self::Skipped) { NotificationLevel::Note } else { NotificationLevel::Warning };
        Notification::builder()
            .descriptor(ReportingDescriptorReference::builder().id(self.id()).index(self as i64).build())
            .level(json!(level))
            .message(message(text))
            .build()
    }
}

/// The kinds of notifications, for the driver; `Topic as i64` is their index.
pub(super) fn descriptors() -> Vec<ReportingDescriptor> {
    let descriptor = |topic: Topic| {
        let text = MultiformatMessageString::builder().text(topic.description()).build();
        ReportingDescriptor::builder().id(topic.id()).short_description(text).build()
    };
    Topic::ALL.map(descriptor).into()
}

/// The invocation. It was successful only if everything that should have been examined was.
pub(super) fn of(report: &Report<'_>, cut: Cut) -> Invocation {
    let run = report.run;
    Invocation::builder()
        .execution_successful(!run.interrupted && !report.coverage.is_incomplete())
        .exit_code(run.exit_code)
        .start_time_utc(time(run.time.0))
        .end_time_utc(time(run.time.1))
        .tool_execution_notifications(notifications(report, cut))
        .build()
}

fn notifications(report: &Report<'_>, cut: Cut) -> Vec<Notification> {
    let coverage = report.coverage;
    let mut all = Vec::new();
    if report.run.interrupted {
        all.push(Topic::Interrupted.notification("interrupted: the results are only a part"));
    }
    if coverage.items == 0 && coverage.is_incomplete() {
        all.push(Topic::NothingExamined.notification("nothing was examined: this is not a clean result"));
    }
    if cut.0 > 0 {
        let more = count(cut.0 as u64, "more result");
        all.push(Topic::Cut.notification(&format!("{more}, less severe, left out: -f json has all")));
    }
    missed(&coverage.missed, &mut all);
    skipped(&coverage.skipped, &mut all);
    all
}

fn missed(gaps: &[Gap], all: &mut Vec<Notification>) {
    let listed = gaps.len().min(MISSED);
    all.extend(gaps[..listed].iter().map(|gap| {
        let hint = if gap.hint.is_empty() { String::new() } else { format!(". {}", gap.hint) };
        Topic::Missed.notification(&format!("{}: {}{hint}", gap.subject, gap.reason))
    }));
    if gaps.len() > listed {
        let more = count((gaps.len() - listed) as u64, "more input");
        all.push(Topic::Missed.notification(&format!("{more} could not be examined: -f json names them")));
    }
}

fn skipped(gaps: &[Gap], all: &mut Vec<Notification>) {
    let mut reasons = BTreeMap::<&str, Vec<&str>>::new();
    for gap in gaps {
        reasons.entry(&gap.reason).or_default().push(&gap.subject);
    }
    all.extend(reasons.iter().take(SKIPPED).map(|(reason, subjects)| {
        let subjects_named = names(subjects.iter().copied(), NAMES);
        Topic::Skipped
            .notification(&format!("{reason} ({}): {subjects_named}", number(subjects.len() as u64)))
    }));
    if reasons.len() > SKIPPED {
        let more: usize = reasons.values().skip(SKIPPED).map(Vec::len).sum();
        let more = count(more as u64, "more input");
        all.push(
            Topic::Skipped.notification(&format!("{more} skipped for other reasons: -f json names them")),
        );
    }
}
