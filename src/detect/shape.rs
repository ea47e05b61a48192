//! Shapes, compiled: one file for each way in which a rule can state how a secret looks.

mod assigned;
mod generic;
mod json;
mod jwt;
mod pem;
mod regex;
mod token;
mod url;

use std::ops::Range;

use crate::detect::inspect::Reach;
use crate::detect::{self, assign, boundary};
use crate::finding::{Confidence, Severity};
use crate::rule::{Check, Shape};

/// A shape, ready to look at the places where its anchors stand.
#[derive(Debug)]
pub(crate) enum Matcher {
    Token(token::Token),
    Assigned(assigned::Assigned),
    Url(url::Url),
    Pem(pem::Pem),
    Jwt(jwt::Jwt),
    Json(json::Json),
    Generic(generic::Generic),
    Regex(regex::Regex),
}

/// A secret that some rule believes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The secret itself.
    pub(crate) span: Range<usize>,
    /// Why it is believed.
    pub(crate) facts: Vec<String>,
    /// Where the shape knows better than the rule.
    pub(crate) severity: Option<Severity>,
    /// Where the shape knows better than the rule.
    pub(crate) confidence: Option<Confidence>,
    /// When it stops working, in seconds since the Unix epoch.
    pub(crate) expires: Option<u64>,
}

impl Candidate {
    fn new(span: Range<usize>) -> Self {
        Self { span, facts: Vec::new(), severity: None, confidence: None, expires: None }
    }

    fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }
}

impl Matcher {
    /// Compiles the shape of a rule.
    ///
    /// # Errors
    /// What is wrong with it, as a clause.
    pub(crate) fn new(shape: &Shape, check: Option<Check>) -> Result<Self, String> {
        Ok(match shape {
            Shape::Token(shape) => Self::Token(token::Token::new(shape, check)?),
            Shape::Assigned(shape) => Self::Assigned(assigned::Assigned::new(shape, check)?),
            Shape::Url(shape) => Self::Url(url::Url::new(shape)),
            Shape::Pem(shape) => Self::Pem(pem::Pem::new(shape)),
            Shape::Jwt(shape) => Self::Jwt(jwt::Jwt::new(shape)),
            Shape::Json(shape) => Self::Json(json::Json::new(shape)),
            Shape::Generic(shape) => Self::Generic(generic::Generic::new(shape)),
            Shape::Regex(shape) => Self::Regex(regex::Regex::new(shape, check)?),
        })
    }

    /// Finds mistakes that building the matcher leaves for its first use, because finding them takes time. The embedded
    /// rules need it in tests only.
    ///
    /// # Errors
    /// What is wrong, as a clause.
    pub(crate) fn try_out(&self) -> Result<(), String> {
        match self {
            Self::Regex(regex) => regex.try_compile(),
            _ => Ok(()),
        }
    }

    /// Texts of which one stands in, or near, everything it matches. None means that it looks everywhere.
    pub(crate) fn anchors(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Token(token) => token.anchors(),
            Self::Assigned(assigned) => assigned.anchors(),
            Self::Url(url) => url.anchors(),
            Self::Pem(pem) => pem.anchors(),
            Self::Jwt(jwt) => jwt.anchors(),
            Self::Json(json) => json.anchors(),
            Self::Generic(generic) => generic.anchors(),
            Self::Regex(regex) => regex.anchors(),
        }
    }

    /// The secret at an anchor, if there is one.
    pub(crate) fn find(&self, bytes: &[u8], anchor: Range<usize>) -> Option<Candidate> {
        match self {
            Self::Token(token) => token.find(bytes, anchor),
            Self::Assigned(assigned) => assigned.find(bytes, anchor),
            Self::Url(url) => url.find(bytes, anchor),
            Self::Pem(pem) => pem.find(bytes, anchor),
            Self::Jwt(jwt) => jwt.find(bytes, anchor),
            Self::Json(json) => json.find(bytes, anchor),
            Self::Generic(generic) => generic.find(bytes, anchor),
            Self::Regex(regex) => regex.find(bytes, anchor),
        }
    }

    /// How far from the start of an anchor the bytes stand that decide about it.
    pub(crate) fn reach(&self) -> Reach {
        let longest = self.anchors().iter().map(Vec::len).max().unwrap_or(0);
        let from_end = |before, after| Reach { before, after: longest + after };
        match self {
            Self::Token(token) => token.reach(),
            Self::Assigned(_) | Self::Generic(_) => from_end(assign::REACH_BEFORE, assign::REACH_AFTER),
            Self::Url(_) => from_end(url::LONGEST_SCHEME + 1, url::LONGEST_AUTHORITY + 1),
            Self::Pem(_) => Reach { before: 0, after: detect::pem::LONGEST },
            Self::Jwt(_) => Reach { before: boundary::REACH, after: detect::jwt::LONGEST },
            Self::Json(_) => from_end(json::REACH, json::REACH),
            Self::Regex(_) => from_end(regex::REACH, regex::REACH),
        }
    }

    /// Every secret of a shape without anchors.
    pub(crate) fn find_everywhere<'a>(&'a self, bytes: &'a [u8]) -> Box<dyn Iterator<Item = Candidate> + 'a> {
        match self {
            Self::Regex(regex) => Box::new(regex.find_everywhere(bytes)),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Whether it also applies to data that is no text.
    pub(crate) fn reads_binary(&self) -> bool {
        !matches!(self, Self::Generic(_) | Self::Assigned(_) | Self::Regex(_))
    }

    /// How much a match says, for choosing between rules that match the same bytes: higher is more specific.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Token(_) => 6,
            Self::Pem(_) | Self::Json(_) => 5,
            Self::Assigned(_) => 4,
            Self::Regex(_) | Self::Jwt(_) => 3,
            Self::Url(url) => 2 - u8::from(url.is_any()),
            Self::Generic(_) => 0,
        }
    }

    /// The start of the secret that is public by format, to be shown in reports.
    pub(crate) fn public_prefix(&self, secret: &[u8]) -> String {
        match self {
            Self::Token(token) => token.public_prefix(secret),
            Self::Pem(_) => "-----BEGIN ".to_owned(),
            Self::Jwt(_) => "eyJ".to_owned(),
            _ => String::new(),
        }
    }
}

/// Spellings of a word as part of a name: words joined by nothing, `_`, `-` or a blank.
fn spellings(word: &str) -> Vec<Vec<u8>> {
    let parts: Vec<&str> = word.split(['-', '_', ' ']).filter(|part| !part.is_empty()).collect();
    let joints: &[&str] = if parts.len() > 1 { &["", "_", "-", " ", "."] } else { &[""] };
    joints.iter().map(|joint| parts.join(joint).to_ascii_lowercase().into_bytes()).collect()
}
