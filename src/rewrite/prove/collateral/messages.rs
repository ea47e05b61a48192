//! The comparison of two commits or two tags, one before and one after a rewrite, on their raw bytes.

use super::texts::Likeness;
use crate::git::ObjectId;

/// What a commit or tag says: headers with their continuation lines, and the rest.
#[derive(Debug)]
struct Parts<'a> {
    headers: Vec<(&'a [u8], &'a [u8])>,
    message: &'a [u8],
}

/// What became of one commit or tag.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// What differs though it must not.
    pub(super) faults: Vec<&'static str>,
    /// Root trees, or targets of a tag, that differ.
    pub(super) below: Option<(ObjectId, ObjectId)>,
    /// Whether a signature went.
    pub(super) unsigned: bool,
}

/// Compares commits.
pub(super) fn commits(old: &[u8], new: &[u8], likeness: &Likeness<'_>) -> Compared {
    let (before, after) = (parts(old), parts(new));
    let mut compared = Compared::default();
    let (parents, now) = (ids(&before, b"parent"), ids(&after, b"parent"));
    let mapped: Vec<String> = parents.iter().map(|parent| likeness.id_after(parent)).collect();
    if mapped != now {
        compared.faults.push("its parents are others");
    }
    compared.below = pair(&before, &after, b"tree");
    let is_needed = compared.below.is_some() || parents != now;
    rest(&before, &after, (likeness, is_needed), &mut compared);
    compared
}

/// Compares tags.
pub(super) fn tags(old: &[u8], new: &[u8], likeness: &Likeness<'_>) -> Compared {
    let (before, after) = (parts(old), parts(new));
    let mut compared = Compared { below: pair(&before, &after, b"object"), ..Compared::default() };
    let is_needed = compared.below.is_some();
    rest(&before, &after, (likeness, is_needed), &mut compared);
    compared
}

/// Compares what is neither a parent nor a tree.
fn rest(
    before: &Parts<'_>,
    after: &Parts<'_>,
    (likeness, is_needed): (&Likeness<'_>, bool),
    compared: &mut Compared,
) {
    let (old, new) = (texts(before), texts(after));
    let is_kept = |key: &[u8]| after.headers.iter().any(|(known, _)| *known == key);
    let signed = before.headers.iter().filter(|(key, _)| is_signature(key));
    compared.unsigned = signed.clone().any(|(key, _)| !is_kept(key));
    let mut differs = false;
    let keys = |list: &[(&[u8], &[u8])]| list.iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>();
    if keys(&old) != keys(&new) {
        compared.faults.push("its headers are others");
    } else {
        for ((key, one), (_, other)) in old.iter().zip(&new) {
            differs |= one != other;
            if !likeness.is_like(one, other) {
                compared.faults.push(fault(key));
            }
        }
    }
    let (old_text, old_seal) = unsealed(before);
    let (new_text, new_seal) = unsealed(after);
    compared.unsigned |= !old_seal.is_empty() && new_seal.is_empty();
    differs |= old_text != new_text;
    if !likeness.is_like(old_text, new_text) {
        compared.faults.push("its message is another");
    }
    if !new_seal.is_empty() && new_seal != old_seal {
        // A new signature of the owner is no change to the history.
        compared.unsigned = true;
    }
    if !is_needed && !differs {
        compared.faults.push("it was rewritten without need");
    }
}

fn fault(key: &[u8]) -> &'static str {
    match key {
        b"author" => "its author or date is another",
        b"committer" => "its committer or date is another",
        b"tagger" => "its tagger or date is another",
        b"encoding" => "its encoding is another",
        _ => "a header is another",
    }
}

fn is_signature(key: &[u8]) -> bool {
    matches!(key, b"gpgsig" | b"gpgsig-sha256" | b"mergetag")
}

/// Headers that are neither ids nor signatures.
fn texts<'a>(parts: &Parts<'a>) -> Vec<(&'a [u8], &'a [u8])> {
    let is_text = |key: &[u8]| !matches!(key, b"tree" | b"parent" | b"object") && !is_signature(key);
    parts.headers.iter().filter(|(key, _)| is_text(key)).copied().collect()
}

fn ids(parts: &Parts<'_>, key: &[u8]) -> Vec<String> {
    let found = parts.headers.iter().filter(|(known, _)| *known == key);
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

/// The ids of a header that differ.
fn pair(before: &Parts<'_>, after: &Parts<'_>, key: &[u8]) -> Option<(ObjectId, ObjectId)> {
    let id = |parts: &Parts<'_>| {
        let found = parts.headers.iter().find(|(known, _)| *known == key);
        found.and_then(|(_, value)| ObjectId::from_hex(value))
    };
    Some((id(before)?, id(after)?)).filter(|(old, new)| old != new)
}

/// The message without the signature at its end, which only tags have there, and that signature.
fn unsealed<'a>(parts: &Parts<'a>) -> (&'a [u8], &'a [u8]) {
    let message = parts.message;
    if !parts.headers.iter().any(|(key, _)| *key == b"object") {
        return (message, &[]);
    }
    let starts = [
        &b"-----BEGIN PGP SIGNATURE-----"[..],
        b"-----BEGIN SSH SIGNATURE-----",
        b"-----BEGIN SIGNED MESSAGE-----",
    ];
    let at = starts.iter().filter_map(|start| memchr::memmem::rfind(message, start)).min();
    message.split_at(at.unwrap_or(message.len()))
}

fn parts(bytes: &[u8]) -> Parts<'_> {
    let mut headers: Vec<(&[u8], &[u8])> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && !rest.starts_with(b"\n") {
        // A line that begins with a blank continues the one before it.
        let mut end = 0;
        loop {
            let tail = rest.get(end..).unwrap_or_default();
            end += memchr::memchr(b'\n', tail).map_or(tail.len(), |at| at + 1);
            if rest.get(end) != Some(&b' ') {
                break;
            }
        }
        let (line, after) = rest.split_at(end);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let space = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (key, value) = line.split_at(space);
        headers.push((key, value.get(1..).unwrap_or_default()));
        rest = after;
    }
    Parts { headers, message: rest.strip_prefix(b"\n").unwrap_or(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needle::Needle;
    use crate::secret::Secret;

    const TREES: [&str; 2] =
        ["1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"];

    fn commit(tree: &str, author: &str, message: &str, signature: &str) -> Vec<u8> {
        format!(
            "tree {tree}\nauthor {author} <a@b> 1 +0000\ncommitter c <c@d> 2 +0000\n{signature}\n{message}"
        )
        .into()
    }

    fn compared(old: &[u8], new: &[u8]) -> Compared {
        let needles = [Needle::value(&Secret::new("hunter2hunter2")).unwrap()];
        commits(old, new, &Likeness::new(&needles, std::iter::empty()))
    }

    #[test]
    fn a_replacement_is_no_fault_and_any_other_change_is_one() {
        let old = commit(TREES[0], "a", "x hunter2hunter2", "gpgsig ---\n more\n");
        let new = commit(TREES[1], "a", "x ***", "");
        let good = compared(&old, &new);
        assert!(good.faults.is_empty() && good.unsigned && good.below.is_some(), "{good:?}");
        for (new, fault) in [
            (commit(TREES[1], "b", "x ***", ""), "its author or date is another"),
            (commit(TREES[1], "a", "y ***", ""), "its message is another"),
            (commit(TREES[1], "a", "x ***", "encoding x\n"), "its headers are others"),
            (commit(TREES[1], "a", "x ***", &format!("parent {}\n", TREES[0])), "its parents are others"),
        ] {
            assert_eq!(compared(&old, &new).faults, [fault]);
        }
    }

    #[test]
    fn a_commit_that_only_lost_its_signature_was_rewritten_without_need() {
        let (old, new) = (commit(TREES[0], "a", "x", "gpgsig -\n"), commit(TREES[0], "a", "x", ""));
        assert_eq!(compared(&old, &new).faults, ["it was rewritten without need"]);
    }

    proptest::proptest! {
        #[test]
        fn odd_bytes_do_no_harm(old: Vec<u8>, new: Vec<u8>) {
            compared(&old, &new);
            let needles = [Needle::value(&Secret::new("hunter2hunter2")).unwrap()];
            tags(&old, &new, &Likeness::new(&needles, std::iter::empty()));
        }
    }
}
