//! `disk.free`: whether there is room where the platform writes, in bytes and in files.

use std::path::{Path, PathBuf};

use super::Check;
use super::context::Context;
use super::show;
use super::verdict::Verdict;

pub(super) const CHECK: Check = Check {
    id: "disk.free",
    title: "There is room where the platform writes",
    why: "A full disk damages databases, cuts lock files off and lets installs fail with other words.",
    needs: &[],
    answer,
};

/// Free bytes and percent below which writing fails soon, and below which somebody should look.
const TIGHT: (u64, u64) = (512 << 20, 2);
const LOW: (u64, u64) = (2 << 30, 10);
/// The same of files.
const TIGHT_FILES: u64 = 2;
const LOW_FILES: u64 = 10;

fn answer(context: &Context) -> Vec<Verdict> {
    let temporary = context.variables.get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let inside = [".kb", ".kb/database", ".kb/logs", "node_modules"].map(|place| context.path(place));
    let places =
        [context.root.clone()].into_iter().chain(inside).chain([temporary]).chain(context.home.clone());
    let mut verdicts = Vec::new();
    let mut disks: Vec<(u64, Vec<PathBuf>)> = Vec::new();
    for place in places.filter(|place| place.is_dir()) {
        match device(&place) {
            Some(device) => match disks.iter_mut().find(|(known, _)| *known == device) {
                Some((_, places)) => places.push(place),
                None => disks.push((device, vec![place])),
            },
            None => verdicts.push(Verdict::unknown(context.name_of(&place), "it cannot be looked at")),
        }
    }
    verdicts.extend(disks.iter().filter_map(|(_, places)| Some(judge(context, places.first()?, places))));
    verdicts
}

#[cfg(unix)]
fn device(place: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    place.metadata().ok().map(|about| about.dev())
}

#[cfg(not(unix))]
fn device(_: &Path) -> Option<u64> {
    None
}

/// What one disk has left.
#[derive(Clone, Copy, Debug)]
struct Room {
    free: u64,
    total: u64,
    free_files: u64,
    /// 0 where files are not limited.
    total_files: u64,
}

#[cfg(unix)]
fn room(place: &Path) -> Option<Room> {
    let found = rustix::fs::statvfs(place).ok()?;
    Some(Room {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
        free_files: found.f_favail,
        total_files: found.f_files,
    })
}

#[cfg(not(unix))]
fn room(_: &Path) -> Option<Room> {
    None
}

fn judge(context: &Context, place: &Path, places: &[PathBuf]) -> Verdict {
    let name = |path: &PathBuf| match context.name_of(path) {
        name if name.is_empty() => ".".to_owned(),
        name => name,
    };
    let names: Vec<String> = places.iter().map(name).collect();
    let subject = show::names(&names, 3);
    let Some(room) = room(place) else { return Verdict::unknown(subject, "this system does not tell") };
    of_room(subject, room)
}

fn of_room(subject: String, room: Room) -> Verdict {
    let percent = |part: u64, whole: u64| (part.saturating_mul(100)).checked_div(whole);
    let share = percent(room.free, room.total).unwrap_or(100);
    let files = percent(room.free_files, room.total_files);
    let told = files.map_or_else(String::new, |files| format!(", {files} % of its files"));
    let value = format!("{} free ({share} %{told})", show::bytes(room.free));
    let is_tight = room.free < TIGHT.0 || share < TIGHT.1 || files.is_some_and(|files| files < TIGHT_FILES);
    // A large disk with a small share left has room; a small one without bytes has not.
    let is_low = room.free < LOW.0
        || (share < LOW.1 && room.free < LOW.0 * 5)
        || files.is_some_and(|files| files < LOW_FILES);
    let fix =
        "free some space: old logs and packages first, never .kb/database; find it with du -xh --max-depth=2";
    match (is_tight, is_low) {
        (true, _) => Verdict::fail(subject, value).expected("10 % and 2 GiB").fix(fix),
        (_, true) => Verdict::warn(subject, value).expected("10 % and 2 GiB").fix(fix),
        _ => Verdict::pass(subject, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    #[test]
    fn bytes_shares_and_files_each_make_a_disk_full() {
        let gib = 1 << 30;
        let status = |free, total, free_files, total_files| {
            of_room(String::new(), Room { free, total, free_files, total_files }).status
        };
        assert_eq!(status(50 * gib, 100 * gib, 90, 100), Status::Pass);
        assert_eq!(status(50 * gib, 1000 * gib, 0, 0), Status::Pass);
        assert_eq!(status(5 * gib, 100 * gib, 90, 100), Status::Warn);
        assert_eq!(status(gib / 4, gib, 90, 100), Status::Fail);
        assert_eq!(status(50 * gib, 100 * gib, 1, 100), Status::Fail);
    }
}
