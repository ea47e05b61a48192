//! Boundaries: whether the characters beside a token end it or continue it.

/// How many bytes before a token are looked at: a colour code.
pub(crate) const REACH: usize = 20;

/// Whether a token may start at `start`: the character before it does not belong to a longer word.
///
/// A letter or digit that is the end of an escape (`\n`, `%3D`, `\u003d`, a colour code) is no part of a word.
pub(crate) fn starts(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[..start];
    match before.last() {
        Some(byte) if byte.is_ascii_alphanumeric() => ends_in_escape(before),
        _ => true,
    }
}

/// Whether a token may end at `end`: the character there does not continue it.
pub(crate) fn ends(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

fn ends_in_escape(before: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'a' | b'b' | b'e' | b'f' | b'v' | b'0'] => true,
        [.., b'%', first, second] => hex(&[*first, *second]),
        [.., b'\\', b'x', first, second] => hex(&[*first, *second]),
        [.., b'\\', b'u', a, b, c, d] => hex(&[*a, *b, *c, *d]),
        [.., b'm'] => ends_in_color(before),
        _ => false,
    }
}

/// `ESC [ 1 ; 31 m` of ECMA-48, section 8.3.117.
fn ends_in_color(before: &[u8]) -> bool {
    let parameters = &before[..before.len() - 1];
    let start =
        parameters.iter().rev().take(16).take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
    parameters[..parameters.len() - start].ends_with(b"[")
}
