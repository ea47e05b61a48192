//! `assigned`: a value of a known format, assigned to a name that holds a provider's word.

use std::ops::Range;

use super::token::{judge, parse_formats};
use super::{Candidate, spellings};
use crate::detect::assign;
use crate::detect::format::Format;
use crate::detect::plausible;
use crate::rule::{AssignedShape, Check};

/// A compiled [`AssignedShape`].
#[derive(Debug)]
pub(crate) struct Assigned {
    words: Vec<Vec<u8>>,
    formats: Vec<Format>,
    entropy: Option<f64>,
    check: Option<Check>,
}

impl Assigned {
    pub(super) fn new(shape: &AssignedShape, check: Option<Check>) -> Result<Self, String> {
        let words = shape.words.iter().flat_map(|word| spellings(word)).collect::<Vec<_>>();
        if words.iter().any(|word| word.len() < 3) || words.is_empty() {
            return Err("`assigned` needs words of at least three characters".into());
        }
        Ok(Self { words, formats: parse_formats(&shape.format)?, entropy: shape.entropy, check })
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        self.words.clone()
    }

    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        let assignment = assign::read(bytes, anchor.clone())?;
        let value = &bytes[assignment.value.clone()];
        if plausible::is_reference(value) {
            return None;
        }
        let format = self.formats.iter().find(|format| format.matches(value))?;
        let name = assignment.shown_name(bytes, anchor);
        let candidate = Candidate::new(assignment.value);
        judge(format, value, self.check, self.entropy, candidate.fact(format!("assigned to {name}")))
    }
}
