//! The table of processes: what the system shows of them as files, by default under `/proc`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Files, Holder, OpenFile};

/// Ticks of a second in the table; every system that has one shows hundredths.
const TICKS: u64 = 100;

/// A folder with a folder for each process.
#[derive(Debug)]
pub(super) struct Table {
    folder: PathBuf,
    /// Seconds since the system was started.
    uptime: Option<u64>,
}

impl Table {
    /// The table, or `None` where there is none.
    pub(super) fn open(folder: &Path) -> Option<Self> {
        let uptime = fs::read_to_string(folder.join("uptime")).ok();
        let uptime = uptime.and_then(|text| text.split('.').next()?.trim().parse().ok());
        let table = Self { folder: folder.to_owned(), uptime };
        (!table.pids().is_empty() || table.locks().is_some()).then_some(table)
    }

    /// All processes.
    pub(super) fn pids(&self) -> Vec<u32> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut pids: Vec<u32> = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        pids
    }

    /// The table of locks, if it can be read.
    pub(super) fn locks(&self) -> Option<String> {
        fs::read_to_string(self.folder.join("locks")).ok()
    }

    /// Which of the files a process has open; `None` if that cannot be seen. A process that has just ended has none.
    pub(super) fn open_files(&self, pid: u32, files: &Files) -> Option<Vec<OpenFile>> {
        let process = self.process(pid);
        let descriptors = match fs::read_dir(process.join("fd")) {
            Ok(descriptors) => descriptors,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(Vec::new()),
            Err(_) => return None,
        };
        let mut open = Vec::new();
        for descriptor in descriptors.flatten() {
            let shown = descriptor.path();
            let Ok(link) = fs::read_link(&shown) else { continue };
            if let Some((role, deleted)) = files.identify(&link, &shown) {
                let writable = writable(&process.join("fdinfo").join(descriptor.file_name()));
                open.push(OpenFile { role, writable, deleted });
            }
        }
        open.sort_unstable();
        open.dedup();
        Some(open)
    }

    /// Adds what is known of a process.
    pub(super) fn describe(&self, holder: &mut Holder) {
        let Ok(bytes) = fs::read(self.process(holder.pid).join("stat")) else { return };
        let text = String::from_utf8_lossy(&bytes);
        // The name is whatever the process likes, parentheses and spaces too.
        let Some((start, rest)) = text.rsplit_once(')') else { return };
        holder.command = start.split_once('(').map_or("", |(_, command)| command).to_owned();
        let mut fields = rest.split_whitespace();
        holder.state = fields.next().and_then(|state| state.chars().next());
        let started = fields.nth(18).and_then(|ticks| ticks.parse::<u64>().ok());
        holder.age = self.uptime.zip(started).map(|(now, ticks)| now.saturating_sub(ticks / TICKS));
    }

    fn process(&self, pid: u32) -> PathBuf {
        self.folder.join(pid.to_string())
    }
}

/// Whether a descriptor was opened for writing.
fn writable(info: &Path) -> Option<bool> {
    let text = fs::read_to_string(info).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(flags.trim(), 8).ok().map(|flags| flags & 3 != 0)
}
