//! A sidecar: a file that belongs to a database and stands beside it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::bytes::be32;
use super::evidence::Evidence;

/// How every part of a rollback journal begins (section 3).
pub(super) const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Longer names of super-journals are taken for damage.
const NAME_BYTES: u32 = 4096;

/// Which of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The database itself.
    Database,
    /// The write-ahead log.
    Wal,
    /// The index of the log, in memory that processes share.
    Shm,
    /// The rollback journal.
    Journal,
    /// The journal that ties the journals of several databases together.
    SuperJournal,
}

impl Role {
    /// Those whose name follows from that of the database.
    pub const NAMED: [Self; 4] = [Self::Database, Self::Wal, Self::Shm, Self::Journal];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Wal => "wal",
            Self::Shm => "shm",
            Self::Journal => "journal",
            Self::SuperJournal => "super-journal",
        }
    }

    /// Where the file of a database is. A super-journal has a name of its own: see [`super_journal`].
    #[must_use]
    pub fn beside(self, database: &Path) -> PathBuf {
        let ending = match self {
            Self::Database | Self::SuperJournal => "",
            Self::Wal => "-wal",
            Self::Shm => "-shm",
            Self::Journal => "-journal",
        };
        let mut name = OsString::from(database);
        name.push(ending);
        PathBuf::from(name)
    }
}

/// The super-journal that a rollback journal names at its end, if it does and the name is whole.
#[must_use]
pub fn super_journal(journal: &Evidence) -> Option<PathBuf> {
    let end = journal.len().checked_sub(16)?;
    let mut tail = [0; 16];
    if journal.read_at(end, &mut tail).ok()? < 16 || tail[8..] != JOURNAL_MAGIC {
        return None;
    }
    let length = be32(&tail, 0);
    let start = end.checked_sub(length.into()).filter(|_| (1..=NAME_BYTES).contains(&length))?;
    let mut name = vec![0; length as usize];
    journal.read_at(start, &mut name).ok()?;
    let sum = name.iter().fold(0_u32, |sum, byte| sum.wrapping_add((*byte as i8) as u32));
    if sum != be32(&tail, 4) || name.contains(&0) {
        return None;
    }
    String::from_utf8(name).ok().map(PathBuf::from)
}

/// Whether a rollback journal has a header that was not wiped: a transaction is under way or was cut off.
#[must_use]
pub fn is_in_use(journal: &Evidence) -> bool {
    let mut start = [0; 8];
    journal.read_at(0, &mut start).is_ok() && start[0] != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_beside_the_database() {
        assert_eq!(Role::Wal.beside(Path::new("a/b.db")), Path::new("a/b.db-wal"));
    }

    #[test]
    fn a_super_journal_is_named_at_the_end() {
        let name = b"/a/b-mj1";
        let sum: u32 = name.iter().map(|byte| u32::from(*byte)).sum();
        let tail = |length: u32, sum: u32| {
            [b"\0\0\0\x01", &name[..], &length.to_be_bytes(), &sum.to_be_bytes(), &JOURNAL_MAGIC].concat()
        };
        let find = |bytes: Vec<u8>| super_journal(&Evidence::of_bytes("j", bytes));
        assert_eq!(find(tail(8, sum)), Some(PathBuf::from("/a/b-mj1")));
        for bad in
            [tail(8, sum + 1), tail(0, sum), tail(u32::MAX, sum), tail(100, sum), Vec::new(), vec![0; 40]]
        {
            assert_eq!(find(bad), None);
        }
        assert!(!is_in_use(&Evidence::of_bytes("j", [0; 20])));
        assert!(is_in_use(&Evidence::of_bytes("j", JOURNAL_MAGIC)));
    }
}
