//! `pem`: a private key in armour.

use std::ops::Range;

use super::Candidate;
use crate::detect::pem::{self, PemKind};
use crate::finding::{Confidence, Severity};
use crate::rule::PemShape;

/// A compiled [`PemShape`].
#[derive(Debug)]
pub(crate) struct Pem {
    labels: Vec<String>,
}

impl Pem {
    pub(super) fn new(shape: &PemShape) -> Self {
        Self { labels: shape.labels.clone() }
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        let labels = self.labels.iter().flat_map(|label| [label.clone(), label.to_lowercase()]);
        labels.map(|label| format!("-----BEGIN {label}-----").into_bytes()).collect()
    }

    fn is_one(&self, label: &str) -> bool {
        self.labels.iter().any(|known| known.eq_ignore_ascii_case(label))
    }

    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        let key = pem::parse(&bytes[anchor.start..])?;
        if key.kind == PemKind::Placeholder || !self.is_one(&key.label) {
            return None;
        }
        let mut candidate = Candidate::new(anchor.start..anchor.start + key.len);
        candidate.facts = key.facts;
        if key.encrypted {
            candidate.severity = Some(Severity::Medium);
        }
        if key.kind == PemKind::Truncated {
            candidate.confidence = Some(Confidence::Medium);
            candidate = candidate.fact("cut off before its end line");
        }
        Some(candidate)
    }
}
