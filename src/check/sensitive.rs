//! What is sensitive by its place, whatever it looks like: values whose name says so, passwords in addresses, bearer
//! tokens, arguments after `--token`. The scanner knows secrets by their form; most passwords have none.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Parts of names of secrets.
const WORDS: &str = "token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|credential|jwt|otp|cookie|authorization";

/// `scheme://user:password@`.
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@:"']*:[^\s/@"']+@"#).ok());
/// `Bearer …`.
static BEARER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}").ok());
/// A name with what stands between it and its value: `token=`, `"jwtSecret": "`, `\"password\":\"`, `--otp `,
/// `"--token","`.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = format!(r"[\w.-]*(?:{WORDS})[\w.-]*");
    Regex::new(&format!(
        r#"(?i)({name})(?:(?:\\*["'])?\s*[=:]\s*|(?:\\*["']\s*,\s*))(\\*["'`])?|(--{name})\s+(\\*["'])?"#
    ))
    .ok()
});
/// Values of which nothing is secret.
const PLAIN: [&str; 6] = ["true", "false", "null", "undefined", "none", "[redacted]"];
/// Names that count tokens, or speak of them.
const COUNTS: [&str; 5] = ["tokens", "tokenizer", "tokencount", "tokenlimit", "tokenusage"];
/// Values shorter than that say nothing, and taking them out would tear texts apart.
const SHORTEST: usize = 4;

/// The text with `[redacted]` in place of what is sensitive.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let text = replaced(text.into(), ADDRESS.as_ref(), &|found| format!("{}[redacted]@", &found[1]));
    let text = replaced(text, BEARER.as_ref(), &|found| format!("{} [redacted]", &found[1]));
    values(text)
}

fn replaced<'t>(
    text: Cow<'t, str>,
    pattern: Option<&Regex>,
    shown: &dyn Fn(&Captures<'_>) -> String,
) -> Cow<'t, str> {
    let Some(pattern) = pattern else { return text };
    match pattern.replace_all(&text, |found: &Captures<'_>| shown(found)) {
        Cow::Borrowed(_) => text,
        Cow::Owned(changed) => changed.into(),
    }
}

/// Takes the values of sensitive names out.
fn values(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some(pattern) = NAMED.as_ref() else { return text };
    let (mut shown, mut at, mut from) = (String::new(), 0, 0);
    while let Some(found) = pattern.captures_at(&text, from) {
        let (Some(whole), name) = (found.get(0), found.get(1).or_else(|| found.get(3))) else { break };
        let quote = found.get(2).or_else(|| found.get(4)).map_or("", |quote| quote.as_str());
        let value = value(&text[whole.end()..], quote);
        from = whole.end() + value.len();
        if is_secret(name.map_or("", |name| name.as_str()), value) {
            shown.push_str(&text[at..whole.end()]);
            shown.push_str("[redacted]");
            at = from;
        }
    }
    if at == 0 {
        return text;
    }
    shown.push_str(&text[at..]);
    shown.into()
}

/// The value that a text begins with: up to the quote that it was opened with, or to the end of the word.
fn value<'t>(text: &'t str, quote: &str) -> &'t str {
    if let (Some(mark), escapes) = (quote.chars().last(), quote.len().saturating_sub(1)) {
        let mut backslashes = 0;
        for (at, character) in text.char_indices() {
            // A quote inside of the value has more backslashes before it than the one that opened it.
            if character == mark && backslashes <= escapes {
                return &text[..at - backslashes];
            }
            if character == '\n' {
                return &text[..at];
            }
            backslashes = if character == '\\' { backslashes + 1 } else { 0 };
        }
        return text;
    }
    let end = text.find(|character: char| character.is_whitespace() || "\"'`&,;)}]<>\\".contains(character));
    &text[..end.unwrap_or(text.len())]
}

fn is_secret(name: &str, value: &str) -> bool {
    let name: String =
        name.to_ascii_lowercase().chars().filter(|character| !"_-.".contains(*character)).collect();
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_reference = value.starts_with("${") || value.starts_with("$(") || value.starts_with("process.env");
    let is_plain = PLAIN.iter().any(|plain| value.eq_ignore_ascii_case(plain));
    // What was taken out by the scanner before begins with a mark of its own.
    let is_done = value.starts_with("[redacted");
    value.len() >= SHORTEST
        && !is_reference
        && !is_plain
        && !is_done
        && (!is_number || !COUNTS.iter().any(|count| name.ends_with(count)))
}

/// Whether a name says that its value is secret.
pub(super) fn is_sensitive(name: &str) -> bool {
    NAMED.as_ref().is_some_and(|pattern| pattern.is_match(&format!("{name}=")))
        && !COUNTS.iter().any(|count| name.to_ascii_lowercase().ends_with(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(ADDRESS.is_some() && BEARER.is_some() && NAMED.is_some());
    }

    #[test]
    fn values_go_as_a_whole_and_the_rest_stays() {
        for (text, shown) in [
            (concat!("redis://admin:", "hunter22@cache:6379/0"), "redis://[redacted]@cache:6379/0"),
            ("GET /hosts?access_token=abcdef12&x=1 200", "GET /hosts?access_token=[redacted]&x=1 200"),
            ("kb login --token abcdef --verbose", "kb login --token [redacted] --verbose"),
            (r#"["login","--token","hunter22","-v"]"#, r#"["login","--token","[redacted]","-v"]"#),
            ("Authorization: Bearer abcdefgh12", "Authorization: [redacted] [redacted]"),
            (r#""jwtSecret":"sword fish{x}", "b":1"#, r#""jwtSecret":"[redacted]", "b":1"#),
            (r#""password": "a\"bcdef" ,1"#, r#""password": "[redacted]" ,1"#),
            (
                r#"{"m":"{\"password\":\"hunter22\",\"a\":1}"}"#,
                r#"{"m":"{\"password\":\"[redacted]\",\"a\":1}"}"#,
            ),
            ("DB_PASSWORD='two words' next", "DB_PASSWORD='[redacted]' next"),
            ("otp=123456", "otp=[redacted]"),
            ("jwtSecret: ${GATEWAY_JWT_SECRET}", "jwtSecret: ${GATEWAY_JWT_SECRET}"),
            (r#""totalTokens":48213,"maxTokens": 4096"#, r#""totalTokens":48213,"maxTokens": 4096"#),
            ("unexpected token < in JSON at line 3", "unexpected token < in JSON at line 3"),
            ("secret: null, token: true", "secret: null, token: true"),
        ] {
            assert_eq!(mask(text), shown, "{text}");
        }
    }

    #[test]
    fn masking_twice_changes_nothing() {
        for text in
            ["password=hunter22", r#"{"token":"abc def ghi"}"#, "https://u:pass@h/", "Bearer abcdefgh"]
        {
            let once = mask(text).into_owned();
            assert_eq!(mask(&once), once);
        }
    }
}
