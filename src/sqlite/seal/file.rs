//! The file of a seal: a first line with the version, numbers of fixed width, the hashes, and SHA-256 of all that.

use super::super::bytes::be32;
use super::super::digest;
use super::super::header::Geometry;
use super::{Facts, HASH_BYTES, Seal};

/// How seals of every version begin.
const NAME: &[u8] = b"kbsec seal ";
/// The version that is written.
const VERSION: &[u8] = b"1\n";
/// Bytes before the hashes of pages: the first line, five numbers of 32 bits, one of 64, and SHA-256 of the file.
const FIXED: usize = NAME.len() + VERSION.len() + 5 * 4 + 8 + SUM;
/// Bytes of the checksum at the end.
const SUM: usize = 32;

/// Why bytes are no seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// It begins otherwise.
    #[error("it does not begin as a seal")]
    Foreign,
    /// It is of a version that this program does not know.
    #[error("it was written by a newer version of kbsec")]
    Version,
    /// It is cut off or too long.
    #[error("its length is not what it says; it was cut off or something was added")]
    Length,
    /// Its checksum is wrong.
    #[error("its checksum is wrong: the seal itself was changed")]
    Checksum,
    /// Its numbers contradict each other.
    #[error("its numbers contradict each other")]
    Contradiction,
}

impl Seal {
    /// The bytes of its file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let facts = &self.facts;
        let mut out = [NAME, VERSION].concat();
        let numbers = [
            facts.page_size,
            facts.change_counter,
            facts.user_version,
            facts.application_id,
            self.wal_frames,
        ];
        out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        out.extend(self.length.to_be_bytes());
        out.extend(self.sha256);
        out.extend(self.pages.as_flattened());
        out.extend(digest::of_bytes(&out));
        out
    }

    /// Reads what [`Seal::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are anything else, or one bit of them was changed.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealFault> {
        let versioned = bytes.strip_prefix(NAME).ok_or(SealFault::Foreign)?;
        if !versioned.starts_with(VERSION) {
            return Err(SealFault::Version);
        }
        let (content, sum) = bytes.split_last_chunk::<SUM>().ok_or(SealFault::Length)?;
        let (fixed, hashes) = content.split_first_chunk::<FIXED>().ok_or(SealFault::Length)?;
        let (pages, rest) = hashes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() {
            return Err(SealFault::Length);
        }
        if digest::of_bytes(content) != *sum {
            return Err(SealFault::Checksum);
        }
        let numbers = &fixed[NAME.len() + VERSION.len()..];
        let number = |index: usize| be32(numbers, 4 * index);
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(&numbers[28..]);
        let seal = Self {
            facts: Facts {
                page_size: number(0),
                change_counter: number(1),
                user_version: number(2),
                application_id: number(3),
            },
            wal_frames: number(4),
            length: u64::from(number(5)) << 32 | u64::from(number(6)),
            sha256,
            pages: pages.to_vec(),
        };
        let possible = Geometry::new(seal.facts.page_size, 0).is_some()
            && seal.length.div_ceil(seal.facts.page_size.into()) == seal.pages.len() as u64;
        possible.then_some(seal).ok_or(SealFault::Contradiction)
    }
}
