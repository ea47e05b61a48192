//! An inflater: turns the compressed bytes of an object into as many bytes as its header promised.

use libdeflater::{DecompressionError, Decompressor};

use super::super::object::ObjectError;

/// A zlib decompressor that is used again and again. The Adler-32 at the end of every stream is checked.
pub(super) struct Inflater(Decompressor);

impl Inflater {
    pub(super) fn new() -> Self {
        Self(Decompressor::new())
    }

    /// Fills `out` from the stream at the beginning of `packed`, which may go on after the stream's end.
    pub(super) fn inflate(&mut self, packed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
        match self.0.zlib_decompress(packed, out) {
            Ok(length) if length == out.len() => Ok(()),
            Ok(_) => Err("it has fewer bytes than its header says"),
            Err(DecompressionError::InsufficientSpace) => Err("it has more bytes than its header says"),
            Err(DecompressionError::BadData) => Err(WRONG),
        }
    }

    /// Fills `out` from the beginning on and tells how many bytes there are; `None` when they are more than fit.
    pub(super) fn inflate_at_most(
        &mut self,
        packed: &[u8],
        out: &mut [u8],
    ) -> Result<Option<usize>, &'static str> {
        match self.0.zlib_decompress(packed, out) {
            Ok(length) => Ok(Some(length)),
            Err(DecompressionError::InsufficientSpace) => Ok(None),
            Err(DecompressionError::BadData) => Err(WRONG),
        }
    }
}

const WRONG: &str = "its compressed bytes are wrong";

/// Bytes to make room for when a header claims `size`; a stream of `packed` bytes cannot have more than a thousandfold.
pub(super) fn plausible(size: u64, packed: usize) -> Result<usize, &'static str> {
    let most = (packed as u64).saturating_mul(1040).saturating_add(64);
    usize::try_from(size).ok().filter(|_| size <= most).ok_or("its size is too large to be true")
}

/// Refuses a delta of so many bytes that the object that it makes has more than `limit`: an instruction takes eight bytes
/// at most, and makes at least one.
pub(super) fn fits(delta: u64, limit: u64) -> Result<(), ObjectError> {
    match delta > limit.saturating_mul(8).saturating_add(32) {
        true => Err(ObjectError::TooLarge { bytes: delta }),
        false => Ok(()),
    }
}
