//! JFrog's keys: an API key is 73 characters of base 58, a reference token is base 64 of
//! `reftkn:<version>:<expiry>:<random>`.

use super::Verdict;
use crate::date::day;
use crate::detect::radix::{from_base58, from_base64};

pub(super) fn verify(token: &[u8]) -> Verdict {
    if token.starts_with(b"AKCp") {
        // Most texts of base 58 with this length decode to as many bytes: this refutes, but proves nothing.
        let sound = from_base58(token).is_some_and(|bytes| bytes.len() == 54);
        return if sound { Verdict::Plausible(None) } else { Verdict::Refuted };
    }
    match from_base64(token).as_deref().and_then(reference) {
        Some(fact) => Verdict::Proved(fact),
        None => Verdict::Refuted,
    }
}

fn reference(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let mut fields = text.strip_prefix("reftkn:")?.splitn(3, ':');
    let (version, expiry, random) = (fields.next()?, fields.next()?, fields.next()?);
    let number = |field: &str| field.parse().ok().filter(|_| field.bytes().all(|byte| byte.is_ascii_digit()));
    let (_, expiry): (u64, u64) = (number(version)?, number(expiry)?);
    let sound = random.len() >= 8 && random.bytes().all(|byte| byte.is_ascii_graphic());
    let expires = if expiry == 0 { None } else { day(expiry) };
    sound.then(|| match expires {
        Some(day) => format!("reference token, expires {day}"),
        None => "reference token, never expires".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::radix::to_base64;

    #[test]
    fn a_reference_token_tells_its_expiry() {
        let encoded = |text: &str| to_base64(text.as_bytes()).into_bytes();
        assert_eq!(
            verify(&encoded("reftkn:01:1740787200:abcdefGhijklmnoPqrstuVwxyz0")),
            Verdict::Proved("reference token, expires 2025-03-01".to_owned())
        );
        assert_eq!(
            verify(&encoded("reftkn:01:0000000000:abcdefGhijklmnoPqrstuVwxyz0")),
            Verdict::Proved("reference token, never expires".to_owned())
        );
        assert_eq!(verify(&encoded("reftkn:01:+740787200:abcdefGhijklmnoPq")), Verdict::Refuted);
        assert_eq!(verify(&encoded("reftkn:01:1740787200")), Verdict::Refuted);
    }

    #[test]
    fn an_api_key_has_54_bytes() {
        let key = ["AKCp", &"8kR".repeat(23)].concat();
        assert_eq!(verify(key.as_bytes()), Verdict::Plausible(None));
        assert_eq!(verify(&key.as_bytes()[..70]), Verdict::Refuted);
        assert_eq!(verify(key.replace("R8", "0O").as_bytes()), Verdict::Refuted);
    }
}
