//! The record: findings and coverage as bytes, without any secret.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::codec::{Reader, Writer};
use crate::coverage::{Coverage, Gap};
use crate::finding::{
    Commit, Confidence, Decoding, Evidence, Exposure, Finding, FindingBuilder, Location, Origin, Reach,
    RuleMeta, Severity, TextKind, Trail,
};
use crate::git::path_from_git;
use crate::scan::Outcome;
use crate::secret::FingerprintKey;
use crate::span::{ByteSpan, Position};

const SEVERITIES: &[Severity] =
    &[Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
const CONFIDENCES: &[Confidence] = &[Confidence::Low, Confidence::Medium, Confidence::High];
const TEXTS: &[TextKind] = &[TextKind::Commit, TextKind::Tag, TextKind::FileName, TextKind::RefName];
const KINDS: &[&str] = &["blobs", "commits", "trees", "tags", "refs", "files"];
const REACHES: &[Reach] = &[
    Reach::Head,
    Reach::Branch,
    Reach::Tag,
    Reach::Remote,
    Reach::PullRequest,
    Reach::Other,
    Reach::Note,
    Reach::Stash,
    Reach::Reflog,
    Reach::Unreachable,
];
const DECODINGS: &[Decoding] = &[
    Decoding::Base64,
    Decoding::Hex,
    Decoding::Percent,
    Decoding::Escape,
    Decoding::Utf16,
    Decoding::Entity,
    Decoding::QuotedPrintable,
    Decoding::Gzip,
    Decoding::Zip,
    Decoding::Zstd,
    Decoding::Xz,
];

/// Writes an outcome; `None` if something in it has no written form.
pub(super) fn write(out: &mut Writer, outcome: &Outcome) -> Option<()> {
    let mut scribe = Scribe { out, commits: HashMap::new() };
    scribe.out.number(outcome.findings.len() as u64);
    outcome.findings.iter().try_for_each(|finding| scribe.finding(finding))?;
    scribe.coverage(&outcome.coverage)
}

/// Reads what [`write()`] wrote; the rules are those that the findings may be of.
pub(super) fn read(input: Reader<'_>, rules: &[Arc<RuleMeta>]) -> Option<(Vec<Finding>, Coverage)> {
    let rules = rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let mut scholar = Scholar { input, rules, commits: Vec::new() };
    let count = scholar.input.number()?;
    let mut findings = Vec::new();
    for _ in 0..count {
        findings.push(scholar.finding()?);
    }
    let coverage = scholar.coverage()?;
    scholar.input.is_empty().then_some((findings, coverage))
}

/// Writes.
struct Scribe<'a> {
    out: &'a mut Writer,
    /// Commits that were written before, with their numbers from 1: there are few of them beside the places.
    commits: HashMap<Arc<Commit>, u64>,
}

impl Scribe<'_> {
    fn finding(&mut self, finding: &Finding) -> Option<()> {
        let evidence = finding.evidence().filter(|_| finding.changes().is_empty())?;
        self.out.text(finding.rule().id.as_str());
        self.out.choice(&finding.severity(), SEVERITIES)?;
        self.out.choice(&finding.confidence(), CONFIDENCES)?;
        self.out.number(evidence.length() as u64);
        self.out.text(evidence.public_prefix());
        self.texts(finding.reasons());
        self.out.text(&finding.fingerprint().to_string());
        self.out.number(finding.locations().len() as u64);
        finding.locations().iter().try_for_each(|location| self.location(location))?;
        self.out.flag(finding.exposure().is_some());
        finding.exposure().map_or(Some(()), |exposure| self.exposure(exposure))
    }

    fn location(&mut self, location: &Location) -> Option<()> {
        self.origin(&location.origin)?;
        let (start, end) = (location.start, location.end);
        let Location { span, decoded, line_hash, trail, .. } = location;
        for number in [span.start, span.end, start.line, start.column, end.line, end.column] {
            self.out.number(number);
        }
        self.out.number(decoded.len() as u64);
        decoded.iter().try_for_each(|decoding| self.out.choice(decoding, DECODINGS))?;
        self.out.optional(line_hash.as_deref(), Writer::text);
        self.out.flag(trail.is_some());
        if let Some(trail) = trail {
            self.commit(trail.introduced.as_ref());
            self.commit(trail.removed.as_ref());
            self.out.flag(trail.at_head);
        }
        Some(())
    }

    fn origin(&mut self, origin: &Origin) -> Option<()> {
        match origin {
            Origin::File { path } => {
                self.out.number(0);
                self.out.bytes(path.as_os_str().as_encoded_bytes());
            }
            Origin::Blob { path, id } => {
                self.out.number(1);
                let path = path.as_deref().map(|path| path.as_os_str().as_encoded_bytes());
                self.out.optional(path, Writer::bytes);
                self.out.text(id);
            }
            Origin::Text { kind, id } => {
                self.out.number(2);
                self.out.choice(kind, TEXTS)?;
                self.out.text(id);
            }
            // No part of a history.
            Origin::Staged { .. } | Origin::Stdin => return None,
        }
        Some(())
    }

    fn exposure(&mut self, exposure: &Exposure) -> Option<()> {
        self.out.choice(&exposure.reach, REACHES)?;
        self.texts(&exposure.refs);
        self.texts(&exposure.published);
        self.commit(exposure.introduced.as_ref());
        self.commit(exposure.removed.as_ref());
        self.out.flag(exposure.at_head);
        Some(())
    }

    /// 0 for none, the number of one that was written before, or the next number and what it says.
    fn commit(&mut self, commit: Option<&Arc<Commit>>) {
        let Some(commit) = commit else { return self.out.number(0) };
        let next = self.commits.len() as u64 + 1;
        let number = *self.commits.entry(Arc::clone(commit)).or_insert(next);
        self.out.number(number);
        if number == next {
            self.out.number(commit.time.cast_unsigned());
            [&commit.id, &commit.author, &commit.email].into_iter().for_each(|text| self.out.text(text));
        }
    }

    fn coverage(&mut self, coverage: &Coverage) -> Option<()> {
        self.out.number(coverage.items);
        self.out.number(coverage.bytes);
        self.out.number(coverage.kinds.len() as u64);
        for (kind, count) in &coverage.kinds {
            self.out.choice(kind, KINDS)?;
            self.out.number(*count);
        }
        for gaps in [&coverage.skipped, &coverage.missed] {
            self.out.number(gaps.len() as u64);
            for Gap { subject, reason, hint } in gaps {
                [subject, reason, hint].into_iter().for_each(|text| self.out.text(text));
            }
        }
        self.out.optional(coverage.nothing_to_do.as_deref(), Writer::text);
        Some(())
    }

    fn texts(&mut self, texts: &[String]) {
        self.out.number(texts.len() as u64);
        texts.iter().for_each(|text| self.out.text(text));
    }
}

/// Reads.
struct Scholar<'a> {
    input: Reader<'a>,
    rules: HashMap<&'a str, &'a Arc<RuleMeta>>,
    commits: Vec<Arc<Commit>>,
}

impl Scholar<'_> {
    fn finding(&mut self) -> Option<Finding> {
        let rule = self.rules.get(self.input.text()?.as_str()).copied()?;
        let mut builder = FindingBuilder::new(Arc::clone(rule))
            .severity(self.input.choice(SEVERITIES)?)
            .confidence(self.input.choice(CONFIDENCES)?);
        let length = usize::try_from(self.input.number()?).ok()?;
        builder = builder.evidence(Evidence::remembered(length, self.input.text()?));
        builder = self.input.list(Reader::text)?.into_iter().fold(builder, FindingBuilder::reason);
        builder = builder.fingerprint(self.input.text()?.parse().ok()?);
        for _ in 0..self.input.number()? {
            builder = builder.location(self.location()?);
        }
        if self.input.flag()? {
            builder = builder.exposure(self.exposure()?);
        }
        // The fingerprint is stated, so no key makes one.
        builder.build(&FingerprintKey::default()).ok()
    }

    fn location(&mut self) -> Option<Location> {
        let origin = self.origin()?;
        let span = ByteSpan { start: self.input.number()?, end: self.input.number()? };
        let start = Position { line: self.input.number()?, column: self.input.number()? };
        let end = Position { line: self.input.number()?, column: self.input.number()? };
        let decoded = self.input.list(|input| input.choice(DECODINGS))?;
        let line_hash = self.input.optional(Reader::text)?;
        let trail = if self.input.flag()? {
            let (introduced, removed) = (self.commit()?, self.commit()?);
            Some(Trail { introduced, removed, at_head: self.input.flag()? })
        } else {
            None
        };
        Some(Location { origin, span, start, end, decoded, line_hash, trail, database: None })
    }

    fn origin(&mut self) -> Option<Origin> {
        let path = |input: &mut Reader<'_>| input.bytes().map(path_from_git);
        Some(match self.input.number()? {
            0 => Origin::File { path: path(&mut self.input)? },
            1 => {
                let path: Option<PathBuf> = self.input.optional(path)?;
                Origin::Blob { path, id: self.input.text()? }
            }
            2 => Origin::Text { kind: self.input.choice(TEXTS)?, id: self.input.text()? },
            _ => return None,
        })
    }

    fn exposure(&mut self) -> Option<Exposure> {
        Some(Exposure {
            reach: self.input.choice(REACHES)?,
            refs: self.input.list(Reader::text)?,
            published: self.input.list(Reader::text)?,
            introduced: self.commit()?,
            removed: self.commit()?,
            at_head: self.input.flag()?,
        })
    }

    fn commit(&mut self) -> Option<Option<Arc<Commit>>> {
        let Some(index) = usize::try_from(self.input.number()?).ok()?.checked_sub(1) else {
            return Some(None);
        };
        if index == self.commits.len() {
            let time = self.input.number()?.cast_signed();
            let (id, author, email) = (self.input.text()?, self.input.text()?, self.input.text()?);
            self.commits.push(Arc::new(Commit { time, id, author, email }));
        }
        self.commits.get(index).cloned().map(Some)
    }

    fn coverage(&mut self) -> Option<Coverage> {
        let (items, bytes) = (self.input.number()?, self.input.number()?);
        let kinds = self.input.list(|input| Some((input.choice(KINDS)?, input.number()?)))?;
        let gap = |input: &mut Reader<'_>| {
            Some(Gap { subject: input.text()?, reason: input.text()?, hint: input.text()? })
        };
        let (skipped, missed) = (self.input.list(gap)?, self.input.list(gap)?);
        let nothing_to_do = self.input.optional(Reader::text)?;
        Some(Coverage { items, bytes, kinds, skipped, missed, nothing_to_do, ..Coverage::default() })
    }
}
