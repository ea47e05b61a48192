//! A shape: what the records of a table look like.

use std::sync::Arc;

use crate::sqlite::schema::{Column, Table};

const NULL: u8 = 1;
const INTEGER: u8 = 2;
const REAL: u8 = 4;
const TEXT: u8 = 8;
const BLOB: u8 = 16;

/// A table, and which classes of values its columns have.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) table: Table,
    /// Whether the schema has it no more.
    pub(super) is_dropped: bool,
    /// The names of its columns.
    pub(super) names: Arc<[String]>,
    /// Classes by the declared types, in the order of a record.
    natural: Vec<u8>,
    /// Classes in live rows.
    seen: Vec<u8>,
    /// The serial types that the first value has in live rows, one bit each; texts and blobs are the last two.
    first: u16,
    /// The fewest values of a live row.
    fewest: usize,
}

impl Shape {
    pub(super) fn new(table: Table) -> Self {
        let natural: Vec<u8> = table
            .stored
            .iter()
            .map(|&at| {
                let column = table.columns.get(at);
                if table.rowid_alias == Some(at) {
                    return NULL;
                }
                let not_null = column.is_some_and(|column| column.not_null);
                let classes = column.map_or(0, |column| classes(&column.declared));
                if not_null { classes & !NULL } else { classes }
            })
            .collect();
        let fewest = natural.len();
        let names = table.columns.iter().map(|column| column.name.clone()).collect();
        Self { table, is_dropped: false, names, seen: vec![0; natural.len()], first: 0, natural, fewest }
    }

    /// The shape of a table that is not in the schema any more.
    pub(super) fn dropped(table: Table) -> Self {
        Self { is_dropped: true, ..Self::new(table) }
    }

    /// Whether the columns of another table are those that this one begins with.
    pub(super) fn describes(&self, other: &Table) -> bool {
        let same = |(one, two): (&Column, &Column)| one.name == two.name && one.declared == two.declared;
        other.columns.len() <= self.table.columns.len()
            && self.table.columns.iter().zip(&other.columns).all(same)
    }

    /// Whether the values of a record are those of the same columns in both.
    pub(super) fn is_laid_out_like(&self, other: &Self) -> bool {
        self.names == other.names
            && self.table.stored == other.table.stored
            && self.table.rowid_alias == other.table.rowid_alias
    }

    /// Lets records have as few values as this.
    pub(super) fn allow_fewer(&mut self, count: usize) {
        self.fewest = self.fewest.min(count);
    }

    /// Learns from a live row.
    pub(super) fn learn(&mut self, types: &[u64]) {
        if types.len() > self.seen.len() || types.is_empty() {
            return;
        }
        self.fewest = self.fewest.min(types.len());
        self.first |= types.first().map_or(0, |kind| bit(*kind));
        for (seen, kind) in self.seen.iter_mut().zip(types) {
            *seen |= class(*kind);
        }
    }

    /// Whether a live row begins with such a value.
    pub(super) fn begins_with(&self, kind: u64) -> bool {
        self.first & bit(kind) != 0
    }

    /// How many values a record may have.
    pub(super) fn widths(&self) -> std::ops::RangeInclusive<usize> {
        self.fewest..=self.natural.len()
    }

    /// Whether the column at this place of a record may have such a value.
    pub(super) fn allows(&self, at: usize, kind: u64) -> bool {
        let allowed = |classes: &Vec<u8>| classes.get(at).copied().unwrap_or(0);
        !matches!(kind, 10 | 11) && (allowed(&self.natural) | allowed(&self.seen)) & class(kind) != 0
    }

    /// How well the types fit; `None` if they do not.
    pub(super) fn fit(&self, types: &[u64]) -> Option<usize> {
        let fits = types.iter().enumerate().all(|(at, &kind)| self.allows(at, kind));
        (fits && self.widths().contains(&types.len())).then(|| self.score(types))
    }

    /// The same for types that a column may have, though it seldom does: a text where a number belongs.
    pub(super) fn may_fit(&self, types: &[u64]) -> Option<usize> {
        let fits = types.iter().enumerate().all(|(at, &kind)| {
            let natural = self.natural.get(at).copied().unwrap_or(0);
            let is_text = natural & (TEXT | INTEGER) == TEXT;
            match class(kind) {
                NULL => natural & NULL != 0 || self.allows(at, kind),
                INTEGER | REAL => !is_text && natural != NULL || self.allows(at, kind),
                _ => natural != NULL || self.allows(at, kind),
            }
        });
        (fits && self.widths().contains(&types.len())).then(|| self.score(types))
    }

    /// A column that allows everything says little, one that allows two classes says more.
    fn score(&self, types: &[u64]) -> usize {
        let each = types.iter().enumerate().map(|(at, &kind)| {
            let is_natural = self.natural[at] & class(kind) != 0;
            let natural = if is_natural { 5 - self.natural[at].count_ones() as usize } else { 0 };
            natural + usize::from(self.seen[at] & class(kind) != 0)
        });
        each.sum::<usize>() + usize::from(types.len() == self.natural.len())
    }

    /// Whether a column turns integers into floating-point numbers.
    pub(super) fn is_real(&self, column: usize) -> bool {
        self.table.columns.get(column).is_some_and(|column| affinity(&column.declared) == REAL)
    }
}

/// A serial type as a bit.
fn bit(kind: u64) -> u16 {
    1 << if kind < 12 { kind } else { 12 + kind % 2 }
}

/// The class of a serial type.
fn class(kind: u64) -> u8 {
    match kind {
        0 | 10 | 11 => NULL,
        7 => REAL,
        1..=9 => INTEGER,
        kind if kind % 2 == 0 => BLOB,
        _ => TEXT,
    }
}

/// The affinity of a declared type (section 3.1 of <https://sqlite.org/datatype3.html>); numeric is 0.
fn affinity(declared: &str) -> u8 {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["INT"]) {
        INTEGER
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        TEXT
    } else if declared.is_empty() || has(&["BLOB"]) {
        BLOB
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        REAL
    } else {
        0
    }
}

/// The classes that such a column usually has.
fn classes(declared: &str) -> u8 {
    match affinity(declared) {
        INTEGER => NULL | INTEGER,
        TEXT => NULL | TEXT,
        REAL => NULL | REAL | INTEGER,
        BLOB if declared.is_empty() => NULL | INTEGER | REAL | TEXT | BLOB,
        BLOB => NULL | BLOB | TEXT,
        _ => NULL | INTEGER | REAL | TEXT,
    }
}
