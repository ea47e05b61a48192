//! `log.sqlite`: what services log of their databases: damage, locks, full disks.

use std::collections::BTreeMap;

use super::context::Context;
use super::log::{self, Record};
use super::verdict::Verdict;
use super::{Check, show};

pub(super) const CHECK: Check = Check {
    id: "log.sqlite",
    title: "No service complains of its database",
    why: "The platform's logger drops the code of an error, so SQLITE_CORRUPT is never in a log: its words are.",
    needs: &[],
    answer,
};

/// A kind of complaint: its code, other words for it, whether data is in danger, what to do.
struct Kind {
    code: &'static str,
    words: &'static [&'static str],
    is_damage: bool,
    fix: &'static str,
}

const KINDS: [Kind; 7] = [
    Kind {
        code: "SQLITE_CORRUPT",
        words: &["database disk image is malformed", "malformed database schema"],
        is_damage: true,
        fix: "do not restart: kbsec check db.integrity; keep it first with kbsec sqlite snapshot",
    },
    Kind {
        code: "SQLITE_NOTADB",
        words: &["file is not a database", "file is encrypted or is not a database"],
        is_damage: true,
        fix: "do not restart: keep the file first with kbsec sqlite snapshot",
    },
    Kind {
        code: "SQLITE_IOERR",
        words: &["disk I/O error"],
        is_damage: true,
        fix: "the disk may be failing: copy the database to another one, then kbsec check disk.free",
    },
    Kind {
        code: "SQLITE_FULL",
        words: &["database or disk is full"],
        is_damage: true,
        fix: "free some space: kbsec check disk.free",
    },
    Kind {
        code: "SQLITE_READONLY",
        words: &["attempt to write a readonly database"],
        is_damage: false,
        fix: "see who owns the file and its folder",
    },
    Kind {
        code: "SQLITE_CANTOPEN",
        words: &["unable to open database file"],
        is_damage: false,
        fix: "see whether the folder is there, and who owns it",
    },
    Kind {
        code: "SQLITE_BUSY",
        words: &["database is locked", "database table is locked"],
        is_damage: false,
        fix: "see who holds it: kbsec check db.busy",
    },
];

/// How often something was logged.
#[derive(Default)]
struct Tally {
    count: u64,
    first: Option<u64>,
    places: Vec<String>,
    services: BTreeMap<String, u64>,
    database: Option<String>,
}

/// Places that are kept for one kind.
const MOST_PLACES: usize = 50;

fn answer(context: &Context) -> Vec<Verdict> {
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    let account = log::each_that(context, &log::may_be_bad, &mut |record| {
        if record.time.is_some_and(|time| time < context.since()) {
            return;
        }
        if let Some(kind) = kind(record) {
            tallies.entry(kind).or_default().take(record);
        }
    });
    if account.is_empty() {
        return vec![Verdict::unknown("", account.why_nothing())];
    }
    if tallies.is_empty() {
        return vec![Verdict::pass("", format!("no complaint of a database {}", account.extent()))];
    }
    tallies.iter().filter_map(|(&at, tally)| Some(tally.judge(KINDS.get(at)?))).collect()
}

/// How often services found a database locked in the window; `None` without a log.
pub(super) fn busy(context: &Context) -> Option<u64> {
    let mut count = 0;
    let account = log::each_that(context, &log::may_be_bad, &mut |record| {
        let is_new = record.time.is_none_or(|time| time >= context.since());
        let is_busy = is_new
            && kind(record).and_then(|at| KINDS.get(at)).is_some_and(|kind| kind.code == "SQLITE_BUSY");
        count += u64::from(is_busy);
    });
    (!account.is_empty()).then_some(count)
}

fn kind(record: &Record) -> Option<usize> {
    // Only what is bad, or does not say how bad it is: the words occur in questions of people too.
    if record.level.is_some() && record.level < Some(log::Level::Warn) {
        return None;
    }
    let text = record.complaint();
    let code = record.value("err").or_else(|| record.value("error")).and_then(|error| error.get("code"));
    let code = code.and_then(serde_json::Value::as_str).unwrap_or_default();
    KINDS.iter().position(|kind| {
        text.contains(kind.code)
            || code.starts_with(kind.code)
            || kind.words.iter().any(|words| text.contains(words))
    })
}

impl Tally {
    fn take(&mut self, record: &Record) {
        self.count += 1;
        self.first = self.first.or(record.time);
        *self.services.entry(record.service.to_string()).or_default() += 1;
        if self.places.len() < MOST_PLACES {
            self.places.push(record.place());
        }
        let text = record.complaint();
        let name = text.split(|character: char| character.is_whitespace() || "\"'(),:".contains(character));
        let file = |word: &&str| word.ends_with(".sqlite") || word.ends_with(".db");
        self.database = self.database.take().or_else(|| name.clone().find(file).map(str::to_owned));
    }

    fn judge(&self, kind: &Kind) -> Verdict {
        let since = self.first.map_or_else(String::new, |first| format!(" since {}", show::time(first)));
        let services: Vec<String> =
            self.services.iter().map(|(service, count)| format!("{service} {count}×")).collect();
        let database = self.database.as_ref().map_or_else(String::new, |name| format!(" on {name}"));
        let value = format!("{}×{since}{database}, told by {}", self.count, show::names(&services, 4));
        let verdict =
            if kind.is_damage { Verdict::fail(kind.code, value) } else { Verdict::warn(kind.code, value) };
        verdict.expected("none").fix(kind.fix).seen_at(self.places.iter().cloned())
    }
}
