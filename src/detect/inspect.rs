//! An inspection: what the detector noted in a buffer, such that a buffer made from it by copying is inspected only where
//! it is new.
//!
//! A verdict depends on bytes near its anchor, or on the encoded stretch that it was uncovered from. Where a copy holds
//! all of those bytes the verdict is taken over, a refusal as well as a match. Anchors are noted even where no rule
//! believed in them: so the copied bytes need not be searched again, and an anchor near a seam is judged anew.

use std::ops::Range;
use std::sync::Arc;

use super::decode::{self, Layer};
use super::prefilter::AnchorIndex;
use super::{ANCHOR_START, DECODED_SHARE, DEEPEST, Detector, Match, SNIFFED, allow};
use crate::span::Copied;

/// What stands in one buffer: every anchor, and every match before overlaps are resolved.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    is_binary: bool,
    /// Bytes of the buffer.
    length: usize,
    /// In ascending order.
    anchors: Vec<Anchor>,
    /// By origin, then position.
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Anchor {
    at: u32,
    index: AnchorIndex,
}

/// A match and what it was found by.
#[derive(Clone, Debug)]
struct Mark {
    origin: MarkOrigin,
    /// Start of the anchor, or of the encoded stretch.
    at: u32,
    rule: u16,
    start: u32,
    end: u32,
    found: Arc<Match>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum MarkOrigin {
    Anchor,
    Decoded(Layer),
    /// A rule without anchors.
    Everywhere,
}

/// A match at its place in a buffer.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The match; its own span is that of the buffer in which it was first found.
    pub found: Arc<Match>,
    /// Its bytes in this buffer.
    pub span: Range<usize>,
    /// Whether a comment on its line allows it.
    pub allowed: bool,
}

impl Settled {
    /// The match as one of this buffer.
    #[must_use]
    pub fn to_match(&self) -> Match {
        Match { span: self.span.clone(), allowed: self.allowed, ..(*self.found).clone() }
    }
}

/// How far from the start of its anchor a verdict looks, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) before: usize,
    pub(super) after: usize,
}

impl Reach {
    pub(super) fn union(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), after: self.after.max(other.after) }
    }
}

/// A run of copied bytes, and whether it begins or ends both buffers: there a verdict saw the same edge.
struct Segment {
    from: usize,
    to: Range<usize>,
    opens: bool,
    closes: bool,
}

impl Segment {
    /// Whether everything that a verdict at `at` (in the new buffer) looks at was copied.
    fn holds(&self, at: usize, reach: Reach) -> bool {
        (self.opens || at >= self.to.start + reach.before) && (self.closes || at + reach.after <= self.to.end)
    }

    /// The bytes in the buffer that was copied from.
    fn origin(&self) -> Range<usize> {
        self.from..self.from + self.to.len()
    }

    fn shift(&self, at: u32) -> u32 {
        (at as usize - self.from + self.to.start) as u32
    }
}

impl Inspection {
    /// Whether no rule believed in anything.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.marks.is_empty()
    }

    /// Those anchors that begin in `range`.
    fn anchors_in(&self, range: Range<usize>) -> &[Anchor] {
        let first = self.anchors.partition_point(|anchor| (anchor.at as usize) < range.start);
        let rest = &self.anchors[first..];
        // They are all copied next, so counting them costs little, and most ranges hold a few.
        &rest[..rest.iter().take_while(|anchor| (anchor.at as usize) < range.end).count()]
    }
}

impl Detector {
    /// Inspects a whole buffer of at most 4 GiB.
    #[must_use]
    pub fn inspect(&self, bytes: &[u8]) -> Inspection {
        let mut seen =
            Inspection { is_binary: is_binary(bytes), length: bytes.len(), ..Inspection::default() };
        self.search(bytes, 0..bytes.len(), &mut seen.anchors);
        for anchor in &seen.anchors {
            self.judge((bytes, seen.is_binary), *anchor, |_| true, &mut seen.marks);
        }
        if !seen.is_binary {
            self.look_everywhere(bytes, &mut seen.marks);
        }
        for layer in Layer::of(seen.is_binary) {
            self.decode(bytes, *layer, 0..bytes.len(), &mut seen.marks);
        }
        seen.marks.sort_by_key(|mark| (mark.origin, mark.at));
        seen
    }

    /// Inspects a buffer that was made by copying parts of another one, whose inspection is `base`.
    ///
    /// `copies` are ascending in the new buffer and lie inside of both; where one goes on as another ended they should be
    /// one, for each seam costs time. The result is the same as that of `inspect`.
    #[must_use]
    pub fn inspect_copy(&self, bytes: &[u8], base: &Inspection, copies: &[Copied]) -> Inspection {
        let is_binary = is_binary(bytes);
        if is_binary != base.is_binary || !self.without_anchor.is_empty() {
            return self.inspect(bytes);
        }
        let segments = segments(copies, base.length, bytes.len());
        let anchors = Vec::with_capacity(base.anchors.len() + segments.len());
        let mut seen = Inspection { is_binary, length: bytes.len(), anchors, marks: Vec::new() };
        let mut searched = 0;
        for segment in &segments {
            // An anchor that begins this near to the end of the copy might end behind it.
            let last = if segment.closes { 0 } else { ANCHOR_START - 1 };
            let known = segment.to.start..segment.to.end.saturating_sub(last).max(segment.to.start);
            self.search(bytes, searched..known.start, &mut seen.anchors);
            self.take_over(base, segment, known.end, &mut seen);
            searched = known.end;
        }
        self.search(bytes, searched..bytes.len(), &mut seen.anchors);
        self.judge_new(bytes, &segments, &mut seen);
        let fresh = fresh(&segments, bytes.len());
        for layer in Layer::of(is_binary) {
            let zones = zones(*layer, bytes, &fresh);
            base.hidden_elsewhere(*layer, &segments, &zones, &mut seen.marks);
            for zone in zones {
                self.decode(bytes, *layer, zone, &mut seen.marks);
            }
        }
        seen.marks.sort_by_key(|mark| (mark.origin, mark.at));
        seen
    }

    /// The matches of an inspected buffer, those that overlap resolved, in the order of their spans.
    #[must_use]
    pub fn settle(&self, bytes: &[u8], seen: &Inspection) -> Vec<Settled> {
        let settled = seen.marks.iter().map(|mark| {
            let span = mark.start as usize..mark.end as usize;
            let allowed = allow::allows(bytes, &span, mark.found.rule.id.name());
            Settled { found: Arc::clone(&mark.found), span, allowed }
        });
        super::without_overlaps(settled.collect())
    }

    fn search(&self, bytes: &[u8], range: Range<usize>, anchors: &mut Vec<Anchor>) {
        if range.is_empty() {
            return;
        }
        let first = anchors.len();
        self.prefilter.each(bytes, range, |index, at| anchors.push(Anchor { at: at as u32, index }));
        anchors[first..].sort_unstable();
    }

    /// Asks every rule of an anchor that `wants` to know, and notes those that believe in it.
    fn judge(
        &self,
        (bytes, is_binary): (&[u8], bool),
        anchor: Anchor,
        wants: impl Fn(Reach) -> bool,
        marks: &mut Vec<Mark>,
    ) {
        let owners = &self.owners[usize::from(anchor.index)];
        let at = anchor.at as usize;
        for owner in &owners.rules {
            let index = owner.rule;
            let rule = &self.rules[usize::from(index)];
            if (is_binary && !rule.matcher.reads_binary()) || !wants(rule.reach) {
                continue;
            }
            let anchored = owner.anchor_at(bytes, at);
            if let Some(candidate) = anchored.and_then(|anchor| rule.matcher.find(bytes, anchor)) {
                let found = rule.accept(bytes, candidate);
                marks.push(Mark::new(MarkOrigin::Anchor, anchor.at, index, found));
            }
        }
    }

    fn look_everywhere(&self, bytes: &[u8], marks: &mut Vec<Mark>) {
        for &index in &self.without_anchor {
            let rule = &self.rules[usize::from(index)];
            for candidate in rule.matcher.find_everywhere(bytes) {
                let at = candidate.span.start as u32;
                marks.push(Mark::new(MarkOrigin::Everywhere, at, index, rule.accept(bytes, candidate)));
            }
        }
    }

    /// Notes what the encoded stretches in `range` hide.
    fn decode(&self, bytes: &[u8], layer: Layer, range: Range<usize>, marks: &mut Vec<Mark>) {
        let offset = range.start;
        decode::each(layer, &bytes[range], &mut |decoded| {
            let stretch = decoded.source(&(0..decoded.bytes.len()));
            let mut budget = decoded.bytes.len().saturating_mul(DECODED_SHARE);
            for (rule, mut inner) in self.layer(&decoded.bytes, DEEPEST - 1, &mut budget) {
                let span = decoded.source(&inner.span);
                inner.span = span.start + offset..span.end + offset;
                inner.decoded.insert(0, decoded.decoding);
                let at = (stretch.start + offset) as u32;
                marks.push(Mark::new(MarkOrigin::Decoded(layer), at, rule, inner));
            }
        });
    }

    /// Takes over the anchors of a copy up to `end`, and the matches whose evidence was copied with them.
    fn take_over(&self, base: &Inspection, segment: &Segment, end: usize, seen: &mut Inspection) {
        let anchors = base.anchors_in(segment.from..segment.from + (end - segment.to.start));
        seen.anchors.extend(anchors.iter().map(|anchor| Anchor { at: segment.shift(anchor.at), ..*anchor }));
        for mark in base.marks_in(MarkOrigin::Anchor, segment.origin()) {
            let mark = mark.shifted(segment);
            if segment.holds(mark.at as usize, self.rules[usize::from(mark.rule)].reach) {
                seen.marks.push(mark);
            }
        }
    }

    /// Judges the anchors whose evidence was not copied as a whole.
    fn judge_new(&self, bytes: &[u8], segments: &[Segment], seen: &mut Inspection) {
        let mut rest = segments.iter().peekable();
        for anchor in &seen.anchors {
            let at = anchor.at as usize;
            while rest.next_if(|segment| segment.to.end <= at).is_some() {}
            let segment = rest.peek().filter(|segment| segment.to.contains(&at));
            let owners = &self.owners[usize::from(anchor.index)];
            let copied = |reach| segment.is_some_and(|segment| segment.holds(at, reach));
            if !copied(owners.reach) {
                self.judge((bytes, seen.is_binary), *anchor, |reach| !copied(reach), &mut seen.marks);
            }
        }
    }
}

impl Inspection {
    /// Takes over what encoded stretches hide that were copied and do not lie in `zones`.
    fn hidden_elsewhere(
        &self,
        layer: Layer,
        segments: &[Segment],
        zones: &[Range<usize>],
        marks: &mut Vec<Mark>,
    ) {
        if self.marks.is_empty() {
            return;
        }
        for segment in segments {
            for mark in self.marks_in(MarkOrigin::Decoded(layer), segment.origin()) {
                let mark = mark.shifted(segment);
                let zone = zones.partition_point(|zone| zone.end <= mark.at as usize);
                if zones.get(zone).is_none_or(|zone| !zone.contains(&(mark.at as usize))) {
                    marks.push(mark);
                }
            }
        }
    }

    fn marks_in(&self, origin: MarkOrigin, range: Range<usize>) -> &[Mark] {
        if self.marks.is_empty() {
            return &[];
        }
        let below =
            |at: usize| self.marks.partition_point(|mark| (mark.origin, mark.at as usize) < (origin, at));
        &self.marks[below(range.start)..below(range.end)]
    }
}

impl Mark {
    fn new(origin: MarkOrigin, at: u32, rule: u16, found: Match) -> Self {
        let (start, end) = (found.span.start as u32, found.span.end as u32);
        Self { origin, at, rule, start, end, found: Arc::new(found) }
    }

    fn shifted(&self, segment: &Segment) -> Self {
        // A match can begin before its anchor, never before what was copied.
        let shift = |at: u32| (at as usize + segment.to.start).wrapping_sub(segment.from) as u32;
        Self { at: shift(self.at), start: shift(self.start), end: shift(self.end), ..self.clone() }
    }
}

fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(SNIFFED)]).is_some()
}

/// To search a shorter copy again costs less than to join its two seams with what stands beside them.
const SHORTEST_SEGMENT: usize = 192;

/// The longer ones of the copies.
fn segments(copies: &[Copied], from_length: usize, to_length: usize) -> Vec<Segment> {
    let segment = |copy: &Copied| {
        let (from, to, length) = (copy.from as usize, copy.to as usize, copy.length as usize);
        Segment {
            from,
            to: to..to + length,
            opens: from == 0 && to == 0,
            closes: from + length == from_length && to + length == to_length,
        }
    };
    copies.iter().filter(|copy| copy.length as usize >= SHORTEST_SEGMENT).map(segment).collect()
}

/// The smallest ranges around `fresh` that decode on their own, joined where they meet.
fn zones(layer: Layer, bytes: &[u8], fresh: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut zones: Vec<Range<usize>> = Vec::with_capacity(fresh.len());
    for fresh in fresh {
        if zones.last().is_some_and(|zone| zone.end >= fresh.end) {
            continue;
        }
        let zone = layer.zone(bytes, fresh.clone());
        match zones.last_mut() {
            Some(last) if last.end >= zone.start => last.end = zone.end.max(last.end),
            _ => zones.push(zone),
        }
    }
    zones
}

/// The bytes that were not copied and the bytes beside each seam.
fn fresh(segments: &[Segment], length: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::with_capacity(segments.len() + 1);
    let mut at: usize = 0;
    for segment in segments {
        if !(segment.opens && at == 0) {
            ranges.push(at.saturating_sub(1)..(segment.to.start + 1).min(length));
        }
        at = segment.to.end;
    }
    if segments.last().is_none_or(|last| !last.closes) {
        ranges.push(at.saturating_sub(1)..length);
    }
    ranges
}

#[cfg(test)]
mod tests;
