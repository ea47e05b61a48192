//! What was found so far: rows that are neither live nor found before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::types::Value as Plain;

use super::live::{Live, Owner, digest};
use super::{CarvedRow, Confidence, Method};
use crate::sqlite::btree::Payload;
use crate::sqlite::header::Encoding;
use crate::sqlite::overflow;
use crate::sqlite::record::{Record, Value};

/// Records longer than this are not read whole.
const LONGEST: u64 = 1 << 28;

/// The rows, by a digest of their records.
pub(super) struct Found {
    rows: HashMap<u64, Kept>,
    most: usize,
}

struct Kept {
    row: CarvedRow,
    /// The digest without the key.
    record: u64,
}

/// A cell that may be a deleted row.
pub(super) struct Candidate<'a> {
    pub(super) rowid: Option<i64>,
    pub(super) payload: Payload<'a>,
    /// Whether it is of a table WITHOUT ROWID.
    pub(super) keyed: bool,
    /// Whether a pointer leads to it, so that it surely is a cell.
    pub(super) is_cell: bool,
    pub(super) owner: Owner,
    pub(super) confidence: Confidence,
    pub(super) place: Place,
}

/// Where something lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) page: u32,
    pub(super) offset: u64,
    pub(super) is_in_log: bool,
    pub(super) method: Method,
}

impl Found {
    pub(super) fn new(most: usize) -> Self {
        Self { rows: HashMap::new(), most }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.most
    }

    /// Takes a candidate if it is plausible; tells whether its bytes are explained, by a row that lives too.
    pub(super) fn take(&mut self, candidate: &Candidate<'_>, live: &Live) -> bool {
        let payload = &candidate.payload;
        let Ok(record) = Record::parse(payload.local) else { return false };
        let Ok(types) = record.types().map(|kind| kind.map(|kind| kind.0)).collect::<Result<Vec<_>, _>>()
        else {
            return false;
        };
        if types.iter().any(|kind| matches!(kind, 10 | 11)) {
            return false;
        }
        if live.has(candidate.rowid, payload.total, payload.local) {
            return true;
        }
        let table = choose(candidate, &types, live);
        if table.is_none() && !is_unknown_row(candidate, &types) {
            return false;
        }
        let (bytes, is_whole) = read(payload, live);
        let Some((values, all_there)) = values(&bytes, live.encoding, candidate) else { return false };
        if values.is_empty() || !says_enough(candidate, &values, table) {
            return false;
        }
        let confidence = if is_whole && all_there { candidate.confidence } else { Confidence::Low };
        let row = Self::row(candidate, (values, confidence), table.flatten(), live);
        self.keep(row, candidate);
        true
    }

    pub(super) fn into_rows(self) -> Vec<CarvedRow> {
        // A row without its key is the same as one with a key and the same record.
        let keyed = self.rows.values().filter(|kept| kept.row.rowid.is_some());
        let whole: HashSet<u64> = keyed.map(|kept| kept.record).collect();
        let mut rows: Vec<CarvedRow> = self
            .rows
            .into_values()
            .filter(|kept| kept.row.confidence == Confidence::High || !whole.contains(&kept.record))
            .map(|kept| kept.row)
            .collect();
        rows.sort_by_key(|row| (row.is_in_log, row.offset));
        rows
    }

    fn row(
        candidate: &Candidate<'_>,
        (values, confidence): (Vec<Plain>, Confidence),
        table: Option<usize>,
        live: &Live,
    ) -> CarvedRow {
        let shape = table.and_then(|table| live.shapes.get(table));
        let (columns, values): (Arc<[String]>, _) = match shape {
            None => (Arc::from([]), values),
            Some(shape) => {
                let names = shape.table.columns.iter().map(|column| column.name.clone()).collect();
                (names, in_order(shape, values, candidate.rowid))
            }
        };
        CarvedRow {
            table: shape.map(|shape| Arc::clone(&shape.table.name)),
            rowid: candidate.rowid,
            columns,
            values,
            page: candidate.place.page,
            offset: candidate.place.offset,
            is_in_log: candidate.place.is_in_log,
            method: candidate.place.method,
            confidence,
        }
    }

    fn keep(&mut self, row: CarvedRow, candidate: &Candidate<'_>) {
        let payload = &candidate.payload;
        let key = digest(candidate.rowid, payload.total, payload.local);
        let record = digest(None, payload.total, payload.local);
        let is_better = self.rows.get(&key).is_none_or(|old| old.row.confidence < row.confidence);
        if is_better && (self.rows.len() < self.most || self.rows.contains_key(&key)) {
            self.rows.insert(key, Kept { row, record });
        }
    }
}

/// The table of a record: `Some(None)` if several fit equally.
fn choose(candidate: &Candidate<'_>, types: &[u64], live: &Live) -> Option<Option<usize>> {
    let fit = |number: usize| {
        let shape = live.shapes.get(number).filter(|shape| shape.table.without_rowid == candidate.keyed)?;
        shape.fit(types)
    };
    if let Owner::Table(number) = candidate.owner
        && fit(number).is_some()
    {
        return Some(Some(number));
    }
    let may_fit = |number: usize| {
        let shape = live.shapes.get(number).filter(|shape| shape.table.without_rowid == candidate.keyed)?;
        shape.may_fit(types)
    };
    if let Owner::Table(number) = candidate.owner
        && candidate.confidence == Confidence::High
        && may_fit(number).is_some()
    {
        return Some(Some(number));
    }
    let numbers = 0..live.shapes.len();
    let mut all: Vec<(usize, usize)> =
        numbers.clone().filter_map(|number| Some((fit(number)?, number))).collect();
    if all.is_empty() && candidate.is_cell {
        all = numbers.filter_map(|number| Some((may_fit(number)?, number))).collect();
    }
    all.sort_unstable_by(|one, other| other.cmp(one));
    match all[..] {
        [] => None,
        [(first, _), (second, _), ..] if first == second => Some(None),
        [(_, number), ..] => Some(Some(number)),
    }
}

/// Whether a record that fits no table is a row all the same: a dropped table had it.
fn is_unknown_row(candidate: &Candidate<'_>, types: &[u64]) -> bool {
    candidate.is_cell && !candidate.keyed && !types.is_empty()
}

/// The record as far as its overflow pages are not used by something else, and whether it is whole.
fn read(payload: &Payload<'_>, live: &Live) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    if payload.total > LONGEST {
        return (payload.local.to_vec(), false);
    }
    let mut free = |page| matches!(live.owner(page), Owner::Nothing);
    let read = overflow::read(&live.image, payload, &mut bytes, &mut free);
    // The last link of a chain on a free page may be overwritten; its content is there.
    let is_whole = read.is_ok() || bytes.len() as u64 == payload.total;
    (bytes, is_whole)
}

/// The values, and whether they are all there; `None` if a text is none.
fn values(bytes: &[u8], encoding: Encoding, candidate: &Candidate<'_>) -> Option<(Vec<Plain>, bool)> {
    let record = Record::parse(bytes).ok()?;
    let mut values = Vec::new();
    for value in record.values() {
        let Ok(value) = value else { return Some((values, false)) };
        values.push(match value {
            Value::Null => Plain::Null,
            Value::Integer(number) => Plain::Integer(number),
            Value::Real(number) if number.is_nan() => return None,
            Value::Real(number) => Plain::Real(number),
            Value::Blob(bytes) => Plain::Blob(bytes.to_vec()),
            Value::Text(bytes) => {
                let (text, is_valid) = encoding.decode(bytes);
                if !is_valid || !(candidate.is_cell || is_printable(&text)) {
                    return None;
                }
                Plain::Text(text)
            }
        });
    }
    Some((values, true))
}

fn is_printable(text: &str) -> bool {
    let odd = text.chars().filter(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t')).count();
    odd * 16 <= text.len() || odd <= 1
}

/// Whether so much fits that it is no chance.
fn says_enough(candidate: &Candidate<'_>, values: &[Plain], table: Option<Option<usize>>) -> bool {
    let at_home = matches!((candidate.owner, table), (Owner::Table(one), Some(Some(other))) if one == other);
    if candidate.is_cell || (at_home && candidate.confidence == Confidence::High) {
        return true;
    }
    let text = values.iter().any(|value| matches!(value, Plain::Text(text) if text.chars().count() >= 3));
    candidate.payload.total >= 6 && (text || values.len() >= 4)
}

/// The values in the order of the columns.
fn in_order(shape: &super::shape::Shape, values: Vec<Plain>, rowid: Option<i64>) -> Vec<Plain> {
    let table = &shape.table;
    let mut row: Vec<Plain> = table
        .columns
        .iter()
        .map(|column| if column.is_virtual { Plain::Null } else { column.default.clone() })
        .collect();
    for (&column, value) in table.stored.iter().zip(values) {
        if let Some(slot) = row.get_mut(column) {
            *slot = match value {
                Plain::Integer(number) if shape.is_real(column) => Plain::Real(number as f64),
                value => value,
            };
        }
    }
    if let Some(slot) = table.rowid_alias.and_then(|alias| row.get_mut(alias)) {
        *slot = rowid.map_or(Plain::Null, Plain::Integer);
    }
    row
}
