//! GitLab's routable tokens: `<prefix><payload>.<version>.<length><checksum>`, where the payload is base 64 of
//! routing lines and random bytes, the length is that of the payload in two digits of base 36, and the checksum is the
//! CRC-32 of everything before it in seven.
//!
//! Tokens of the first version had no `.<version>`. No real one has confirmed that their checksum is made in the same
//! way, so that failure refutes nothing there.

use super::{Verdict, cut};
use crate::detect::fact::shown;
use crate::detect::radix::{from_base36, from_base64url, to_base36};

/// The version that examples have.
const VERSION: &[u8] = b"01";

pub(super) fn verify(token: &[u8]) -> Verdict {
    let Some(parts) = Parts::of(token) else {
        return Verdict::Refuted;
    };
    let holds = checksum(parts.front) == parts.checksum.to_ascii_lowercase();
    match (parts.payload(), parts.versioned) {
        (Some(payload), _) if holds => Verdict::Proved(format!("checksum valid{}", routing(payload))),
        (_, true) => Verdict::Refuted,
        (_, false) => Verdict::Plausible(None),
    }
}

/// Expects `<prefix><payload>`, and of what follows as much as you like up to the checksum. With a single dot at the
/// end the token has no version.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    let dot = memchr::memchr(b'.', so_far).unwrap_or(so_far.len());
    let payload = so_far.get(prefix_length(so_far)?..dot)?;
    let length = to_base36(u32::try_from(payload.len()).ok()?, 2);
    let versioned = [b".".as_slice(), VERSION, b"."].concat();
    let rest: Vec<u8> = match &so_far[dot..] {
        [] => [versioned, length].concat(),
        [b'.'] | [b'.', _, _, b'.'] => length,
        [b'.', tail @ ..] | [b'.', _, _, b'.', tail @ ..] if tail == length => Vec::new(),
        [b'.', _, _] => [b".".as_slice(), &length].concat(),
        _ => return None,
    };
    let front = [so_far, &rest].concat();
    Some([rest, checksum(&front)].concat())
}

/// The prefix ends with its first dash; that of a runner's token continues with its type, as in `glrt-t1_`.
fn prefix_length(token: &[u8]) -> Option<usize> {
    let dash = memchr::memchr(b'-', token)? + 1;
    let typed = token.starts_with(b"glrt-t") && token.get(dash + 2) == Some(&b'_');
    Some(if typed { dash + 3 } else { dash })
}

fn checksum(front: &[u8]) -> Vec<u8> {
    to_base36(crc32fast::hash(front), 7)
}

struct Parts<'a> {
    /// Everything before the checksum.
    front: &'a [u8],
    checksum: &'a [u8],
    /// Prefix and payload.
    head: &'a [u8],
    length: u64,
    versioned: bool,
}

impl<'a> Parts<'a> {
    fn of(token: &'a [u8]) -> Option<Self> {
        let (front, checksum) = cut(token, 7)?;
        let (before, length) = cut(front, 2)?;
        let before = before.strip_suffix(b".")?;
        let (head, versioned) = match cut(before, 3) {
            Some((head, [b'.', _, _])) => (head, true),
            _ => (before, false),
        };
        Some(Self { front, checksum, head, length: from_base36(length)?, versioned })
    }

    /// The payload, if it has the length that the token states.
    fn payload(&self) -> Option<&'a [u8]> {
        let (prefix, payload) = cut(self.head, usize::try_from(self.length).ok()?)?;
        matches!(prefix.last(), Some(b'-' | b'_')).then_some(payload)
    }
}

/// The lines such as `o:1` (organisation) and `u:2a` (user, in base 36) that the payload starts with.
fn routing(payload: &[u8]) -> String {
    let mut words = String::new();
    for line in from_base64url(payload).unwrap_or_default().split(|&byte| byte == b'\n').take(8) {
        let [kind @ (b'c' | b'g' | b'o' | b'p' | b't' | b'u'), b':', value @ ..] = line else {
            break;
        };
        let name = match kind {
            b'c' => "cell",
            b'g' => "group",
            b'o' => "organisation",
            b'p' => "project",
            b't' => "type",
            _ => "user",
        };
        let Some(number) = from_base36(value) else {
            break;
        };
        words.push_str(&shown(&format!(", {name} {number}")));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::radix::to_base64url;

    const PAYLOAD: &str = "0123456789abcdefghijklmnopq";

    fn proved(token: &str) -> bool {
        matches!(verify(token.as_bytes()), Verdict::Proved(_))
    }

    #[test]
    fn a_versioned_token_states_length_and_checksum() {
        let head = format!("glpat-{PAYLOAD}");
        for (so_far, rest) in [
            (head.clone(), ".01.0r1qsipdg"),
            (format!("{head}.01"), ".0r1qsipdg"),
            (format!("{head}.01."), "0r1qsipdg"),
            (format!("{head}.01.0r"), "1qsipdg"),
            (format!("{head}."), "0r1asxfj5"),
            (format!("{head}.0r"), "1asxfj5"),
        ] {
            assert_eq!(String::from_utf8(complete(so_far.as_bytes()).unwrap()).unwrap(), rest);
            assert!(proved(&format!("{so_far}{rest}")), "{so_far}");
        }
        assert_eq!(verify(format!("{head}.01.0r1qsipdh").as_bytes()), Verdict::Refuted);
        assert_eq!(verify(format!("{head}.0r1asxfj6").as_bytes()), Verdict::Plausible(None));
        let wrong_length = format!("{head}.01.0q");
        let checksum = String::from_utf8(checksum(wrong_length.as_bytes())).unwrap();
        assert_eq!(verify(format!("{wrong_length}{checksum}").as_bytes()), Verdict::Refuted);
    }

    #[test]
    fn the_payload_names_organisation_and_user() {
        let payload = to_base64url(&[b"o:1\nu:2s\n".as_slice(), &[200; 16]].concat());
        for prefix in ["glpat-", "glrt-t1_"] {
            let head = format!("{prefix}{payload}");
            let token = [head.as_bytes(), &complete(head.as_bytes()).unwrap()].concat();
            assert_eq!(
                verify(&token),
                Verdict::Proved("checksum valid, organisation 1, user 100".to_owned())
            );
        }
    }
}
