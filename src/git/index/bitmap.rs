//! A compressed bitmap as git stores it (EWAH): runs of equal words, then words as they are.

/// Positions of the bits that are set, ascending, and how many bytes the bitmap took.
///
/// The bitmap has at most `limit` bits, so that a short file cannot ask for much memory.
pub(super) fn positions(bytes: &[u8], limit: u32) -> Result<(Vec<u32>, usize), &'static str> {
    const CUT: &str = "a bitmap ends after its extension";
    let bits = be32(bytes, 0).ok_or(CUT)?;
    let words = be32(bytes, 4).ok_or(CUT)? as usize;
    if bits > limit {
        return Err("a bitmap has more bits than there are entries");
    }
    let length = words.checked_mul(8).and_then(|length| length.checked_add(12)).ok_or(CUT)?;
    let body = bytes.get(8..length.wrapping_sub(4)).filter(|_| bytes.len() >= length).ok_or(CUT)?;
    let mut words =
        body.chunks_exact(8).map(|word| word.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)));
    let mut set = Vec::new();
    let mut at = 0u64;
    while let Some(marker) = words.next() {
        let run = (marker >> 1 & 0xFFFF_FFFF).saturating_mul(64);
        if marker & 1 == 1 {
            set.extend((at..(at + run).min(u64::from(bits))).filter_map(|bit| u32::try_from(bit).ok()));
        }
        at += run;
        for _ in 0..marker >> 33 {
            let word = words.next().ok_or("a bitmap lacks words")?;
            let ones = (0..64).filter(|bit| word >> bit & 1 == 1).map(|bit| at + bit);
            set.extend(ones.filter(|&bit| bit < u64::from(bits)).filter_map(|bit| u32::try_from(bit).ok()));
            at += 64;
        }
    }
    Ok((set, length))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bits: u32, words: &[u64]) -> Vec<u8> {
        let mut bytes = bits.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(words.len()).unwrap().to_be_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn runs_and_literal_words_are_expanded() {
        let bytes = encoded(200, &[1 << 33 | 1 << 1 | 1, 0b101, 1 << 33 | 1 << 1, 1]);
        let (set, length) = positions(&bytes, 200).unwrap();
        let expected: Vec<u32> = (0..64).chain([64, 66, 192]).collect();
        assert_eq!((set, length), (expected, bytes.len()));
    }

    #[test]
    fn sizes_that_lie_are_errors() {
        assert!(positions(&encoded(201, &[0]), 200).is_err());
        assert!(positions(&encoded(64, &[5 << 33]), 200).is_err());
        assert!(positions(&encoded(64, &[0])[..19], 200).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_bits_within_the_limit(words: Vec<u64>, bits in 0u32..300) {
            if let Ok((set, _)) = positions(&encoded(bits, &words), 300) {
                proptest::prop_assert!(set.is_sorted());
                proptest::prop_assert!(set.last().is_none_or(|&bit| bit < bits));
            }
        }
    }
}
