//! `log.plugin`: which plugins fail, with how many different errors, and whether that is new.

use std::collections::{BTreeMap, HashMap};

use super::context::Context;
use super::log::{self, Record};
use super::verdict::Verdict;
use super::{Check, reason, show, signature};

pub(super) const CHECK: Check = Check {
    id: "log.plugin",
    title: "No plugin throws errors",
    why: "Errors grouped by plugin tell a broken plugin, which can be disabled, from a broken service.",
    needs: &[],
    answer,
};

/// Errors within the window that are an incident.
const MANY: u64 = 10;
/// How many times more than before is a change.
const RISE: u64 = 5;
/// Signatures that are told apart for one plugin; a plugin that makes up messages must not fill the memory.
const MOST_SIGNATURES: usize = 1000;

/// The errors of a plugin.
#[derive(Default)]
struct Errors {
    /// In the window, and in the one of the same length before it.
    now: u64,
    before: u64,
    /// How often each happened, and where it was seen first.
    signatures: HashMap<String, (u64, String)>,
    first: Option<u64>,
    last: Option<u64>,
    reason: Option<&'static str>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let mut plugins: BTreeMap<String, Errors> = BTreeMap::new();
    let mut of_services = 0;
    let account = log::each_that(context, &log::may_be_bad, &mut |record| {
        if !record.is_error() {
            return;
        }
        match record.plugin() {
            Some(plugin) if context.only.plugin.as_deref().is_none_or(|only| only == plugin) => {
                plugins.entry(plugin.to_owned()).or_default().take(context, record);
            }
            Some(_) => {}
            None => of_services += 1,
        }
    });
    if account.is_empty() {
        return vec![Verdict::unknown("", account.why_nothing())];
    }
    let mut found: Vec<_> = plugins.into_iter().filter(|(_, errors)| errors.now > 0).collect();
    found.sort_by_key(|(_, errors)| std::cmp::Reverse(errors.now));
    let mut verdicts: Vec<_> = found.iter().map(|(plugin, errors)| errors.judge(context, plugin)).collect();
    if verdicts.is_empty() {
        let services = match of_services {
            0 => String::new(),
            some => format!("; {} of services themselves", show::count(some, "error")),
        };
        let subject = context.only.plugin.clone().unwrap_or_default();
        verdicts.push(Verdict::pass(subject, format!("no error of a plugin {}{services}", account.extent())));
    }
    verdicts.extend(account.unreadable.iter().map(|why| Verdict::unknown("", why.clone())));
    verdicts
}

impl Errors {
    fn take(&mut self, context: &Context, record: &Record) {
        // A line without a time is taken for new: text that a runtime prints when it dies has none.
        let time = record.time.unwrap_or(context.now);
        if time < context.since() {
            self.before += u64::from(time >= context.since().saturating_sub(context.window));
            return;
        }
        self.now += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        self.reason = self.reason.or_else(|| record.field("reasonCode").and_then(reason::fix));
        let signature = signature::of(context, record);
        if self.signatures.len() < MOST_SIGNATURES || self.signatures.contains_key(&signature) {
            self.signatures.entry(signature).or_insert_with(|| (0, record.place())).0 += 1;
        }
    }

    fn judge(&self, context: &Context, plugin: &str) -> Verdict {
        let mut signatures: Vec<_> = self.signatures.iter().collect();
        signatures.sort_by_key(|(text, (count, _))| (std::cmp::Reverse(*count), text.as_str()));
        let worst = signatures.first().map_or("", |(text, _)| text.as_str());
        let worst = context.shorten(worst, 100);
        let since = self.first.map_or_else(String::new, |first| format!(", since {}", show::time(first)));
        let value = format!(
            "{}, {}{since}, {} before: {worst}",
            show::count(self.now, "error"),
            show::count(signatures.len() as u64, "signature"),
            self.before
        );
        let fix = self.reason.map_or_else(
            || format!("kb marketplace plugins disable {plugin}, then: kb-dev restart rest"),
            str::to_owned,
        );
        let is_bad = self.now >= MANY || (self.before > 0 && self.now >= self.before * RISE);
        let verdict = if is_bad { Verdict::fail(plugin, value) } else { Verdict::warn(plugin, value) };
        verdict.expected("no errors").fix(fix).seen_at(signatures.iter().map(|(_, (_, place))| place.clone()))
    }
}
