//! A verdict: what a check found of one subject, what it expected, and what to do about it.

use serde::Serialize;

use super::context::Context;

/// How good it is, worst last. `Unknown` is never good: nobody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As expected.
    Pass,
    /// It could not be seen; the value says why.
    Unknown,
    /// Worth attention, or about to fail.
    Warn,
    /// Not as it has to be.
    Fail,
}

impl Status {
    /// As a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The answer of a check about one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The id of the check.
    pub check: &'static str,
    /// What was looked at, such as a service, a file or a plugin; empty where there is only one thing.
    pub subject: String,
    /// How good it is.
    pub status: Status,
    /// What was found, in one line; for `unknown`, why nothing was.
    pub value: String,
    /// What would be good; may be empty.
    pub expected: String,
    /// What to do next; empty where nothing is to be done.
    pub fix: String,
    /// Where it was seen: `file:line`, an address, a process.
    pub evidence: Vec<String>,
    /// How long the whole check took.
    pub milliseconds: u64,
}

/// Places that one verdict names.
const MOST_EVIDENCE: usize = 20;
/// Characters of one text of a verdict.
const LONGEST: usize = 400;

impl Verdict {
    /// As expected.
    pub(crate) fn pass(subject: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(Status::Pass, subject.into(), value.into())
    }

    /// Nobody could look, for this reason.
    pub(crate) fn unknown(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Status::Unknown, subject.into(), why.into())
    }

    /// Worth attention.
    pub(crate) fn warn(subject: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(Status::Warn, subject.into(), value.into())
    }

    /// Not as it has to be.
    pub(crate) fn fail(subject: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(Status::Fail, subject.into(), value.into())
    }

    /// What would be good.
    pub(crate) fn expected(mut self, what: impl Into<String>) -> Self {
        self.expected = what.into();
        self
    }

    /// What to do next.
    pub(crate) fn fix(mut self, what: impl Into<String>) -> Self {
        self.fix = what.into();
        self
    }

    /// Where it was seen.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.evidence.push(place.into());
        self
    }

    /// The places where it was seen.
    pub(crate) fn seen_at(mut self, places: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(places);
        self
    }

    fn new(status: Status, subject: String, value: String) -> Self {
        let (expected, fix) = (String::new(), String::new());
        Self { check: "", subject, status, value, expected, fix, evidence: Vec::new(), milliseconds: 0 }
    }

    /// The verdict as it may be shown: named, short, and without secrets.
    pub(super) fn finish(mut self, check: &'static str, milliseconds: u64, context: &Context) -> Self {
        self.check = check;
        self.milliseconds = milliseconds;
        for text in [&mut self.subject, &mut self.value, &mut self.expected, &mut self.fix] {
            *text = context.shorten(text, LONGEST);
        }
        if let more @ 1.. = self.evidence.len().saturating_sub(MOST_EVIDENCE) {
            self.evidence.truncate(MOST_EVIDENCE);
            self.evidence.push(format!("and {more} more"));
        }
        for place in &mut self.evidence {
            *place = context.shorten(place, LONGEST);
        }
        self
    }
}
