//! Cloudflare's tokens of 2026: CRC-32 of the 40 characters after the prefix, as eight hexadecimal digits.
//!
//! The vendor says only that there is a checksum; the algorithm is what other scanners use and no real token has
//! confirmed it here, so that failure refutes nothing.

use super::{Verdict, after_underscore, cut};
use crate::detect::radix::from_hex8;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let parts =
        cut(token, 8).and_then(|(front, digits)| Some((after_underscore(front)?, from_hex8(digits)?)));
    match parts {
        Some((body, sum)) => Verdict::unconfirmed_checksum(crc32fast::hash(body) == sum),
        None => Verdict::Refuted,
    }
}

/// Expects the prefix and the characters before the checksum.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    after_underscore(so_far).map(|body| format!("{:08x}", crc32fast::hash(body)).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_crc_32_of_the_body() {
        let front = ["cfut_", &"0123456789".repeat(4)].concat();
        assert_eq!(complete(front.as_bytes()).unwrap(), b"a6463c49");
        assert_eq!(
            verify([&front, "a6463c49"].concat().as_bytes()),
            Verdict::Proved("checksum valid".to_owned())
        );
        assert_eq!(verify([&front, "a6463c48"].concat().as_bytes()), Verdict::Plausible(None));
        assert_eq!(verify([&front, "a6463c4x"].concat().as_bytes()), Verdict::Refuted);
    }
}
