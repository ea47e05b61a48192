//! A record: the values of one row or index entry (section 2.1).

use super::bytes::{signed, varint};

/// A record whose header makes sense; its values may still be cut off.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The serial types, one varint each.
    types: &'a [u8],
    body: &'a [u8],
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// The payload is too short for the header that it announces.
    #[error("the header of the record is longer than the record")]
    HeaderLength,
    /// The header ends inside a varint.
    #[error("the header of the record ends inside a number")]
    CutType,
    /// Serial types 10 and 11 do not occur in files.
    #[error("a value of the record has the reserved type {0}")]
    Reserved(u64),
    /// The values need more bytes than there are.
    #[error("the values of the record need {needed} bytes, and it has {present}")]
    Short {
        /// What the header announces, the header included.
        needed: u64,
        /// What is there.
        present: u64,
    },
    /// The values need fewer bytes than there are.
    #[error("the record has {0} bytes more than its values need")]
    Long(u64),
}

/// One value as stored. Text is in the encoding of the database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number; NaN where the bytes say so.
    Real(f64),
    /// Text, not checked.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// How a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialType(pub u64);

impl SerialType {
    /// Bytes of such a value.
    #[must_use]
    pub fn length(self) -> u64 {
        match self.0 {
            number @ 0..=4 => number,
            5 => 6,
            6 | 7 => 8,
            8..=11 => 0,
            number => (number - 12) / 2,
        }
    }

    /// Whether no file may have it.
    #[must_use]
    pub fn is_reserved(self) -> bool {
        matches!(self.0, 10 | 11)
    }

    /// The value that `bytes`, of the right length, are. A reserved type is NULL.
    #[must_use]
    pub fn value(self, bytes: &[u8]) -> Value<'_> {
        match self.0 {
            1..=6 => Value::Integer(signed(bytes)),
            7 => Value::Real(f64::from_bits(signed(bytes).cast_unsigned())),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            0 | 10 | 11 => Value::Null,
            number if number % 2 == 0 => Value::Blob(bytes),
            _ => Value::Text(bytes),
        }
    }
}

impl<'a> Record<'a> {
    /// The record in a payload, as far as it is at hand.
    ///
    /// # Errors
    /// When the header does not fit into the bytes.
    pub fn parse(payload: &'a [u8]) -> Result<Self, RecordFault> {
        let (length, first) = varint(payload).ok_or(RecordFault::HeaderLength)?;
        let length = usize::try_from(length).map_err(|_| RecordFault::HeaderLength)?;
        let types = payload.get(first..length).ok_or(RecordFault::HeaderLength)?;
        Ok(Self { types, body: &payload[length..] })
    }

    /// Checks that every type is allowed and that the values take exactly the bytes of the record.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), RecordFault> {
        let mut needed = 0u64;
        for kind in self.types() {
            let kind = kind?;
            if kind.is_reserved() {
                return Err(RecordFault::Reserved(kind.0));
            }
            needed = needed.saturating_add(kind.length());
        }
        let present = self.body.len() as u64;
        match needed.cmp(&present) {
            std::cmp::Ordering::Less => Err(RecordFault::Long(present - needed)),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(RecordFault::Short { needed, present }),
        }
    }

    /// Puts all values into `out`, which is emptied first, and checks what [`Self::check`] does on the way.
    ///
    /// # Errors
    /// The first fault; `out` then has the values before it.
    pub fn decode(&self, out: &mut Vec<Value<'a>>) -> Result<(), RecordFault> {
        out.clear();
        let (mut types, mut body) = (self.types, self.body);
        while !types.is_empty() {
            let (number, length) = varint(types).ok_or(RecordFault::CutType)?;
            types = &types[length..];
            let kind = SerialType(number);
            if kind.is_reserved() {
                return Err(RecordFault::Reserved(number));
            }
            let there = usize::try_from(kind.length()).ok().and_then(|length| body.split_at_checked(length));
            let Some((bytes, rest)) = there else { return self.check() };
            out.push(kind.value(bytes));
            body = rest;
        }
        if body.is_empty() { Ok(()) } else { Err(RecordFault::Long(body.len() as u64)) }
    }

    /// The serial types in order; the last item is an error if the header ends inside one.
    pub fn types(&self) -> impl Iterator<Item = Result<SerialType, RecordFault>> + use<'a> {
        let mut rest = self.types;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            match varint(rest) {
                Some((number, length)) => {
                    rest = &rest[length..];
                    Some(Ok(SerialType(number)))
                }
                None => {
                    rest = &[];
                    Some(Err(RecordFault::CutType))
                }
            }
        })
    }

    /// The values in order. It ends with an error at the first one whose bytes are not all there or whose type is not
    /// allowed.
    pub fn values(&self) -> impl Iterator<Item = Result<Value<'a>, RecordFault>> + use<'a> {
        let (mut types, body) = (self.types(), self.body);
        let mut at = 0usize;
        let mut over = false;
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            let found = types.next()?.and_then(|kind| {
                if kind.is_reserved() {
                    return Err(RecordFault::Reserved(kind.0));
                }
                let needed = (at as u64).saturating_add(kind.length());
                let end = usize::try_from(needed).ok().filter(|end| *end <= body.len());
                let end = end.ok_or(RecordFault::Short { needed, present: body.len() as u64 })?;
                let value = kind.value(&body[at..end]);
                at = end;
                Ok(value)
            });
            over = found.is_err();
            Some(found)
        })
    }

    /// How many values it announces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types().count()
    }

    /// Whether it announces no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_type() {
        let payload = [
            &[11, 0, 1, 2, 5, 7, 8, 9, 12 + 4, 13 + 6, 13][..],
            &[0xfe],
            &[0x01, 0x00],
            &[0xff; 6],
            &(-0.5f64).to_be_bytes(),
            b"\x01\x02",
            b"abc",
        ]
        .concat();
        let record = Record::parse(&payload).unwrap();
        let values: Vec<_> = record.values().collect::<Result<_, _>>().unwrap();
        let expected = [
            Value::Null,
            Value::Integer(-2),
            Value::Integer(256),
            Value::Integer(-1),
            Value::Real(-0.5),
            Value::Integer(0),
            Value::Integer(1),
            Value::Blob(b"\x01\x02"),
            Value::Text(b"abc"),
            Value::Text(b""),
        ];
        assert_eq!(values, expected);
        assert_eq!(record.check(), Ok(()));
        assert_eq!(record.len(), 10);
        let cut = Record::parse(&payload[..payload.len() - 1]).unwrap();
        assert!(matches!(cut.check(), Err(RecordFault::Short { .. })));
        assert_eq!(cut.values().filter(Result::is_ok).count(), 8);
    }

    #[test]
    fn faults_have_names() {
        assert_eq!(Record::parse(&[9, 0]).unwrap_err(), RecordFault::HeaderLength);
        assert_eq!(Record::parse(&[]).unwrap_err(), RecordFault::HeaderLength);
        assert_eq!(Record::parse(&[2, 0x81]).unwrap().check(), Err(RecordFault::CutType));
        assert_eq!(Record::parse(&[2, 10]).unwrap().check(), Err(RecordFault::Reserved(10)));
        assert_eq!(Record::parse(&[2, 0, 5]).unwrap().check(), Err(RecordFault::Long(1)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_do_harm(bytes: Vec<u8>) {
            if let Ok(record) = Record::parse(&bytes) {
                let _ = record.len();
                let mut decoded = Vec::new();
                proptest::prop_assert_eq!(record.decode(&mut decoded), record.check());
                let expected: Vec<_> = record.values().map_while(Result::ok).collect();
                proptest::prop_assert_eq!(format!("{decoded:?}"), format!("{expected:?}"));
                proptest::prop_assert!(record.values().count() <= bytes.len());
            }
        }
    }
}
