//! A fact: a few printable words about a finding, some of them decoded from foreign bytes.

/// Characters of foreign text that a fact shows at most.
const LONGEST: usize = 48;

/// Foreign text made fit to be shown: printable ASCII only, cut after 48 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|char| if char.is_ascii_graphic() || char == ' ' { char } else { '?' })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_long_texts_are_tamed() {
        assert_eq!(shown("acme corp"), "acme corp");
        assert_eq!(shown("a\u{1b}[31m\n\u{202e}é"), "a?[31m???");
        assert_eq!(shown(&"y".repeat(48)), "y".repeat(48));
        assert_eq!(shown(&"y".repeat(1000)), format!("{}...", "y".repeat(48)));
    }
}
