//! The builder of findings: refuses one that a report could not show.

use std::sync::Arc;

use super::{Change, Confidence, Evidence, Exposure, Finding, Fix, Granted, Location, RuleMeta, Severity};
use crate::secret::{Fingerprint, FingerprintKey, Secret};

/// Why a finding or a rule id was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    /// A finding that stands nowhere cannot be shown.
    #[error("finding of rule {0} has no location")]
    NoLocation(String),
    /// A span or a range of positions that ends before it starts.
    #[error("finding of rule {0} ends before it starts")]
    Backwards(String),
    /// An id that is not `engine/kebab-case`.
    #[error("rule id {0:?} is not of the form engine/kebab-case-name")]
    RuleId(String),
}

/// Collects the parts of a [`Finding`].
#[derive(Debug)]
pub struct FindingBuilder {
    rule: Arc<RuleMeta>,
    severity: Severity,
    confidence: Confidence,
    evidence: Option<Evidence>,
    reasons: Vec<String>,
    locations: Vec<Location>,
    exposure: Option<Exposure>,
    changes: Vec<Change>,
    granted: Option<Granted>,
    fixes: Vec<Fix>,
    fingerprint: Option<Fingerprint>,
}

impl FindingBuilder {
    /// Begins a finding with the severity and confidence of its rule.
    #[must_use]
    pub fn new(rule: Arc<RuleMeta>) -> Self {
        let (severity, confidence) = (rule.severity, rule.confidence);
        Self {
            rule,
            severity,
            confidence,
            evidence: None,
            reasons: Vec::new(),
            locations: Vec::new(),
            exposure: None,
            changes: Vec::new(),
            granted: None,
            fixes: Vec::new(),
            fingerprint: None,
        }
    }

    /// Overrides the severity of the rule.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Overrides the confidence of the rule.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds the secret.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// Adds a reason to believe it; the same reason twice counts once.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
        self
    }

    /// Adds a place.
    #[must_use]
    pub fn location(mut self, location: Location) -> Self {
        self.locations.push(location);
        self
    }

    /// Adds what the history of the repository tells of it.
    #[must_use]
    pub fn exposure(mut self, exposure: Exposure) -> Self {
        self.exposure = Some(exposure);
        self
    }

    /// Adds the commits that change how often it stands somewhere, oldest first.
    #[must_use]
    pub fn changes(mut self, changes: Vec<Change>) -> Self {
        self.changes = changes;
        self
    }

    /// Adds the grant that it is about.
    #[must_use]
    pub fn granted(mut self, granted: Option<Granted>) -> Self {
        self.granted = granted;
        self
    }

    /// Adds a replacement that ends it.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    /// States the fingerprint, where an earlier run made it with the same key from a secret that is not at hand.
    #[must_use]
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// The finding, its locations sorted and without repetition.
    ///
    /// Unless it was stated, its fingerprint is made of rule and secret; without a secret, of rule and first location.
    ///
    /// # Errors
    /// When there is no location, or one that ends before it starts.
    pub fn build(mut self, key: &FingerprintKey) -> Result<Finding, Malformed> {
        let id = || self.rule.id.to_string();
        if self.locations.iter().any(|place| place.span.end < place.span.start || place.end < place.start) {
            return Err(Malformed::Backwards(id()));
        }
        self.locations.sort();
        self.locations.dedup();
        let Some(first) = self.locations.first() else {
            return Err(Malformed::NoLocation(id()));
        };
        let secret = self.evidence.as_ref().and_then(Evidence::secret);
        let fingerprint = self.fingerprint.unwrap_or_else(|| fingerprint(&self.rule, secret, first, key));
        Ok(Finding {
            rule: self.rule,
            severity: self.severity,
            confidence: self.confidence,
            evidence: self.evidence,
            reasons: self.reasons,
            locations: self.locations,
            fingerprint,
            exposure: self.exposure,
            changes: self.changes,
            granted: self.granted,
            fixes: self.fixes,
        })
    }
}

fn fingerprint(
    rule: &RuleMeta,
    secret: Option<&Secret>,
    first: &Location,
    key: &FingerprintKey,
) -> Fingerprint {
    match secret {
        Some(secret) => secret.fingerprint(key, rule.id.as_str()),
        None => {
            let object = first.database.as_ref().map_or("", |place| &place.object);
            let place = format!("{}:{}{object}", first.origin, first.span.start);
            Secret::new(place).fingerprint(key, rule.id.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Help, Origin, RuleId};
    use super::*;
    use crate::span::{ByteSpan, Position};

    fn rule() -> Arc<RuleMeta> {
        Arc::new(RuleMeta {
            id: RuleId::new("secret/example").unwrap(),
            title: "Example".into(),
            severity: Severity::High,
            confidence: Confidence::Medium,
            help: Help::default(),
        })
    }

    fn place(start: u64, end: u64) -> Location {
        Location {
            origin: Origin::Stdin,
            span: ByteSpan { start, end },
            start: Position::START,
            end: Position { line: 1, column: 9 },
            decoded: Vec::new(),
            line_hash: None,
            trail: None,
            database: None,
        }
    }

    #[test]
    fn refuses_findings_without_place_or_with_a_backward_span() {
        let key = FingerprintKey::default();
        assert!(matches!(FindingBuilder::new(rule()).build(&key), Err(Malformed::NoLocation(_))));
        let backwards = FindingBuilder::new(rule()).location(place(5, 2)).build(&key);
        assert!(matches!(backwards, Err(Malformed::Backwards(_))));
    }

    #[test]
    fn sorts_locations_and_keeps_one_of_each() {
        let built = FindingBuilder::new(rule())
            .location(place(8, 9))
            .location(place(1, 2))
            .location(place(8, 9))
            .reason("shape")
            .reason("shape")
            .build(&FingerprintKey::default())
            .unwrap();
        let starts: Vec<_> = built.locations().iter().map(|place| place.span.start).collect();
        assert_eq!((starts, built.reasons().len()), (vec![1, 8], 1));
    }

    #[test]
    fn rule_ids_have_one_form() {
        for bad in ["github", "secret/", "secret/GitHub", "secret/a--b", "secret/-a", "secret/a/b"] {
            assert!(RuleId::new(bad).is_err(), "{bad}");
        }
        assert_eq!(RuleId::new("secret/github-pat").unwrap().name(), "github-pat");
    }
}
