//! `regex`: a regular expression, for rules of users and for formats that no other shape can state.

use std::ops::Range;
use std::sync::OnceLock;

use super::Candidate;
use crate::detect::check::{self, Verdict};
use crate::detect::plausible;
use crate::finding::Confidence;
use crate::rule::{Check, RegexShape};

/// A compiled [`RegexShape`].
#[derive(Debug)]
pub(crate) struct Regex {
    /// Compiled when its anchor is first met: that costs milliseconds, which a hook on ten files can save.
    regex: OnceLock<Option<regex::bytes::Regex>>,
    shape: RegexShape,
    check: Option<Check>,
}

/// How far from its anchor a match may begin and end.
pub(super) const REACH: usize = 256;

impl Regex {
    pub(super) fn new(shape: &RegexShape, check: Option<Check>) -> Result<Self, String> {
        if shape.anchors.iter().any(|anchor| anchor.len() < 3) {
            return Err("anchors need at least three characters".into());
        }
        Ok(Self { regex: OnceLock::new(), shape: shape.clone(), check })
    }

    /// Compiles the pattern to see whether it can be.
    pub(super) fn try_compile(&self) -> Result<(), String> {
        let regex =
            regex::bytes::Regex::new(&self.shape.pattern).map_err(|error| format!("bad pattern: {error}"))?;
        if self.shape.group >= regex.captures_len() {
            return Err(format!("the pattern has no group {}", self.shape.group));
        }
        Ok(())
    }

    /// None only for a pattern that [`Regex::try_compile`] refuses.
    fn regex(&self) -> Option<&regex::bytes::Regex> {
        self.regex.get_or_init(|| regex::bytes::Regex::new(&self.shape.pattern).ok()).as_ref()
    }

    pub(super) fn anchors(&self) -> Vec<Vec<u8>> {
        self.shape.anchors.iter().map(|anchor| anchor.clone().into_bytes()).collect()
    }

    /// The first match near the anchor that is not over before it begins.
    pub(super) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        let window = anchor.start.saturating_sub(REACH)..bytes.len().min(anchor.end + REACH);
        let captures = self.regex()?.captures_iter(&bytes[window.clone()]).find(|captures| {
            captures.get(0).is_some_and(|whole| whole.end() + window.start > anchor.start)
        })?;
        self.candidate(&captures, window.start)
    }

    pub(super) fn find_everywhere<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Candidate> + 'a {
        let all = self.regex().map(|regex| regex.captures_iter(bytes)).into_iter().flatten();
        all.filter_map(|captures| self.candidate(&captures, 0))
    }

    fn candidate(&self, captures: &regex::bytes::Captures<'_>, offset: usize) -> Option<Candidate> {
        let secret = captures.get(self.shape.group)?;
        let random = self.shape.entropy.is_none_or(|least| plausible::entropy(secret.as_bytes()) >= least);
        let span = secret.start() + offset..secret.end() + offset;
        if !random || span.is_empty() || plausible::is_template(secret.as_bytes()) {
            return None;
        }
        let candidate = Candidate::new(span).fact("pattern of the rule");
        match self.check.map_or(Verdict::Plausible(None), |check| check::verify(check, secret.as_bytes())) {
            Verdict::Refuted => None,
            Verdict::Plausible(None) => Some(candidate),
            Verdict::Plausible(Some(fact)) => Some(candidate.fact(fact)),
            Verdict::Proved(fact) => {
                Some(Candidate { confidence: Some(Confidence::High), ..candidate.fact(fact) })
            }
        }
    }
}
