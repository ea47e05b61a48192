//! The examination of some bytes: how often the needle stands in them, and in what is packed in them.

use crate::needle::{Copied, Hit, Kept, Needle, Tally};
use crate::unpack::{self, Limits, Trouble};

/// More occurrences than this are only counted, and not handed on to what was made from these bytes.
const REMEMBERED: usize = 1 << 20;

/// What was found in some bytes.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// Every occurrence in the bytes as they are, if `complete`.
    pub(crate) hits: Vec<Hit>,
    /// Whether `hits` are all: there may be too many to remember.
    pub(crate) complete: bool,
    /// How often the needle stands there, also in what is packed in the bytes.
    pub(crate) tally: Tally,
    /// What could not be unpacked.
    pub(crate) troubles: Vec<Trouble>,
}

/// What the bytes were made from.
pub(crate) struct Base<'a> {
    pub(crate) hits: &'a [Hit],
    pub(crate) len: usize,
    pub(crate) copies: &'a [Copied],
}

/// Examines bytes; what they share with a base whose occurrences are known is not looked at again.
pub(crate) fn examine(needle: &Needle, bytes: &[u8], base: Option<&Base<'_>>, unpacks: bool) -> Examined {
    let hits = match base {
        Some(base) => {
            let kept = Kept { base_len: base.len, copies: base.copies };
            needle.search_changed(bytes, base.hits, kept)
        }
        None => needle.search(bytes),
    };
    let mut tally = if hits.is_empty() { Tally::default() } else { needle.tally(&hits) };
    let mut troubles = Vec::new();
    if unpacks && unpack::is_packed(bytes) {
        troubles = unpack::each(bytes, Limits::default(), &mut |member| {
            for text in [member.bytes, member.name] {
                let hits = needle.search(text);
                if !hits.is_empty() {
                    tally.absorb(member.layers, &needle.tally(&hits));
                }
            }
        });
    }
    let complete = hits.len() <= REMEMBERED;
    Examined { hits: if complete { hits } else { Vec::new() }, complete, tally, troubles }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::finding::Decoding;
    use crate::secret::Secret;

    #[test]
    fn packed_and_encoded_occurrences_are_told_apart() {
        let needle = Needle::value(&Secret::new("hunter2hunter2")).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        gzip.write_all(b"a hunter2hunter2, 68756e7465723268756e74657232").unwrap();
        let packed = gzip.finish().unwrap();
        let examined = examine(&needle, &packed, None, true);
        let counts: Vec<_> = examined.tally.iter().collect();
        // Stored without compression, the value also stands there as it is.
        assert_eq!(
            counts,
            [
                (&[][..], 1),
                (&[Decoding::Hex][..], 1),
                (&[Decoding::Gzip][..], 1),
                (&[Decoding::Gzip, Decoding::Hex][..], 1),
            ]
        );
        assert!(examine(&needle, &packed, None, false).tally.iter().count() == 2);
    }
}
