//! OpenAI's keys: two random halves of equal length around the marker, which is base 64 of the company's name.

use memchr::memmem;

use super::Verdict;
use crate::detect::alphabet::Alphabet;
use crate::detect::random::Random;

const MARKER: &[u8] = b"T3BlbkFJ";
/// Lengths that a half has had.
const HALVES: [usize; 3] = [74, 58, 20];
/// A prefix such as `sk-`, `sk-proj-` and `sk-svcacct-` is shorter.
const LONGEST_PREFIX: usize = 16;

pub(super) fn verify(token: &[u8]) -> Verdict {
    for at in memmem::find_iter(token, MARKER) {
        let half = token.len() - at - MARKER.len();
        if HALVES.contains(&half) && follows_prefix(&token[..at], half) {
            return Verdict::Proved(format!("structure valid: two halves of {half} characters"));
        }
    }
    Verdict::Refuted
}

/// Expects prefix, first half and marker; the second half is random, but always the same after the same first.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    let front = so_far.strip_suffix(MARKER)?;
    let half = HALVES.into_iter().find(|&half| follows_prefix(front, half))?;
    let mut random = Random::new(u64::from(crc32fast::hash(so_far)));
    Some(random.text(&Alphabet::parse("base62")?, half))
}

/// Whether the last `half` characters stand right after a prefix.
fn follows_prefix(front: &[u8], half: usize) -> bool {
    front.len().checked_sub(half + 1).is_some_and(|dash| dash < LONGEST_PREFIX && front[dash] == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_have_the_same_length() {
        for (prefix, half) in
            [("sk-", 20), ("sk-proj-", 20), ("sk-proj-", 74), ("sk-svcacct-", 58), ("sk-admin-", 74)]
        {
            let first = "aB3-dE_".repeat(11);
            let front = [prefix.as_bytes(), &first.as_bytes()[..half], MARKER].concat();
            let rest = complete(&front).unwrap();
            assert_eq!(rest.len(), half);
            let token = [front, rest].concat();
            assert!(matches!(verify(&token), Verdict::Proved(_)), "{prefix}");
            assert_eq!(verify(&token[..token.len() - 1]), Verdict::Refuted);
            assert_eq!(verify(&[prefix.as_bytes(), &token[prefix.len() + 1..]].concat()), Verdict::Refuted);
        }
    }
}
