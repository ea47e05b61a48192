//! The life of a secret as a code flow (section 3.36): from the commit that introduced it to the one that removed it.

use serde_json::{Value, json};
use serde_sarif::sarif::{CodeFlow, ThreadFlow, ThreadFlowLocation};

use super::locations::{location, properties};
use super::message;
use crate::finding::{Commit, Finding, Location, Trail};
use crate::report::place::Place;
use crate::report::story::signed;
use crate::report::wording::commit_time;

/// The flow through one file: its own, or else that of the whole secret. `None` where no commit is known.
pub(super) fn flow(finding: &Finding, place: &Place, at: &Location) -> Option<CodeFlow> {
    let whole = || {
        let exposure = finding.exposure()?;
        let (introduced, removed) = (exposure.introduced.clone(), exposure.removed.clone());
        Some(Trail { introduced, removed, at_head: exposure.at_head })
    };
    let trail = at.trail.clone().or_else(whole)?;
    let begin = trail.introduced.as_deref().map(|commit| step("introduced by", commit, place, at));
    let end = match trail.removed.as_deref().filter(|_| !trail.at_head) {
        Some(commit) => Some(step("removed by", commit, place, at)),
        None => trail.at_head.then(|| still(place, at)),
    };
    let known = trail.introduced.is_some() || trail.removed.is_some();
    let steps: Vec<_> = begin.into_iter().chain(end).collect();
    known.then(|| {
        CodeFlow::builder()
            .message(message("what commits did with this secret"))
            .thread_flows(vec![ThreadFlow::builder().locations(steps).build()])
            .build()
    })
}

/// What one commit did.
fn step(what: &str, commit: &Commit, place: &Place, at: &Location) -> ThreadFlowLocation {
    let mut here = location(place, at);
    here.message = Some(message(&format!("{what} {}", signed(commit))));
    ThreadFlowLocation::builder()
        .location(here)
        .importance(json!("essential"))
        .execution_time_utc(commit_time(commit.time))
        .properties(properties([("commit".to_owned(), Value::from(commit.id.as_str()))]))
        .build()
}

/// The end of a flow that has none.
fn still(place: &Place, at: &Location) -> ThreadFlowLocation {
    let mut here = location(place, at);
    here.message = Some(message("still in HEAD"));
    ThreadFlowLocation::builder().location(here).importance(json!("essential")).build()
}
