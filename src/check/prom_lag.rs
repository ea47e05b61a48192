//! `prom.lag`: how late the event loops of services are, whatever the metric is called and counts in.

use super::context::Context;
use super::metrics;
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "prom.lag",
    title: "The event loops of services are not late",
    why: "A service whose loop is late by 100 ms is saturated: everything it does is that much slower.",
    needs: &[Need::Network],
    answer,
};

/// Milliseconds, as the manual has it; and where nothing is answered any more.
const SATURATED: f64 = 100.0;
const STUCK: f64 = 1000.0;

fn answer(context: &Context) -> Vec<Verdict> {
    let known = metrics::now(context, metrics::LAG);
    if known.samples.is_empty() {
        let why = format!(
            "nobody shows {} or {}: {}",
            metrics::LAG.exported,
            metrics::LAG.documented,
            show::names(&known.gaps, 3)
        );
        return vec![
            Verdict::unknown("", why)
                .fix("name Prometheus with --base prometheus=URL, or start the services"),
        ];
    }
    let verdict = |sample: &metrics::Sample| {
        let value = format!("{}={:.0} ms, by {}", sample.name, sample.value, known.source);
        let fix = "find what blocks it: kbsec check log.p99 log.plugin plug.res; then restart that service";
        match sample.value {
            STUCK.. => Verdict::fail(sample.subject(), value).expected("below 100 ms").fix(fix),
            SATURATED.. => Verdict::warn(sample.subject(), value).expected("below 100 ms").fix(fix),
            _ => Verdict::pass(sample.subject(), value),
        }
    };
    let mut verdicts: Vec<_> = known.samples.iter().map(verdict).collect();
    if known.source != "Prometheus" {
        // Prometheus was asked first and knew nothing: that is no fault of the services.
        let gaps = known.gaps.iter().skip(1).map(|gap| Verdict::unknown("", gap.clone()));
        verdicts.extend(gaps);
    }
    verdicts
}
