//! `wf.queue`: how many workflow runs wait, for how long, and whether anybody works.

use super::context::Context;
use super::runs;
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "wf.queue",
    title: "Workflow runs do not wait for long",
    why: "Runs that wait while nobody works are a stuck daemon; while all workers are busy, a runaway job.",
    needs: &[Need::Network],
    answer,
};

/// How long a run may wait.
const LONG: u64 = 10 * 60_000;
const NOTICEABLE: u64 = 2 * 60_000;

fn answer(context: &Context) -> Vec<Verdict> {
    let (queued, running) = match (runs::of_state(context, "queued"), runs::of_state(context, "running")) {
        (Ok(queued), Ok(running)) => (queued, running),
        (Err(why), _) | (_, Err(why)) => {
            let fix = "see the daemon itself: kbsec check net.http log.firsterr --service workflow";
            return vec![Verdict::unknown("", why).fix(fix)];
        }
    };
    let oldest = queued.0.iter().filter_map(|run| run.since).min();
    let waits = oldest.map_or(0, |since| context.now.saturating_sub(since));
    let told = oldest.map_or_else(String::new, |_| format!(", oldest {}", show::milliseconds(waits)));
    let value = format!("{} queued{told}; running {}", queued.1, running.1);
    let names = queued.0.iter().map(|run| format!("run {} {}", run.id, run.name));
    let verdict = match (queued.1, running.1, waits) {
        (0, ..) | (_, _, 0..NOTICEABLE) => Verdict::pass("", value),
        (_, 0, LONG..) => Verdict::fail("", format!("{value}: nobody works"))
            .fix("see the state daemon (kbsec check svc.state), then restart workflow: its runs resume"),
        (_, _, LONG..) => {
            Verdict::fail("", value).fix("see what keeps the workers: kbsec check wf.runaway prom.jobs")
        }
        _ => Verdict::warn("", value).fix("ask again in a minute: kbsec check wf.queue wf.runaway"),
    };
    vec![verdict.expected(format!("none older than {}", show::milliseconds(LONG))).seen_at(names)]
}
