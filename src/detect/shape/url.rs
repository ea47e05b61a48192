//! `url`: a password in a URL, RFC 3986 section 3.2.1.

use std::ops::Range;

use super::Candidate;
use crate::detect::plausible;
use crate::finding::Confidence;
use crate::rule::UrlShape;

/// A compiled [`UrlShape`].
#[derive(Debug)]
pub(crate) struct Url {
    schemes: Vec<String>,
}

pub(super) const LONGEST_SCHEME: usize = 24;
pub(super) const LONGEST_AUTHORITY: usize = 512;

/// Passwords of tutorials and development set-ups; everyone knows them.
const WELL_KNOWN: [&str; 24] = [
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "admin",
    "root",
    "postgres",
    "mysql",
    "mongo",
    "redis",
    "guest",
    "test",
    "user",
    "username",
    "token",
    "changeme",
    "123456",
    "1234",
    "x-oauth-basic",
    "pw",
    "foo",
    "anoncvs",
    "anonymous",
];

impl Url {
    pub(super) fn new(shape: &UrlShape) -> Self {
        Self { schemes: shape.schemes.iter().map(|scheme| scheme.to_ascii_lowercase()).collect() }
    }

    pub(super) fn is_any(&self) -> bool {
        self.schemes.is_empty()
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        if self.is_any() {
            return vec![b"://".to_vec()];
        }
        self.schemes.iter().map(|scheme| format!("{scheme}://").into_bytes()).collect()
    }

    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        let scheme = scheme_before(bytes, anchor.end - 3)?;
        let name = String::from_utf8_lossy(&bytes[scheme.clone()]).to_ascii_lowercase();
        if !self.is_any() && !self.schemes.contains(&name) {
            return None;
        }
        let authority = authority(bytes, anchor.end);
        let at = anchor.end + memchr::memrchr(b'@', &bytes[authority.clone()])?;
        let colon = anchor.end + memchr::memchr(b':', &bytes[anchor.end..at])?;
        let (user, password) = (&bytes[anchor.end..colon], &bytes[colon + 1..at]);
        let host = &bytes[at + 1..authority.end];
        if host.is_empty() || !is_believable(user, password) {
            return None;
        }
        let mut candidate = Candidate::new(colon + 1..at).fact(format!("password in a {name} URL"));
        if is_local(host) || plausible::is_template(host) || host.starts_with(b"$") {
            candidate.confidence = Some(Confidence::Low);
            candidate = candidate.fact("the host is local, an example or a variable");
        }
        Some(candidate)
    }
}

fn scheme_before(bytes: &[u8], colon: usize) -> Option<Range<usize>> {
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = bytes[..colon].iter().rev().take(LONGEST_SCHEME).take_while(|byte| is_scheme(byte)).count();
    (length > 1).then(|| colon - length..colon)
}

fn authority(bytes: &[u8], start: usize) -> Range<usize> {
    let ends = |byte: u8| {
        byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b'/' | b'?' | b',' | b'|')
    };
    let length = bytes[start..].iter().take(LONGEST_AUTHORITY).take_while(|&&byte| !ends(byte)).count();
    start..start + length
}

fn is_believable(user: &[u8], password: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(password).to_ascii_lowercase();
    let template = |byte: &u8| matches!(byte, b'$' | b'{' | b'}' | b'[' | b']' | b'(' | b')' | b'*');
    password.len() >= 4
        && !WELL_KNOWN.contains(&lower.as_str())
        && !password.iter().any(template)
        && !lower.starts_with('%') // printf formats and Windows variables
        && user != password
        && !plausible::is_placeholder(password)
        && ["password", "passwd"].iter().all(|word| !lower.contains(word))
        && memchr::memmem::find(lower.as_bytes(), b"://").is_none()
}

fn is_local(host: &[u8]) -> bool {
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "example."].iter().any(|local| host.contains(local))
}
