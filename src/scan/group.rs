//! A group: what the matches of one secret, in however many places, say together.

use std::sync::Arc;

use crate::detect::Match;
use crate::finding::{Confidence, Evidence, Exposure, Finding, FindingBuilder, Location, RuleMeta, Severity};
use crate::secret::{FingerprintKey, Secret};

/// Everything about one secret that was found so far.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    rule: Arc<RuleMeta>,
    public_prefix: String,
    severity: Severity,
    confidence: Confidence,
    facts: Vec<String>,
    locations: Vec<Location>,
}

impl Group {
    /// A group without a place, for secrets like this one.
    pub(crate) fn new(found: &Match) -> Self {
        Self {
            rule: Arc::clone(&found.rule),
            public_prefix: found.public_prefix.clone(),
            severity: found.severity,
            confidence: found.confidence,
            facts: Vec::new(),
            locations: Vec::new(),
        }
    }

    /// The rule that found it.
    pub(super) fn rule(&self) -> &RuleMeta {
        &self.rule
    }

    /// Adds what a match says; the worst of each counts.
    pub(crate) fn learn(&mut self, found: &Match) {
        self.severity = self.severity.max(found.severity);
        self.confidence = self.confidence.max(found.confidence);
        for fact in &found.facts {
            if !self.facts.contains(fact) {
                self.facts.push(fact.clone());
            }
        }
    }

    /// Adds a match with its place.
    pub(super) fn add(&mut self, found: &Match, location: Location) {
        self.learn(found);
        self.locations.push(location);
    }

    /// Adds places.
    pub(crate) fn stands_at(&mut self, locations: impl IntoIterator<Item = Location>) {
        self.locations.extend(locations);
    }

    /// The finding; none only if there is no location or a malformed one.
    pub(crate) fn finding(
        mut self,
        secret: Secret,
        key: &FingerprintKey,
        exposure: Option<Exposure>,
    ) -> Option<Finding> {
        self.facts.sort();
        let builder = FindingBuilder::new(self.rule)
            .severity(self.severity)
            .confidence(self.confidence)
            .evidence(Evidence::new(secret, self.public_prefix));
        let builder = self.facts.into_iter().fold(builder, FindingBuilder::reason);
        let builder = self.locations.into_iter().fold(builder, FindingBuilder::location);
        exposure.into_iter().fold(builder, FindingBuilder::exposure).build(key).ok()
    }
}

/// Raises the confidence of halves whose other half is near.
pub(crate) fn raise_pairs(matches: &mut [Match]) {
    let spans: Vec<_> = matches.iter().map(|found| (Arc::clone(&found.rule), found.span.clone())).collect();
    for found in matches {
        let Some(pair) = &found.pair else { continue };
        let near = spans.iter().any(|(rule, span)| {
            let distance =
                span.start.saturating_sub(found.span.end).max(found.span.start.saturating_sub(span.end));
            rule.id.name() == pair.with && distance as u64 <= pair.within
        });
        if near {
            found.confidence = found.confidence.max(pair.confidence);
            found.facts.push(format!("stands beside its other half ({})", pair.with));
        }
    }
}

/// A token that has expired opens nothing any more, and will not expire again.
pub(crate) fn expire(found: &mut Match, now: u64) {
    if found.expires.take_if(|expires| *expires < now).is_some() {
        found.severity = found.severity.min(Severity::Low);
        found.facts.push("expired".to_owned());
    }
}

/// The earlier one of two moments that may never come.
pub(crate) fn earliest(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}
