//! Bugs of SQLite itself that have damaged databases, by the version that wrote to a database last.
//!
//! From section 8 of <https://sqlite.org/howtocorrupt.html>, section 11 of <https://sqlite.org/wal.html> and the
//! release log. The header does not keep the last part of a version such as 3.8.10.2.

use crate::sqlite::header::Header;

/// Where a bug can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Always,
    /// The database has a write-ahead log.
    Wal,
    /// It can vacuum itself.
    AutoVacuum,
}

struct Bug {
    /// The first and the last version that has it, as the header stores versions.
    versions: (u32, u32),
    /// Versions between them to which the fix was carried back.
    except: &'static [u32],
    condition: Condition,
    /// What happens, as a clause.
    what: &'static str,
    /// The first version without it.
    fixed: &'static str,
}

const BUGS: [Bug; 7] = [
    Bug {
        versions: (3_007_000, 3_051_002),
        except: &[3_044_006, 3_050_007],
        condition: Condition::Wal,
        what: "two connections that write and checkpoint at the same moment can lose committed changes (very rare)",
        fixed: "3.51.3, 3.50.7 and 3.44.6",
    },
    Bug {
        versions: (3_035_000, 3_037_001),
        except: &[],
        condition: Condition::Always,
        what: "ROLLBACK TO a savepoint can damage pages where temporary files are kept in memory",
        fixed: "3.37.2",
    },
    Bug {
        versions: (3_008_007, 3_008_010),
        except: &[],
        condition: Condition::Always,
        what: "nested triggers that turn a text key into a number and back can damage an index",
        fixed: "3.8.10.2",
    },
    Bug {
        versions: (3_007_000, 3_007_004),
        except: &[],
        condition: Condition::Always,
        what: "switching between WAL and another journal mode with VACUUM in between can damage pages",
        fixed: "3.7.5",
    },
    Bug {
        versions: (3_007_000, 3_007_002),
        except: &[],
        condition: Condition::Wal,
        what: "an I/O error while a lock of the log is taken can damage pages",
        fixed: "3.7.3",
    },
    Bug {
        versions: (3_006_016, 3_007_001),
        except: &[],
        condition: Condition::AutoVacuum,
        what: "PRAGMA incremental_vacuum can lose free pages, which then belong to nothing; no rows are lost",
        fixed: "3.7.2",
    },
    Bug {
        versions: (3_007_000, 3_007_000),
        except: &[],
        condition: Condition::Always,
        what: "writing in turns with SQLite 3.6 can make the header count too few pages",
        fixed: "3.7.1",
    },
];

/// A version as people write it; empty for none.
pub(super) fn version(number: u32) -> String {
    match number {
        0 => String::new(),
        _ => format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000),
    }
}

/// The known bugs that the last writer of a database has, each as a sentence.
pub(super) fn known(header: &Header) -> Vec<String> {
    let number = header.library_version();
    let applies = |bug: &&Bug| {
        let (first, last) = bug.versions;
        (first..=last).contains(&number)
            && !bug.except.contains(&number)
            && match bug.condition {
                Condition::Always => true,
                Condition::Wal => header.write_version() == 2,
                Condition::AutoVacuum => header.largest_root() != 0,
            }
    };
    let tell = |bug: &Bug| {
        format!(
            "SQLite {}, which wrote to it last, has a known bug: {}; fixed in {}.",
            version(number),
            bug.what,
            bug.fixed
        )
    };
    BUGS.iter().filter(applies).map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u32, write_version: u8, largest_root: u32) -> Header {
        let mut bytes = [0; 100];
        bytes[18] = write_version;
        bytes[52..56].copy_from_slice(&largest_root.to_be_bytes());
        bytes[96..].copy_from_slice(&version.to_be_bytes());
        Header::new(&bytes)
    }

    #[test]
    fn bugs_are_told_by_version_and_mode() {
        let told = |version, mode, root| known(&header(version, mode, root)).len();
        assert_eq!(
            [3_051_002, 3_051_003, 3_050_007, 3_044_006, 3_040_001].map(|v| told(v, 2, 0)),
            [1, 0, 0, 0, 1]
        );
        assert_eq!([told(3_051_002, 1, 0), told(3_036_000, 1, 0), told(3_036_000, 2, 0)], [0, 1, 2]);
        assert_eq!([told(3_006_016, 1, 0), told(3_006_016, 1, 9), told(0, 2, 9)], [0, 1, 0]);
        assert!(known(&header(3_037_001, 1, 0))[0].starts_with("SQLite 3.37.1, which wrote to it last"));
    }
}
