//! Holders: the processes that have a database file open or locked, as far as the system tells.

mod lock;
mod process;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::sidecar::Role;
pub use lock::{Lock, LockKind};
use process::Table;

/// What to look at.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database. It need not exist: a process may hold a file that was deleted.
    pub database: PathBuf,
    /// Where the system shows its processes: `/proc`.
    pub proc_folder: PathBuf,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The database, absolute and without links: its sidecars stand beside it.
    pub database: PathBuf,
    /// How many names the file has, 0 if it does not exist. SQLite finds the journal by the name, so with two names
    /// one process may miss the journal of another.
    pub names: u64,
    /// The kind of network filesystem on which it lies; locks do not always work there.
    pub network: Option<&'static str>,
    /// The processes; `None` where this system does not show them.
    pub processes: Option<Processes>,
}

/// Who holds the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// By process number.
    pub holders: Vec<Holder>,
    /// Locks whose process is not told, as those of open file descriptions.
    pub unowned: Vec<Lock>,
    /// Whether the table of locks could be read.
    pub locks_known: bool,
    /// Processes, mostly of other users, whose open files could not be seen.
    pub not_examined: u64,
}

/// A process that has at least one of the files open or locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name as it gave it to itself: text of somebody else. Empty if it is gone by now.
    pub command: String,
    /// What it does, as one letter: `R`, `S`, `D`, `T`, `Z` and so on; `None` if it is gone by now.
    pub state: Option<char>,
    /// Seconds since it was started.
    pub age: Option<u64>,
    /// What it has open.
    pub open: Vec<OpenFile>,
    /// What it has locked.
    pub locks: Vec<Lock>,
}

/// A file that a process has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenFile {
    /// Which of the files.
    pub role: Role,
    /// Whether it may write to it; `None` if that is not told.
    pub writable: Option<bool>,
    /// Whether the file has lost its name: what this process writes to it nobody else will see.
    pub deleted: bool,
}

impl Holder {
    /// Whether the process was stopped, by a signal or a debugger: it keeps its locks and never gives them back.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, Some('T' | 't'))
    }

    /// Whether it keeps all others from writing now.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        let writing = |kind: &LockKind| {
            matches!(kind, LockKind::Reserved | LockKind::Pending | LockKind::Shared | LockKind::WalWrite)
        };
        self.locks.iter().any(|lock| lock.writes && !lock.waits && lock.kinds.iter().any(writing))
    }

    /// Whether a file that it has open was deleted or replaced.
    #[must_use]
    pub fn has_deleted(&self) -> bool {
        self.open.iter().any(|file| file.deleted)
    }

    fn new(pid: u32) -> Self {
        Self { pid, command: String::new(), state: None, age: None, open: Vec::new(), locks: Vec::new() }
    }
}

/// Looks who holds the database. Nothing is opened but what the system shows of its processes.
///
/// # Errors
/// When the folder of the database cannot be found.
pub fn holders(options: &Options) -> io::Result<Outcome> {
    let database = resolve(&options.database)?;
    let files = Files::of(&database);
    Ok(Outcome {
        names: names(&database),
        network: network(&database),
        processes: Table::open(&options.proc_folder).map(|table| processes(&table, &files)),
        database,
    })
}

/// The files of the database as they are named and, if they exist, numbered.
#[derive(Debug)]
struct Files(Vec<NamedFile>);

#[derive(Debug)]
struct NamedFile {
    role: Role,
    path: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
    names: u64,
}

impl Files {
    fn of(database: &Path) -> Self {
        let file = |role: Role| {
            let path = role.beside(database);
            NamedFile { role, identity: identity(&path), names: names(&path), path }
        };
        Self(Role::NAMED.map(file).into())
    }

    /// Which of them a descriptor is, and whether it was deleted; `link` is where it leads, `shown` the way to look.
    fn identify(&self, link: &Path, shown: &Path) -> Option<(Role, bool)> {
        let text = link.to_string_lossy();
        if let Some(path) = text.strip_suffix(" (deleted)") {
            let found = self.0.iter().find(|file| file.path.to_string_lossy() == path);
            return found.map(|file| (file.role, true));
        }
        // Another name may be a second link, or the same file seen from a container. Only what may be one of the files
        // is asked for its number: a lost network drive would not answer.
        let may_be = |file: &&NamedFile| file.names > 1 || link.file_name() == file.path.file_name();
        let found =
            self.0.iter().filter(may_be).find(|file| {
                file.identity.is_some() && (file.path == link || identity(shown) == file.identity)
            });
        found.map(|file| (file.role, false))
    }
}

fn processes(table: &Table, files: &Files) -> Processes {
    let mut found = Processes::default();
    let mut holders = BTreeMap::new();
    for pid in table.pids() {
        match table.open_files(pid, files) {
            Some(open) if open.is_empty() => {}
            Some(open) => holders.entry(pid).or_insert_with(|| Holder::new(pid)).open = open,
            None => found.not_examined += 1,
        }
    }
    let locks = table.locks();
    found.locks_known = locks.is_some();
    for line in locks.iter().flat_map(|text| text.lines()).filter_map(lock::Line::parse) {
        let has_open = |role: Role| {
            let holder = line.pid.and_then(|pid| holders.get(&pid));
            holder.is_some_and(|holder: &Holder| holder.open.iter().any(|file| file.role == role))
        };
        // Some filesystems show one device to stat and another in the table of locks.
        let same = files.0.iter().find(|file| {
            file.identity.is_some_and(|(device, inode)| {
                inode == line.inode && (device == line.device || has_open(file.role))
            })
        });
        let Some(file) = same else { continue };
        let lock = line.lock(file.role);
        match line.pid {
            Some(pid) => holders.entry(pid).or_insert_with(|| Holder::new(pid)).locks.push(lock),
            None => found.unowned.push(lock),
        }
    }
    found.holders = holders.into_values().collect();
    for holder in &mut found.holders {
        table.describe(holder);
    }
    found
}

/// The path without links. The file itself may be missing.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        resolved => resolved,
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().ok().map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
fn names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().map_or(0, |about| about.nlink())
}

#[cfg(not(unix))]
fn names(path: &Path) -> u64 {
    path.exists().into()
}

/// The network filesystem on which a path lies. Numbers are those of statfs(2).
#[cfg(target_os = "linux")]
fn network(path: &Path) -> Option<&'static str> {
    let existing = path.ancestors().find(|path| path.exists())?;
    match rustix::fs::statfs(existing).ok()?.f_type as u32 {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 | 0xfe53_4d42 => Some("CIFS"),
        0x6573_5546 => Some("FUSE, as virtiofs and sshfs are"),
        0x0102_1997 => Some("9P"),
        0x00c3_6400 => Some("Ceph"),
        0x5346_414f => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x564c => Some("NCP"),
        0x786f_4256 => Some("a shared folder of VirtualBox"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn network(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests;
