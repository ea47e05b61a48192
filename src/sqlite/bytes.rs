//! Numbers as SQLite writes them: big-endian, and varints of one to nine bytes (section 1.6).

/// The 16-bit number at `at`; 0 beyond the end.
pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |found| u16::from_be_bytes(*found))
}

/// The 32-bit number at `at`; 0 beyond the end.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |found| u32::from_be_bytes(*found))
}

/// The signed number in at most eight bytes, two's complement.
#[inline]
pub(super) fn signed(bytes: &[u8]) -> i64 {
    let number = bytes.iter().fold(0, |number, &byte| number << 8 | i64::from(byte));
    // The shift there and back extends the sign; without bytes there is nothing to shift.
    let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    number << unused >> unused
}

/// The varint at the start of `bytes` and its length; `None` if it is cut off.
#[inline]
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let &first = bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    let mut number = u64::from(first & 0x7f);
    for at in 1..8 {
        let &byte = bytes.get(at)?;
        number = number << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((number, at + 1));
        }
    }
    // The ninth byte gives all its bits.
    let &last = bytes.get(8)?;
    Some((number << 8 | u64::from(last), 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length() {
        let cases: [(&[u8], u64); 6] = [
            (&[0x7f], 127),
            (&[0x81, 0x00], 128),
            (&[0x82, 0x80, 0x01], 2 << 14 | 1),
            (&[0xff; 9], u64::MAX),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x05], 5),
            (&[0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 1 << 63),
        ];
        for (bytes, number) in cases {
            assert_eq!(varint(bytes), Some((number, bytes.len())));
            for cut in 0..bytes.len() {
                assert_eq!(varint(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn signs_are_extended() {
        assert_eq!(
            [signed(&[0xff]), signed(&[0x80, 0]), signed(&[0x7f, 0xff, 0xff])],
            [-1, -32768, 0x7f_ffff]
        );
        assert_eq!(signed(&[]), 0);
        assert_eq!(signed(&i64::MIN.to_be_bytes()), i64::MIN);
    }
}
