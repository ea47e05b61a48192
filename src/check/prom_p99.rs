//! `prom.p99`: how slow the slowest requests are, by service and route, against an hour before.

use super::context::Context;
use super::metrics::{self, LATENCY, MetricsError, Sample};
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "prom.p99",
    title: "The slowest requests are as fast as before, by the metrics",
    why: "By service and by route, it says in one line whether all is slow or one thing is.",
    needs: &[Need::Network],
    answer,
};

/// Milliseconds that users feel; below the second a change does not matter.
const SLOW: f64 = 2000.0;
const NOTICEABLE: f64 = 200.0;
const RISE: f64 = 3.0;
/// Series that are told.
const TOLD: usize = 5;

fn answer(context: &Context) -> Vec<Verdict> {
    let by = "job, service, route, plugin";
    let names = format!("__name__=~\"({}|{})_bucket\"", LATENCY.exported, LATENCY.documented);
    let percentile =
        |offset: &str| format!("histogram_quantile(0.99, sum by (le, {by}) (rate({{{names}}}[5m]{offset})))");
    match metrics::query(context, &percentile("")) {
        Ok(now) if now.iter().any(|sample| sample.value.is_finite()) => {
            let before = metrics::query(context, &percentile(" offset 1h")).unwrap_or_default();
            judge("p99", now, &before)
        }
        // Some services export only sums, which give a mean.
        Ok(_) => mean(context, by),
        Err(error) => vec![unreachable(context, &error)],
    }
}

fn mean(context: &Context, by: &str) -> Vec<Verdict> {
    let rate = |metric: &str, offset: &str| format!("sum by ({by}) (rate({metric}[5m]{offset}))");
    let mean = |offset: &str| {
        format!("{} / ({} > 0)", rate(LATENCY.exported, offset), rate("http_requests_total", offset))
    };
    match metrics::query(context, &mean("")) {
        Ok(now) if now.iter().any(|sample| sample.value.is_finite()) => {
            let before = metrics::query(context, &mean(" offset 1h")).unwrap_or_default();
            judge("mean", now, &before)
        }
        Ok(_) => {
            let why =
                format!("Prometheus has collected no request of {} in the last 5 minutes", LATENCY.exported);
            vec![Verdict::unknown("", why).fix("use the logs: kbsec check log.p99")]
        }
        Err(error) => vec![unreachable(context, &error)],
    }
}

fn unreachable(context: &Context, error: &MetricsError) -> Verdict {
    let fix = "name it with --base prometheus=URL, or use the logs: kbsec check log.p99";
    Verdict::unknown("Prometheus", error.to_string()).fix(fix).at(metrics::prometheus(context))
}

fn judge(what: &str, mut now: Vec<Sample>, before: &[Sample]) -> Vec<Verdict> {
    now.retain(|sample| sample.value.is_finite());
    now.sort_by(|one, other| other.value.total_cmp(&one.value));
    let verdict = |sample: &Sample| {
        let base = before.iter().find(|old| old.labels == sample.labels).filter(|old| old.value.is_finite());
        let shown = |value: f64| show::milliseconds(value.max(0.0) as u64);
        let told = base.map_or_else(|| "no base".to_owned(), |base| format!("base {}", shown(base.value)));
        let route = sample.label("route").unwrap_or("all routes");
        let plugin = sample.label("plugin").map_or_else(String::new, |plugin| format!(" {plugin}"));
        let value = format!("{route}{plugin} {what} {} ({told})", shown(sample.value));
        let is_slower =
            base.is_some_and(|base| sample.value > NOTICEABLE && sample.value > base.value * RISE);
        let fix = "tell the plugin from its adapters: kbsec check log.p99 adapter.lat prom.lag db.busy";
        match (sample.value > SLOW, is_slower) {
            (true, _) => {
                Verdict::fail(sample.subject(), value).expected(format!("below {}", shown(SLOW))).fix(fix)
            }
            (false, true) => Verdict::warn(sample.subject(), value).expected("as before").fix(fix),
            _ => Verdict::pass(sample.subject(), value),
        }
    };
    now.iter().take(TOLD).map(verdict).collect()
}
