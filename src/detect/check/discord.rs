//! Discord's bot tokens: base 64 of the bot's number, a dot, the time of issue, a dot, and an HMAC. Nothing proves
//! them, but the number holds the moment at which the bot was created.

use super::Verdict;
use crate::date::day;
use crate::detect::radix::from_base64url;

/// 2015-01-01 in Unix milliseconds, where Discord's numbers begin.
const EPOCH: u64 = 1_420_070_400_000;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let first = token.split(|&byte| byte == b'.').next().unwrap_or_default();
    match from_base64url(first).and_then(|digits| snowflake(&digits)) {
        Some(number) => Verdict::Plausible(
            day(((number >> 22) + EPOCH) / 1000).map(|day| format!("bot {number}, created {day}")),
        ),
        None => Verdict::Refuted,
    }
}

/// A number of 17 to 19 digits; the first of 17 are of 2015.
fn snowflake(digits: &[u8]) -> Option<u64> {
    let sound = matches!(digits.len(), 17..=19) && digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    std::str::from_utf8(digits).ok().filter(|_| sound)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::radix::to_base64url;

    #[test]
    fn the_first_part_is_a_snowflake() {
        // The number that Discord's reference explains: it was made at 1462015105796 Unix milliseconds.
        let token =
            |id: &str| format!("{}.GaBcDe.{}", to_base64url(id.as_bytes()), "k".repeat(38)).into_bytes();
        assert_eq!(
            verify(&token("175928847299117063")),
            Verdict::Plausible(Some("bot 175928847299117063, created 2016-04-30".to_owned()))
        );
        assert_eq!(verify(&token("1759288472991170")), Verdict::Refuted);
        assert_eq!(verify(&token("17592884729911706x")), Verdict::Refuted);
        assert_eq!(verify(b"MTA!"), Verdict::Refuted);
    }
}
