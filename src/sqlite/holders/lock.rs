//! A lock: bytes of a file that a process has claimed, and what SQLite means by them.

use super::super::sidecar::Role;

/// The first byte that SQLite locks in a database; one later stands RESERVED, two later begins SHARED.
const PENDING: u64 = 0x4000_0000;
/// The last byte of SHARED.
const SHARED_END: u64 = PENDING + 2 + 509;
/// The first byte that SQLite locks in the index of a log.
const WAL_WRITE: u64 = 120;
/// How many readers' marks there are.
const READERS: u64 = 5;
/// The byte that tells that anybody uses the index.
const DEAD_MAN: u64 = 128;

/// Locked bytes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Which of the files.
    pub role: Role,
    /// Whether it excludes all others; otherwise many may have it.
    pub writes: bool,
    /// Whether the process still waits for it.
    pub waits: bool,
    /// What it means to SQLite; several if neighbouring bytes are locked.
    pub kinds: Vec<LockKind>,
}

/// What SQLite means by a locked byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockKind {
    /// Wants to write as soon as the readers are gone, and lets no new ones in.
    Pending,
    /// Prepares to write; readers may go on.
    Reserved,
    /// Reads; as a lock that excludes others: writes to the database.
    Shared,
    /// Appends to the log.
    WalWrite,
    /// Moves pages from the log into the database.
    WalCheckpoint,
    /// Builds the index of the log anew.
    WalRecover,
    /// Reads the log up to one of five marks, 0 to 4.
    WalRead(u8),
    /// Uses the index of the log.
    DeadMan,
    /// Bytes that SQLite does not lock: another program, or another kind of locking.
    Foreign {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
}

/// A line of the table of locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// `None` if the lock belongs to no one process.
    pub(super) pid: Option<u32>,
    pub(super) device: u64,
    pub(super) inode: u64,
    writes: bool,
    waits: bool,
    first: u64,
    last: u64,
}

impl LockKind {
    /// Its name in reports: as the documentation of SQLite spells it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Pending => "PENDING".into(),
            Self::Reserved => "RESERVED".into(),
            Self::Shared => "SHARED".into(),
            Self::WalWrite => "WAL_WRITE".into(),
            Self::WalCheckpoint => "WAL_CKPT".into(),
            Self::WalRecover => "WAL_RECOVER".into(),
            Self::WalRead(mark) => format!("WAL_READ{mark}"),
            Self::DeadMan => "WAL_DMS".into(),
            Self::Foreign { first, last } => format!("bytes {first} to {last}"),
        }
    }
}

impl Line {
    /// Reads a line such as `1: POSIX  ADVISORY  WRITE 12 08:02:34 0 EOF`; `None` for anything else.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1).peekable();
        let waits = words.next_if_eq(&"->").is_some();
        // A lease or a lock of flock is nothing that SQLite takes.
        let kind = words.next().filter(|kind| matches!(*kind, "POSIX" | "OFDLCK"))?;
        let writes = words.nth(1)? == "WRITE";
        let pid = words.next()?.parse().ok().filter(|pid| kind == "POSIX" && *pid > 0);
        let mut file = words.next()?.split(':');
        let major = u64::from_str_radix(file.next()?, 16).ok()?;
        let minor = u64::from_str_radix(file.next()?, 16).ok()?;
        let inode = file.next()?.parse().ok()?;
        let first = words.next()?.parse().ok()?;
        let last = match words.next()? {
            "EOF" => u64::MAX,
            last => last.parse().ok()?,
        };
        Some(Self { pid, device: device(major, minor), inode, writes, waits, first, last })
    }

    /// The lock, now that it is known of which file it is.
    pub(super) fn lock(&self, role: Role) -> Lock {
        let mut kinds: Vec<LockKind> = meanings(role)
            .filter(|(_, first, last)| *first <= self.last && self.first <= *last)
            .map(|(kind, ..)| kind)
            .collect();
        if kinds.is_empty() {
            kinds.push(LockKind::Foreign { first: self.first, last: self.last });
        }
        Lock { role, writes: self.writes, waits: self.waits, kinds }
    }
}

/// Each kind of lock with its first and last byte.
fn meanings(role: Role) -> impl Iterator<Item = (LockKind, u64, u64)> {
    let one = |kind, byte| (kind, byte, byte);
    let kinds = match role {
        Role::Database => vec![
            one(LockKind::Pending, PENDING),
            one(LockKind::Reserved, PENDING + 1),
            (LockKind::Shared, PENDING + 2, SHARED_END),
        ],
        Role::Shm => {
            let readers = (0..READERS).map(|mark| one(LockKind::WalRead(mark as u8), WAL_WRITE + 3 + mark));
            let before = [
                one(LockKind::WalWrite, WAL_WRITE),
                one(LockKind::WalCheckpoint, WAL_WRITE + 1),
                one(LockKind::WalRecover, WAL_WRITE + 2),
            ];
            before.into_iter().chain(readers).chain([one(LockKind::DeadMan, DEAD_MAN)]).collect()
        }
        Role::Wal | Role::Journal | Role::SuperJournal => Vec::new(),
    };
    kinds.into_iter()
}

/// A device number as `stat` gives it.
fn device(major: u64, minor: u64) -> u64 {
    (major & 0xfff) << 8 | (major & !0xfff) << 32 | minor & 0xff | (minor & !0xff) << 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let line = |text| {
            Line::parse(text).map(|line| (line.pid, line.device, line.waits, line.lock(Role::Database)))
        };
        let lock = |writes, waits, kinds: &[LockKind]| Lock {
            role: Role::Database,
            writes,
            waits,
            kinds: kinds.to_vec(),
        };
        let (pending, reserved, shared) = (LockKind::Pending, LockKind::Reserved, LockKind::Shared);
        assert_eq!(
            line("1: POSIX  ADVISORY  WRITE 12 08:02:34 1073741824 1073742335"),
            Some((Some(12), 0x802, false, lock(true, false, &[pending, reserved, shared])))
        );
        assert_eq!(
            line("2: -> POSIX  ADVISORY  READ 12 103:05:34 1073741826 1073742335"),
            Some((Some(12), 0x10305, true, lock(false, true, &[shared])))
        );
        assert_eq!(
            line("3: OFDLCK ADVISORY  READ -1 08:02:34 0 EOF").map(|line| (line.0, line.3.kinds.len())),
            Some((None, 3))
        );
        let foreign = LockKind::Foreign { first: 5, last: 9 };
        assert_eq!(
            line("4: POSIX  ADVISORY  READ 1 08:02:34 5 9").map(|line| line.3),
            Some(lock(false, false, &[foreign]))
        );
        for other in [
            "",
            "5: FLOCK  ADVISORY  WRITE 1 08:02:34 0 EOF",
            "6: POSIX ADVISORY",
            "7: POSIX A READ 1 zz 0 0",
        ] {
            assert_eq!(line(other), None);
        }
    }

    #[test]
    fn bytes_of_the_index_have_names() {
        let kinds = |first, last| {
            let line = Line { pid: None, device: 0, inode: 0, writes: true, waits: false, first, last };
            line.lock(Role::Shm).kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(120, 122), ["WAL_WRITE", "WAL_CKPT", "WAL_RECOVER"]);
        assert_eq!(kinds(127, 128), ["WAL_READ4", "WAL_DMS"]);
        assert_eq!(kinds(129, 129), ["bytes 129 to 129"]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_does_harm(text in ".{0,80}", tail in "[0-9a-fA-F: ->]{0,40}") {
            let _ = Line::parse(&text);
            let _ = Line::parse(&format!("1: POSIX ADVISORY READ {tail}"));
        }
    }
}
