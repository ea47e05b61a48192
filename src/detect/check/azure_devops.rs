//! Personal access tokens of Azure DevOps in their old form: 52 characters of base 32 are 32 bytes, of which numbers
//! 2, 7, 8 and 22 are the CRC-32 of the others, mixed with a constant for the kind of token.
//!
//! The algorithm is that of Microsoft's own scanner. No real token has confirmed it here, so that failure refutes
//! nothing.

use super::Verdict;
use crate::detect::radix::{from_base32, to_base32};

const KINDS: [(u32, &str); 2] = [(0xe0b9_692d, "user's token"), (0x1019_f92e, "application's token")];
/// Places of the checksum's bytes, the highest first.
const PLACES: [usize; 4] = [2, 7, 8, 22];
/// Characters of base 32 whose bits are all in the first 28 bytes.
const FRONT: usize = 44;
const POLYNOMIAL: u32 = 0xedb8_8320;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let bytes = from_base32(token).filter(|_| token.len() == 52);
    let Some(bytes) = bytes else {
        return Verdict::Refuted;
    };
    let crc = crc32fast::hash(&covered(&bytes));
    let found = u32::from_be_bytes(PLACES.map(|place| bytes[place]));
    match KINDS.iter().find(|(constant, _)| crc ^ constant == found) {
        Some((_, kind)) => Verdict::Proved(format!("checksum valid, {kind}")),
        None => Verdict::Plausible(None),
    }
}

/// Expects the first 44 characters, in which the checksum stands, and returns the eight that make it right. (Any four
/// bytes in a row can give a CRC-32 any value.)
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    // 44 characters are 220 bits; a zero fills the half byte at their end.
    let mut bytes = from_base32(&[so_far, b"a"].concat()).filter(|_| so_far.len() == FRONT)?;
    let wanted = u32::from_be_bytes(PLACES.map(|place| bytes[place])) ^ KINDS[0].0;
    let forced = force(crc32fast::hash(&covered(&bytes)), wanted);
    bytes.extend(forced.to_le_bytes());
    Some(to_base32(&bytes).split_off(FRONT))
}

/// The bytes that are not the checksum.
fn covered(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().enumerate().filter(|(place, _)| !PLACES.contains(place)).map(|(_, byte)| *byte).collect()
}

/// The four bytes, as a little-endian number, that turn the CRC-32 `from` into `to`: the register run backwards.
fn force(from: u32, to: u32) -> u32 {
    let mut register = !to;
    for _ in 0..32 {
        register = if register >> 31 == 1 { (register ^ POLYNOMIAL) << 1 | 1 } else { register << 1 };
    }
    register ^ !from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_give_a_crc_any_value() {
        let mut text = b"1234".to_vec();
        text.extend(force(crc32fast::hash(&text), 0xcbf4_3926).to_le_bytes());
        assert_eq!(crc32fast::hash(&text), 0xcbf4_3926);
    }

    #[test]
    fn a_completed_token_passes_and_a_changed_one_does_not() {
        let front: Vec<u8> = b"q7cd2fzmnk5xw3vt".repeat(3)[..FRONT].to_vec();
        let token = [front.clone(), complete(&front).unwrap()].concat();
        assert_eq!(token.len(), 52);
        assert_eq!(verify(&token), Verdict::Proved("checksum valid, user's token".to_owned()));
        for at in 0..51 {
            let mut other = token.clone();
            other[at] = if other[at] == b'b' { b'c' } else { b'b' };
            assert_eq!(verify(&other), Verdict::Plausible(None), "{at}");
        }
        assert_eq!(verify(&token[1..]), Verdict::Refuted);
        assert_eq!(verify(&[&token[1..], b"1"].concat()), Verdict::Refuted);
    }
}
