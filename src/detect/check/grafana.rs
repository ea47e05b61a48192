//! Grafana's service account tokens: `glsa_`, 32 characters, `_`, and the CRC-32 of all before that underscore, its
//! bytes in little-endian order, as eight hexadecimal digits.

use super::{Verdict, cut};
use crate::detect::radix::from_hex8;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let parts =
        cut(token, 8).and_then(|(front, digits)| Some((front.strip_suffix(b"_")?, from_hex8(digits)?)));
    Verdict::checksum(parts.is_some_and(|(front, sum)| crc32fast::hash(front).swap_bytes() == sum))
}

/// Expects all before the checksum; its underscore may stand there or not.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    let (front, separator) = so_far.strip_suffix(b"_").map_or((so_far, "_"), |front| (front, ""));
    Some(format!("{separator}{:08x}", crc32fast::hash(front).swap_bytes()).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_crc_32_of_the_front_in_little_endian_order() {
        let front = ["glsa_", &"0123456789abcdef".repeat(2)].concat();
        assert_eq!(complete(front.as_bytes()).unwrap(), b"_c806e229");
        assert_eq!(complete(format!("{front}_").as_bytes()).unwrap(), b"c806e229");
        assert_eq!(
            verify([&front, "_c806e229"].concat().as_bytes()),
            Verdict::Proved("checksum valid".to_owned())
        );
        assert_eq!(verify([&front, "_c806e228"].concat().as_bytes()), Verdict::Refuted);
        assert_eq!(verify([&front, "-c806e229"].concat().as_bytes()), Verdict::Refuted);
    }
}
