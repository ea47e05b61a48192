//! `log.adapter`: adapters that could not connect, were refused, or are not configured.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::context::Context;
use super::log::{self, Level, Record};
use super::verdict::Verdict;
use super::{Check, reason, show};

pub(super) const CHECK: Check = Check {
    id: "log.adapter",
    title: "Adapters connect to what they need",
    why: "A service starts with adapters that do nothing when theirs fail, and every request pays for it later.",
    needs: &[],
    answer,
};

/// What names an adapter.
static ADAPTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(vector[ _-]?store|qdrant|embeddings?|llm|openai|anthropic|cache|redis|event[ _-]?bus|storage|database|mongo(?:db)?|duckdb|analytics|workspace|adapter)s?\b")
        .ok()
});
/// What says that it failed.
static FAILURE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|connect(?:ion)? (?:refused|failed|error|timed out)|could ?n[o']t connect|failed to (?:connect|load|init\w*)|unavailable|unauthori[sz]ed|forbidden|invalid api key|rate limit|\b(?:401|403|429)\b|not configured|fallback|no-?op")
        .ok()
});
/// The address in a complaint.
static PLACE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:[a-z0-9.-]+|\d+\.\d+\.\d+\.\d+|::1):(\d{2,5})\b").ok());
/// Reason codes that are about adapters.
const CODES: [&str; 3] = ["adapter_call_rejected", "adapter_bridge_unavailable", "upstream_unavailable"];

/// The complaints of one adapter.
#[derive(Default)]
struct Failures {
    count: u64,
    first: Option<Record>,
    is_error: bool,
    fix: Option<&'static str>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let mut found: BTreeMap<String, Failures> = BTreeMap::new();
    let account = log::each_that(context, &log::may_be_bad, &mut |record| {
        let Some(adapter) = adapter(record) else { return };
        let failures = found.entry(adapter).or_default();
        failures.count += 1;
        failures.is_error |= record.is_error();
        failures.fix = failures.fix.or_else(|| record.field("reasonCode").and_then(reason::fix));
        failures.first.get_or_insert_with(|| record.clone());
    });
    if account.is_empty() {
        return vec![Verdict::unknown("", account.why_nothing())];
    }
    if found.is_empty() {
        return vec![Verdict::pass("", format!("no complaint of an adapter {}", account.extent()))];
    }
    found.iter().filter_map(|(adapter, failures)| failures.judge(context, adapter)).collect()
}

/// Which adapter a line complains of.
fn adapter(record: &Record) -> Option<String> {
    if record.level < Some(Level::Warn) {
        return None;
    }
    let named = record.field("adapter").or_else(|| record.field("slot"));
    let text = record.complaint();
    let is_coded = record.field("reasonCode").is_some_and(|code| CODES.contains(&code));
    let fails = FAILURE.as_ref().is_some_and(|pattern| pattern.is_match(&text));
    if !is_coded && !fails {
        return None;
    }
    let told = || {
        let found = ADAPTER.as_ref()?.captures(&text)?;
        Some(found.get(1)?.as_str().to_ascii_lowercase().replace([' ', '_'], ""))
    };
    named.map(str::to_owned).or_else(told).or_else(|| is_coded.then(|| "an adapter".to_owned()))
}

impl Failures {
    fn judge(&self, context: &Context, adapter: &str) -> Option<Verdict> {
        let first = self.first.as_ref()?;
        let complaint = first.complaint();
        let told = context.shorten(&complaint, 140);
        let when = first.time.map_or_else(String::new, |time| format!(" since {}", show::time(time)));
        let value = format!("{}×{when} in {}: {told}", self.count, first.service);
        let port = PLACE
            .as_ref()
            .and_then(|pattern| Some(pattern.captures(&complaint)?.get(1)?.as_str().to_owned()));
        let fix = match (self.fix, port) {
            (Some(fix), _) => fix.to_owned(),
            (None, Some(port)) => {
                format!("see who should listen there: kbsec check port.owner --port {port}")
            }
            (None, None) => {
                "see its section adapterOptions in the configuration, and its credentials".to_owned()
            }
        };
        let verdict =
            if self.is_error { Verdict::fail(adapter, value) } else { Verdict::warn(adapter, value) };
        Some(verdict.expected("connected").fix(fix).at(first.place()))
    }
}
