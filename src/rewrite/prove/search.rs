//! The search for several values in some bytes, in every encoding and in what is packed in them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::finding::Decoding;
use crate::needle::{Hit, Needle};
use crate::unpack::{self, Limits, Trouble};

/// Archives above this size are unpacked one at a time, which bounds the memory.
const LARGE: usize = 1 << 20;

/// What is looked for, from several threads.
pub(super) struct Search<'a> {
    needles: &'a [Needle],
    unpacking: Mutex<()>,
}

/// What some bytes hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The ways in which a value stands there: `plain`, `gzip, base64`.
    pub(super) ways: BTreeSet<String>,
    /// What could not be unpacked.
    pub(super) troubles: Vec<Trouble>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.ways.is_empty()
    }

    /// The ways as text.
    pub(super) fn told(&self) -> String {
        self.ways.iter().cloned().collect::<Vec<_>>().join("; ")
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(needles: &'a [Needle]) -> Self {
        Self { needles, unpacking: Mutex::default() }
    }

    /// The bytes that two windows of the same input have to share.
    pub(super) fn overlap(&self) -> usize {
        self.needles.iter().filter_map(Needle::reach).max().unwrap_or(1 << 16)
    }

    /// Looks at bytes as they are; `counts` decides on each occurrence.
    pub(super) fn plain(&self, bytes: &[u8], counts: impl Fn(&Hit) -> bool) -> Found {
        let mut found = Found::default();
        self.add(bytes, &[], &counts, &mut found);
        found
    }

    /// Looks at bytes, and at everything that is packed in them.
    pub(super) fn all(&self, bytes: &[u8]) -> Found {
        let mut found = self.plain(bytes, |_| true);
        if unpack::is_packed(bytes) {
            let _guard =
                (bytes.len() >= LARGE).then(|| self.unpacking.lock().unwrap_or_else(PoisonError::into_inner));
            found.troubles = unpack::each(bytes, Limits::default(), &mut |member| {
                for text in [member.bytes, member.name] {
                    self.add(text, member.layers, &|_: &Hit| true, &mut found);
                }
            });
        }
        found
    }

    /// Whether a value stands in a text.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        !self.plain(text, |_| true).is_empty()
    }

    /// A text without the values.
    pub(super) fn redact(&self, text: &str) -> String {
        self.needles.iter().fold(text.to_owned(), |text, needle| needle.redact(&text))
    }

    fn add(&self, bytes: &[u8], layers: &[Decoding], counts: &dyn Fn(&Hit) -> bool, found: &mut Found) {
        for needle in self.needles {
            for hit in needle.search(bytes).iter().filter(|hit| counts(hit)) {
                found.ways.insert(way(&[layers, needle.decoding(hit)].concat()));
            }
        }
    }
}

fn way(decoding: &[Decoding]) -> String {
    match decoding {
        [] => "plain".to_owned(),
        chain => chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
