//! Classic tokens of GitHub, and those of npm and Vercel: CRC-32 of the characters after the prefix, as six digits in
//! base 62.

use super::{Verdict, after_underscore, cut};
use crate::detect::radix::to_base62;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let Some((front, digits)) = cut(token, 6) else {
        return Verdict::Refuted;
    };
    let Some(body) = after_underscore(front) else {
        return Verdict::Refuted;
    };
    let holds = checksum(body) == digits;
    // Confirmed with 30 characters (GitHub, npm) and 50 (Vercel). GitHub's refresh tokens of 70 were not seen to follow it.
    if matches!(body.len(), 30 | 50) {
        Verdict::checksum(holds)
    } else {
        Verdict::unconfirmed_checksum(holds)
    }
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
        // CRC-32 of "123456789" is cbf43926, the check value of the algorithm's catalogue.
        assert_eq!(checksum(b"123456789"), b"3jZRME");
        let front = ["ghp_", &"0123456789".repeat(3)].concat();
        assert_eq!(complete(front.as_bytes()).unwrap(), b"0pV6Ps");
        let valid = Verdict::Proved("checksum valid".to_owned());
        assert_eq!(verify([&front, "0pV6Ps"].concat().as_bytes()), valid);
        assert_eq!(verify([&front.replace("ghp", "npm"), "0pV6Ps"].concat().as_bytes()), valid);
        assert_eq!(verify([&front, "0pV6Pt"].concat().as_bytes()), Verdict::Refuted);
        let vercel = ["vcp_", &"0123456789".repeat(5)].concat();
        assert_eq!(verify([&vercel, "3egt2i"].concat().as_bytes()), valid);
        assert_eq!(verify([&vercel, "3egt2j"].concat().as_bytes()), Verdict::Refuted);
        assert_eq!(verify(["ghr_", &"a1".repeat(38)].concat().as_bytes()), Verdict::Plausible(None));
        assert_eq!(verify(b"ghp_"), Verdict::Refuted);
    }
}
