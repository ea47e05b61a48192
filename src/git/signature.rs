//! A signature line of a commit or tag: a name, an address and a time, as `author`, `committer` and `tagger` give them.

/// Who did something, and when. Every part is foreign text and may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The whole line after its keyword.
    pub raw: &'a [u8],
    /// What stands before the address.
    pub name: &'a [u8],
    /// What stands between `<` and `>`.
    pub email: &'a [u8],
    /// Seconds since the Unix epoch; 0 where there is no number.
    pub time: i64,
}

impl<'a> Signature<'a> {
    /// Takes from a line what can be had.
    #[must_use]
    pub fn parse(raw: &'a [u8]) -> Self {
        let Some(open) = memchr::memchr(b'<', raw) else {
            return Self { raw, name: raw.trim_ascii(), ..Self::default() };
        };
        let rest = &raw[open + 1..];
        let email = &rest[..memchr::memchr(b'>', rest).unwrap_or(rest.len())];
        // A name or address may hold a `>`; git looks for the time behind the last one.
        let time = memchr::memrchr(b'>', raw).map_or(0, |close| leading_number(&raw[close + 1..]));
        Self { raw, name: raw[..open].trim_ascii(), email: email.trim_ascii(), time }
    }
}

/// The number at the beginning of a text, 0 where there is none, the nearest one where it is too large.
fn leading_number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (digits, sign) = match text.strip_prefix(b"-") {
        Some(digits) => (digits, -1),
        None => (text, 1),
    };
    let number = digits
        .iter()
        .take_while(|digit| digit.is_ascii_digit())
        .fold(0i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    number * sign
}

/// Foreign text for people: Latin-1 where the object says so, UTF-8 elsewhere.
pub(super) fn decode(text: &[u8], encoding: Option<&[u8]>) -> String {
    const LATIN: &[&[u8]] = &[b"iso-8859-1", b"iso8859-1", b"latin-1", b"latin1", b"iso-8859-15"];
    let latin =
        encoding.is_some_and(|name| LATIN.iter().any(|known| name.trim_ascii().eq_ignore_ascii_case(known)));
    if latin {
        text.iter().map(|&byte| char::from(byte)).collect()
    } else {
        String::from_utf8_lossy(text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_also_in_odd_lines() {
        let parts = |text: &'static str| {
            let found = Signature::parse(text.as_bytes());
            (found.name, found.email, found.time)
        };
        assert_eq!(parts("A B <a@b> 17 +0100"), (&b"A B"[..], &b"a@b"[..], 17));
        assert_eq!(parts("A <a@b> -17 +0100"), (&b"A"[..], &b"a@b"[..], -17));
        assert_eq!(parts("A <a@b>"), (&b"A"[..], &b"a@b"[..], 0));
        assert_eq!(parts("A <a > b> 5"), (&b"A"[..], &b"a"[..], 5));
        assert_eq!(parts("no address 5"), (&b"no address 5"[..], &b""[..], 0));
        assert_eq!(parts("<> 99999999999999999999 +0"), (&b""[..], &b""[..], i64::MAX));
        assert_eq!(parts(""), (&b""[..], &b""[..], 0));
    }

    #[test]
    fn latin_letters_are_read_where_the_object_says_so() {
        assert_eq!(decode(b"J\xfcrgen", Some(b"ISO-8859-1")), "J\u{fc}rgen");
        assert_eq!(decode(b"J\xfcrgen", None), "J\u{fffd}rgen");
    }

    proptest::proptest! {
        #[test]
        fn any_line_has_parts_within_it(raw: Vec<u8>) {
            let found = Signature::parse(&raw);
            proptest::prop_assert!(found.name.len() + found.email.len() <= raw.len());
        }
    }
}
