//! A digest: SHA-256 of evidence, computed as it is read.

use std::io;

use sha2::{Digest as _, Sha256};

use super::evidence::Evidence;

/// Bytes that are read at once.
pub(super) const BLOCK: usize = 64 * 1024;

/// SHA-256 of a file.
pub(super) fn of_file(file: &Evidence) -> io::Result<[u8; 32]> {
    of_stream(file, |_| Ok(()))
}

/// SHA-256 of a file, whose bytes are also handed on in order.
pub(super) fn of_stream(
    file: &Evidence,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<[u8; 32]> {
    let mut sum = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut offset = 0;
    loop {
        let count = file.read_at(offset, &mut block)?;
        sum.update(&block[..count]);
        each(&block[..count])?;
        offset += count as u64;
        if count < BLOCK {
            return Ok(sum.finalize().into());
        }
    }
}

/// SHA-256 of bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;

    #[test]
    fn a_stream_is_hashed_and_handed_on() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let bytes = vec![7; length];
            let mut seen = Vec::new();
            let file = Evidence::of_bytes("a", bytes.clone());
            let sum = of_stream(&file, |part| {
                seen.extend_from_slice(part);
                Ok(())
            });
            assert_eq!(sum.unwrap(), of_bytes(&bytes));
            assert!(seen == bytes);
        }
        assert_eq!(hex(&of_bytes(b""))[..8], *"e3b0c442");
    }
}
