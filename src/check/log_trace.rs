//! `log.trace`: everything that is logged of one request, over all services, in the order in which it happened.

use std::collections::BTreeSet;

use super::context::Context;
use super::log::{self, Record};
use super::verdict::Verdict;
use super::{Check, show};

pub(super) const CHECK: Check = Check {
    id: "log.trace",
    title: "A request can be followed through all services",
    why: "The service that answers with an error is seldom the one in which it happened.",
    needs: &[],
    answer,
};

/// Ids that lines of one request share.
const IDS: [&str; 4] = ["requestId", "reqId", "traceId", "executionId"];
/// Lines that are kept.
const MOST_LINES: usize = 5000;

fn answer(context: &Context) -> Vec<Verdict> {
    let Some(asked) = &context.only.request else {
        let fix = "name it: kbsec check log.trace --request ID (from the header X-Request-Id or the error)";
        return vec![Verdict::unknown("", "no request was named").fix(fix)];
    };
    // One service knows the request by an id that the next one does not; the trace has both.
    let mut ids: BTreeSet<String> = BTreeSet::from([asked.clone()]);
    let names_it = |line: &[u8]| memchr::memmem::find(line, asked.as_bytes()).is_some();
    log::each_that(context, &names_it, &mut |record| {
        if record.belongs_to(asked) && ids.len() < MOST_LINES {
            ids.extend(IDS.iter().filter_map(|name| record.field(name)).map(str::to_owned));
        }
    });
    let (mut lines, mut all) = (Vec::new(), 0_u64);
    let finder = aho_corasick::AhoCorasick::new(&ids);
    let names_one = |line: &[u8]| finder.as_ref().map_or(true, |finder| finder.is_match(line));
    let account = log::each_that(context, &names_one, &mut |record| {
        if ids.iter().any(|id| record.belongs_to(id)) {
            all += 1;
            if lines.len() < MOST_LINES {
                lines.push(record.clone());
            }
        }
    });
    if account.is_empty() {
        return vec![Verdict::unknown(asked, account.why_nothing())];
    }
    if lines.is_empty() {
        let why = format!("no line of it {}", account.extent());
        let fix =
            "logs of before the last restart are gone; look in the table `logs`, or name files with --log";
        return vec![Verdict::unknown(asked, why).fix(fix)];
    }
    lines.sort_by_key(|record| record.time);
    let mut verdicts = vec![judge(context, asked, &lines, all)];
    verdicts.extend(account.unreadable.iter().map(|why| Verdict::unknown(asked, why.clone())));
    verdicts
}

fn judge(context: &Context, id: &str, lines: &[Record], all: u64) -> Verdict {
    let services: BTreeSet<&str> = lines.iter().map(|record| &*record.service).collect();
    let extent = format!("{}, {}", show::count(all, "line"), show::count(services.len() as u64, "service"));
    let started = lines.iter().find_map(|record| record.time);
    let after = |record: &Record| {
        let passed = record.time.zip(started).map(|(time, started)| time.saturating_sub(started));
        passed.map_or_else(String::new, |passed| format!(" after {}", show::milliseconds(passed)))
    };
    let places = lines.iter().map(|record| step(context, record));
    match lines.iter().find(|record| record.is_error()) {
        Some(error) => {
            let plugin = error.plugin().map_or_else(String::new, |plugin| format!(" plugin {plugin}"));
            let told = context.shorten(&error.complaint(), 140);
            let value = format!("{extent}: fails at {}{plugin}{}: {told}", error.service, after(error));
            Verdict::fail(id, value).fix("read its lines in order: -f json lists them").seen_at(places)
        }
        None => {
            let end = lines.last().map_or_else(String::new, after);
            let last = lines.last().map_or_else(String::new, |last| context.shorten(&last.message, 100));
            Verdict::pass(id, format!("{extent}, no error; last{end}: {last}")).seen_at(places)
        }
    }
}

/// `rest.log:3 12:00:00Z rest info: message`.
fn step(context: &Context, record: &Record) -> String {
    let time = record.time.map_or_else(|| "without a time".to_owned(), show::time);
    let level = record.level.map_or("text", log::Level::name);
    format!("{} {time} {} {level}: {}", record.place(), record.service, context.shorten(&record.message, 100))
}
