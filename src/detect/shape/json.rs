//! `json`: a JSON object with certain fields, such as the key file of a service account.

use std::ops::Range;

use memchr::memrchr2_iter;

use super::Candidate;
use crate::detect::{pem, plausible};
use crate::rule::JsonShape;

/// A compiled [`JsonShape`].
#[derive(Debug)]
pub(crate) struct Json {
    shape: JsonShape,
}

/// How far from its anchor an object may begin and end.
pub(super) const REACH: usize = 8 << 10;

/// Objects within the object; a key has one or two. Without a bound, braces that never close are read again and again.
const DEEPEST: usize = 8;

impl Json {
    pub(super) fn new(shape: &JsonShape) -> Self {
        Self { shape: shape.clone() }
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        vec![self.shape.anchor.clone().into_bytes()]
    }

    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        let span = object_around(bytes, &anchor)?;
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&bytes[span.clone()]).ok()?;
        let text = |name: &String| object.get(name).and_then(serde_json::Value::as_str);
        if self.shape.fields.iter().any(|field| text(field).is_none_or(str::is_empty)) {
            return None;
        }
        let secret = text(&self.shape.secret)?;
        let is_key = |armour: pem::Pem| armour.kind != pem::PemKind::Placeholder;
        let armoured = secret.starts_with("-----BEGIN");
        if plausible::is_placeholder(secret.as_bytes())
            || secret.len() < 16
            || (armoured && !pem::parse(secret.as_bytes()).is_some_and(is_key))
        {
            return None;
        }
        let name =
            memchr::memmem::find(&bytes[span.clone()], format!("\"{}\"", self.shape.secret).as_bytes())?;
        let after = span.start + name + self.shape.secret.len() + 2;
        let open = after + memchr::memchr(b'"', &bytes[after..span.end])? + 1;
        let close = open + end_of_string(&bytes[open..span.end])?;
        Some(
            Candidate::new(open..close)
                .fact(format!("JSON object with the fields {}", self.shape.fields.join(", "))),
        )
    }
}

/// The object that the anchor stands in directly, by its braces.
fn object_around(bytes: &[u8], anchor: &Range<usize>) -> Option<Range<usize>> {
    let from = anchor.start.saturating_sub(REACH);
    let mut closed = 0usize;
    let start = memrchr2_iter(b'{', b'}', &bytes[from..anchor.start]).find(|&at| {
        match (bytes[from + at], closed) {
            (b'}', _) => closed += 1,
            (_, 0) => return true,
            _ => closed -= 1,
        }
        false
    })?;
    let start = from + start;
    let limit = bytes.len().min(anchor.end + REACH);
    let (mut at, mut open) = (start + 1, 1usize);
    while at < limit && open <= DEEPEST {
        match bytes[at] {
            b'"' => at += 1 + end_of_string(&bytes[at + 1..limit])?,
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        at += 1;
        if open == 0 {
            return Some(start..at);
        }
    }
    None
}

/// Offset of the quote that ends a string whose content begins here.
fn end_of_string(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 1,
            b'"' => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}
