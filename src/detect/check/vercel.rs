//! Vercel's tokens: CRC-32 of the 50 characters after the prefix, as six digits in base 62.

use super::{Verdict, after_underscore, cut};
use crate::detect::radix::to_base62;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let parts = cut(token, 6).and_then(|(front, digits)| Some((after_underscore(front)?, digits)));
    Verdict::checksum(parts.is_some_and(|(body, digits)| body.len() == 50 && checksum(body) == digits))
}

/// Expects the prefix and the characters before the checksum.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    after_underscore(so_far).map(checksum)
}

fn checksum(body: &[u8]) -> Vec<u8> {
    to_base62(crc32fast::hash(body), 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_crc_32_of_the_body() {
        let front = ["vcp_", &"0123456789".repeat(5)].concat();
        assert_eq!(complete(front.as_bytes()).unwrap(), b"3egt2i");
        assert_eq!(
            verify([&front, "3egt2i"].concat().as_bytes()),
            Verdict::Proved("checksum valid".to_owned())
        );
        assert_eq!(verify([&front, "3egt2j"].concat().as_bytes()), Verdict::Refuted);
        assert_eq!(verify([&front[..40], "3egt2i"].concat().as_bytes()), Verdict::Refuted);
    }
}
