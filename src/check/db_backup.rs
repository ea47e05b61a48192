//! `db.backup`: whether each database has a backup, how old the newest is, and whether it is any good.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::context::Context;
use super::verdict::Verdict;
use super::{Check, databases, show};
use crate::sqlite::check;
use crate::sqlite::files::Files;

pub(super) const CHECK: Check = Check {
    id: "db.backup",
    title: "Each database has a recent backup that is sound",
    why: "The platform makes none by itself, and a backup that nobody opened may be as damaged as the database.",
    needs: &[],
    answer,
};

/// Folders in which backups are looked for, relative to the installation.
const FOLDERS: [&str; 6] =
    [".kb/backups", ".kb/backup", "backups", "backup", ".kb/database/backups", ".kb/database"];
/// Older ones lose more than a day.
const OLD: u64 = 26 * 3_600_000;
const ANCIENT: u64 = 8 * 86_400_000;
/// Backups up to this size are checked.
const MOST_BYTES: u64 = 256 << 20;

fn answer(context: &Context) -> Vec<Verdict> {
    let found = databases::all(context);
    if found.is_empty() {
        return vec![Verdict::unknown("", databases::NONE)];
    }
    let backups = backups(context);
    // What lies in the folder of the databases and is named after another one is a backup, and no database.
    let is_backup = |path: &PathBuf| backups.iter().any(|backup| backup.path == *path);
    let databases = found.iter().filter(|path| !is_backup(path));
    databases.map(|database| judge(context, database, &backups)).collect()
}

/// A file that looks like a backup.
struct Backup {
    path: PathBuf,
    /// When it was written, in milliseconds of Unix time.
    time: u64,
}

fn backups(context: &Context) -> Vec<Backup> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(context.path(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_backup(folder, &name) {
                continue;
            }
            let time = entry.metadata().ok().filter(std::fs::Metadata::is_file);
            let time = time.and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
            let time = time.and_then(|since| u64::try_from(since.as_millis()).ok());
            found.extend(time.map(|time| Backup { path: entry.path(), time }));
        }
    }
    found.sort_by_key(|backup| std::cmp::Reverse(backup.time));
    found
}

/// `kb-20250301T000000Z.sqlite`, `kb.sqlite.bak`; in a folder of backups any database and archive.
fn is_backup(folder: &str, name: &str) -> bool {
    let is_sidecar = ["-wal", "-shm", "-journal", ".json", ".seal"].iter().any(|end| name.ends_with(end));
    let is_database = [".sqlite", ".sqlite3", ".db"].iter().any(|end| name.ends_with(end));
    let is_archive =
        [".tar", ".tar.gz", ".tgz", ".tar.zst", ".sql", ".sql.gz"].iter().any(|end| name.ends_with(end));
    let is_marked = [".bak", ".backup", ".old"].iter().any(|end| name.ends_with(end));
    let is_dated = is_database && name.contains("-20") && name.contains('T');
    !is_sidecar && (is_marked || is_dated || (folder != ".kb/database" && (is_database || is_archive)))
}

fn judge(context: &Context, database: &Path, backups: &[Backup]) -> Verdict {
    let name = context.name_of(database);
    let stem = database.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let belongs = |backup: &&Backup| {
        let file = backup.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        file.starts_with(&stem) || file.contains(".tar") || file.ends_with(".tgz")
    };
    let fix = format!("kbsec sqlite backup {} -o FOLDER makes a verified one", database.display());
    let Some(newest) = backups.iter().find(belongs) else {
        let value = format!("no backup in {}", FOLDERS[..4].join(", "));
        return Verdict::fail(name, value).expected("one of the last 26 hours").fix(fix);
    };
    let age = context.now.saturating_sub(newest.time);
    let shown = context.name_of(&newest.path);
    let (is_good, state) = state(&newest.path);
    let value = format!("{shown} is {} old, {state}", show::milliseconds(age));
    match (is_good, age) {
        (Some(false), _) => Verdict::fail(name, value).expected("a sound backup").fix(fix),
        (_, ANCIENT..) => Verdict::fail(name, value).expected("one of the last 26 hours").fix(fix),
        (_, OLD..) => Verdict::warn(name, value).expected("one of the last 26 hours").fix(fix),
        (Some(true), _) => Verdict::pass(name, value),
        (None, _) => Verdict::unknown(name, value).fix("open a copy of it, and check that"),
    }
}

/// Whether a backup is sound, and in words; `None` where it cannot be told.
fn state(path: &Path) -> (Option<bool>, String) {
    let files = match Files::open(path) {
        Ok(files) => files,
        Err(error) => return (None, format!("and cannot be read: {error}")),
    };
    if files.database.is_empty() {
        return (Some(false), "and empty".to_owned());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.contains(".tar") || name.ends_with(".tgz") || name.contains(".sql.") || name.ends_with(".sql") {
        return (None, "an archive that this check does not open".to_owned());
    }
    if files.database.len() > MOST_BYTES {
        return (None, format!("{}: too large for this check", show::bytes(files.database.len())));
    }
    let outcome = check::check(&files, path);
    let rows: u64 = outcome.rows.iter().map(|(_, rows)| rows).sum();
    match outcome.findings.len() {
        0 => (Some(true), format!("sound, {}", show::count(rows, "row"))),
        problems => (Some(false), format!("damaged: {}", show::count(problems as u64, "problem"))),
    }
}
