//! `generic`: a random value assigned to a name such as `password`, of no known provider.

use std::ops::Range;

use super::{Candidate, spellings};
use crate::detect::assign::{self, Assignment, Quoting};
use crate::detect::plausible;
use crate::detect::radix::from_base64;
use crate::finding::Confidence;
use crate::rule::GenericShape;

/// A compiled [`GenericShape`].
#[derive(Debug)]
pub(crate) struct Generic {
    words: Vec<Vec<u8>>,
    least: usize,
}

/// A shorter value without quotes may be the name of something.
const SHORTEST_BARE: usize = 16;
/// So many random bytes are text seldom enough.
const SHORTEST_HIDDEN: usize = 8;

/// Ends of names whose values are about a secret but are none.
const HARMLESS_ENDS: [&str; 40] = [
    "id",
    "ids",
    "name",
    "names",
    "type",
    "types",
    "hash",
    "digest",
    "checksum",
    "length",
    "len",
    "size",
    "count",
    "url",
    "uri",
    "path",
    "file",
    "dir",
    "field",
    "label",
    "title",
    "text",
    "hint",
    "policy",
    "format",
    "pattern",
    "regex",
    "prefix",
    "suffix",
    "expiry",
    "expires",
    "version",
    "algorithm",
    "provider",
    "class",
    "scheme",
    "index",
    "env",
    "arn",
    "signature",
];

/// Words anywhere in a name that say the same.
const HARMLESS_PARTS: [&str; 19] = [
    "public",
    "integrity",
    "author",
    "nexttoken",
    "pagetoken",
    "continuationtoken",
    "forwardtoken",
    "backwardtoken",
    "changetoken",
    "updatetoken",
    "startingtoken",
    "lastused",
    "csrf",
    "tokeniz",
    "tokens",
    "keyboard",
    "fingerprint",
    "placeholder",
    "example",
];

impl Generic {
    pub(super) fn new(shape: &GenericShape) -> Self {
        Self { words: shape.words.iter().flat_map(|word| spellings(word)).collect(), least: shape.least }
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        self.words.clone()
    }

    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        let assignment = assign::read(bytes, anchor.clone())?;
        let (name, written) = (&bytes[assignment.name.clone()], &bytes[assignment.value.clone()]);
        let decoded = text_in_base64(written);
        let value = decoded.as_deref().unwrap_or(written);
        if value.len() < self.least || is_harmless(name) || is_no_secret(value) || is_made_up(name, value) {
            return None;
        }
        if is_type_name(bytes, &assignment.name) {
            return None;
        }
        let is_text = decoded.is_some() || is_alone(bytes, &assignment);
        let quoting = if is_text { Quoting::Quoted } else { assignment.quoting };
        let strength = strength(name, value, quoting).or_else(|| strength(name, written, quoting))?;
        let name = assignment.shown_name(bytes, anchor);
        let mut candidate = Candidate::new(assignment.value).fact(format!("random value assigned to {name}"));
        candidate.confidence = Some(strength);
        Some(candidate)
    }
}

/// Whether the line holds the assignment of a long value and nothing else, as in YAML, INI and properties: code would
/// go on with a call or end in a semicolon.
fn is_alone(bytes: &[u8], assignment: &Assignment) -> bool {
    let (name, value) = (&assignment.name, &assignment.value);
    let is_indent = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'-');
    let before = &bytes[name.start.saturating_sub(assign::MOST_INDENT)..name.start];
    let before = before.iter().rev().find(|byte| !is_indent(byte)).or(before.first());
    let after = bytes.get(value.end);
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'!' | b'@' | b'#' | b'^')
    };
    before.is_none_or(|byte| *byte == b'\n')
        && after.is_none_or(|byte| matches!(byte, b'\r' | b'\n'))
        && value.len() >= SHORTEST_BARE
        && bytes[value.clone()].iter().all(plain)
}

/// The text that a value hides in base 64, as in a Secret of Kubernetes: that is what has to look like a secret.
fn text_in_base64(value: &[u8]) -> Option<Vec<u8>> {
    let text = value.len().is_multiple_of(4).then(|| from_base64(value))??;
    text.iter().all(u8::is_ascii_graphic).then_some(text).filter(|text| text.len() >= SHORTEST_HIDDEN)
}

/// Whether the name says that its value is no secret.
fn is_harmless(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let lower = String::from_utf8_lossy(&lower);
    let last = lower.rsplit(['_', '-', '.', '$']).next().unwrap_or_default();
    let camel_end = |end: &&str| {
        last.len() > end.len() && last.ends_with(*end) && name[name.len() - end.len()].is_ascii_uppercase()
    };
    let plain = lower.replace(['_', '-'], "").replace("authoriz", "");
    HARMLESS_ENDS.iter().any(|end| last == *end || camel_end(end))
        || HARMLESS_PARTS.iter().any(|part| plain.contains(part))
}

/// `"AWS::SecretsManager::Secret": "…"`: a quoted path names a type, and what stands beside it describes that.
fn is_type_name(bytes: &[u8], name: &Range<usize>) -> bool {
    bytes[..name.start].ends_with(b"::") && matches!(bytes.get(name.end), Some(b'"' | b'\''))
}

/// Whether the value is of a kind that names or proves something: an expression, a path, a UUID, a hash of a lock file.
fn is_no_secret(value: &[u8]) -> bool {
    let slashes = value.iter().filter(|&&byte| byte == b'/').count();
    plausible::is_reference(value)
        || memchr::memmem::find(value, b"://").is_some()
        || value.iter().any(|byte| !byte.is_ascii_graphic())
        || (slashes > 1 && plausible::wordiness(value) > 0.5)
        || is_uuid(value)
        || is_number(value)
        || value.starts_with(b"arn:")
        || value.starts_with(b"sha") && value.contains(&b'-')
}

/// `2150859073u32`, `0x7fff_ffff`, `100_000L`.
fn is_number(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"0x").or(value.strip_prefix(b"0X"));
    let is_digit =
        |byte: &u8| byte.is_ascii_digit() || *byte == b'_' || (digits.is_some() && byte.is_ascii_hexdigit());
    let number = digits.unwrap_or(value);
    let suffix = number.iter().skip_while(|byte| is_digit(byte)).count();
    suffix <= 5 && suffix < number.len() && value[0].is_ascii_digit()
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `password = "password1"`, `"test-secret"`, `"sk-abc123"`, `NPM_TOKEN`: invented by a person for a test or a text.
fn is_made_up(name: &[u8], value: &[u8]) -> bool {
    const INVENTED: [&str; 6] = ["test", "secret", "passw", "abc", "wrong", "token"];
    let lower: Vec<u8> = value.to_ascii_lowercase();
    let letters = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|byte| byte.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect()
    };
    let (name, text) = (letters(name), letters(value));
    let constant =
        value.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
            && value.contains(&b'_');
    let words = value.split(|byte| matches!(byte, b'-' | b'_' | b' ')).filter(|word| word.len() > 1).count();
    let invented = |word: &&str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    constant
        || text.is_empty()
        || memchr::memmem::find(&name, &text).is_some()
        || (value.len() < 40 && INVENTED.iter().any(invented))
        || (words > 2 && plausible::is_wordy(value))
}

/// How sure the value's own characters make us; none when they look like words, numbers or code.
///
/// A bare value in code is an expression; after a name in capitals, as in `.env` files, it is text like a quoted one.
fn strength(name: &[u8], value: &[u8], quoting: Quoting) -> Option<Confidence> {
    let count = |kind: fn(&u8) -> bool| value.iter().filter(|byte| kind(byte)).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    let symbols = value.len() - digits - letters;
    let entropy = plausible::entropy(value);
    let wordy = plausible::is_wordy(value);
    if plausible::is_placeholder(value) || letters == 0 || entropy < 2.8 || symbols * 3 > value.len() {
        return None;
    }
    let is_text = quoting == Quoting::Quoted || !name.iter().any(u8::is_ascii_lowercase);
    let random = value.len() >= 12
        && entropy >= 3.0
        && !wordy
        && (digits > 1 || case_changes(value) * 5 >= value.len() * 2);
    match (is_text, random) {
        (true, true) => Some(Confidence::Medium),
        (true, false) if digits > 0 || symbols > 0 => (!wordy || digits > 1).then_some(Confidence::Low),
        (true, false) => (!wordy && value.len() >= 16).then_some(Confidence::Low),
        (false, true) => (value.len() >= 16 && !value.contains(&b'.')).then_some(Confidence::Low),
        (false, false) => None,
    }
}

/// How often neighbouring letters differ in case: in random text every second time, in `camelCase` seldom.
fn case_changes(value: &[u8]) -> usize {
    let letters = |pair: &&[u8]| pair.iter().all(u8::is_ascii_alphabetic);
    let differ = |pair: &&[u8]| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase();
    value.windows(2).filter(letters).filter(differ).count()
}
