//! `jwt`: a JSON Web Token, RFC 7519.

use std::ops::Range;

use super::Candidate;
use crate::detect::{boundary, jwt};
use crate::finding::{Confidence, Severity};
use crate::rule::JwtShape;

/// A compiled [`JwtShape`].
#[derive(Debug)]
pub(crate) struct Jwt {
    issuers: Vec<String>,
}

/// How the base64 of a header begins whose first member is one that headers have: `{"alg`, `{"typ`, `{"kid`, …
const STARTS: [&str; 9] = ["eyJh", "eyJ0", "eyJr", "eyJl", "eyJ4", "eyJq", "eyJj", "eyJ6", "eyJp"];

impl Jwt {
    pub(super) fn new(shape: &JwtShape) -> Self {
        Self { issuers: shape.issuer.clone() }
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        STARTS.iter().map(|start| start.as_bytes().to_vec()).collect()
    }

    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        if !bytes[anchor.start..].starts_with(b"eyJ") || !boundary::starts(bytes, anchor.start) {
            return None;
        }
        let token = jwt::parse(&bytes[anchor.start..])?;
        let issuer = token.issuer.as_deref().unwrap_or_default();
        if token.unsigned
            || !(self.issuers.is_empty() || self.issuers.iter().any(|known| issuer.contains(known)))
        {
            return None;
        }
        let mut candidate = Candidate::new(anchor.start..anchor.start + token.len);
        candidate.facts = token.facts;
        candidate.expires = token.expires;
        if token.forgeable {
            candidate.severity = Some(Severity::Critical);
            candidate.confidence = Some(Confidence::High);
        }
        Some(candidate)
    }
}
