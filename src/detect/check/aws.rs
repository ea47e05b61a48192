//! Access key ids of AWS: four letters of kind and sixteen characters of base 32. In ids issued since 2019 the first
//! ten of these hold the number of the account.

use super::Verdict;
use crate::detect::radix::from_base32;

/// The bits of the account number in the first six bytes. The highest of them tells ids that have one.
const ACCOUNT: u64 = 0x7fff_ffff_ff80;
const HAS_ACCOUNT: u64 = 1 << 47;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let bytes = token.get(4..20).filter(|body| token.len() == 20 && !body.iter().any(u8::is_ascii_lowercase));
    let Some(bytes) = bytes.and_then(from_base32) else {
        return Verdict::Refuted;
    };
    let number = bytes.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte));
    let account = (number & ACCOUNT) >> 7;
    // Account numbers have twelve digits. Ids of old spell none, and neither do some that people make up.
    let known = number & HAS_ACCOUNT != 0 && account < 1_000_000_000_000;
    Verdict::Plausible(known.then(|| format!("AWS account {account:012}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_read_from_the_id() {
        let id = ["ASIA", "Y34FZKBOKMUTVV7A"].concat();
        assert_eq!(verify(id.as_bytes()), Verdict::Plausible(Some("AWS account 609629065308".to_owned())));
        assert_eq!(verify(["AKIA", "IOSFODNN7EXAMPLE"].concat().as_bytes()), Verdict::Plausible(None));
        assert_eq!(verify(["AKIA", "Y34FZKBOKMUTVV71"].concat().as_bytes()), Verdict::Refuted);
        assert_eq!(verify(["AKIA", "Y34FZKBOKMUTVV7a"].concat().as_bytes()), Verdict::Refuted);
        assert_eq!(verify(&id.as_bytes()[..19]), Verdict::Refuted);
    }
}
