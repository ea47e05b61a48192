//! The rows of a table: their values against its columns, and the entries that its indexes must have for them.

use super::rule::Rule;
use super::value::{Digest, Sum};
use crate::sqlite::header::Encoding;
use crate::sqlite::record::Value;
use crate::sqlite::schema::{Field, Index, Source, Table};

/// How to look at a row.
pub(super) struct Rows<'a> {
    pub(super) table: &'a Table,
    /// Its indexes whose entries can be computed, in the order of the sums.
    pub(super) indexes: Vec<&'a Index>,
    encoding: Encoding,
    /// For each column, where it stands in a record.
    places: Vec<Option<usize>>,
    /// For each column, what a shorter record means.
    defaults: Vec<Stored>,
    /// The columns of records that must not be NULL.
    never_null: Vec<usize>,
}

/// A value that owns its bytes, in the encoding of the database.
enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl<'a> Rows<'a> {
    pub(super) fn new(table: &'a Table, indexes: Vec<&'a Index>, encoding: Encoding) -> Self {
        let place = |column| table.stored.iter().position(|stored| *stored == column);
        let places: Vec<_> = (0..table.columns.len()).map(place).collect();
        let is_strict = |column: &usize| {
            let is_key = table.rowid_alias == Some(*column);
            table.columns[*column].not_null && !is_key && places[*column].is_some()
        };
        let never_null = (0..table.columns.len()).filter(is_strict).collect();
        let defaults = table.columns.iter().map(|column| Stored::of(&column.default, encoding)).collect();
        Self { table, indexes, encoding, places, defaults, never_null }
    }

    /// Looks at one row, and adds the entries that indexes must have for it to the sums.
    pub(super) fn look(
        &self,
        values: &[Value<'_>],
        rowid: Option<i64>,
        sums: &mut Vec<Sum>,
        fault: &mut dyn FnMut(Rule, String),
    ) {
        for column in &self.never_null {
            if self.value(*column, values, rowid) == Value::Null {
                fault(Rule::NotNull, format!("its column {} is NULL", self.table.columns[*column].name));
            }
        }
        if self.encoding == Encoding::Utf8 {
            for (at, value) in values.iter().enumerate() {
                if let Value::Text(text) = value
                    && std::str::from_utf8(text).is_err()
                {
                    let column = self.table.stored.get(at).and_then(|column| self.table.columns.get(*column));
                    let name = column.map_or("a value", |column| &column.name);
                    fault(Rule::Text, format!("{name} is no UTF-8"));
                }
            }
        }
        sums.resize(self.indexes.len(), Sum::default());
        for (sum, index) in sums.iter_mut().zip(&self.indexes) {
            sum.add(self.entry(&index.fields, values, rowid));
        }
    }

    /// The digest of the entry that an index must have for a row.
    pub(super) fn entry(&self, fields: &[Field], values: &[Value<'_>], rowid: Option<i64>) -> Digest {
        let mut digest = Digest::default();
        for field in fields {
            digest.value(&match field.source {
                Source::Column(column) => self.value(column, values, rowid),
                Source::Rowid | Source::Expression => rowid.map_or(Value::Null, Value::Integer),
            });
        }
        digest
    }

    fn value<'v>(&'v self, column: usize, values: &[Value<'v>], rowid: Option<i64>) -> Value<'v> {
        if self.table.rowid_alias == Some(column) {
            return rowid.map_or(Value::Null, Value::Integer);
        }
        let stored = self.places.get(column).copied().flatten().and_then(|place| values.get(place));
        stored.copied().unwrap_or_else(|| self.defaults.get(column).map_or(Value::Null, Stored::value))
    }
}

/// Whether the entries of an index can be computed from the records of its table.
pub(super) fn is_plain(index: &Index, table: &Table) -> bool {
    let known = |field: &Field| match field.source {
        Source::Column(column) => table.columns.get(column).is_some_and(|column| !column.is_virtual),
        Source::Rowid => true,
        Source::Expression => false,
    };
    !index.partial && index.fields.iter().all(known)
}

impl Stored {
    fn of(value: &rusqlite::types::Value, encoding: Encoding) -> Self {
        use rusqlite::types::Value as Told;
        match value {
            Told::Null => Self::Null,
            Told::Integer(number) => Self::Integer(*number),
            Told::Real(number) => Self::Real(*number),
            Told::Blob(bytes) => Self::Blob(bytes.clone()),
            Told::Text(text) => Self::Text(match encoding {
                Encoding::Utf8 => text.clone().into_bytes(),
                Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            }),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}
