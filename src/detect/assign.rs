//! The assignment reader: given a word, the name it belongs to and the value that is assigned to that name, in code,
//! JSON, YAML, TOML, INI, `.env`, shell, XML, URL queries, HTTP headers, command lines and SQL.

use std::ops::Range;

/// How far before its word an assignment is looked at: the name, what takes a bare word, the indent.
pub(crate) const REACH_BEFORE: usize = LONGEST_NAME + MOST_INDENT + 2;
/// How far behind its word: the rest of the name, the way to the value, the value and the byte after it.
pub(crate) const REACH_AFTER: usize = LONGEST_NAME + 6 * LONGEST_GAP + 128 + LONGEST_VALUE;

/// A name and its value, as byte ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The whole name that the word stands in, such as `HEROKU_API_KEY`.
    pub(crate) name: Range<usize>,
    /// The value, without quotes.
    pub(crate) value: Range<usize>,
    /// How the value stands there.
    pub(crate) quoting: Quoting,
}

impl Assignment {
    /// The name as a report may show it. Where it is long or has many digits, another secret may stick to it: then only
    /// the `word` by which it was found.
    pub(crate) fn shown_name(&self, bytes: &[u8], word: Range<usize>) -> String {
        let name = &bytes[self.name.clone()];
        let is_plain = name.len() <= 40 && name.iter().filter(|byte| byte.is_ascii_digit()).count() <= 4;
        String::from_utf8_lossy(if is_plain { name } else { &bytes[word] }).into_owned()
    }
}

/// Whether a value is marked as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// In quotes, or between XML tags: certainly a literal.
    Quoted,
    /// Bare, as in `.env` and YAML; in code it would be an expression.
    Bare,
}

/// Longest name, longest distance from name to value, and longest value, in bytes. Together with the word they bound
/// what a verdict depends on.
const LONGEST_NAME: usize = 64;
const LONGEST_GAP: usize = 48;
const LONGEST_VALUE: usize = 512;
/// Blanks before a name at the start of a line, at most.
pub(crate) const MOST_INDENT: usize = 64;

/// Reads the assignment to the name around `word`, if there is one.
pub(crate) fn read(bytes: &[u8], word: Range<usize>) -> Option<Assignment> {
    let name = name_around(bytes, word)?;
    let mut at = name.end;
    let limit = bytes.len().min(at + LONGEST_GAP);
    at += closing_mark(&bytes[at..]);
    at = skip_blanks(bytes, at, limit);
    let separator = separator(bytes, &name, at)?;
    let mut at = skip_color(bytes, skip_blanks(bytes, separator.end, limit));
    if separator.kind == Kind::Typed {
        at = skip_type(bytes, at, limit);
    }
    let start = skip_prefix(bytes, skip_wrappers(bytes, skip_object(bytes, at)), limit);
    let (value, quoting) = value(bytes, &start, separator.kind)?;
    (!value.is_empty()).then_some(Assignment { name, value, quoting })
}

/// How many backslashes a quote has before it in JSON within JSON within JSON.
const MOST_ESCAPES: usize = 7;

/// Length of the quote, or escaped quote, that closes a name.
fn closing_mark(rest: &[u8]) -> usize {
    match (escapes(rest), rest) {
        (0, [b'"' | b'\'' | b'`', ..]) => 1,
        (0, _) => 0,
        (count, _) => count + 1,
    }
}

/// How many backslashes escape the quote that follows them here; none when no quote does.
fn escapes(rest: &[u8]) -> usize {
    let count = rest.iter().take(MOST_ESCAPES).take_while(|&&byte| byte == b'\\').count();
    if matches!(rest.get(count), Some(b'"' | b'\'')) { count } else { 0 }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

fn name_around(bytes: &[u8], word: Range<usize>) -> Option<Range<usize>> {
    let before =
        bytes[..word.start].iter().rev().take(LONGEST_NAME + 1).take_while(|&&byte| is_name(byte)).count();
    let after = bytes[word.end..].iter().take(LONGEST_NAME + 1).take_while(|&&byte| is_name(byte)).count();
    (before.max(after) <= LONGEST_NAME).then(|| word.start - before..word.end + after)
}

/// What stands between name and value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `=`, `:=`, `=>`.
    Equals,
    /// `:`, after which a type may stand.
    Typed,
    /// `>` of an XML tag.
    Tag,
    /// A blank or an opening parenthesis or a comma: only a quoted value counts, or one after a command line flag.
    Weak,
    /// A blank after `--name`.
    Flag,
}

struct Separator {
    end: usize,
    kind: Kind,
}

fn separator(bytes: &[u8], name: &Range<usize>, at: usize) -> Option<Separator> {
    let rest = bytes.get(at..)?;
    let separator = |length: usize, kind| Some(Separator { end: at + length, kind });
    match rest {
        [b'=', b'>' | b'=' | b'~', ..] | [b':' | b'?' | b'+', b'=', ..] | [b'-', b'>', ..] => {
            separator(2, Kind::Equals)
        }
        [b'!', b'=', ..] => separator(2, Kind::Equals),
        [b'=', ..] => separator(1, Kind::Equals),
        [b':', b':', ..] => None,
        [b':', ..] => separator(1, Kind::Typed),
        [b'>', ..] => separator(1, Kind::Tag),
        [b'(' | b',', ..] => separator(1, Kind::Weak),
        [b')' | b']', ..] => {
            let next = skip_blanks(bytes, at + 1, at + 4);
            (bytes.get(next) == Some(&b'=')).then_some(Separator { end: next + 1, kind: Kind::Equals })
        }
        [b'{', b' ', b'g' | b's', b'e', b't', ..] => accessors(bytes, at),
        _ if at > name.end && takes_a_bare_word(bytes, name) => separator(0, Kind::Flag),
        _ if at > name.end => attribute(rest).map_or_else(
            || separator(0, Kind::Weak),
            |length| Some(Separator { end: at + length, kind: Kind::Equals }),
        ),
        _ => None,
    }
}

/// `{ get; set; } =` of a property in C#.
fn accessors(bytes: &[u8], at: usize) -> Option<Separator> {
    let rest = &bytes[at..bytes.len().min(at + LONGEST_GAP)];
    let close = at + memchr::memchr(b'}', rest)?;
    let next = skip_blanks(bytes, close + 1, close + 4);
    (bytes.get(next) == Some(&b'=')).then_some(Separator { end: next + 1, kind: Kind::Equals })
}

/// Whether a blank assigns to the name: `--name word`, `ENV NAME word`, and `login bob password word` in a `.netrc`.
fn takes_a_bare_word(bytes: &[u8], name: &Range<usize>) -> bool {
    let before = &bytes[name.start.saturating_sub(LONGEST_GAP)..name.start];
    let is_env = before
        .trim_ascii_end()
        .last_chunk::<3>()
        .is_some_and(|word| before.ends_with(b" ") && word.eq_ignore_ascii_case(b"env"));
    bytes[name.start..].starts_with(b"--")
        || is_env
        || (bytes[name.clone()] == *b"password" && memchr::memmem::find(before, b"login ").is_some())
}

/// `value=` of `<add key="Password" value="…"/>`.
fn attribute(rest: &[u8]) -> Option<usize> {
    let word = b"value";
    let tail = rest
        .get(..word.len())
        .filter(|start| start.eq_ignore_ascii_case(word))
        .map(|_| &rest[word.len()..])?;
    let blanks = tail.iter().take(LONGEST_GAP).take_while(|&&byte| byte == b' ').count();
    matches!(tail.get(blanks), Some(b'=' | b':')).then_some(word.len() + blanks + 1)
}

fn skip_blanks(bytes: &[u8], at: usize, limit: usize) -> usize {
    let limit = limit.min(bytes.len());
    at + bytes
        .get(at..limit)
        .map_or(0, |rest| rest.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count())
}

/// A colour code of a terminal, ECMA-48 section 8.3.117.
fn skip_color(bytes: &[u8], at: usize) -> usize {
    let Some([0x1b, b'[', rest @ ..]) = bytes.get(at..) else { return at };
    let digits = rest.iter().take(16).take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
    if rest.get(digits) == Some(&b'm') { at + 2 + digits + 1 } else { at }
}

/// `{ "value":` of the outputs in a Terraform state.
fn skip_object(bytes: &[u8], at: usize) -> usize {
    let Some([b'{', rest @ ..]) = bytes.get(at..) else { return at };
    let blanks =
        |rest: &[u8]| rest.iter().take(LONGEST_GAP).take_while(|byte| byte.is_ascii_whitespace()).count();
    let open = blanks(rest);
    let Some([b':', tail @ ..]) = rest[open..].strip_prefix(b"\"value\"") else { return at };
    at + 1 + open + b"\"value\":".len() + blanks(tail)
}

/// `string =` of `password: string = "…"`.
fn skip_type(bytes: &[u8], at: usize, limit: usize) -> usize {
    let kind = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'<' | b'>' | b'&' | b'\'' | b'?' | b'[' | b']')
    };
    let lifetime: &[u8] = b"&'static ";
    let from = if bytes[at..].starts_with(lifetime) { at + lifetime.len() } else { at };
    let end = from + bytes[from..limit.max(from)].iter().take_while(|byte| kind(byte)).count();
    let equals = skip_blanks(bytes, end, limit);
    let after = skip_blanks(bytes, equals + 1, limit);
    // A value that ends in `=` is padded base64: there something has to follow.
    let goes_on = bytes
        .get(after)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'\'' | b'`'));
    if end > at && bytes.get(equals) == Some(&b'=') && goes_on { after } else { at }
}

/// Opening brackets and one call around a literal: `("…")`, `["…"]`, `String::from("…")`, `Some("…")`.
fn skip_wrappers(bytes: &[u8], at: usize) -> usize {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'!');
    let name = bytes[at..].iter().take(32).take_while(|byte| word(byte)).count();
    let open = bytes[at + name..].iter().take(2).take_while(|byte| matches!(byte, b'(' | b'[')).count();
    let quoted = matches!(bytes.get(at + name + open), Some(b'"' | b'\'' | b'`'));
    if open > 0 && quoted { at + name + open } else { at }
}

/// Where a value begins.
struct Start {
    at: usize,
    /// Whether a quote was passed already, before a scheme.
    inside_quotes: bool,
    /// Whether a scheme was passed: then a value without quotes is text, too.
    scheme: bool,
}

/// Passes authentication schemes and prefixes of string literals.
fn skip_prefix(bytes: &[u8], at: usize, limit: usize) -> Start {
    const SCHEMES: [&[u8]; 6] = [b"bearer", b"basic", b"token", b"api-token", b"apikey", b"identified by"];
    let is_quote = |at: usize| matches!(bytes.get(at), Some(b'"' | b'\'' | b'`'));
    let inside_quotes = is_quote(at);
    let inside = at + usize::from(inside_quotes);
    for scheme in SCHEMES {
        let end = inside + scheme.len();
        let named = bytes.get(inside..end).is_some_and(|text| text.eq_ignore_ascii_case(scheme));
        if named && bytes.get(end) == Some(&b' ') {
            let at = skip_blanks(bytes, end, limit + LONGEST_GAP);
            return Start { at, inside_quotes, scheme: true };
        }
    }
    let is_mark = |byte: &&u8| matches!(byte, b'b' | b'r' | b'u' | b'f' | b'B' | b'R' | b'L' | b'@' | b'#');
    let literal = bytes[at..].iter().take(3).take_while(is_mark).count();
    let at = if is_quote(at + literal) { at + literal } else { at };
    Start { at, inside_quotes: false, scheme: false }
}

fn value(bytes: &[u8], start: &Start, kind: Kind) -> Option<(Range<usize>, Quoting)> {
    let limit = bytes.len().min(start.at + LONGEST_VALUE + 1);
    match bytes.get(start.at..limit)? {
        [open @ (b'"' | b'\'' | b'`'), rest @ ..] => {
            let from = start.at + if rest.starts_with(&[*open; 2]) { 3 } else { 1 };
            Some((from..closing_quote(bytes, from, limit, *open)?, Quoting::Quoted))
        }
        text if escapes(text) > 0 => {
            let (mark, rest) = text.split_at(escapes(text) + 1);
            let from = start.at + mark.len();
            Some((from..from + memchr::memmem::find(rest, mark)?, Quoting::Quoted))
        }
        _ if kind == Kind::Weak && !start.inside_quotes => None,
        rest => {
            let length = rest.iter().take_while(|&&byte| !ends_bare(byte, kind)).count();
            let is_text = kind == Kind::Tag || start.inside_quotes || start.scheme;
            let quoting = if is_text { Quoting::Quoted } else { Quoting::Bare };
            (length <= LONGEST_VALUE).then_some((start.at..start.at + length, quoting))
        }
    }
}

/// Whether a value without quotes ends before this byte.
fn ends_bare(byte: u8, kind: Kind) -> bool {
    match kind {
        Kind::Tag => matches!(byte, b'<' | b'\n'),
        _ => byte <= b' ' || memchr::memchr(byte, b"\"'`,;&|<>)}]\\").is_some(),
    }
}

fn closing_quote(bytes: &[u8], start: usize, limit: usize, quote: u8) -> Option<usize> {
    let mut at = start;
    while at < limit {
        match bytes[at] {
            b'\\' => at += 1,
            b'\n' => return None,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_word(text: &str) -> Option<(String, String)> {
        let at = text.to_ascii_lowercase().find("pass").unwrap();
        let found = read(text.as_bytes(), at..at + 4)?;
        Some((text[found.name].to_owned(), text[found.value].to_owned()))
    }

    #[test]
    fn reads_assignments_of_many_languages() {
        for text in [
            "DB_PASS=s3cr",
            "export DB_PASS='s3cr'",
            "db_pass: s3cr",
            "\"db_pass\": \"s3cr\",",
            "db_pass = \"s3cr\";",
            "let db_pass: &str = \"s3cr\";",
            "db_pass := `s3cr`",
            "'db_pass' => 's3cr',",
            "<db_pass>s3cr</db_pass>",
            "<x db_pass=\"s3cr\"/>",
            "<add key=\"db_pass\" value=\"s3cr\"/>",
            "?db_pass=s3cr&x=1",
            "run --db_pass s3cr now",
            "run --db_pass=s3cr",
            "db_pass(\"s3cr\")",
            "env[\"db_pass\"] = \"s3cr\"",
            "db_pass: Bearer s3cr",
            "db_pass: \"Bearer s3cr\"",
            "db_pass = b\"s3cr\"",
            "{\\\"db_pass\\\":\\\"s3cr\\\"}",
            "db_pass = String::from(\"s3cr\")",
            "if db_pass == \"s3cr\" {",
            "db_pass 's3cr'",
            "const db_pass: string = 's3cr'",
            "set(\"db_pass\", \"s3cr\")",
            "{\\\\\\\"db_pass\\\\\\\":\\\\\\\"s3cr\\\\\\\"}",
            "db_pass=\u{1b}[31ms3cr\u{1b}[0m",
            "\"db_pass\": {\n  \"value\": \"s3cr\"\n}",
            "const db_pass: &'static str = \"s3cr\";",
            "public string db_pass { get; set; } = \"s3cr\";",
            "ENV db_pass s3cr",
        ] {
            let (name, value) = read_word(text).unwrap_or_else(|| panic!("{text}"));
            assert!(name.ends_with("db_pass") || name == "DB_PASS", "{text}: {name}");
            assert_eq!(value, "s3cr", "{text}");
        }
    }

    #[test]
    fn a_secret_that_sticks_to_a_name_is_not_shown() {
        let text = ["AK", "IA3F9ZQ2X7B5W8KD4N_password = 'x'"].concat();
        let word = text.find("password").unwrap()..text.find(" =").unwrap();
        let found = read(text.as_bytes(), word.clone()).unwrap();
        assert_eq!(found.shown_name(text.as_bytes(), word), "password");
    }

    #[test]
    fn what_assigns_nothing_is_no_assignment() {
        for text in
            ["the pass was closed", "pass::word", "pass", "pass=", "pass: \"open\nend\"", "pass(word)"]
        {
            assert_eq!(read_word(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text: Vec<u8>, start in 0usize..64, length in 0usize..8) {
            let start = start.min(text.len());
            let end = (start + length).min(text.len());
            if let Some(found) = read(&text, start..end) {
                proptest::prop_assert!(found.value.end <= text.len() && found.name.start <= start);
            }
        }
    }
}
