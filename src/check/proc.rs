//! Processes as Linux shows them: who listens on a port, what a process is, uses and holds. Values of environments are
//! read to be compared, and never shown.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::context::Context;
use crate::secret::Secret;

/// A socket that waits for connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The user whose process made it.
    pub(super) uid: u32,
    inode: u64,
}

/// A process. Its texts were chosen by somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) uid: Option<u32>,
    /// Its name as it gave it to itself.
    pub(super) name: String,
    /// Its program and arguments; may hold secrets.
    pub(super) command: String,
    /// `R`, `S`, `D`, `T`, `Z` and so on.
    pub(super) state: char,
    /// When it was started, in milliseconds of Unix time.
    pub(super) started: Option<u64>,
    /// Memory that it holds, in bytes.
    pub(super) rss: u64,
    /// Processor time that it has used, in milliseconds.
    pub(super) used: u64,
}

/// What a process has open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) descriptors: usize,
    pub(super) sockets: usize,
}

/// Ticks of a second; every Linux shows hundredths.
const TICKS: u64 = 100;
/// The state of a socket that waits for connections.
const LISTEN: &str = "0A";
/// Environments and command lines are read up to here.
const MOST_BYTES: usize = 1 << 20;

/// A view on the processes of a system.
#[derive(Debug)]
pub(super) struct Proc {
    folder: PathBuf,
    /// When the system was started, in milliseconds of Unix time.
    boot: Option<u64>,
}

impl Proc {
    /// The processes that the context shows, or `None` where there are none to see.
    pub(super) fn open(context: &Context) -> Option<Self> {
        let folder = context.proc_folder.clone();
        let stat = fs::read_to_string(folder.join("stat")).ok();
        let boot = stat.as_deref().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
            Some(line.trim().parse::<u64>().ok()? * 1000)
        });
        let proc = Self { folder, boot };
        (!proc.pids().is_empty()).then_some(proc)
    }

    /// The numbers of all processes, sorted.
    pub(super) fn pids(&self) -> Vec<u32> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut pids: Vec<u32> = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        pids
    }

    /// All processes that are still there.
    pub(super) fn all(&self) -> Vec<Process> {
        self.pids().into_iter().filter_map(|pid| self.process(pid)).collect()
    }

    /// What is shown of a process; `None` if it is gone.
    pub(super) fn process(&self, pid: u32) -> Option<Process> {
        let folder = self.folder.join(pid.to_string());
        let stat = String::from_utf8_lossy(&fs::read(folder.join("stat")).ok()?).into_owned();
        // The name is whatever the process likes, parentheses and spaces too.
        let (start, rest) = stat.rsplit_once(')')?;
        let name = start.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        let mut bytes = fs::read(folder.join("cmdline")).unwrap_or_default();
        bytes.truncate(MOST_BYTES);
        let arguments = bytes.split(|&byte| byte == 0).map(String::from_utf8_lossy);
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        let entry = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Process {
            pid,
            parent: u32::try_from(number(1)).unwrap_or(0),
            uid: entry("Uid:").and_then(|uid| u32::try_from(uid).ok()),
            name,
            command: arguments.collect::<Vec<_>>().join(" ").trim_end().to_owned(),
            state: fields.first().and_then(|field| field.chars().next()).unwrap_or('?'),
            started: self.boot.map(|boot| boot + number(19) * 1000 / TICKS),
            rss: entry("VmRSS:").unwrap_or(0) * 1024,
            used: (number(11) + number(12)) * 1000 / TICKS,
        })
    }

    /// The sockets that wait for connections on a port. `None` where the table cannot be read.
    pub(super) fn listeners(&self, port: u16) -> Option<Vec<Listener>> {
        let tables = ["net/tcp", "net/tcp6"].map(|table| fs::read_to_string(self.folder.join(table)).ok());
        if tables.iter().all(Option::is_none) {
            return None;
        }
        let lines = tables.iter().flatten().flat_map(|table| table.lines().skip(1));
        let mut found: Vec<_> = lines.filter_map(listener).filter(|one| one.port == port).collect();
        found.sort_by_key(|listener| listener.inode);
        Some(found)
    }

    /// The processes that hold one of the sockets, and whether the files of every process could be seen.
    pub(super) fn owners(&self, listeners: &[Listener]) -> (Vec<Process>, bool) {
        let wanted: Vec<String> =
            listeners.iter().map(|listener| format!("socket:[{}]", listener.inode)).collect();
        let (mut owners, mut saw_all) = (Vec::new(), true);
        for pid in self.pids() {
            match self.links(pid) {
                Some(links) if links.iter().any(|link| wanted.contains(link)) => {
                    owners.extend(self.process(pid));
                }
                Some(_) => {}
                None => saw_all = false,
            }
        }
        (owners, saw_all)
    }

    /// How much a process has open; `None` if that is not shown.
    pub(super) fn open_files(&self, pid: u32) -> Option<Open> {
        let links = self.links(pid)?;
        let sockets = links.iter().filter(|link| link.starts_with("socket:")).count();
        Some(Open { descriptors: links.len(), sockets })
    }

    /// The variables of a process as it was started with; `None` if they are not shown.
    pub(super) fn environment(&self, pid: u32) -> Option<BTreeMap<String, Secret>> {
        let mut bytes = fs::read(self.folder.join(pid.to_string()).join("environ")).ok()?;
        bytes.truncate(MOST_BYTES);
        let pairs = bytes.split(|&byte| byte == 0).filter_map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=')?;
            Some((String::from_utf8_lossy(&pair[..at]).into_owned(), Secret::new(&pair[at + 1..])))
        });
        Some(pairs.collect())
    }

    /// A file of the system or of a process, such as `sys/fs/file-nr` or `812/cgroup`.
    pub(super) fn text(&self, relative: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(relative)).ok()
    }

    /// What the descriptors of a process lead to; nothing if it is gone, `None` if they are not shown.
    fn links(&self, pid: u32) -> Option<Vec<String>> {
        match fs::read_dir(self.folder.join(pid.to_string()).join("fd")) {
            Ok(entries) => {
                let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
                Some(links.map(|link| link.to_string_lossy().into_owned()).collect())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
            Err(_) => None,
        }
    }
}

/// A line of the table of sockets, if it waits for connections.
fn listener(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    if *fields.get(3)? != LISTEN {
        return None;
    }
    Some(Listener {
        address: ip(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// Addresses are shown as words of the machine's byte order.
fn ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::check::tests::context;

    #[test]
    fn a_listener_is_traced_to_its_process() {
        let proc = Proc::open(&context(Path::new("/srv"))).unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = TcpListener::bind(address) else { continue };
            let local = socket.local_addr().unwrap();
            let found = proc.listeners(local.port()).unwrap();
            assert!(found.iter().any(|one| one.address == local.ip()), "{found:?}");
            let (owners, _) = proc.owners(&found);
            assert_eq!(owners.iter().map(|owner| owner.pid).collect::<Vec<_>>(), [std::process::id()]);
        }
    }

    #[test]
    fn a_process_shows_what_it_is() {
        let mut child = Command::new("sleep").arg("30").env("KBSEC_PROBE", "some value").spawn().unwrap();
        let proc = Proc::open(&context(Path::new("/srv"))).unwrap();
        // Until it has become `sleep`, it is a copy of this test.
        let found = loop {
            let found = proc.process(child.id()).unwrap();
            if found.name == "sleep" {
                break found;
            }
        };
        let environment = proc.environment(child.id()).unwrap();
        let open = proc.open_files(child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((found.command.as_str(), found.parent), ("sleep 30", std::process::id()));
        assert_eq!(environment["KBSEC_PROBE"].expose(), b"some value");
        assert!(open.descriptors >= 3 && found.rss > 0 && found.started.is_some(), "{found:?} {open:?}");
        assert_eq!(proc.process(child.id()), None);
    }
}
