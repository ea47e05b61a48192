//! `log.firsterr`: the first error after the last start of each service, which is usually the cause of all others.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::context::Context;
use super::log::{self, Level, Record};
use super::verdict::Verdict;
use super::{Check, show};

pub(super) const CHECK: Check = Check {
    id: "log.firsterr",
    title: "The first error after the last start of a service",
    why: "The first error after a start names the cause; the thousand after it name the consequences.",
    needs: &[],
    answer,
};

/// What services say when they begin.
static START: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:daemon|server|gateway|service|api|platform) (?:is )?starting\b|^(?:bootstrap|starting)\b|loading plugin registry snapshot|^Started kb-")
        .ok()
});

/// What is known of a service since its last start.
#[derive(Default)]
struct Since {
    start: Option<(String, Option<u64>)>,
    pid: Option<u64>,
    lines: u64,
    first: Option<Record>,
    /// What follows a plain-text error, where its cause may stand.
    errors: u64,
    warning: Option<Record>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let mut services: BTreeMap<(Arc<str>, Arc<str>), Since> = BTreeMap::new();
    let account = log::each(context, &mut |record| {
        let key = (Arc::clone(&record.service), Arc::clone(&record.file));
        services.entry(key).or_default().take(record);
    });
    if account.is_empty() {
        let fix = "start the service once more while its output is kept, or name a log with --log";
        return vec![Verdict::unknown("", account.why_nothing()).fix(fix)];
    }
    let mut verdicts: Vec<_> =
        services.iter().map(|((service, _), since)| since.judge(context, service)).collect();
    verdicts.extend(account.unreadable.iter().map(|why| Verdict::unknown("", why.clone())));
    verdicts
}

impl Since {
    fn take(&mut self, record: &Record) {
        let is_other_process = record.pid.is_some() && self.pid.is_some() && record.pid != self.pid;
        let is_start = START.as_ref().is_some_and(|pattern| pattern.is_match(&record.message));
        // Several lines of one start say that it starts; an error between them belongs to it.
        if is_other_process || (is_start && (self.lines == 0 || self.pid.is_none() && self.start.is_none())) {
            *self = Self { start: Some((record.place(), record.time)), ..Self::default() };
        }
        self.pid = record.pid.or(self.pid);
        self.lines += 1;
        if record.is_error() && !is_throw(record) {
            self.errors += 1;
            self.first.get_or_insert_with(|| record.clone());
        } else if record.level == Some(Level::Warn) {
            self.warning.get_or_insert_with(|| record.clone());
        }
    }

    fn judge(&self, context: &Context, service: &str) -> Verdict {
        let start = match &self.start {
            Some((place, Some(time))) => format!("started {} ({place})", show::time(*time)),
            Some((place, None)) => format!("started at {place}"),
            None => "since the log begins".to_owned(),
        };
        let Some(first) = &self.first else {
            return match &self.warning {
                Some(warning) => {
                    let told = context.shorten(&warning.complaint(), 120);
                    let value = format!("{}warning: {told}; no error, {start}", stamp(warning));
                    Verdict::warn(service, value).at(warning.place())
                }
                None => Verdict::pass(
                    service,
                    format!("no error in {}, {start}", show::count(self.lines, "line")),
                ),
            };
        };
        let level = first.level.map_or("error", Level::name);
        let told = context.shorten(&first.complaint(), 160);
        let more = self.errors - 1;
        let more =
            if more > 0 { format!(", and {}", show::count(more, "more error")) } else { String::new() };
        let value = format!("{}{level} {told} (line {}{more}); {start}", stamp(first), first.line);
        let cause = known(&first.complaint())
            .unwrap_or("read the lines around it; the cause is above the first error");
        Verdict::fail(service, value).expected("no error after the start").fix(cause).at(first.place())
    }
}

/// The time of a line, if it has one.
fn stamp(record: &Record) -> String {
    record.time.map_or_else(String::new, |time| format!("{} ", show::time(time)))
}

/// The line in which the runtime shows where it threw: the message follows.
fn is_throw(record: &Record) -> bool {
    record.message.trim_start().starts_with("throw er;")
}

/// What to do about causes that the platform is known for.
fn known(complaint: &str) -> Option<&'static str> {
    CAUSES.iter().find(|(text, _)| complaint.contains(text)).map(|(_, fix)| *fix)
}

const CAUSES: [(&str, &str); 10] = [
    ("EADDRINUSE", "find who holds the port: kbsec check port.owner"),
    ("GATEWAY_JWT_SECRET", "see where it is set, and how: kbsec check env.jwt"),
    ("ECONNREFUSED", "see what it stands on: kbsec check svc.upstreams"),
    ("JSON", "find the place in the configuration: kbsec check cfg.parse"),
    ("onfig interpolation", "find the variable that is not set: kbsec check cfg.parse"),
    ("database is locked", "see who holds it: kbsec check db.health"),
    ("malformed", "do not restart: keep the database first, then kbsec check db.integrity"),
    ("ENOSPC", "see which disk is full: kbsec check disk.free"),
    ("heap out of memory", "see memory and limits: kbsec check mem.rss"),
    ("Cannot find module", "install again, or see what was deployed: kbsec check git.deploy"),
];
