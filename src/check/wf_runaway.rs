//! `wf.runaway`: which workflow runs have been running for too long, by plugin, and how to cancel one.

use super::context::Context;
use super::runs::{self, WorkflowRun};
use super::services::Services;
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "wf.runaway",
    title: "No workflow run goes on for hours",
    why: "A job that never ends keeps a worker; enough of them, and no run starts any more.",
    needs: &[Need::Network],
    answer,
};

/// How long a run may take before somebody should look, and before it is surely stuck.
const LONG: u64 = 3_600_000;
const STUCK: u64 = 4 * 3_600_000;
/// Runs that are told.
const TOLD: usize = 5;

fn answer(context: &Context) -> Vec<Verdict> {
    let (mut running, total) = match runs::of_state(context, "running") {
        Ok(found) => found,
        Err(why) => {
            let fix = "see the daemon itself: kbsec check net.http log.firsterr --service workflow";
            return vec![Verdict::unknown("", why).fix(fix)];
        }
    };
    running.sort_by_key(|run| run.since.unwrap_or(u64::MAX));
    let age = |run: &WorkflowRun| run.since.map_or(0, |since| context.now.saturating_sub(since));
    let long: Vec<&WorkflowRun> = running.iter().filter(|run| age(run) >= LONG).take(TOLD).collect();
    if long.is_empty() {
        let longest = running.first().map_or(0, age);
        let value = format!("{total} running, longest {}", show::milliseconds(longest));
        return vec![Verdict::pass("", value)];
    }
    let base = Services::of(context).get("workflow").and_then(|service| service.url("")).unwrap_or_default();
    let verdict = |run: &WorkflowRun| {
        let plugin = run.plugin.as_deref().unwrap_or("of no plugin that is told");
        let value = format!("{plugin}, {} for {}", run.name, show::milliseconds(age(run)));
        let fix = format!(
            "cancel it: curl -X POST {base}/api/v1/runs/{}/cancel -H \"Authorization: Bearer $TOKEN\"",
            run.id
        );
        let subject = format!("run {}", run.id);
        let verdict =
            if age(run) >= STUCK { Verdict::fail(subject, value) } else { Verdict::warn(subject, value) };
        verdict.expected("done within an hour").fix(fix)
    };
    long.into_iter().map(verdict).collect()
}
