//! The two dialects of `*` and `?` that the platform translates into regular expressions.

use super::super::language::{Pattern, Units};

/// Adds a glob in which `*` crosses slashes.
pub(super) fn crossing(pattern: Pattern, glob: &str) -> Pattern {
    glob.chars().fold(pattern, |pattern, one| match one {
        '*' => pattern.many(Units::within_line()),
        '?' => pattern.one(Units::within_line()),
        other => literal(pattern, other),
    })
}

/// Adds a glob in which `**` crosses slashes but no end of a line, `*` crosses ends of lines but no slash, and `?` is
/// any unit of a line, a slash too.
pub(super) fn path(pattern: Pattern, glob: &str) -> Pattern {
    let parts = glob.split("**").enumerate();
    parts.fold(pattern, |pattern, (number, part)| {
        let pattern = if number == 0 { pattern } else { pattern.many(Units::within_line()) };
        part.chars().fold(pattern, |pattern, one| match one {
            '*' => pattern.many(Units::except(&['/'])),
            '?' => pattern.one(Units::within_line()),
            other => literal(pattern, other),
        })
    })
}

fn literal(pattern: Pattern, character: char) -> Pattern {
    pattern.text(character.encode_utf8(&mut [0; 4]))
}
