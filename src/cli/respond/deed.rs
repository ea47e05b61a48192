//! A deed of kbsec in an incident: its plan, its outcome and its verdict, in the few forms that they have.

use kbsec::playbook::{Applied, Outcome, Plan, Status, Verdict};

/// A plan that only a person can carry out.
pub(crate) fn by_hand(how: &str) -> Plan {
    Plan { manual: Some(how.to_owned()), ..Plan::default() }
}

/// A plan with nothing in it.
pub(crate) fn needless(why: impl Into<String>) -> Plan {
    Plan { needless: Some(why.into()), ..Plan::default() }
}

/// An act that went wrong.
pub(crate) fn failed(why: impl Into<String>) -> Applied {
    Applied { outcome: Outcome::Failed(why.into()), ..Applied::default() }
}

/// An act of which only words come.
pub(crate) fn told(lines: Vec<String>) -> Applied {
    Applied { lines, ..Applied::default() }
}

pub(crate) fn pass(value: impl Into<String>) -> Verdict {
    verdict(Status::Pass, value, "")
}

pub(crate) fn fail(value: impl Into<String>, fix: &str) -> Verdict {
    verdict(Status::Fail, value, fix)
}

pub(crate) fn warn(value: impl Into<String>, fix: &str) -> Verdict {
    verdict(Status::Warn, value, fix)
}

pub(crate) fn unknown(value: &str) -> Verdict {
    verdict(Status::Unknown, value, "")
}

fn verdict(status: Status, value: impl Into<String>, fix: &str) -> Verdict {
    Verdict { status, value: value.into(), expected: String::new(), fix: fix.to_owned() }
}
