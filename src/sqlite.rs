//! A SQLite database as bytes on disk: checked, recovered and copied without ever opening the evidence with SQLite.
//!
//! SQLite itself changes what it opens: it deletes the write-ahead log, rolls back journals and drops frames with a bad
//! checksum. So evidence is read by the parsers in here, and the SQLite library only sees copies, new files, and the
//! text of a schema. Section numbers in the documentation are those of <https://sqlite.org/fileformat2.html>.

pub mod backup;
pub mod btree;
mod bytes;
pub mod carve;
pub mod check;
pub mod digest;
pub mod discover;
pub mod draft;
pub mod evidence;
pub mod files;
#[cfg(test)]
pub(crate) mod fixture;
mod foreign;
pub mod header;
pub mod holders;
pub mod image;
pub mod journal;
pub mod overflow;
pub mod record;
pub mod recover;
pub mod schema;
pub mod scrub;
pub mod seal;
pub mod sidecar;
pub mod snapshot;
pub mod wal;
#[cfg(test)]
mod witness;
