//! Allow comments: `kbsec:allow` on the line of a secret, with an optional rule and reason.

use std::ops::Range;

use memchr::{memchr, memmem, memrchr};

/// How far from the secret, on its line, a comment is looked for; the verdict must not depend on far-away bytes.
pub(crate) const REACH: usize = 512;

/// Spellings; the last two belong to other scanners and take neither rule nor reason.
const MARKERS: [&[u8]; 3] = [b"kbsec:allow", b"gitleaks:allow", b"betterleaks:allow"];

/// Whether a comment on the first or last line of `secret` allows the rule `name` to find it.
///
/// `kbsec:allow` allows every rule, `kbsec:allow github-classic-token` only that one; what follows is a reason.
pub(crate) fn allows(bytes: &[u8], secret: &Range<usize>, name: &str) -> bool {
    let from = secret.start.saturating_sub(REACH);
    let before = &bytes[from..secret.start];
    let before = &before[memrchr(b'\n', before).map_or(0, |newline| newline + 1)..];
    let after = &bytes[secret.end..bytes.len().min(secret.end + REACH)];
    let after = &after[..memchr(b'\n', after).unwrap_or(after.len())];
    marked(before, name) || marked(after, name)
}

fn marked(line: &[u8], name: &str) -> bool {
    MARKERS.iter().any(|marker| {
        memmem::find_iter(line, marker).any(|at| {
            let rest = &line[at + marker.len()..];
            let plain =
                rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_'));
            plain && names_rule(rest, name)
        })
    })
}

/// Whether the text after the marker names this rule, or none. A rule is a kebab-case word with a hyphen in it, so
/// that reasons in plain words are not taken for one.
fn names_rule(rest: &[u8], name: &str) -> bool {
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b"secret/").unwrap_or(rest);
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let word = &rest[..rest.iter().take_while(|byte| is_word(byte)).count()];
    !word.trim_ascii().contains(&b'-')
        || word.starts_with(b"-")
        || word.ends_with(b"-")
        || word == name.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> bool {
        let at = text.find("SECRET").unwrap();
        allows(text.as_bytes(), &(at..at + 6), "aws-access-key-id")
    }

    #[test]
    fn a_comment_on_the_same_line_allows() {
        for text in [
            "k = SECRET # kbsec:allow",
            "k = SECRET // kbsec:allow aws-access-key-id: fixture",
            "k = SECRET // kbsec:allow secret/aws-access-key-id",
            "k = SECRET # kbsec:allow only a fixture",
            "/* gitleaks:allow */ SECRET",
            "SECRET <!-- betterleaks:allow -->",
        ] {
            assert!(allowed(text), "{text}");
        }
    }

    #[test]
    fn other_lines_rules_and_words_do_not() {
        for text in [
            "# kbsec:allow\nSECRET",
            "SECRET\n# kbsec:allow",
            "SECRET # kbsec:allowed",
            "SECRET # kbsec:allow github-classic-token",
            "SECRET # allow",
        ] {
            assert!(!allowed(text), "{text}");
        }
    }
}
