//! What may reach a terminal: text whose characters neither command nor deceive it, and colours.

use std::fmt::{self, Write};

use crate::finding::Severity;

/// Shows text that others wrote. Characters that a terminal would obey (control characters), that reorder text
/// (bidirectional controls) or that cannot be seen (zero-width and other format characters, spaces other than
/// U+0020) appear as escapes such as `\u{202e}`; all others appear as they are.
#[derive(Clone, Copy, Debug)]
pub struct Sanitized<T>(pub T);

impl<T: fmt::Display> fmt::Display for Sanitized<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Filter(out), "{}", self.0)
    }
}

/// Passes on visible characters and escapes the others.
struct Filter<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Filter<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut written = 0;
        for (at, hidden) in text.char_indices().filter(|&(_, character)| is_hidden(character)) {
            self.0.write_str(&text[written..at])?;
            write!(self.0, "{}", hidden.escape_unicode())?;
            written = at + hidden.len_utf8();
        }
        self.0.write_str(&text[written..])
    }
}

/// Whether a character does something to a terminal or to its reader other than being seen.
pub(super) fn is_hidden(character: char) -> bool {
    match character {
        ' '..='~' => false,
        _ if character.is_control() || character.is_whitespace() => true,
        _ => {
            let code = u32::from(character);
            INVISIBLE
                .binary_search_by(|&(first, last)| {
                    if last < code {
                        std::cmp::Ordering::Less
                    } else if first > code {
                        std::cmp::Ordering::Greater
                    } else {
                        std::cmp::Ordering::Equal
                    }
                })
                .is_ok()
        }
    }
}

/// Inclusive ranges of code points, sorted: general category Cf and the property `Default_Ignorable_Code_Point` of
/// Unicode 16, and U+2800, a blank that is no space.
const INVISIBLE: [(u32, u32); 26] = [
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

/// The meaning of a piece of text, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// What the eye should find first.
    Strong,
    /// What the eye may pass over.
    Faint,
    /// A place or an address.
    Link,
    /// All is well.
    Good,
    /// Something is not known.
    Doubt,
    /// As bad as this.
    Severity(Severity),
}

impl Ink {
    /// The parameters of the escape sequence "select graphic rendition" (ECMA-48 section 8.3.117).
    fn parameters(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint | Self::Severity(Severity::Info) => "2",
            Self::Link | Self::Severity(Severity::Low) => "36",
            Self::Good => "1;32",
            Self::Doubt => "1;33",
            Self::Severity(Severity::Critical) => "1;31",
            Self::Severity(Severity::High) => "31",
            Self::Severity(Severity::Medium) => "33",
        }
    }

    /// `text`, which must be sanitised, in this ink.
    pub(super) fn paint(self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", self.parameters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_visible() {
        let hostile = "a\u{1b}[2J\r\n\t\u{202e}b\u{2066}\u{200e}\u{200f}\u{61c}\u{200b}\u{feff}\u{9b}\u{7f}\u{a0}\u{e0041}";
        let shown = Sanitized(hostile).to_string();
        assert_eq!(
            shown,
            "a\\u{1b}[2J\\u{d}\\u{a}\\u{9}\\u{202e}b\\u{2066}\\u{200e}\\u{200f}\\u{61c}\\u{200b}\\u{feff}\\u{9b}\\u{7f}\\u{a0}\\u{e0041}"
        );
    }

    #[test]
    fn visible_characters_stay() {
        let text = "C:\\größe\\ключ\\鍵🔑 {x} %41.txt";
        assert_eq!(Sanitized(text).to_string(), text);
    }

    #[test]
    fn ranges_are_sorted_for_the_search() {
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0));
        for (first, last) in INVISIBLE {
            let ends = [first, last].map(|code| char::from_u32(code).unwrap());
            assert!(first <= last && ends.into_iter().all(is_hidden), "{first:x}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_hidden_passes(text: String, code in 0u32..0x0011_0000) {
            let text = text + &char::from_u32(code).map(String::from).unwrap_or_default();
            let shown = Sanitized(&text).to_string();
            proptest::prop_assert!(!shown.chars().any(is_hidden), "{shown:?}");
            if !text.chars().any(is_hidden) {
                proptest::prop_assert_eq!(shown, text);
            }
        }
    }
}
