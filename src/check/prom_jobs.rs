//! `prom.jobs`: whether the workflow daemon's numbers of queued and running jobs still move.

use std::thread;
use std::time::Duration;

use super::context::Context;
use super::metrics::{self, Sample};
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "prom.jobs",
    title: "The numbers of queued and running jobs move",
    why: "Running jobs that stay at the worker limit, or at zero while others wait, are a daemon that is stuck.",
    needs: &[Need::Network],
    answer,
};

/// How long the numbers have to stand still to be stuck.
const STILL: u64 = 15 * 60_000;
const STEPS: u64 = 15;
/// How often the daemon itself is asked where nobody collects its metrics.
const SAMPLES: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// The values of one number, oldest first.
#[derive(Debug, Default)]
struct Course {
    running: Vec<f64>,
    queued: Vec<f64>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let (course, source, time) = match collected(context) {
        Ok(course) if !course.running.is_empty() => (course, "Prometheus", show::milliseconds(STILL)),
        _ => match asked(context) {
            Ok(course) => (course, "the daemon itself", format!("{SAMPLES} samples")),
            Err(why) => {
                return vec![Verdict::unknown("", why).fix("name Prometheus with --base prometheus=URL")];
            }
        },
    };
    vec![judge(&course, source, &time)]
}

fn judge(course: &Course, source: &str, time: &str) -> Verdict {
    let last = |values: &[f64]| values.last().copied().unwrap_or(0.0);
    let is_still = |values: &[f64]| {
        values.len() > 2 && values.windows(2).all(|pair| matches!(pair, [a, b] if (a - b).abs() < 0.5))
    };
    let (running, queued) = (last(&course.running), last(&course.queued));
    let value = format!("running {running:.0}, queued {queued:.0}");
    if !is_still(&course.running) || queued < 0.5 {
        return Verdict::pass("", format!("{value}, by {source} over {time}"));
    }
    let value = format!("{value}, constant over {time}, by {source}");
    // Three samples within a second say little.
    let is_long = source == "Prometheus";
    let fix = if running < 0.5 {
        "nobody works though jobs wait: kbsec check svc.state, then restart workflow"
    } else {
        "the workers are all busy: find the job that never ends with kbsec check wf.runaway"
    };
    let verdict = if is_long { Verdict::fail("", value) } else { Verdict::warn("", value) };
    verdict.expected("numbers that move").fix(fix)
}

/// What Prometheus collected, under either name.
fn collected(context: &Context) -> Result<Course, metrics::MetricsError> {
    let sum = |expression: &str| -> Result<Vec<f64>, metrics::MetricsError> {
        let series = metrics::range(context, expression, STILL, STEPS)?;
        Ok(series.first().into_iter().flatten().map(|sample| sample.value).collect())
    };
    Ok(Course {
        running: sum(
            "sum(workflow_runs_total{status=\"running\"}) or sum(workflow_jobs_total{status=\"running\"}) or sum(kb_workflow_jobs_in_flight)",
        )?,
        queued: sum(
            "sum(workflow_runs_total{status=\"queued\"}) or sum(workflow_jobs_total{status=\"queued\"})",
        )?,
    })
}

/// What the daemon itself shows, a few times.
fn asked(context: &Context) -> Result<Course, String> {
    let mut course = Course::default();
    let mut only = context.clone();
    only.only.service = Some("workflow".to_owned());
    for at in 0..SAMPLES {
        if at > 0 {
            thread::sleep(PAUSE);
        }
        let (samples, gaps) = metrics::scrape(&only);
        let running = total(&samples, "running");
        let Some(running) = running else {
            return Err(gaps
                .first()
                .cloned()
                .unwrap_or_else(|| "nobody shows workflow_runs_total".to_owned()));
        };
        course.running.push(running);
        course.queued.push(total(&samples, "queued").unwrap_or(0.0));
    }
    Ok(course)
}

/// The number of runs of a state.
fn total(samples: &[Sample], state: &str) -> Option<f64> {
    let named = |name: &str| {
        samples.iter().find(|sample| sample.name == name && sample.label("status") == Some(state))
    };
    let found = named("workflow_runs_total").or_else(|| named("workflow_jobs_total"));
    let old = samples.iter().find(|sample| sample.name == "kb_workflow_jobs_in_flight");
    found.or(old.filter(|_| state == "running")).map(|sample| sample.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    #[test]
    fn a_plateau_is_stuck_only_while_jobs_wait() {
        let status = |running: &[f64], queued: f64| {
            let course = Course { running: running.to_vec(), queued: vec![queued] };
            judge(&course, "Prometheus", "15 min").status
        };
        assert_eq!(status(&[8.0; 15], 3.0), Status::Fail);
        assert_eq!(status(&[0.0; 15], 3.0), Status::Fail);
        assert_eq!(status(&[8.0; 15], 0.0), Status::Pass);
        assert_eq!(status(&[8.0, 7.0, 8.0], 3.0), Status::Pass);
        assert_eq!(status(&[8.0], 3.0), Status::Pass);
    }
}
