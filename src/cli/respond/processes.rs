//! The processes and ports of this machine, as Linux shows them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

/// A running process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Its short name.
    pub(crate) name: String,
    /// Its arguments, joined by spaces.
    pub(crate) command: String,
}

/// All processes that can be seen, by number.
pub(crate) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found: Vec<Process> = entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(entry.path().join("comm")).ok()?.trim().to_owned();
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            let command: Vec<String> = command
                .split(|byte| *byte == 0)
                .filter(|part| !part.is_empty())
                .map(|part| String::from_utf8_lossy(part).into_owned())
                .collect();
            Some(Process { pid, name, command: command.join(" ") })
        })
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

/// The environment of a process; none where it may not be read. A thread of the kernel, and a process that has ended, have
/// an empty one.
pub(crate) fn environment(pid: u32) -> Option<Zeroizing<Vec<u8>>> {
    const NO_SUCH_PROCESS: i32 = 3;
    match fs::read(Path::new("/proc").join(pid.to_string()).join("environ")) {
        Ok(environment) => Some(Zeroizing::new(environment)),
        Err(error) if error.raw_os_error() == Some(NO_SUCH_PROCESS) => Some(Zeroizing::default()),
        Err(_) => None,
    }
}

/// A line for each process: number, resident memory, state, arguments.
pub(crate) fn table() -> String {
    let mut text = String::from("pid rss_kib name command\n");
    for process in all() {
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        let rss = rss.split_whitespace().next().unwrap_or("0");
        let _ = writeln!(text, "{} {rss} {} {}", process.pid, process.name, process.command);
    }
    text
}

/// A line for each port on which something listens.
pub(crate) fn ports() -> String {
    let mut text = String::from("port table inode\n");
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let content = fs::read_to_string(table).unwrap_or_default();
        for line in content.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            // 0A is LISTEN in include/net/tcp_states.h.
            let [_, local, _, "0A", ..] = columns[..] else { continue };
            let port = local.rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok());
            let inode = columns.get(9).copied().unwrap_or("?");
            let _ = writeln!(text, "{} {table} {inode}", port.unwrap_or_default());
        }
    }
    text
}
