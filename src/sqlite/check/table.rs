//! The rows of a table: their values against its columns, and the entries that its indexes must have for them.

use super::rule::Rule;
use super::value::{Digest, Sum};
use crate::sqlite::header::Encoding;
use crate::sqlite::record::Value;
use crate::sqlite::schema::{Affinity, Field, Index, Source, Table};

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
    /// The columns of records that must not be NULL, or have an affinity.
    bounded: Vec<usize>,
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
        let is_bounded = |number: &usize| {
            let column = &table.columns[*number];
            let is_key = table.rowid_alias == Some(*number);
            (column.not_null || column.affinity != Affinity::Blob) && !is_key && places[*number].is_some()
        };
        let bounded = (0..table.columns.len()).filter(is_bounded).collect();
        let defaults = table.columns.iter().map(|column| Stored::of(&column.default, encoding)).collect();
        Self { table, indexes, encoding, places, defaults, bounded }
    }

    /// Looks at one row, and adds the entries that indexes must have for it to the sums.
    pub(super) fn look(
        &self,
        values: &[Value<'_>],
        rowid: Option<i64>,
        sums: &mut Vec<Sum>,
        fault: &mut dyn FnMut(Rule, String),
    ) {
        for number in &self.bounded {
            let column = &self.table.columns[*number];
            match (self.value(*number, values, rowid), column.affinity) {
                (Value::Null, _) if column.not_null => {
                    fault(Rule::NotNull, format!("its column {} is NULL", column.name));
                }
                (Value::Integer(_) | Value::Real(_), Affinity::Text) => {
                    let what = format!("its column {} is a number, and is for text", column.name);
                    fault(Rule::Constraint, what);
                }
                (Value::Text(text), Affinity::Numeric) if is_number(text, self.encoding) => {
                    let what = format!("its column {} is a number stored as text", column.name);
                    fault(Rule::Constraint, what);
                }
                _ => {}
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

/// Whether SQLite would store a text as a number in a column for numbers.
fn is_number(text: &[u8], encoding: Encoding) -> bool {
    // Few texts in such columns begin like a number.
    let first = text.iter().find(|byte| !matches!(byte, 0 | b' ' | b'\t'..=b'\r'));
    if !first.is_some_and(|first| matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.')) {
        return false;
    }
    let (text, is_whole) = encoding.decode(text);
    let text = text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(one, two)| (one, Some(two)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    is_whole
        && digits(before)
        && digits(after)
        && !(before.is_empty() && after.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_sqlite_takes_for_numbers() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t(a NUMERIC)").unwrap();
        for text in [
            "1",
            "-1",
            "+1.5",
            "1.",
            ".5",
            ".",
            "",
            "1e5",
            "1e",
            "1e+5",
            "1e+",
            "e5",
            " 12 ",
            "\t7\r",
            "1 2",
            "0x10",
            "-",
            "--1",
            "1.5.2",
            "99999999999999999999",
            "inf",
            "nan",
            "1_0",
            "١",
            "\u{b}3",
            "1\u{a0}",
        ] {
            let sql = "INSERT INTO t VALUES (?1) RETURNING typeof(a) <> 'text'";
            let told: bool = connection.query_row(sql, [text], |row| row.get(0)).unwrap();
            assert_eq!(is_number(text.as_bytes(), Encoding::Utf8), told, "{text:?}");
        }
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert!(is_number(&wide("-12.5"), Encoding::Utf16Le) && !is_number(&wide("1x"), Encoding::Utf16Le));
    }
}
