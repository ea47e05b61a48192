//! Tokens of the Python package index: a macaroon (version 2, base 64) whose caveats say which projects it is for.

use serde_json::Value;

use super::Verdict;
use crate::date::day;
use crate::detect::fact::shown;
use crate::detect::radix::{from_base64url, to_base64url};
use crate::detect::random::Random;

const PREFIX: &[u8] = b"pypi-";
/// Field types of libmacaroons' second format.
const END: u8 = 0;
const LOCATION: u8 = 1;
const IDENTIFIER: u8 = 2;
const VERIFICATION: u8 = 4;
const SIGNATURE: u8 = 6;
/// Caveats that are read at most.
const MOST_CAVEATS: usize = 32;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let text = token.strip_prefix(PREFIX).unwrap_or(token);
    // A text that was cut short still begins with whole bytes.
    let whole = if text.len() % 4 == 1 { &text[..text.len() - 1] } else { text };
    let Some(bytes) = from_base64url(whole) else {
        return Verdict::Refuted;
    };
    let mut reader = Reader { bytes: &bytes, at: 1 };
    let location = match (bytes.first(), reader.field()) {
        (Some(2), Some((LOCATION, location))) => std::str::from_utf8(location).ok(),
        _ => None,
    };
    let Some(location) = location.filter(|text| text.contains('.')) else {
        return Verdict::Refuted;
    };
    match reader.caveats() {
        Some(caveats) => Verdict::Proved(format!("for {}, {}", shown(location), scope(&caveats))),
        None => Verdict::Plausible(Some(format!("for {}", shown(location)))),
    }
}

/// Expects the prefix and base 64 of version and location, to its last character. What follows is a macaroon for a whole account, the same each time.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    let text = so_far.strip_prefix(PREFIX)?;
    let zeros = vec![b'A'; text.len().next_multiple_of(4) - text.len()];
    let mut bytes = from_base64url(&[text, &zeros].concat())?;
    let length = usize::from(*bytes.get(2)?);
    if text.len() * 6 < (3 + length) * 8 {
        return None;
    }
    bytes.truncate(3 + length);
    let mut random = Random::new(u64::from(crc32fast::hash(so_far)));
    let field = |kind: u8, value: &[u8]| [&[kind, value.len() as u8], value].concat();
    bytes.extend(field(IDENTIFIER, random.uuid().as_bytes()));
    bytes.push(END);
    bytes.extend(field(IDENTIFIER, format!("[3, \"{}\"]", random.uuid()).as_bytes()));
    bytes.extend([END, END]);
    bytes.extend(field(SIGNATURE, &random.bytes(32)));
    to_base64url(&bytes).as_bytes().strip_prefix(text).map(<[u8]>::to_vec)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The identifiers of the caveats, if everything to the end has the structure of a macaroon.
    fn caveats(&mut self) -> Option<Vec<&'a [u8]>> {
        let identifier = self.field()?;
        if identifier.0 != IDENTIFIER || self.field()?.0 != END {
            return None;
        }
        let mut caveats = Vec::new();
        loop {
            let mut field = self.field()?;
            if field.0 == END {
                break;
            }
            while field.0 != END {
                match field.0 {
                    IDENTIFIER if caveats.len() < MOST_CAVEATS => caveats.push(field.1),
                    LOCATION | VERIFICATION => {}
                    _ => return None,
                }
                field = self.field()?;
            }
        }
        let (kind, signature) = self.field()?;
        (kind == SIGNATURE && signature.len() == 32 && self.at == self.bytes.len()).then_some(caveats)
    }

    /// Type and value of the next field; the end of a section has no value.
    fn field(&mut self) -> Option<(u8, &'a [u8])> {
        let kind = *self.bytes.get(self.at)?;
        self.at += 1;
        if kind == END {
            return Some((END, &[]));
        }
        let length = self.varint()?;
        let value = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some((kind, value))
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for place in 0..3 {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= usize::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// What the caveats allow. They are JSON: an object in the first tokens, `[number, …]` since.
fn scope(caveats: &[&[u8]]) -> String {
    let mut projects = None;
    let mut expires = None;
    for caveat in caveats.iter().filter_map(|caveat| serde_json::from_slice::<Value>(caveat).ok()) {
        match caveat[0].as_u64() {
            Some(0) => expires = caveat[1].as_u64().and_then(day),
            Some(1 | 2) => projects = names(&caveat[1]),
            _ => projects = projects.or_else(|| names(&caveat["permissions"]["projects"])),
        }
    }
    let whose = projects.map_or("for the whole account".to_owned(), |names| format!("only for {names}"));
    expires.map_or(whose.clone(), |day| format!("{whose}, expires {day}"))
}

fn names(list: &Value) -> Option<String> {
    let names: Vec<&str> = list.as_array()?.iter().filter_map(Value::as_str).collect();
    Some(shown(&names.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(caveats: &[&str]) -> Vec<u8> {
        let field = |kind: u8, value: &[u8]| [&[kind, value.len() as u8], value].concat();
        let mut bytes =
            [vec![2], field(LOCATION, b"index.example"), field(IDENTIFIER, b"0-1-2"), vec![END]].concat();
        for caveat in caveats {
            bytes.extend([field(IDENTIFIER, caveat.as_bytes()), vec![END]].concat());
        }
        bytes.extend([vec![END], field(SIGNATURE, &[9; 32])].concat());
        format!("pypi-{}", to_base64url(&bytes)).into_bytes()
    }

    #[test]
    fn caveats_say_what_the_token_is_for() {
        for (caveats, scope) in [
            (&[r#"{"version": 1, "permissions": "user"}"#][..], "for the whole account"),
            (&[r#"[3, "u"]"#], "for the whole account"),
            (&[r#"{"version": 1, "permissions": {"projects": ["a", "b"]}}"#], "only for a b"),
            (&[r#"[1, ["a"]]"#, "[0, 1740787200, 1]"], "only for a, expires 2025-03-01"),
        ] {
            assert_eq!(verify(&token(caveats)), Verdict::Proved(format!("for index.example, {scope}")));
        }
    }

    #[test]
    fn a_macaroon_that_was_cut_is_plausible_and_another_text_is_none() {
        let whole = token(&[r#"[3, "u"]"#]);
        for length in 30..whole.len() {
            let verdict = verify(&whole[..length]);
            assert_eq!(verdict, Verdict::Plausible(Some("for index.example".to_owned())), "{length}");
        }
        assert_eq!(verify(b"pypi-AgEI"), Verdict::Refuted);
        assert_eq!(verify(b"pypi-AwEIaW5kZXguZXhhbXBsZQ"), Verdict::Refuted);
    }

    #[test]
    fn a_header_is_completed() {
        for host in ["a.example", "ab.example", "abc.example"] {
            let header = to_base64url(&[&[2, LOCATION, host.len() as u8], host.as_bytes()].concat());
            let so_far = format!("pypi-{header}");
            let rest = complete(so_far.as_bytes()).unwrap();
            let verdict = verify(&[so_far.as_bytes(), &rest].concat());
            assert_eq!(verdict, Verdict::Proved(format!("for {host}, for the whole account")));
            assert_eq!(complete(&so_far.as_bytes()[..so_far.len() - 1]), None);
        }
    }
}
