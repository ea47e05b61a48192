//! Citations: ids of commits in messages, full or abbreviated, and what they stand for.

use crate::git::ObjectId;
use crate::git::store::{ObjectNumber, Store};

/// Git abbreviates no further, and shorter words of these letters are words.
const FEWEST_DIGITS: usize = 7;

/// A word of a message that may be an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The words of hexadecimal digits, as git writes them: in lower case, at least seven, at most a whole id.
pub(super) fn words(text: &[u8], id_bytes: usize) -> Vec<Word> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut words = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let length = text.get(at..).unwrap_or_default().iter().take_while(|&&byte| is_word(byte)).count();
        let word = text.get(at..at + length).unwrap_or_default();
        if (FEWEST_DIGITS..=id_bytes * 2).contains(&length) && word.iter().all(|&byte| is_digit(byte)) {
            words.push(Word { start: at, end: at + length });
        }
        at += length.max(1);
    }
    words
}

/// The only commit or tag whose id begins with these digits.
pub(super) fn cited(store: &Store, digits: &[u8]) -> Option<ObjectNumber> {
    let first = first_not_before(store, digits);
    let mut found =
        (first..store.len()).take_while(|&number| begins_with(store.id(number), digits)).filter(|&number| {
            use crate::git::ObjectKind::{Commit, Tag};
            matches!(store.kind(number), Some(Commit | Tag))
        });
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// The first object whose name does not sort before the digits.
fn first_not_before(store: &Store, digits: &[u8]) -> ObjectNumber {
    let (mut low, mut high) = (0, store.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if store.id(middle).to_string().as_bytes() < digits { low = middle + 1 } else { high = middle }
    }
    low
}

fn begins_with(id: ObjectId, digits: &[u8]) -> bool {
    id.to_string().as_bytes().starts_with(digits)
}

/// The text with the first digits of the new ids; `None` where no word has one.
pub(super) fn recited(
    text: &[u8],
    id_bytes: usize,
    new: &dyn Fn(&[u8]) -> Option<ObjectId>,
) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    for Word { start, end } in words(text, id_bytes) {
        let Some(id) = text.get(start..end).and_then(new) else { continue };
        let digits = id.to_string();
        let target = out.get_or_insert_with(|| text.to_vec());
        if let (Some(place), Some(digits)) =
            (target.get_mut(start..end), digits.as_bytes().get(..end - start))
        {
            place.copy_from_slice(digits);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;
    use crate::git::store::Scope;
    use crate::git::{GitEnvironment, Repository};

    #[test]
    fn ids_are_words_of_digits() {
        let found = |text: &str| -> Vec<String> {
            words(text.as_bytes(), 20).iter().map(|word| text[word.start..word.end].to_owned()).collect()
        };
        assert_eq!(
            found("see 0123456, (89abcdef); not 012345 or 0123456g or x0123456 or 0123456_"),
            ["0123456", "89abcdef"]
        );
        assert_eq!(found(&"a".repeat(41)), [""; 0]);
        assert_eq!(found("DEADBEEF ünd 1234567"), ["1234567"]);
    }

    #[test]
    fn a_citation_is_resolved_where_it_is_unambiguous() {
        let repo = Fixture::new();
        repo.write("file", "x");
        repo.commit_all();
        let head = repo.git(&["rev-parse", "HEAD"]);
        let head = head.trim().as_bytes();
        let found = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
        let store = found.store(Scope::All).unwrap();
        for digits in [7, 12, 40] {
            let number = cited(&store, &head[..digits]).unwrap();
            assert_eq!(store.id(number).to_string().as_bytes(), head);
        }
        assert_eq!(cited(&store, b""), cited(&store, head), "it is the only commit");
        let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
        assert_eq!(cited(&store, tree.trim().as_bytes()), None);
        let new = ObjectId::from_hex(&[b'e'; 40]).unwrap();
        let text = recited(b"fixes 1234567 and 7654321", 20, &|word| (word == b"1234567").then_some(new));
        assert_eq!(text.unwrap(), b"fixes eeeeeee and 7654321");
        assert_eq!(recited(b"nothing", 20, &|_| None), None);
    }
}
