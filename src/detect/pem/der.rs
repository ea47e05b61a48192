//! A reader of DER (X.690): elements of a tag, a definite length and a value.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// The tag `[0]` with elements inside.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// Elements one after the other. What it hands out never reaches beyond its bytes.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// An element.
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Its value, as far as there are bytes for it.
    pub(super) value: &'a [u8],
    /// The length that it states.
    pub(super) stated: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element, which may be cut short by the end of the bytes.
    pub(super) fn cut(&mut self) -> Option<Element<'a>> {
        let [tag, first, rest @ ..] = self.0 else {
            return None;
        };
        // Tags of several bytes and indefinite lengths occur in no key.
        let (stated, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 3))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at(stated.min(rest.len()));
        self.0 = rest;
        Some(Element { tag: *tag, value, stated })
    }

    /// The value of the next element, if it has this tag and is whole.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let element =
            ahead.cut().filter(|element| element.tag == tag && element.value.len() == element.stated)?;
        *self = ahead;
        Some(element.value)
    }

    /// The tag of the next element.
    pub(super) fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_short_or_long_and_never_reach_beyond_the_bytes() {
        let mut reader = Reader::new(&[2, 1, 7, 4, 0x81, 2, 8, 9, 4, 0x82, 1, 0, 5]);
        assert_eq!(reader.expect(SEQUENCE), None);
        assert_eq!(reader.expect(INTEGER), Some(&[7][..]));
        assert_eq!(reader.expect(OCTET_STRING), Some(&[8, 9][..]));
        assert_eq!(reader.expect(OCTET_STRING), None);
        let element = reader.cut().unwrap();
        assert_eq!((element.stated, element.value), (256, &[5][..]));
        assert!(reader.cut().is_none());
        assert!(Reader::new(&[4, 0x80, 0, 0]).cut().is_none());
        assert!(Reader::new(&[4, 0x84, 0, 0, 0, 0]).cut().is_none());
        assert!(Reader::new(&[4, 0x82, 1]).cut().is_none());
    }

    proptest! {
        #[test]
        fn reading_ends(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            let mut elements = 0;
            while reader.cut().is_some() {
                elements += 1;
            }
            prop_assert!(elements <= bytes.len());
        }
    }
}
