//! Values compared: by a sum that does not depend on order, and in the order of an index (section 2.2).

use std::cmp::Ordering;

use crate::sqlite::header::Encoding;
use crate::sqlite::record::Value;
use crate::sqlite::schema::{Collation, Field};

/// Odd numbers without a pattern: the first two for every word, the others for the kinds of values.
const FACTORS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93, 0xc2b2_ae3d_27d4_eb4f, 0xa076_1d64_78bd_642f];

/// A sum over entries. Two sums are equal if and, but for a chance of 2^-128, only if the entries are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    parts: [u64; 2],
    pub(super) count: u64,
}

impl Sum {
    pub(super) fn add(&mut self, entry: Digest) {
        let parts = entry.finish();
        self.parts[0] = self.parts[0].wrapping_add(parts[0]);
        self.parts[1] = self.parts[1].wrapping_add(parts[1]);
        self.count += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.parts[0] = self.parts[0].wrapping_add(other.parts[0]);
        self.parts[1] = self.parts[1].wrapping_add(other.parts[1]);
        self.count += other.count;
    }
}

/// A digest of the values of an entry. Numbers that are equal have equal digests, however they are stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digest(u64);

impl Digest {
    #[inline]
    pub(super) fn value(&mut self, value: &Value<'_>) {
        match normal(*value) {
            Value::Null => self.word(0),
            Value::Integer(number) => self.mix(number.cast_unsigned(), FACTORS[2]),
            Value::Real(number) => self.mix(number.to_bits(), FACTORS[3]),
            Value::Text(bytes) => self.bytes(3, bytes),
            Value::Blob(bytes) => self.bytes(4, bytes),
        }
    }

    fn bytes(&mut self, tag: u64, bytes: &[u8]) {
        self.word(tag << 32 ^ bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.word(chunk.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk)));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.mix(word, FACTORS[0]);
    }

    /// Takes in a word in the way of one kind.
    #[inline]
    fn mix(&mut self, word: u64, factor: u64) {
        self.0 = fold(self.0 ^ word ^ FACTORS[1], factor);
    }

    fn finish(self) -> [u64; 2] {
        [fold(self.0 ^ FACTORS[0], FACTORS[1]), self.0.wrapping_mul(FACTORS[1]) ^ self.0 >> 31]
    }

    /// One number for the entry.
    pub(super) fn number(self) -> u64 {
        self.finish()[0]
    }
}

#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ (product >> 64) as u64
}

/// A value as SQLite compares it: NaN is NULL, and a whole number is an integer.
#[inline]
fn normal(value: Value<'_>) -> Value<'_> {
    let Value::Real(number) = value else { return value };
    if number.is_nan() {
        return Value::Null;
    }
    let whole = number as i64;
    // Behind 2^63 the cast stops, and the comparison must not be fooled by that.
    if number.abs() < 9.2e18 && whole as f64 == number { Value::Integer(whole) } else { value }
}

/// Compares the keys of two entries; `None` where a collation is not known.
pub(super) fn compare(
    fields: &[Field],
    one: &[Value<'_>],
    other: &[Value<'_>],
    encoding: Encoding,
) -> Option<Ordering> {
    for (field, (one, other)) in fields.iter().zip(one.iter().zip(other)) {
        let order = order(normal(*one), normal(*other), field.collation, encoding)?;
        if order != Ordering::Equal {
            return Some(if field.descending { order.reverse() } else { order });
        }
    }
    Some(Ordering::Equal)
}

#[inline]
fn order(one: Value<'_>, other: Value<'_>, collation: Collation, encoding: Encoding) -> Option<Ordering> {
    let class = |value: &Value<'_>| match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    };
    Some(match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => one.cmp(&other),
        (Value::Real(one), Value::Real(other)) => one.total_cmp(&other),
        (Value::Integer(one), Value::Real(other)) => mixed(one, other),
        (Value::Real(one), Value::Integer(other)) => mixed(other, one).reverse(),
        (Value::Text(one), Value::Text(other)) => texts(one, other, collation, encoding)?,
        (Value::Blob(one), Value::Blob(other)) => one.cmp(other),
        (one, other) => class(&one).cmp(&class(&other)),
    })
}

/// An integer and a number that is not whole, or too large for an integer.
fn mixed(one: i64, other: f64) -> Ordering {
    if other >= 9_223_372_036_854_775_808.0 {
        return Ordering::Less;
    }
    if other < -9_223_372_036_854_775_808.0 {
        return Ordering::Greater;
    }
    one.cmp(&(other as i64)).then_with(|| 0f64.total_cmp(&(other - other.trunc())))
}

fn texts(one: &[u8], other: &[u8], collation: Collation, encoding: Encoding) -> Option<Ordering> {
    if collation == Collation::Binary {
        return Some(one.cmp(other));
    }
    let utf8 = |text: &[u8]| match encoding {
        Encoding::Utf8 => text.to_vec(),
        _ => encoding.decode(text).0.into_bytes(),
    };
    let (mut one, mut other) = (utf8(one), utf8(other));
    match collation {
        Collation::NoCase => {
            one.make_ascii_lowercase();
            other.make_ascii_lowercase();
        }
        Collation::RTrim => {
            for text in [&mut one, &mut other] {
                text.truncate(text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1));
            }
        }
        Collation::Binary | Collation::Unknown => return None,
    }
    Some(one.cmp(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_equal_digests() {
        let digest = |value| {
            let mut digest = Digest::default();
            digest.value(&value);
            digest.number()
        };
        assert_eq!(digest(Value::Integer(3)), digest(Value::Real(3.0)));
        assert_eq!(digest(Value::Null), digest(Value::Real(f64::NAN)));
        assert_ne!(digest(Value::Real(3.5)), digest(Value::Integer(3)));
        assert_ne!(digest(Value::Text(b"a")), digest(Value::Blob(b"a")));
        assert_ne!(digest(Value::Text(b"a\0")), digest(Value::Text(b"a")));
    }

    #[test]
    fn values_have_the_order_of_sqlite() {
        let values = [
            Value::Null,
            Value::Real(-1e300),
            Value::Integer(i64::MIN),
            Value::Real(-0.5),
            Value::Integer(0),
            Value::Real(0.5),
            Value::Integer(i64::MAX),
            Value::Real(9.3e18),
            Value::Text(b"A"),
            Value::Text(b"a"),
            Value::Blob(b""),
        ];
        for pair in values.windows(2) {
            let order = order(normal(pair[0]), normal(pair[1]), Collation::Binary, Encoding::Utf8);
            assert_eq!(order, Some(Ordering::Less), "{pair:?}");
        }
        let (one, other) = (Value::Text(b"A"), Value::Text(b"a"));
        assert_eq!(order(one, other, Collation::NoCase, Encoding::Utf8), Some(Ordering::Equal));
        assert_eq!(order(one, other, Collation::Unknown, Encoding::Utf8), None);
    }
}
