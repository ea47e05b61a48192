//! `log.p99`: how long requests and operations took by the logs, by service, route and plugin, against the time before.

use std::collections::HashMap;

use serde_json::Value;

use super::context::Context;
use super::log::{self, Record};
use super::verdict::Verdict;
use super::{Check, show};

pub(super) const CHECK: Check = Check {
    id: "log.p99",
    title: "Requests are as fast as before, by the logs",
    why: "It tells one slow route or plugin from a slow platform, also where no metrics are collected.",
    needs: &[],
    answer,
};

/// Fields in which services log how long something took, in milliseconds.
const DURATIONS: [&str; 5] = ["responseTime", "durationMs", "elapsedMs", "latencyMs", "duration"];
/// A 99th percentile that users feel.
const SLOW: u64 = 2000;
/// How many times slower than before is a change, and below which that does not matter.
const RISE: u64 = 3;
const NOTICEABLE: u64 = 200;
/// Groups and values of each that are kept.
const MOST_GROUPS: usize = 2000;
const MOST_VALUES: usize = 20_000;
/// Groups that are told.
const TOLD: usize = 5;

#[derive(Default)]
struct Times {
    now: Vec<u64>,
    before: Vec<u64>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let mut groups: HashMap<String, Times> = HashMap::new();
    let finders = DURATIONS.map(memchr::memmem::Finder::new);
    let measures = |line: &[u8]| finders.iter().any(|finder| finder.find(line).is_some());
    let account = log::each_that(context, &measures, &mut |record| {
        let Some((name, took)) = measured(context, record) else { return };
        if groups.len() >= MOST_GROUPS && !groups.contains_key(&name) {
            return;
        }
        let times = groups.entry(name).or_default();
        let is_new = record.time.is_none_or(|time| time >= context.since());
        let list = if is_new { &mut times.now } else { &mut times.before };
        if list.len() < MOST_VALUES {
            list.push(took);
        }
    });
    if account.is_empty() {
        return vec![Verdict::unknown("", account.why_nothing())];
    }
    let mut found: Vec<_> = groups.into_iter().filter(|(_, times)| !times.now.is_empty()).collect();
    if found.is_empty() {
        let why = format!("no line says how long a request took {}", account.extent());
        return vec![Verdict::unknown("", why).fix("ask the metrics: kbsec check prom.p99")];
    }
    found.iter_mut().for_each(|(_, times)| {
        times.now.sort_unstable();
        times.before.sort_unstable();
    });
    found.sort_by_key(|(name, times)| (std::cmp::Reverse(percentile(&times.now, 99)), name.clone()));
    found.iter().take(TOLD).map(|(name, times)| judge(name, times)).collect()
}

/// What a line measures, and how many milliseconds it took.
fn measured(context: &Context, record: &Record) -> Option<(String, u64)> {
    let took = DURATIONS.iter().find_map(|name| record.value(name).and_then(Value::as_f64))?;
    if context.only.plugin.as_deref().is_some_and(|only| record.plugin() != Some(only)) {
        return None;
    }
    let url = record.field("url").or_else(|| record.value("req")?.get("url")?.as_str());
    let route = record.field("route").or(url).or_else(|| record.field("operation")).unwrap_or("");
    let route = route.split('?').next().unwrap_or_default();
    let plugin = record.plugin().map_or_else(String::new, |plugin| format!(" {plugin}"));
    (took >= 0.0).then(|| (format!("{} {route}{plugin}", record.service).trim_end().to_owned(), took as u64))
}

fn judge(name: &str, times: &Times) -> Verdict {
    let (now, before) = (percentile(&times.now, 99), percentile(&times.before, 99));
    let base = if times.before.is_empty() {
        "no base".to_owned()
    } else {
        format!("base {}", show::milliseconds(before))
    };
    let value = format!(
        "p99 {} ({base}), p50 {}, {}",
        show::milliseconds(now),
        show::milliseconds(percentile(&times.now, 50)),
        show::count(times.now.len() as u64, "line")
    );
    let is_slower = !times.before.is_empty() && now > NOTICEABLE && now > before.saturating_mul(RISE);
    let fix = "tell the plugin from its adapters: kbsec check adapter.lat prom.lag";
    match (now > SLOW, is_slower) {
        (true, _) => {
            Verdict::fail(name, value).expected(format!("p99 below {}", show::milliseconds(SLOW))).fix(fix)
        }
        (false, true) => Verdict::warn(name, value).expected("as before").fix(fix),
        (false, false) => Verdict::pass(name, value),
    }
}

/// The value that so many percent of sorted values do not exceed; 0 of none.
pub(super) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=200).collect();
        assert_eq!(
            (percentile(&values, 99), percentile(&values, 50), percentile(&values, 100)),
            (198, 100, 200)
        );
        assert_eq!((percentile(&[7], 99), percentile(&[], 99)), (7, 0));
    }
}
