//! A cell without its first four bytes, which the header of a free block took: its length and rowid are lost, perhaps
//! the length of the header of its record and the first serial type too.

use std::ops::Range;

use super::Confidence;
use super::shape::Shape;
use crate::sqlite::btree::Payload;
use crate::sqlite::bytes::{be16, be32, varint};
use crate::sqlite::header::Geometry;
use crate::sqlite::record::SerialType;

/// A record made whole again.
pub(super) struct Rebuilt {
    local: Vec<u8>,
    total: u64,
    overflow: Option<u32>,
    /// Where the cell ends on its page.
    pub(super) end: usize,
    pub(super) confidence: Confidence,
}

/// Serial types, and where on the page the values begin.
struct Types {
    kinds: Vec<u64>,
    body: usize,
    /// Bytes of length and rowid together, where they follow from what is left.
    before: Option<usize>,
    is_guess: bool,
    /// How many of the types are there.
    known: usize,
}

impl Rebuilt {
    pub(super) fn payload(&self) -> Payload<'_> {
        Payload { total: self.total, local: &self.local, overflow: self.overflow }
    }
}

/// Where a cell may end.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    /// Where something begins that is known.
    pub(super) taken: usize,
    /// Where the block ends that the first bytes of the cell announce.
    pub(super) block: usize,
    /// Whether it is in a block that the page itself still names.
    pub(super) is_listed: bool,
    /// Whether that block begins there.
    pub(super) is_head: bool,
}

/// How well a cell ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Nothing is between it and what follows.
    Exact,
    /// Up to three bytes are, which are too few for a block.
    Slack,
    /// What follows is the start of another block, the end of which was given away.
    Cut,
}

impl Ends {
    /// How well a cell would end there; `None` if none does.
    fn fit(self, bytes: &[u8], end: usize) -> Option<Fit> {
        let near = |limit: usize| limit.checked_sub(end).filter(|slack| *slack < 4);
        let block = near(self.block).filter(|_| self.is_listed);
        let slack = [near(self.taken), block].into_iter().flatten().min();
        match slack.filter(|_| end <= self.taken.min(self.block)) {
            Some(0) => Some(Fit::Exact),
            Some(_) => Some(Fit::Slack),
            // A new cell takes the end of a block.
            None if end < self.taken && end <= self.block => {
                block_end(bytes, end).filter(|other| *other >= self.taken).map(|_| Fit::Cut)
            }
            None => None,
        }
    }
}

/// Where the free block ends whose header stands at `at`, if these four bytes can be one.
pub(super) fn block_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (next, size) = (usize::from(be16(bytes, at)), usize::from(be16(bytes, at + 2)));
    let is_block =
        size >= 4 && at + size <= bytes.len() && (next == 0 || next > at + 4 && next + 4 <= bytes.len());
    is_block.then_some(at + size)
}

/// The cell of this table that began at `at`.
pub(super) fn rebuild(
    bytes: &[u8],
    at: usize,
    ends: Ends,
    shape: &Shape,
    geometry: Geometry,
) -> Option<Rebuilt> {
    let whole = (4..=12).filter_map(|skip| with_header(bytes, at, skip, shape));
    let widths = || shape.widths().rev();
    let three = widths().filter_map(|width| all_types(bytes, at, width, shape));
    let two = widths().filter_map(|width| first_lost(bytes, (at, ends), width, shape));
    // Where no block is known to begin, one type that fits is no more than chance.
    let is_enough = |types: &Types| ends.is_head || types.known >= 2;
    whole
        .chain(three)
        .chain(two)
        .filter(is_enough)
        .find_map(|types| finish(bytes, (at, ends), &types, (shape, geometry)))
}

/// The header of the record is there: it begins `skip` bytes into the cell.
fn with_header(bytes: &[u8], at: usize, skip: usize, shape: &Shape) -> Option<Types> {
    if shape.table.without_rowid && skip > 4 {
        return None;
    }
    // What is between is the end of the rowid.
    let tail = bytes.get(at + 4..at + skip)?;
    if let Some((last, first)) = tail.split_last()
        && (*last > 0x7f || first.iter().any(|byte| *byte < 0x80))
    {
        return None;
    }
    let start = at + skip;
    let (length, own) = varint(bytes.get(start..)?)?;
    let body = start.checked_add(usize::try_from(length).ok()?)?;
    let mut from = start + own;
    let mut kinds = Vec::new();
    while from < body {
        let (kind, length) = varint(bytes.get(from..)?)?;
        if !shape.allows(kinds.len(), kind) {
            return None;
        }
        kinds.push(kind);
        from += length;
    }
    let fits = from == body && shape.fit(&kinds).is_some();
    let known = kinds.len();
    fits.then_some(Types { kinds, body, before: Some(skip), is_guess: false, known })
}

/// All serial types are there, and the length of the header of the record is lost.
fn all_types(bytes: &[u8], at: usize, width: usize, shape: &Shape) -> Option<Types> {
    let (kinds, body) = types(bytes, at + 4, 0..width, shape)?;
    shape.fit(&kinds)?;
    Some(Types { kinds, body, before: Some(3), is_guess: false, known: width })
}

/// The first serial type is lost: it is the one with which the cell ends where it may.
fn first_lost(bytes: &[u8], (at, ends): (usize, Ends), width: usize, shape: &Shape) -> Option<Types> {
    let (rest, body) = types(bytes, at + 4, 1..width, shape)?;
    let others = rest.iter().fold(0u64, |sum, kind| sum.saturating_add(SerialType(*kind).length()));
    let others = body.checked_add(usize::try_from(others).ok()?)?;
    if others > ends.taken.min(ends.block) {
        return None;
    }
    // A type of two bytes would have left its second one.
    let ranked = (0..=127).filter(|kind| shape.allows(0, *kind)).filter_map(|kind| {
        let fit = ends.fit(bytes, others.saturating_add(SerialType(kind).length() as usize))?;
        // What a live row has there is likelier than what none has.
        Some(((fit, !shape.begins_with(kind)), kind))
    });
    let ranked: Vec<((Fit, bool), u64)> = ranked.collect();
    let first = ranked.iter().map(|(rank, _)| *rank).min()?;
    let best: Vec<u64> = ranked.iter().filter(|(rank, _)| *rank == first).map(|(_, kind)| *kind).collect();
    let kinds: Vec<u64> = best.first().copied().into_iter().chain(rest).collect();
    (kinds.len() == width && shape.fit(&kinds).is_some()).then_some(Types {
        kinds,
        body,
        before: Some(2),
        is_guess: best.len() > 1,
        known: width - 1,
    })
}

/// The serial types of these columns, if all are allowed, and where they end.
fn types(bytes: &[u8], mut at: usize, columns: Range<usize>, shape: &Shape) -> Option<(Vec<u64>, usize)> {
    let mut kinds = Vec::new();
    for column in columns {
        let (kind, length) = varint(bytes.get(at..)?)?;
        if !shape.allows(column, kind) {
            return None;
        }
        kinds.push(kind);
        at += length;
    }
    Some((kinds, at))
}

/// The record, if all lengths agree.
fn finish(
    bytes: &[u8],
    (at, ends): (usize, Ends),
    types: &Types,
    (shape, geometry): (&Shape, Geometry),
) -> Option<Rebuilt> {
    let keyed = shape.table.without_rowid;
    let mut header = Vec::new();
    types.kinds.iter().for_each(|kind| put(*kind, &mut header));
    let own = if header.len() < 127 { 1 } else { 2 };
    let length = (header.len() + own) as u64;
    let mut local = Vec::new();
    put(length, &mut local);
    local.append(&mut header);
    let values = types.kinds.iter().fold(0u64, |sum, kind| sum.saturating_add(SerialType(*kind).length()));
    let total = length.saturating_add(values);
    let mut announced = Vec::new();
    put(total, &mut announced);
    // The header begins after the length and one to nine bytes of a rowid.
    let record = types.body.checked_sub(usize::try_from(length).ok()?)?;
    let rowid = record.checked_sub(at)?.checked_sub(announced.len())?;
    let fits = if keyed { rowid == 0 } else { (1..=9).contains(&rowid) };
    if !fits || types.before.is_some_and(|before| before != record - at && !keyed) {
        return None;
    }
    let on_page = geometry.local(total, keyed);
    let body = on_page.checked_sub(local.len())?;
    local.extend_from_slice(bytes.get(types.body..types.body + body)?);
    let mut end = types.body + body;
    let overflow = ((on_page as u64) < total).then(|| be32(bytes, end));
    end += if overflow.is_some() { 4 } else { 0 };
    let is_sure = ends.fit(bytes, end)? < Fit::Cut && !types.is_guess;
    let confidence = if is_sure { Confidence::Medium } else { Confidence::Low };
    Some(Rebuilt { local, total, overflow, end, confidence })
}

/// Writes a varint; no length or type that passes the tests needs the ninth byte.
fn put(number: u64, out: &mut Vec<u8>) {
    let groups = (64 - number.leading_zeros()).div_ceil(7).max(1);
    for at in (0..groups).rev() {
        let bits = (number >> (7 * at)) as u8 & 0x7f;
        out.push(if at == 0 { bits } else { bits | 0x80 });
    }
}
