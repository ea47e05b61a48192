//! Secret keys of age: bech32 (BIP 173) in upper case with the prefix `AGE-SECRET-KEY-`, or
//! `AGE-SECRET-KEY-PQ-` for hybrid keys.

use super::{Verdict, cut};

const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];

pub(super) fn verify(token: &[u8]) -> Verdict {
    let sum = cut(token, 6).and_then(|(front, sum)| Some((checksum(front)?, sum)));
    Verdict::checksum(sum.is_some_and(|(right, found)| right.eq_ignore_ascii_case(found)))
}

/// Expects all but the last six characters.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    let sum = checksum(so_far)?;
    Some(if so_far.iter().any(u8::is_ascii_lowercase) { sum } else { sum.to_ascii_uppercase() })
}

/// The checksum of prefix, `1` and data, in lower case.
fn checksum(front: &[u8]) -> Option<Vec<u8>> {
    let front = front.to_ascii_lowercase();
    let separator = memchr::memrchr(b'1', &front)?;
    let (prefix, data) = (&front[..separator], &front[separator + 1..]);
    let mut sum = 1;
    prefix.iter().for_each(|byte| sum = step(sum, u32::from(byte >> 5)));
    sum = step(sum, 0);
    prefix.iter().for_each(|byte| sum = step(sum, u32::from(byte & 31)));
    for byte in data {
        sum = step(sum, DIGITS.iter().position(|digit| digit == byte)? as u32);
    }
    for _ in 0..6 {
        sum = step(sum, 0);
    }
    sum ^= 1;
    Some((0..6).rev().map(|place| DIGITS[(sum >> (5 * place) & 31) as usize]).collect())
}

fn step(sum: u32, value: u32) -> u32 {
    let top = sum >> 25;
    let shifted = (sum & 0x01ff_ffff) << 5 ^ value;
    (0..5).filter(|bit| top >> bit & 1 == 1).fold(shifted, |sum, bit| sum ^ GENERATOR[bit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_bip_173() {
        for valid in ["A12UEL5L", "a12uel5l", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"] {
            assert!(matches!(verify(valid.as_bytes()), Verdict::Proved(_)), "{valid}");
        }
        for invalid in ["A12UEL5M", "a12uelbl", "12", "abcdef", "A1G7SGD8b"] {
            assert_eq!(verify(invalid.as_bytes()), Verdict::Refuted, "{invalid}");
        }
    }

    #[test]
    fn the_key_of_the_test_suite_of_age_is_completed() {
        // Its 32 bytes are all 0x42.
        let front = ["AGE-SECRET-", "KEY-1GFPYYSJZ", &"GFPYYSJZ".repeat(5), "GFPQ"].concat();
        assert_eq!(complete(front.as_bytes()).unwrap(), b"4EGAEX");
        let token = [front.as_bytes(), b"4EGAEX"].concat();
        assert_eq!(verify(&token), Verdict::Proved("checksum valid".to_owned()));
        assert_eq!(verify(&[front.as_bytes(), b"4EGAEY"].concat()), Verdict::Refuted);
    }
}
