//! What was found so far: rows that are neither live nor found before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::types::Value as Plain;

use super::live::{Live, Owner, digest};
use super::origin::{Clues, Origin};
use super::shape::Shape;
use super::{CarvedRow, Confidence, Method, Part, TableName};
use crate::sqlite::btree::Payload;
use crate::sqlite::header::Encoding;
use crate::sqlite::overflow;
use crate::sqlite::record::{Record, Value};

/// Records longer than this are not read whole.
const LONGEST: u64 = 1 << 28;
/// What a row takes in memory besides its values.
const ROW_BYTES: usize = 400;

/// How much may be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// The rows, by a digest of their records.
pub(super) struct Found {
    rows: HashMap<u64, Kept>,
    room: Room,
    left_out: HashSet<u64>,
}

/// A row with what tells it from others.
pub(super) struct Kept {
    row: CarvedRow,
    key: u64,
    /// The digest without the key.
    record: u64,
}

/// What the bytes of a candidate are.
pub(super) enum Verdict {
    /// Nothing, or too little to say.
    Nothing,
    /// A copy of a row that lives.
    Lives,
    /// A deleted row.
    Deleted(Box<Kept>),
}

/// A cell that may be a deleted row.
pub(super) struct Candidate<'a> {
    pub(super) rowid: Option<i64>,
    pub(super) payload: Payload<'a>,
    /// Whether it is of a table WITHOUT ROWID.
    pub(super) keyed: bool,
    /// Whether a pointer leads to it, so that it surely is a cell.
    pub(super) is_cell: bool,
    pub(super) confidence: Confidence,
    pub(super) place: Place,
}

/// Where something lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) page: u32,
    pub(super) offset: u64,
    pub(super) part: Part,
    pub(super) method: Method,
}

impl Found {
    pub(super) fn new(room: Room) -> Self {
        Self { rows: HashMap::new(), room, left_out: HashSet::new() }
    }

    /// How many rows there was no room for.
    pub(super) fn left_out(&self) -> usize {
        self.left_out.len()
    }

    /// Takes a row, unless it is there already and as well preserved.
    pub(super) fn take(&mut self, kept: Kept) {
        let worth = |kept: &Kept| (kept.row.confidence, kept.row.table_confidence);
        let old = self.rows.get(&kept.key).map(worth);
        if old.is_some_and(|old| old >= worth(&kept)) {
            return;
        }
        let size = ROW_BYTES + kept.row.values.iter().map(size).sum::<usize>();
        if old.is_none() {
            if self.room.rows == 0 || self.room.bytes < size {
                self.left_out.insert(kept.key);
                return;
            }
            self.room = Room { rows: self.room.rows - 1, bytes: self.room.bytes - size };
        }
        self.rows.insert(kept.key, kept);
    }

    pub(super) fn into_rows(self) -> Vec<CarvedRow> {
        // A row without its key is the same as one with a key and the same record.
        let keyed = self.rows.values().filter(|kept| kept.row.rowid.is_some());
        let whole: HashSet<u64> = keyed.map(|kept| kept.record).collect();
        let mut rows: Vec<CarvedRow> = self
            .rows
            .into_values()
            .filter(|kept| kept.row.rowid.is_some() || !whole.contains(&kept.record))
            .map(|kept| kept.row)
            .collect();
        rows.sort_by_key(|row| (row.part, row.offset));
        rows
    }
}

impl Candidate<'_> {
    /// Decides what it is.
    pub(super) fn judge(&self, live: &Live) -> Verdict {
        let payload = &self.payload;
        if live.has(self.rowid, payload.total, payload.local) {
            return Verdict::Lives;
        }
        self.row(live).map_or(Verdict::Nothing, |row| {
            let key = digest(self.rowid, payload.total, payload.local);
            let record = digest(None, payload.total, payload.local);
            Verdict::Deleted(Box::new(Kept { row, key, record }))
        })
    }

    /// The row, if it is plausible.
    fn row(&self, live: &Live) -> Option<CarvedRow> {
        let record = Record::parse(self.payload.local).ok()?;
        let types = record.types().map(|kind| kind.map(|kind| kind.0)).collect::<Result<Vec<_>, _>>().ok()?;
        if types.is_empty() || types.iter().any(|kind| matches!(kind, 10 | 11)) {
            return None;
        }
        let clues = Clues {
            page: self.place.page,
            types: &types,
            keyed: self.keyed,
            is_whole: self.confidence == Confidence::High,
            is_cell: self.is_cell,
            is_freed_by_owner: self.place.method == Method::Freeblock,
        };
        let origin = Origin::of(&clues, live);
        // A record that fits no table is a row all the same if a page calls it a cell: a dropped table had it.
        if origin.tables.is_empty() && (!self.is_cell || self.keyed) {
            return None;
        }
        let (bytes, is_read) = read(&self.payload, live);
        let values = values(&bytes, live.encoding)?;
        if values.is_empty() || !says_enough(self, &values, &origin) {
            return None;
        }
        let is_odd = |value: &Plain| matches!(value, Plain::Text(text) if !is_plain(text));
        // Other bytes may stand where the middle of a cell was overwritten.
        let is_odd = !self.is_cell && values.iter().any(is_odd);
        if is_odd && self.confidence < Confidence::High {
            return None;
        }
        let is_all = is_read && values.len() == types.len() && !is_odd;
        let confidence = if is_all { self.confidence } else { Confidence::Low };
        Some(row(self, (values, types.len(), confidence), &origin, live))
    }
}

fn size(value: &Plain) -> usize {
    size_of::<Plain>()
        + match value {
            Plain::Text(text) => text.len(),
            Plain::Blob(bytes) => bytes.len(),
            _ => 0,
        }
}

fn row(
    candidate: &Candidate<'_>,
    (mut values, width, confidence): (Vec<Plain>, usize, Confidence),
    origin: &Origin,
    live: &Live,
) -> CarvedRow {
    let there = values.len();
    values.resize(width, Plain::Null);
    let shapes: Vec<&Shape> = origin.tables.iter().filter_map(|table| live.shapes.get(*table)).collect();
    let alike = |shape: &&Shape| shapes.iter().all(|other| shape.is_laid_out_like(other));
    let (columns, values, lost): (Arc<[String]>, _, _) = match shapes.first().filter(|shape| alike(shape)) {
        None => (Arc::from([]), values, (there..width).collect()),
        Some(shape) => {
            let table = &shape.table;
            let mut lost: Vec<usize> = table.stored.iter().take(width).skip(there).copied().collect();
            // The key stands nowhere else than before the record.
            lost.extend(table.rowid_alias.filter(|_| candidate.rowid.is_none()));
            (Arc::clone(&shape.names), in_order(shape, values, candidate.rowid), lost)
        }
    };
    let name =
        |shape: &&Shape| TableName { name: Arc::clone(&shape.table.name), is_dropped: shape.is_dropped };
    CarvedRow {
        tables: shapes.iter().map(name).collect(),
        table_confidence: origin.confidence,
        rowid: candidate.rowid,
        columns,
        values,
        lost,
        page: candidate.place.page,
        offset: candidate.place.offset,
        part: candidate.place.part,
        method: candidate.place.method,
        confidence,
    }
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

/// The values, as far as they are there; `None` if a text is none.
fn values(bytes: &[u8], encoding: Encoding) -> Option<Vec<Plain>> {
    let record = Record::parse(bytes).ok()?;
    let mut values = Vec::new();
    for value in record.values() {
        let Ok(value) = value else { break };
        values.push(match value {
            Value::Null => Plain::Null,
            Value::Integer(number) => Plain::Integer(number),
            Value::Real(number) if number.is_nan() => return None,
            Value::Real(number) => Plain::Real(number),
            Value::Blob(bytes) => Plain::Blob(bytes.to_vec()),
            Value::Text(bytes) => {
                let (text, is_valid) = encoding.decode(bytes);
                if !is_valid {
                    return None;
                }
                Plain::Text(text)
            }
        });
    }
    Some(values)
}

/// Whether a text has no signs that people do not write.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t'))
}

/// Whether so much fits that it is no chance.
fn says_enough(candidate: &Candidate<'_>, values: &[Plain], origin: &Origin) -> bool {
    if candidate.is_cell {
        return true;
    }
    let says = |value: &&Plain| match value {
        // These need no bytes, so that zeros look like many columns.
        Plain::Null | Plain::Integer(0 | 1) => false,
        Plain::Text(text) => !text.is_empty(),
        Plain::Blob(bytes) => !bytes.is_empty(),
        Plain::Integer(_) | Plain::Real(_) => true,
    };
    let count = values.iter().filter(says).count();
    if origin.is_at_home && candidate.confidence == Confidence::High {
        return count > 0;
    }
    let text = values.iter().any(|value| matches!(value, Plain::Text(text) if text.chars().count() >= 3));
    candidate.payload.total >= 6 && (text || count >= 3)
}

/// The values in the order of the columns.
fn in_order(shape: &Shape, values: Vec<Plain>, rowid: Option<i64>) -> Vec<Plain> {
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
