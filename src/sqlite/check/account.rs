//! The account of a database: what it holds and how it looks in each view, without being a problem.

use std::collections::BTreeMap;

use super::fault::Faults;
use super::rule::Rule;
use super::view::{Kind, Views};
use super::{Found, Pass, bugs, shape};
use crate::coverage::{Coverage, DatabaseAccount, View};
use crate::sqlite::image::Image;

/// Problems of a view that are told.
const EXAMPLES: usize = 20;

/// What a view came to.
struct Seen {
    kind: Kind,
    pages: u32,
    problems: Vec<String>,
    rows: BTreeMap<String, u64>,
}

impl Seen {
    fn new(kind: Kind, image: &Image, found: &Found, faults: &Faults) -> Self {
        let rows = found.rows.iter().map(|(name, rows)| (name.to_string(), *rows)).collect();
        Self { kind, pages: image.pages(), problems: faults.problems(), rows }
    }

    /// Rows that this view lacks and the other one has.
    fn lacks(&self, other: &Self) -> u64 {
        let lack =
            |(name, rows): (&String, &u64)| rows.saturating_sub(self.rows.get(name).copied().unwrap_or(0));
        other.rows.iter().map(lack).sum()
    }

    fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Completes the account of a database by what the check of its first view found, and checks the other views.
pub(super) fn describe(about: &mut DatabaseAccount, found: &Found, views: &Views, faults: &Faults) {
    about.tables = found.rows.iter().map(|(name, rows)| (name.to_string(), *rows)).collect();
    about.shape = shape::of(&found.schema, &found.rows);
    if let Some(header) = &found.header {
        about.writer = bugs::version(header.library_version());
        about.remarks.extend(bugs::known(header));
    }
    if views.others.is_empty() {
        return;
    }
    let mut seen = vec![Seen::new(views.kind, &views.image, found, faults)];
    for (kind, image) in &views.others {
        let faults = Faults::default();
        let found = Pass { image, faults: &faults }.run(&mut Coverage::default());
        seen.push(Seen::new(*kind, image, &found, &faults));
    }
    seen.sort_by_key(|seen| seen.kind);
    about.advice = advice(&seen, faults.any(&[Rule::LogForeign]), &about.path);
    about.views = seen.iter().map(|one| view(one, &seen, views.kind)).collect();
}

fn view(one: &Seen, all: &[Seen], reported: Kind) -> View {
    let (id, title) = one.kind.names();
    let mut names: Vec<&String> = all.iter().flat_map(|seen| seen.rows.keys()).collect();
    names.sort();
    names.dedup();
    let differs = |name: &&&String| all.iter().any(|seen| seen.rows.get(**name) != one.rows.get(**name));
    let count = |name: &&String| ((**name).clone(), one.rows.get(*name).copied().unwrap_or(0));
    View {
        id,
        title,
        is_reported: one.kind == reported,
        pages: one.pages,
        problems: one.problems.len() as u64,
        examples: one.problems.iter().take(EXAMPLES).cloned().collect(),
        rows: one.rows.values().sum(),
        differing: names.iter().filter(differs).map(count).collect(),
    }
}

/// What a person should know of the difference between the views.
fn advice(seen: &[Seen], is_foreign: bool, path: &str) -> Vec<String> {
    if is_foreign {
        let what =
            "The log is another database's, and SQLite does not see that: the file alone is what counts.";
        return vec![what.to_owned()];
    }
    let of = |kind: Kind| seen.iter().find(|seen| seen.kind == kind);
    let mut advice = Vec::new();
    if let (Some(file), Some(sqlite)) = (of(Kind::File), of(Kind::Sqlite)) {
        advice.extend(of_log(file, sqlite));
    }
    if let (Some(today), Some(all)) = (of(Kind::Sqlite).or(of(Kind::File)), of(Kind::Resynchronised)) {
        let what = match today.lacks(all) {
            0 => "changes in the log".to_owned(),
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        // A name that a shell may read otherwise is not made a part of a command.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
        let file = if !path.starts_with('-') && path.bytes().all(is_plain) { path } else { "FILE" };
        let recover = format!("kbsec sqlite recover {file} -o NEW.db");
        advice.push(format!("SQLite will drop {what} that can be saved: {recover}"));
    }
    if let (Some(file), Some(before)) = (of(Kind::File), of(Kind::RolledBack)) {
        advice.extend(of_journal(file, before).map(str::to_owned));
    }
    advice
}

/// What the file says without its log, as SQLite uses that.
fn of_log(file: &Seen, sqlite: &Seen) -> Vec<String> {
    let mut advice = Vec::new();
    let (missing, gone) = (file.lacks(sqlite), sqlite.lacks(file));
    if missing > 0 {
        let are = if missing == 1 { "row is" } else { "rows are" };
        advice.push(format!(
            "{missing} {are} only in the log: whoever copies the file without its -wal file loses that."
        ));
    }
    if gone > 0 {
        let were = if gone == 1 { "row of the file was" } else { "rows of the file were" };
        advice.push(format!("{gone} {were} deleted by changes in the log."));
    }
    let doubt = match (file.is_sound(), sqlite.is_sound()) {
        (true, false) => {
            "The file alone is sound, and damaged with the log over it: the log may be one of an older or newer \
             file, as when a backup was put in the place of a database and its old log stayed."
        }
        (false, true) => {
            "The file is whole only together with its log, as it can be while a program writes: keep them together."
        }
        _ => return advice,
    };
    advice.push(doubt.to_owned());
    advice
}

fn of_journal(file: &Seen, before: &Seen) -> Option<&'static str> {
    match (file.is_sound(), before.is_sound()) {
        (false, true) => Some(
            "The file is in the middle of a change, and sound once SQLite has undone that with the journal: the \
             problems told above end then. Keep the journal with the file.",
        ),
        (_, false) => Some("It stays damaged when SQLite has undone the change with the journal."),
        (true, true) => None,
    }
}
