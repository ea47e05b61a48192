//! An alphabet: the set of ASCII characters that a part of a token is written in.

/// A set of ASCII characters, 32 bytes large, asked with one shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alphabet([u64; 4]);

/// Names of alphabets and the bracket classes that they stand for.
const NAMES: [(&str, &str); 16] = [
    ("digits", "[0-9]"),
    ("lower", "[a-z]"),
    ("upper", "[A-Z]"),
    ("alpha", "[A-Za-z]"),
    ("alnum", "[0-9A-Za-z]"),
    ("base62", "[0-9A-Za-z]"),
    ("hex", "[0-9a-f]"),
    ("HEX", "[0-9A-F]"),
    ("anyhex", "[0-9A-Fa-f]"),
    ("base32", "[A-Z2-7]"),
    ("base36", "[0-9a-z]"),
    ("BASE36", "[0-9A-Z]"),
    ("base58", "[1-9A-HJ-NP-Za-km-z]"),
    ("base64", "[A-Za-z0-9+/]"),
    ("base64url", "[A-Za-z0-9_-]"),
    ("word", "[0-9A-Za-z_]"),
];

impl Alphabet {
    /// Reads a name (`base62`, `hex`, `word`, …) or a bracket class such as `[a-z0-9_]`.
    ///
    /// In a class `-` stands for itself at either end, and `\` takes the meaning from the character after it. A class
    /// that is empty, negated, has a range that runs backwards or a character beyond ASCII is none.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let class = NAMES.iter().find(|(known, _)| *known == name).map_or(name, |(_, class)| class);
        Self::class(class)
    }

    /// The names that there are.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Whether the character belongs to it.
    #[inline]
    pub(crate) const fn contains(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 == 1
    }

    /// Its characters in the order of ASCII.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|&byte| self.contains(byte))
    }

    fn class(text: &str) -> Option<Self> {
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        if inside.starts_with('^') {
            return None;
        }
        let members = members(inside)?;
        let mut set = [0; 4];
        let mut at = 0;
        while let Some(&(first, _)) = members.get(at) {
            let last = match (members.get(at + 1), members.get(at + 2)) {
                (Some((b'-', true)), Some(&(last, _))) => {
                    at += 3;
                    last
                }
                _ => {
                    at += 1;
                    first
                }
            };
            if first > last {
                return None;
            }
            for byte in first..=last {
                set[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        (set != [0; 4]).then_some(Self(set))
    }
}

/// The characters of a class, each with whether it stands there plainly, without `\` before it.
fn members(inside: &str) -> Option<Vec<(u8, bool)>> {
    let mut members = Vec::new();
    let mut bytes = inside.bytes();
    while let Some(byte) = bytes.next() {
        let member = match byte {
            b'\\' => (bytes.next()?, false),
            b'[' | b']' => return None,
            _ => (byte, true),
        };
        if !member.0.is_ascii() {
            return None;
        }
        members.push(member);
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(name: &str) -> String {
        Alphabet::parse(name).unwrap().iter().map(char::from).collect()
    }

    #[test]
    fn names_have_the_characters_that_they_promise() {
        let sizes = [
            ("digits", 10),
            ("lower", 26),
            ("upper", 26),
            ("alpha", 52),
            ("alnum", 62),
            ("base62", 62),
            ("hex", 16),
            ("HEX", 16),
            ("anyhex", 22),
            ("base32", 32),
            ("base36", 36),
            ("BASE36", 36),
            ("base58", 58),
            ("base64", 64),
            ("base64url", 64),
            ("word", 63),
        ];
        assert_eq!(sizes.len(), NAMES.len());
        for (name, size) in sizes {
            let alphabet = Alphabet::parse(name).unwrap();
            assert_eq!(alphabet.iter().count(), size, "{name}");
        }
        assert_eq!(text("hex"), "0123456789abcdef");
        assert!("0OIl".bytes().all(|byte| !Alphabet::parse("base58").unwrap().contains(byte)));
        assert!("0189".bytes().all(|byte| !Alphabet::parse("base32").unwrap().contains(byte)));
        assert!(!Alphabet::parse("base64").unwrap().contains(b'='));
        assert!(Alphabet::parse("base61").is_none());
    }

    #[test]
    fn classes_have_ranges_single_characters_dashes_and_escapes() {
        assert_eq!(text("[a-c0_]"), "0_abc");
        assert_eq!(text("[-a]"), "-a");
        assert_eq!(text("[a-]"), "-a");
        assert_eq!(text("[a\\-c]"), "-ac");
        assert_eq!(text("[\\]\\\\]"), "\\]");
        assert_eq!(text("[a-c-e]"), "-abce");
        for bad in ["", "[", "[]", "[z-a]", "[^a]", "[é]", "[a", "a]", "[a[b]", "[a\\]"] {
            assert!(Alphabet::parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(name in "\\[?.{0,12}\\]?", byte: u8) {
            if let Some(alphabet) = Alphabet::parse(&name) {
                prop_assert!(alphabet.iter().next().is_some() && alphabet.iter().all(|byte| byte.is_ascii()));
                prop_assert_eq!(alphabet.contains(byte), alphabet.iter().any(|member| member == byte));
            }
        }
    }
}
