//! What people do not see in a text: characters that show nothing, turn the direction, or look like others.

use crate::span::ByteSpan;

/// Something unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unseen {
    pub(crate) span: ByteSpan,
    pub(crate) kind: Kind,
    /// Characters of this kind in the file.
    pub(crate) count: usize,
}

/// Why a character is not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It turns the direction of what follows (Unicode TR 9, explicit formatting).
    Direction,
    /// It shows nothing.
    Nothing,
    /// It is a tag or a variation selector in a row, which can carry hidden text.
    Carrier,
}

/// Characters of Greek and Cyrillic that look like a letter of ASCII (Unicode TR 39, confusables).
const LOOKALIKES: &str = "аАвВеЕкКмМнНоОрРсСтТуУхХіІјЈѕЅԁԛԝһӏЗбαΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρ";

/// Variation selectors in a row that no writing needs.
const ROW: usize = 3;

/// The first of each kind in a text.
pub(crate) fn unseen(text: &str) -> Vec<Unseen> {
    if text.is_ascii() {
        return Vec::new();
    }
    let mut found: Vec<Unseen> = Vec::new();
    let mut add = |kind, at: usize, length: usize| match found.iter_mut().find(|it| it.kind == kind) {
        Some(known) => known.count += 1,
        None => {
            let span = ByteSpan { start: at as u64, end: (at + length) as u64 };
            found.push(Unseen { span, kind, count: 1 });
        }
    };
    let mut row = 0;
    let mut before = ' ';
    for (at, one) in text.char_indices() {
        let length = one.len_utf8();
        match one {
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => add(Kind::Direction, at, length),
            '\u{E0000}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}' => add(Kind::Carrier, at, length),
            '\u{FE00}'..='\u{FE0F}' => {
                row += 1;
                if row >= ROW {
                    add(Kind::Carrier, at, length);
                }
                continue;
            }
            // A joiner between emoji or letters of other scripts is how these are written.
            '\u{200C}' | '\u{200D}' if !before.is_ascii() => {}
            '\u{200B}'..='\u{200D}'
            | '\u{2060}'..='\u{2064}'
            | '\u{180E}'
            | '\u{3164}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{FFA0}' => add(Kind::Nothing, at, length),
            '\u{FEFF}' if at > 0 => add(Kind::Nothing, at, length),
            _ => {}
        }
        row = 0;
        before = one;
    }
    found
}

/// Whether a name mixes letters of ASCII with some that look like them.
pub(crate) fn is_disguised(name: &str) -> bool {
    if name.is_ascii() {
        return false;
    }
    let has_ascii = name.chars().any(|one| one.is_ascii_alphabetic());
    let mut others = name.chars().filter(|one| !one.is_ascii());
    has_ascii && others.all(|one| LOOKALIKES.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_found_and_writing_is_not() {
        let kinds = |text: &str| unseen(text).iter().map(|it| it.kind).collect::<Vec<_>>();
        assert_eq!(kinds("if (a\u{202E} /* b */)"), [Kind::Direction]);
        assert_eq!(kinds("const a\u{200B}b = 1"), [Kind::Nothing]);
        assert_eq!(kinds("'\u{E0041}\u{E0042}'"), [Kind::Carrier]);
        assert_eq!(kinds("'\u{FE00}\u{FE01}\u{FE02}\u{FE03}'"), [Kind::Carrier]);
        for plain in [
            "// größer",
            "// кириллица",
            "'👩\u{200D}💻'",
            "'✔\u{FE0F}'",
            "\u{FEFF}const a = 1",
            "'नमस्\u{200D}ते'",
        ] {
            assert_eq!(kinds(plain), [], "{plain}");
        }
        assert_eq!(unseen("a\u{200B}\u{200B}")[0].count, 2);
    }

    #[test]
    fn names_in_disguise() {
        assert!(is_disguised("fеtch"));
        assert!(is_disguised("pаth"));
        for plain in ["fetch", "größe", "имя", "имяX"] {
            assert!(!is_disguised(plain), "{plain}");
        }
    }
}
