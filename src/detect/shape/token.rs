//! `token`: literal text somewhere in it, the rest by alphabet and length.

use std::ops::Range;

use super::Candidate;
use crate::detect::check::{self, Verdict};
use crate::detect::format::Format;
use crate::detect::inspect::Reach;
use crate::detect::plausible;
use crate::finding::Confidence;
use crate::rule::{Check, TokenShape};

/// A compiled [`TokenShape`].
#[derive(Debug)]
pub(crate) struct Token {
    formats: Vec<Format>,
    entropy: Option<f64>,
    check: Option<Check>,
}

/// More of a literal prefix would show what is no longer public.
const LONGEST_PREFIX: usize = 12;

impl Token {
    pub(super) fn new(shape: &TokenShape, check: Option<Check>) -> Result<Self, String> {
        let formats = parse_formats(&shape.format)?;
        if formats.iter().any(|format| format.anchor().is_none_or(|anchor| anchor.len() < 3)) {
            return Err(
                "a token format needs a literal text of at least three characters; use `assigned`".into()
            );
        }
        Ok(Self { formats, entropy: shape.entropy, check })
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        self.formats.iter().filter_map(Format::anchor).map(<[u8]>::to_vec).collect()
    }

    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        let text = &bytes[anchor.clone()];
        self.formats.iter().filter(|format| format.anchor() == Some(text)).find_map(|format| {
            let span = format.match_around(bytes, anchor.start)?;
            judge(format, &bytes[span.clone()], self.check, self.entropy, Candidate::new(span))
        })
    }

    pub(super) fn reach(&self) -> Reach {
        let none = Reach { before: 0, after: 0 };
        self.formats.iter().filter_map(Format::reach).fold(none, Reach::union)
    }

    pub(super) fn public_prefix(&self, secret: &[u8]) -> String {
        let format = self.formats.iter().find(|format| format.matches(secret));
        let prefix = format.map_or(&[][..], Format::prefix);
        String::from_utf8_lossy(&prefix[..prefix.len().min(LONGEST_PREFIX)]).into_owned()
    }
}

pub(super) fn parse_formats(texts: &[String]) -> Result<Vec<Format>, String> {
    let mut formats = Vec::new();
    for text in texts {
        formats.extend(Format::parse(text)?);
    }
    if formats.is_empty() { Err("a shape needs at least one format".into()) } else { Ok(formats) }
}

/// Adds what the check and the randomness of the variable part say; none when they speak against it.
pub(super) fn judge(
    format: &Format,
    token: &[u8],
    check: Option<Check>,
    entropy: Option<f64>,
    candidate: Candidate,
) -> Option<Candidate> {
    let variable = format.variable_part(token);
    match check.map_or(Verdict::Plausible(None), |check| check::verify(check, token)) {
        Verdict::Refuted => None,
        _ if plausible::is_repetitive(&variable) => None,
        Verdict::Proved(fact) => {
            Some(Candidate { confidence: Some(Confidence::High), ..candidate.fact(fact) })
        }
        Verdict::Plausible(_) if plausible::is_placeholder(&variable) => None,
        Verdict::Plausible(_) if !plausible::is_random(&variable, entropy) => None,
        Verdict::Plausible(None) => Some(candidate.fact("format of the provider")),
        Verdict::Plausible(Some(fact)) => Some(candidate.fact("format of the provider").fact(fact)),
    }
}
