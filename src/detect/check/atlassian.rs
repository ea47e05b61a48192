//! Atlassian's and Bitbucket's tokens: CRC-32 of everything before the last eight characters, which are its
//! hexadecimal digits in upper case.

use super::{Verdict, cut};
use crate::detect::radix::from_hex8;

/// How `=` is written in JSON, URLs and shell scripts.
const ESCAPES: [&[u8]; 3] = [b"\\u003d", b"%3d", b"\\="];

pub(super) fn verify(token: &[u8]) -> Verdict {
    let token = unescape(token);
    let parts = cut(&token, 8).and_then(|(front, digits)| Some((front, from_hex8(digits)?)));
    Verdict::checksum(parts.is_some_and(|(front, sum)| crc32fast::hash(front) == sum))
}

/// Expects everything before the checksum; the `=` of `ATATT` and `ATCTT` tokens may stand there or not.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    let separated = so_far.starts_with(b"ATATT") || so_far.starts_with(b"ATCTT");
    let separator = if separated && !so_far.ends_with(b"=") { "=" } else { "" };
    let sum = crc32fast::hash(&[so_far, separator.as_bytes()].concat());
    Some(format!("{separator}{sum:08X}").into_bytes())
}

fn unescape(token: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(token.len());
    let mut rest = token;
    while let Some((&first, after)) = rest.split_first() {
        let escape = ESCAPES
            .iter()
            .find(|escape| rest.get(..escape.len()).is_some_and(|start| start.eq_ignore_ascii_case(escape)));
        let (byte, next) = escape.map_or((first, after), |escape| (b'=', &rest[escape.len()..]));
        plain.push(byte);
        rest = next;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_covers_all_before_it_and_the_sign_may_be_escaped() {
        let front = ["ATATT", "3xFfGF0", &"0123456789".repeat(3)].concat();
        assert_eq!(complete(front.as_bytes()).unwrap(), b"=D8B4DA34");
        assert_eq!(complete(format!("{front}=").as_bytes()).unwrap(), b"D8B4DA34");
        for sign in ["=", "\\u003d", "\\u003D", "%3D", "%3d", "\\="] {
            let verdict = verify(format!("{front}{sign}D8B4DA34").as_bytes());
            assert_eq!(verdict, Verdict::Proved("checksum valid".to_owned()), "{sign}");
        }
        assert_eq!(verify(format!("{front}=D8B4DA35").as_bytes()), Verdict::Refuted);
        let app = ["ATBB", &"Ab1".repeat(8)].concat().into_bytes();
        assert_eq!(
            verify(&[app.clone(), complete(&app).unwrap()].concat()),
            Verdict::Proved("checksum valid".to_owned())
        );
    }
}
