//! The detector: rules made executable, all of them in one pass over the bytes.
//!
//! The prefilter finds the anchors; the shape of each rule decides on the bytes around its anchor; decoders hand the
//! text that they uncover to the same procedure.
//!
//! A verdict depends on nearby bytes only: on the name and the value of an assignment (`assign`, below 700 bytes), on
//! 512 bytes of the same line for an allow comment, on the object or the armour that a long secret is (`json` 16 KiB,
//! `pem` 32 KiB), on the encoded stretch that hides it (below 48 KiB). On the path of a file, on the configuration and
//! on waivers it does not depend: those are judged later, on findings.

mod allow;
mod alphabet;
mod assign;
mod boundary;
mod check;
mod decode;
mod example;
mod fact;
mod format;
mod inspect;
mod jwt;
mod pem;
mod plausible;
mod prefilter;
mod radix;
mod random;
mod shape;
mod verify;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::finding::{Confidence, Decoding, RuleMeta, Severity};
use crate::rule::{Pair, Rule, RuleSet};
use crate::secret::Secret;
use decode::Layer;
pub use example::expand;
use inspect::Reach;
pub use inspect::{Inspection, Settled};
use prefilter::Prefilter;
use shape::{Candidate, Matcher};
pub use verify::{Failure, verify};

/// Compiled rules. Made once, used from many threads.
#[derive(Debug)]
pub struct Detector {
    rules: Vec<Compiled>,
    prefilter: Prefilter,
    /// For each anchor the rules that it belongs to.
    owners: Vec<Owners>,
    /// Rules that have to look everywhere.
    without_anchor: Vec<u16>,
}

/// The rules whose anchors begin alike.
#[derive(Debug)]
struct Owners {
    rules: Vec<Owner>,
    /// That of the rule that looks farthest.
    reach: Reach,
}

#[derive(Debug)]
struct Compiled {
    meta: Arc<RuleMeta>,
    pair: Option<Pair>,
    matcher: Matcher,
    reach: Reach,
}

/// A rule and one of its anchors, in lower case.
#[derive(Debug)]
struct Owner {
    anchor: Vec<u8>,
    rule: u16,
}

impl Owner {
    /// Where the anchor stands in `bytes`, if it does so at `start`, where its beginning was found.
    fn anchor_at(&self, bytes: &[u8], start: usize) -> Option<Range<usize>> {
        let range = start..start + self.anchor.len();
        let stands =
            |text: &[u8]| self.anchor.len() <= ANCHOR_START || text.eq_ignore_ascii_case(&self.anchor);
        bytes.get(range.clone()).is_some_and(stands).then_some(range)
    }
}

/// A secret in a buffer.
#[derive(Clone, Debug)]
pub struct Match {
    /// The rule that found it.
    pub rule: Arc<RuleMeta>,
    /// The other half that its rule knows of.
    pub pair: Option<Pair>,
    /// Its bytes in the buffer, as they stand there (encoded).
    pub span: Range<usize>,
    /// The secret, decoded.
    pub secret: Secret,
    /// The part of it that is public.
    pub public_prefix: String,
    /// Decoders that uncovered it, outermost first.
    pub decoded: Vec<Decoding>,
    /// Why it is believed.
    pub facts: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// How sure we are.
    pub confidence: Confidence,
    /// When it stops working, in seconds since the Unix epoch.
    pub expires: Option<u64>,
    /// Whether a comment on its line allows it.
    pub allowed: bool,
    rank: u8,
}

/// A rule that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: rule {id}: {message}")]
pub struct CompileError {
    /// The file that the rule stands in.
    pub origin: String,
    /// The rule.
    pub id: String,
    /// What is wrong with it.
    pub message: String,
}

/// So many bytes of an anchor are searched for, the rest is compared: what stands around each seam of a copy has to be
/// searched as far as an anchor can reach.
const ANCHOR_START: usize = 16;
/// How deep encodings may be nested: base64 of percent-encoding of base64.
const DEEPEST: usize = 3;
/// How much may be decoded for each byte of input, all layers together; nested encodings cannot multiply the work.
const DECODED_SHARE: usize = 4;
/// How many bytes are looked at for a zero byte, which text does not have.
const SNIFFED: usize = 8 << 10;

impl Detector {
    /// Compiles every rule of the set.
    ///
    /// # Errors
    /// The first rule whose shape cannot be compiled.
    pub fn new(rules: &RuleSet) -> Result<Self, CompileError> {
        let mut compiled = Vec::new();
        let mut anchored: Vec<(Vec<u8>, u16)> = Vec::new();
        let mut without_anchor = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let refuse = |message: String| CompileError {
                origin: rule.origin.clone(),
                id: rule.meta.id.to_string(),
                message,
            };
            let index = u16::try_from(index).map_err(|_| refuse("there are too many rules".into()))?;
            let rule_compiled = Compiled::new(rule).map_err(refuse)?;
            let mut anchors = rule_compiled.matcher.anchors();
            if anchors.is_empty() {
                without_anchor.push(index);
            }
            anchors.iter_mut().for_each(|anchor| anchor.make_ascii_lowercase());
            anchors.sort();
            anchors.dedup();
            anchored.extend(anchors.into_iter().map(|anchor| (anchor, index)));
            compiled.push(rule_compiled);
        }
        anchored.sort();
        let mut texts: Vec<Vec<u8>> = Vec::new();
        let mut owners: Vec<Owners> = Vec::new();
        for (anchor, rule) in anchored {
            let reach = compiled[usize::from(rule)].reach;
            let start = &anchor[..anchor.len().min(ANCHOR_START)];
            if texts.last().is_none_or(|text| text != start) {
                owners.push(Owners { rules: Vec::new(), reach });
                texts.push(start.to_vec());
            }
            if let Some(owners) = owners.last_mut() {
                owners.rules.push(Owner { anchor, rule });
                owners.reach = owners.reach.union(reach);
            }
        }
        let prefilter = Prefilter::new(texts).map_err(|anchor| CompileError {
            origin: "all rules".into(),
            id: format!("with the anchor {:?}", String::from_utf8_lossy(&anchor)),
            message: "it is too short, or one too many".into(),
        })?;
        Ok(Self { rules: compiled, prefilter, owners, without_anchor })
    }

    /// What reports say of each rule, in the order of the set.
    #[must_use]
    pub fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.rules.iter().map(|rule| Arc::clone(&rule.meta)).collect()
    }

    /// Every secret in `bytes`, in the order of their spans, which do not overlap.
    #[must_use]
    pub fn detect(&self, bytes: &[u8]) -> Vec<Match> {
        let seen = self.inspect(bytes);
        self.settle(bytes, &seen).iter().map(Settled::to_match).collect()
    }

    /// A text of the repository that a report shows, such as a name or a path, without the secrets in it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut shown = Vec::new();
        let mut at = 0;
        for found in self.detect(text.as_bytes()) {
            shown.extend_from_slice(&text.as_bytes()[at..found.span.start]);
            shown.extend_from_slice(b"[redacted]");
            at = found.span.end;
        }
        shown.extend_from_slice(&text.as_bytes()[at..]);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// The matches in decoded text and in what its decoders uncover, with overlaps, each with its rule.
    fn layer(&self, bytes: &[u8], depth: usize, budget: &mut usize) -> Vec<(u16, Match)> {
        let mut matches = Vec::new();
        self.prefilter.each(bytes, 0..bytes.len(), |anchor, start| {
            let owners = &self.owners[usize::from(anchor)];
            for owner in &owners.rules {
                let rule = &self.rules[usize::from(owner.rule)];
                let found = owner.anchor_at(bytes, start).and_then(|anchor| rule.matcher.find(bytes, anchor));
                matches.extend(found.map(|candidate| (owner.rule, rule.accept(bytes, candidate))));
            }
        });
        for &index in &self.without_anchor {
            let rule = &self.rules[usize::from(index)];
            let found = rule.matcher.find_everywhere(bytes);
            matches.extend(found.map(|candidate| (index, rule.accept(bytes, candidate))));
        }
        for layer in Layer::of(false).iter().filter(|_| depth > 0) {
            decode::each(*layer, bytes, &mut |decoded| {
                let Some(left) = budget.checked_sub(decoded.bytes.len()) else { return };
                *budget = left;
                for (rule, mut inner) in self.layer(&decoded.bytes, depth - 1, budget) {
                    inner.span = decoded.source(&inner.span);
                    inner.decoded.insert(0, decoded.decoding);
                    matches.push((rule, inner));
                }
            });
        }
        matches
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Result<Self, String> {
        let matcher = Matcher::new(&rule.shape, rule.check)?;
        if !rule.is_built_in() {
            matcher.try_out()?;
        }
        let reach = matcher.reach();
        Ok(Self { meta: Arc::clone(&rule.meta), pair: rule.pair.clone(), matcher, reach })
    }

    fn accept(&self, bytes: &[u8], candidate: Candidate) -> Match {
        let secret = &bytes[candidate.span.clone()];
        Match {
            rule: Arc::clone(&self.meta),
            pair: self.pair.clone(),
            public_prefix: self.matcher.public_prefix(secret),
            secret: Secret::new(secret),
            span: candidate.span,
            decoded: Vec::new(),
            facts: candidate.facts,
            severity: candidate.severity.unwrap_or(self.meta.severity),
            confidence: candidate.confidence.unwrap_or(self.meta.confidence),
            expires: candidate.expires,
            allowed: false,
            rank: self.matcher.rank(),
        }
    }
}

/// Of matches that overlap, keeps the one that says most.
fn without_overlaps(mut matches: Vec<Settled>) -> Vec<Settled> {
    if matches.len() < 2 {
        return matches;
    }
    let value = |Settled { found, span, .. }: &Settled| {
        (found.rank, found.confidence, found.severity, DEEPEST - found.decoded.len().min(DEEPEST), span.len())
    };
    matches.sort_by(|a, b| {
        let tie = || (&a.found.rule.id, a.span.start).cmp(&(&b.found.rule.id, b.span.start));
        value(b).cmp(&value(a)).then_with(tie)
    });
    let mut kept: BTreeMap<usize, Settled> = BTreeMap::new();
    for found in matches {
        let before = kept.range(..found.span.end).next_back();
        if before.is_none_or(|(_, before)| before.span.end <= found.span.start) {
            kept.insert(found.span.start, found);
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;

    const RULES: &str = r#"
[[rule]]
id = "acme-token"
title = "Acme token"
severity = "high"
confidence = "high"
token = { format = ["acme_{base62:24}"] }

[[rule]]
id = "generic-password"
title = "Password"
severity = "medium"
confidence = "low"
generic = { words = ["password"], least = 8 }

[[rule]]
id = "corp-pattern"
title = "Corp"
severity = "low"
confidence = "medium"
regex = { pattern = 'corp:([a-z0-9]{12})', group = 1 }
"#;

    fn detector() -> Detector {
        let mut rules = RuleSet::default();
        rules.parse(RULES, "test", "test").unwrap();
        Detector::new(&rules).unwrap()
    }

    fn token() -> String {
        ["acme", "_", "k3Fq9ZtR7bWm2XcVn5LdPs8H"].concat()
    }

    fn names(text: &[u8]) -> Vec<(String, Range<usize>)> {
        detector()
            .detect(text)
            .into_iter()
            .map(|found| (found.rule.id.name().to_owned(), found.span))
            .collect()
    }

    #[test]
    fn the_more_specific_rule_wins_and_anchorless_rules_look_everywhere() {
        let text = format!("password = \"{}\"\ncorp:abcdef012345\n", token());
        assert_eq!(names(text.as_bytes()), [("acme-token".into(), 12..41), ("corp-pattern".into(), 48..60)]);
    }

    #[test]
    fn every_encoding_and_their_nesting_is_undone() {
        let line = format!("send it with key={} please", token());
        let hex: String = line.bytes().map(|byte| format!("{byte:02x}")).collect();
        let utf16: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let encoded = [
            (BASE64_STANDARD.encode(&line).into_bytes(), vec![Decoding::Base64]),
            (hex.into_bytes(), vec![Decoding::Hex]),
            (line.replace('_', "%5F").into_bytes(), vec![Decoding::Percent]),
            (line.replace('_', "\\u005f").into_bytes(), vec![Decoding::Escape]),
            (utf16, vec![Decoding::Utf16]),
            (BASE64_STANDARD.encode(BASE64_STANDARD.encode(&line)).into_bytes(), vec![Decoding::Base64; 2]),
        ];
        for (text, decoders) in encoded {
            let found = detector().detect(&text);
            assert_eq!(found.len(), 1, "{decoders:?}");
            assert_eq!((found[0].secret.expose(), &found[0].decoded), (token().as_bytes(), &decoders));
        }
    }

    #[test]
    fn binary_data_is_searched_for_tokens_only() {
        let mut bytes = vec![0, 1, 2];
        bytes.extend(format!("password = '{}'; {}", &token()[5..], token()).bytes());
        assert_eq!(names(&bytes).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["acme-token"]);
    }

    #[test]
    fn comments_allow() {
        let text = format!("{} # kbsec:allow acme-token: test\n{}", token(), token());
        let allowed: Vec<_> = detector().detect(text.as_bytes()).iter().map(|found| found.allowed).collect();
        assert_eq!(allowed, [true, false]);
    }

    proptest::proptest! {
        #[test]
        fn matches_lie_inside_and_do_not_overlap(parts in proptest::collection::vec(0usize..7, 0..12), noise: Vec<u8>) {
            let pieces = [token(), "password=".into(), "acme_".into(), "%41".into(), "\\u0041".into(), "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo".into(), "\n".into()];
            let mut text: Vec<u8> = parts.into_iter().flat_map(|part| pieces[part].bytes()).collect();
            text.extend(noise);
            let found = detector().detect(&text);
            proptest::prop_assert!(found.iter().all(|found| found.span.start < found.span.end && found.span.end <= text.len()));
            proptest::prop_assert!(found.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
        }
    }
}
