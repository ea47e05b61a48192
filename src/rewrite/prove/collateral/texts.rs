//! The likeness of two texts: equal but for the values, which something else stands for, and for ids that were mapped.

use std::ops::Range;

use crate::git::{ObjectFormat, ObjectId};
use crate::needle::Needle;

/// What stands for a value may have as many bytes, or as many as the value.
const LONGEST_REPLACEMENT: usize = 1024;
/// Characters beside an encoded value that carry bits of it.
const BLURRED: usize = 4;
/// Shorter hexadecimal numbers are no ids.
const SHORTEST_ID: usize = 7;

/// What may differ.
pub(super) struct Likeness<'a> {
    needles: &'a [Needle],
    /// Old ids in hexadecimal digits, sorted, with the new ones.
    ids: Vec<(String, String)>,
    format: ObjectFormat,
}

impl<'a> Likeness<'a> {
    pub(super) fn new(
        needles: &'a [Needle],
        ids: impl Iterator<Item = (ObjectId, Option<ObjectId>)>,
    ) -> Self {
        let mapped = ids.filter_map(|(old, new)| Some((old.to_string(), new?.to_string())));
        let mut ids: Vec<_> = mapped.collect();
        ids.sort();
        Self { needles, ids, format: ObjectFormat::Sha1 }
    }

    /// The same for a repository with ids of this format.
    pub(super) fn with_format(self, format: ObjectFormat) -> Self {
        Self { format, ..self }
    }

    pub(super) fn format(&self) -> ObjectFormat {
        self.format
    }

    /// Whether `new` is `old` with other bytes for the values only; ids are not mapped.
    pub(super) fn is_replaced(&self, old: &[u8], new: &[u8]) -> bool {
        if old == new {
            return true;
        }
        let gaps = self.gaps(old);
        if gaps.is_empty() {
            return false;
        }
        let mut at = 0;
        let mut from = 0;
        let mut reach = 0;
        for gap in &gaps {
            let segment = old.get(from..gap.start).unwrap_or_default();
            let Some(found) = place(new, (at, reach), segment) else { return false };
            at = found + segment.len();
            reach = (gap.len() + 2 * BLURRED).max(LONGEST_REPLACEMENT);
            from = gap.end;
        }
        let last = old.get(from..).unwrap_or_default();
        let end = new.len().checked_sub(last.len());
        end.is_some_and(|end| end >= at && end - at <= reach && new.ends_with(last))
    }

    /// The same for the text of a commit or tag, where ids may have been mapped, too.
    pub(super) fn is_like(&self, old: &[u8], new: &[u8]) -> bool {
        old == new || self.is_replaced(&self.mapped(old), &self.mapped(new))
    }

    /// Where values stand, widened by what their encoding blurs; ascending and apart.
    fn gaps(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut gaps: Vec<Range<usize>> = Vec::new();
        for needle in self.needles {
            for hit in needle.search(text) {
                let blurred = if needle.decoding(&hit).is_empty() { 0 } else { BLURRED };
                gaps.push(hit.start().saturating_sub(blurred)..(hit.end() + blurred).min(text.len()));
            }
        }
        gaps.sort_by_key(|gap| (gap.start, gap.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for gap in gaps {
            match apart.last_mut() {
                Some(last) if gap.start <= last.end => last.end = last.end.max(gap.end),
                _ => apart.push(gap),
            }
        }
        apart
    }

    /// The text with new ids for old ones, full or cut.
    fn mapped(&self, text: &[u8]) -> Vec<u8> {
        let mut mapped = Vec::with_capacity(text.len());
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
        for word in text.chunk_by(|one, other| is_word(one) == is_word(other)) {
            mapped.extend_from_slice(self.id(word).unwrap_or(word));
        }
        mapped
    }

    /// What an old id became, as long as it is written; `None` for other words, and where several ids begin so.
    fn id(&self, word: &[u8]) -> Option<&[u8]> {
        if word.len() < SHORTEST_ID || !word.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let word = std::str::from_utf8(word).ok()?;
        let first = self.ids.partition_point(|(old, _)| old.as_str() < word);
        let (old, new) = self.ids.get(first).filter(|(old, _)| old.starts_with(word))?;
        let is_unique = !self.ids.get(first + 1).is_some_and(|(other, _)| other.starts_with(word));
        (is_unique && old.len() >= word.len()).then(|| new.as_bytes().get(..word.len()))?
    }

    /// The old id that a full one became; the same where it was not changed.
    pub(super) fn id_after(&self, old: &str) -> String {
        let found = self.ids.binary_search_by(|(id, _)| id.as_str().cmp(old));
        found.ok().and_then(|at| self.ids.get(at)).map_or_else(|| old.to_owned(), |(_, new)| new.clone())
    }
}

/// Where a segment stands in `new`, not more than `reach` bytes after `at`.
fn place(new: &[u8], (at, reach): (usize, usize), segment: &[u8]) -> Option<usize> {
    let end = at.saturating_add(reach).saturating_add(segment.len()).min(new.len());
    let window = new.get(at..end)?;
    memchr::memmem::find(window, segment).map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn needles() -> Vec<Needle> {
        vec![Needle::value(&Secret::new("hunter2hunter2")).unwrap()]
    }

    #[test]
    fn only_the_values_may_differ() {
        let needles = needles();
        let likeness = Likeness::new(&needles, std::iter::empty());
        let like = |old: &str, new: &str| likeness.is_replaced(old.as_bytes(), new.as_bytes());
        assert!(like("a hunter2hunter2 b", "a *** b"));
        assert!(like("hunter2hunter2hunter2hunter2", ""));
        assert!(like("x=hunter2hunter2\ny=hunter2hunter2\n", "x=R\ny=R\n"));
        assert!(like("k: 68756e7465723268756e74657232;", "k: 00000000000000;"));
        assert!(!like("a hunter2hunter2 b", "a *** c"));
        assert!(!like("a hunter2hunter2 b", "A *** b"));
        assert!(!like("a hunter2hunter2 b", &format!("a {} b", "x".repeat(3000))));
        assert!(!like("nothing here", "nothing there"));
        assert!(like("same", "same"));
    }

    #[test]
    fn ids_may_be_mapped() {
        let needles = needles();
        let id = |digit: char| ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap();
        let likeness = Likeness::new(&needles, [(id('a'), Some(id('b')))].into_iter());
        let like = |old: &str, new: &str| likeness.is_like(old.as_bytes(), new.as_bytes());
        assert!(like("revert aaaaaaaa, hunter2hunter2", "revert bbbbbbbb, X"));
        assert!(like("revert aaaaaaaa", "revert bbbbbbbb"));
        assert!(like("revert aaaaaaaa", "revert aaaaaaaa"));
        assert!(!like("revert aaaaaaaa", "revert cccccccc"));
        assert!(!like("revert aaaaaa", "revert bbbbbb"), "too short for an id");
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_removal_is_a_replacement(text in "[a-c\n]{0,40}", at in 0usize..40) {
            let needles = needles();
            let likeness = Likeness::new(&needles, std::iter::empty());
            let at = at.min(text.len());
            let old = format!("{}hunter2hunter2{}", &text[..at], &text[at..]);
            proptest::prop_assert!(likeness.is_replaced(old.as_bytes(), text.as_bytes()));
        }
    }
}
