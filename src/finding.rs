//! A finding: one thing that is wrong, why it is believed, and every place where it stands.

mod builder;
mod change;
mod fix;
mod history;
mod line_hash;
mod location;

use std::fmt;
use std::sync::Arc;

pub use builder::{FindingBuilder, Malformed};
pub use change::Change;
pub use fix::Fix;
pub use history::{Commit, Exposure, Reach, Trail};
pub use line_hash::line_hashes;
pub use location::{DatabasePlace, Decoding, Location, Origin, TextKind};

use crate::secret::{Fingerprint, Secret};

/// One problem. The same secret in many places is one finding with many locations.
#[derive(Clone, Debug)]
pub struct Finding {
    rule: Arc<RuleMeta>,
    severity: Severity,
    confidence: Confidence,
    evidence: Option<Evidence>,
    reasons: Vec<String>,
    locations: Vec<Location>,
    fingerprint: Fingerprint,
    exposure: Option<Exposure>,
    changes: Vec<Change>,
    granted: Option<Granted>,
    fixes: Vec<Fix>,
}

/// A grant that a finding is about: what a manifest lets a plugin do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The plugin.
    pub plugin: String,
    /// The list in its manifest, such as `fs.write`.
    pub key: String,
    /// The pattern, or another value, as it is written.
    pub pattern: String,
}

impl Finding {
    /// The rule or check that made it.
    #[must_use]
    pub fn rule(&self) -> &Arc<RuleMeta> {
        &self.rule
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// How sure we are.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// The secret, if the finding is about one.
    #[must_use]
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// Why it is believed, one short clause each: `checksum valid`, `AWS account 609629065308`.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Adds a reason that came to light after the finding was made.
    pub fn explain(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    /// Takes over what another finding of the same secret knows.
    pub fn merge(&mut self, other: Self) {
        self.severity = self.severity.max(other.severity);
        self.confidence = self.confidence.max(other.confidence);
        for reason in other.reasons {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
        self.locations.extend(other.locations);
        self.locations.sort();
        self.locations.dedup();
        self.exposure = self.exposure.take().or(other.exposure);
    }

    /// Every place, sorted; never empty. The first one is the primary location.
    #[must_use]
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// What the history of the repository tells of it, where that was scanned.
    #[must_use]
    pub fn exposure(&self) -> Option<&Exposure> {
        self.exposure.as_ref()
    }

    /// The commits that change how often it stands somewhere, oldest first; only of a value that was asked for.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The grant that it is about, if it is about one.
    #[must_use]
    pub fn granted(&self) -> Option<&Granted> {
        self.granted.as_ref()
    }

    /// Replacements of which each ends it.
    #[must_use]
    pub fn fixes(&self) -> &[Fix] {
        &self.fixes
    }

    /// The stable name of this finding: it survives moves, renames and rebases.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// The secret of a finding and what may be shown of it.
#[derive(Clone, Debug)]
pub struct Evidence {
    value: Value,
    public_prefix: String,
}

/// A secret, or what is left of one that nobody may keep.
#[derive(Clone, Debug)]
enum Value {
    Known(Secret),
    Length(usize),
}

impl Evidence {
    /// A secret, decoded, and the part of it that is public by format, such as `ghp_`, which may be empty.
    #[must_use]
    pub fn new(secret: Secret, public_prefix: impl Into<String>) -> Self {
        Self { value: Value::Known(secret), public_prefix: public_prefix.into() }
    }

    /// A secret of which only the length in bytes was remembered.
    #[must_use]
    pub fn remembered(length: usize, public_prefix: impl Into<String>) -> Self {
        Self { value: Value::Length(length), public_prefix: public_prefix.into() }
    }

    /// The value; `None` where only its length was remembered.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match &self.value {
            Value::Known(secret) => Some(secret),
            Value::Length(_) => None,
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        match &self.value {
            Value::Known(secret) => secret.len(),
            Value::Length(length) => *length,
        }
    }

    /// The part that is public by format, such as `ghp_`; may be empty.
    #[must_use]
    pub fn public_prefix(&self) -> &str {
        &self.public_prefix
    }

    /// What every report may show: the public prefix and the length, such as `ghp_… (40 characters)`.
    #[must_use]
    pub fn preview(&self) -> String {
        format!("{}… ({} characters)", self.public_prefix, self.length())
    }
}

/// What a report says of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleMeta {
    /// `secret/github-classic-token`: engine, slash, kebab-case name; never reused.
    pub id: RuleId,
    /// One line without a full stop.
    pub title: String,
    /// Severity of a finding unless the detector knows better.
    pub severity: Severity,
    /// Confidence of a finding unless the detector knows better.
    pub confidence: Confidence,
    /// What to do about it.
    pub help: Help,
}

/// What a person needs to know to act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    /// What an attacker can do with it.
    pub impact: String,
    /// The steps that end the danger, in order.
    pub steps: Vec<String>,
    /// Where to do it.
    pub uri: Option<String>,
    /// Where past use is recorded.
    pub audit_log: Option<String>,
}

/// The stable id of a rule or check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(String);

impl RuleId {
    /// An id of the form `engine/kebab-case-name`.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn new(id: impl Into<String>) -> Result<Self, Malformed> {
        let id = id.into();
        let kebab = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_lowercase())
                && !part.ends_with('-')
                && !part.contains("--")
                && part.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        match id.split_once('/') {
            Some((engine, name)) if kebab(engine) && kebab(name) => Ok(Self(id)),
            _ => Err(Malformed::RuleId(id)),
        }
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How bad a finding is, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Limited harm.
    Low,
    /// Harm to one system or account.
    Medium,
    /// Serious harm to one system, or data of many.
    High,
    /// Full control of an account or of production.
    Critical,
}

/// How sure the engine is, surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Looks like it; often something else.
    Low,
    /// Probably.
    Medium,
    /// The format leaves little doubt, or a checksum proves it.
    High,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}
