//! `adapter.lat`: how long calls of adapters took, by the analytics events: language models, vector stores, caches.

use std::collections::BTreeMap;

use serde_json::Value;

use super::context::Context;
use super::log_p99::percentile;
use super::verdict::Verdict;
use super::{Check, databases, moment, show};
use crate::sqlite::check::each_row;
use crate::sqlite::files::Files;

pub(super) const CHECK: Check = Check {
    id: "adapter.lat",
    title: "Calls of adapters are as fast as before, by the analytics events",
    why: "A slow provider looks like a slow platform; the events of each adapter tell them apart.",
    needs: &[],
    answer,
};

/// Kinds of events that measure an adapter: their first word.
const ADAPTERS: [&str; 5] = ["llm", "embeddings", "vectorstore", "cache", "storage"];
/// 95th percentiles that are slow, in milliseconds: a model may think, a cache may not.
const SLOW: [(&str, u64); 2] = [("llm", 20_000), ("embeddings", 5_000)];
const SLOW_OTHERS: u64 = 1_000;
/// How many times slower than before is a change.
const RISE: u64 = 3;
/// Events of one adapter that are kept.
const MOST: usize = 50_000;

#[derive(Default)]
struct Calls {
    now: Vec<u64>,
    before: Vec<u64>,
    failed: u64,
    first_slow: Option<u64>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let mut adapters: BTreeMap<&'static str, Calls> = BTreeMap::new();
    let mut gaps = Vec::new();
    let mut sources = 0;
    for database in databases::all(context) {
        match Files::open(&database) {
            Ok(files) => {
                let has_events = each_row(&files, "events", &mut |column| {
                    let text = |name| column(name).unwrap_or_default();
                    let payload = serde_json::from_str(&text("payload")).unwrap_or(Value::Null);
                    take(context, &mut adapters, &text("type"), moment::parse(&text("ts")), &payload);
                });
                sources += u32::from(has_events);
            }
            Err(error) => gaps.push(format!("{}: {error}", context.name_of(&database))),
        }
    }
    sources += buffers(context, &mut adapters);
    if sources == 0 {
        let why = gaps.first().cloned().unwrap_or_else(|| {
            "there are no analytics events: no table `events`, no .kb/analytics/buffer".to_owned()
        });
        return vec![Verdict::unknown("", why).fix("an analytics.duckdb is not read: use log.p99 instead")];
    }
    let mut verdicts: Vec<_> = adapters.into_iter().map(|(adapter, calls)| calls.judge(adapter)).collect();
    if verdicts.is_empty() {
        verdicts.push(Verdict::unknown("", "no event of an adapter in the time that was asked for"));
    }
    verdicts.extend(gaps.into_iter().map(|why| Verdict::unknown("", why)));
    verdicts
}

/// Events that are kept as lines of JSON.
fn buffers(context: &Context, adapters: &mut BTreeMap<&'static str, Calls>) -> u32 {
    let mut files = 0;
    let folder = context.path(".kb/analytics/buffer");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with("events-") {
            continue;
        }
        let Ok(text) = super::config_file::text(&entry.path()) else { continue };
        files += 1;
        for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
            let payload = event.get("payload").unwrap_or(&Value::Null);
            take(context, adapters, text("type"), moment::parse(text("ts")), payload);
        }
    }
    files
}

fn take(
    context: &Context,
    adapters: &mut BTreeMap<&'static str, Calls>,
    kind: &str,
    time: Option<u64>,
    payload: &Value,
) {
    let kind = kind.to_ascii_lowercase();
    let Some(adapter) = ADAPTERS.into_iter().find(|name| kind.split('.').next() == Some(name)) else {
        return;
    };
    let Some(time) = time.filter(|&time| time <= context.now) else { return };
    let calls = adapters.entry(adapter).or_default();
    let is_new = time >= context.since();
    if kind.ends_with(".error") || kind.ends_with(".failed") {
        calls.failed += u64::from(is_new);
    }
    let took = ["durationMs", "latencyMs", "duration"].iter().find_map(|name| payload.get(name)?.as_f64());
    let Some(took) = took.filter(|took| *took >= 0.0).map(|took| took as u64) else { return };
    let list = if is_new { &mut calls.now } else { &mut calls.before };
    if list.len() < MOST {
        list.push(took);
    }
    if is_new && took > slow(adapter) {
        calls.first_slow = Some(calls.first_slow.map_or(time, |first| first.min(time)));
    }
}

fn slow(adapter: &str) -> u64 {
    SLOW.iter().find(|(name, _)| *name == adapter).map_or(SLOW_OTHERS, |(_, slow)| *slow)
}

impl Calls {
    fn judge(mut self, adapter: &str) -> Verdict {
        self.now.sort_unstable();
        self.before.sort_unstable();
        let (now, before) = (percentile(&self.now, 95), percentile(&self.before, 95));
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        if self.now.is_empty() && self.failed == 0 {
            return Verdict::unknown(adapter, "no call that was measured in the time that was asked for");
        }
        let base = if self.before.is_empty() {
            "no base".to_owned()
        } else {
            format!("base {}", show::milliseconds(before))
        };
        let since =
            self.first_slow.map_or_else(String::new, |first| format!(", slow since {}", show::time(first)));
        let calls = show::count(self.now.len() as u64, "call");
        let value = format!("p95 {} ({base}), {calls}{failed}{since}", show::milliseconds(now));
        let limit = slow(adapter);
        let fix =
            "see the provider's status page and its rate limits; swap the adapter, or throttle its callers";
        let is_slower = !self.before.is_empty() && now > before.saturating_mul(RISE) && now > limit / 10;
        match (now > limit, is_slower || self.failed > 0) {
            (true, _) => Verdict::fail(adapter, value)
                .expected(format!("p95 below {}", show::milliseconds(limit)))
                .fix(fix),
            (false, true) => Verdict::warn(adapter, value).expected("as before, and no failures").fix(fix),
            (false, false) => Verdict::pass(adapter, value),
        }
    }
}
