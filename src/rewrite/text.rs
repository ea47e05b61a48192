//! The bytes of a commit or tag with other ids and texts: what does not have to change keeps every byte.

use crate::git::ObjectId;

/// What to put where.
pub(super) struct TextEdit<'a> {
    /// The new id of an object that has one.
    pub(super) moved: &'a dyn Fn(ObjectId) -> Option<ObjectId>,
    /// A text without the values; `None` where they do not stand in it.
    pub(super) clean: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
    /// The name of a tag without the values.
    pub(super) clean_name: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
    /// A message with the new ids of commits that it cites; `None` where it cites none.
    pub(super) cite: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

/// An edited commit or tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edited {
    pub(super) bytes: Vec<u8>,
    /// Whether a signature was dropped: it would no longer fit.
    pub(super) unsigned: bool,
    /// How many copies of signed tags that were merged were dropped.
    pub(super) merged_tags: u32,
}

/// Where a signature of a tag begins.
const SIGNATURES: [&[u8]; 4] = [
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
];

/// A header with the lines that continue it.
struct Header<'a> {
    keyword: &'a [u8],
    /// All of it after the keyword and the space, with its line ends.
    value: &'a [u8],
    raw: &'a [u8],
}

/// The edited commit; `None` where nothing changes. It keeps its signature only in that case.
pub(super) fn edited_commit(bytes: &[u8], edit: &TextEdit<'_>) -> Option<Edited> {
    let (headers, rest) = headers(bytes);
    let mut out = Edited { bytes: Vec::with_capacity(bytes.len()), unsigned: false, merged_tags: 0 };
    let mut changed = false;
    let mut in_ids = true;
    for header in &headers {
        let mut new = None;
        match header.keyword {
            b"tree" | b"parent" if in_ids => new = moved_id(header.value, edit),
            b"gpgsig" | b"gpgsig-sha256" => {
                out.unsigned = true;
                continue;
            }
            b"mergetag" => {
                let is_stale = moved_id(first_word(header.value, b"object "), edit).is_some()
                    || (edit.clean)(header.value).is_some();
                if is_stale {
                    changed = true;
                    out.merged_tags += 1;
                    continue;
                }
            }
            _ => {
                in_ids = false;
                new = (edit.clean)(header.value);
            }
        }
        changed |= new.is_some();
        put(&mut out.bytes, header, new);
    }
    changed |= put_message(&mut out.bytes, rest, edit);
    changed.then_some(out)
}

/// The edited tag; `None` where nothing changes. It keeps its signature only in that case.
pub(super) fn edited_tag(bytes: &[u8], edit: &TextEdit<'_>) -> Option<Edited> {
    let (headers, rest) = headers(bytes);
    let mut out = Edited { bytes: Vec::with_capacity(bytes.len()), unsigned: false, merged_tags: 0 };
    let mut changed = false;
    for header in &headers {
        let new = match header.keyword {
            b"object" => moved_id(header.value, edit),
            b"gpgsig" | b"gpgsig-sha256" => {
                out.unsigned = true;
                continue;
            }
            b"tag" => (edit.clean_name)(header.value),
            _ => (edit.clean)(header.value),
        };
        changed |= new.is_some();
        put(&mut out.bytes, header, new);
    }
    let end = signature(rest);
    changed |= put_message(&mut out.bytes, rest.get(..end).unwrap_or_default(), edit);
    // A value may stand in the signature only, in a comment of it.
    let tail = rest.get(end..).unwrap_or_default();
    changed |= (edit.clean)(tail).is_some();
    out.unsigned |= !tail.is_empty();
    changed.then_some(out)
}

/// Writes the blank line and the message; whether it changed.
fn put_message(out: &mut Vec<u8>, rest: &[u8], edit: &TextEdit<'_>) -> bool {
    let clean = (edit.clean)(rest);
    let text = clean.as_deref().unwrap_or(rest);
    let cited = (edit.cite)(text);
    out.extend_from_slice(cited.as_deref().unwrap_or(text));
    clean.is_some() || cited.is_some()
}

/// The headers, and everything after them: the blank line and the message.
fn headers(bytes: &[u8]) -> (Vec<Header<'_>>, &[u8]) {
    let mut headers = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty() && rest[0] != b'\n') {
        let mut end = line_length(rest);
        while rest.get(end) == Some(&b' ') {
            end += line_length(rest.get(end..).unwrap_or_default());
        }
        let raw = rest.get(..end).unwrap_or_default();
        let space = raw.iter().position(|&byte| byte == b' ' || byte == b'\n').unwrap_or(raw.len());
        let value = raw.get(space + 1..).unwrap_or_default();
        headers.push(Header { keyword: raw.get(..space).unwrap_or_default(), value, raw });
        at += end;
    }
    (headers, bytes.get(at..).unwrap_or_default())
}

/// Length of the first line with its end.
fn line_length(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1)
}

/// The new value of a header that is an id; `None` where the object has not moved.
fn moved_id(value: &[u8], edit: &TextEdit<'_>) -> Option<Vec<u8>> {
    let end = value.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(value.len());
    let new = (edit.moved)(ObjectId::from_hex(value.get(..end)?)?)?;
    Some([new.to_string().as_bytes(), value.get(end..)?].concat())
}

/// What follows the keyword at the start of an embedded tag.
fn first_word<'a>(value: &'a [u8], keyword: &[u8]) -> &'a [u8] {
    value.strip_prefix(keyword).unwrap_or_default()
}

fn put(out: &mut Vec<u8>, header: &Header<'_>, new: Option<Vec<u8>>) {
    match new {
        None => out.extend_from_slice(header.raw),
        Some(value) => {
            out.extend_from_slice(header.keyword);
            out.push(b' ');
            out.extend_from_slice(&value);
        }
    }
}

/// Where the signature of a tag begins, at the start of a line; the end where there is none.
fn signature(message: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = message.get(at..).filter(|rest| !rest.is_empty()) {
        if SIGNATURES.iter().any(|start| rest.starts_with(start)) {
            return at;
        }
        at += line_length(rest);
    }
    message.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
    const NEW: &str = "89abcdef0123456789abcdef0123456789abcdef";
    const KEPT: &str = "ffffffffffffffffffffffffffffffffffffffff";

    fn edit(text: &str, is_tag: bool) -> Option<Edited> {
        let moved =
            |id: ObjectId| (id.to_string() == OLD).then(|| ObjectId::from_hex(NEW.as_bytes()).unwrap());
        let clean = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            text.contains("secret").then(|| text.replace("secret", "***").into_bytes())
        };
        let edit = TextEdit { moved: &moved, clean: &clean, clean_name: &clean, cite: &|_| None };
        if is_tag { edited_tag(text.as_bytes(), &edit) } else { edited_commit(text.as_bytes(), &edit) }
    }

    #[test]
    fn odd_headers_and_signatures_stay_where_nothing_changes() {
        let odd = format!("tree {KEPT}\nparent {KEPT}\nauthor A <a> 1 -7530\nx-odd\n y\ngpgsig S\n T\n\nm");
        assert_eq!(edit(&odd, false), None);
        let edited = edit(&odd.replacen(KEPT, OLD, 1), false).unwrap();
        let expected = odd.replacen(KEPT, NEW, 1).replace("gpgsig S\n T\n", "");
        assert_eq!((String::from_utf8(edited.bytes).unwrap(), edited.unsigned), (expected, true));
    }

    #[test]
    fn values_leave_names_and_messages_and_ids_in_messages_are_no_headers() {
        let text = format!("tree {KEPT}\nauthor secret <a> 1 +0000\n\nparent {OLD}\nsecret");
        let edited = String::from_utf8(edit(&text, false).unwrap().bytes).unwrap();
        assert_eq!(edited, text.replace("secret", "***"));
        assert_eq!(edit("", false), None);
    }

    #[test]
    fn a_merged_tag_goes_only_with_its_target() {
        let text = |target| {
            format!("tree {KEPT}\nparent {OLD}\nmergetag object {target}\n type commit\n tag v\n\nm")
        };
        let dropped = edit(&text(OLD), false).unwrap();
        assert_eq!(dropped.merged_tags, 1);
        assert!(!String::from_utf8(dropped.bytes).unwrap().contains("mergetag"));
        let kept = edit(&text(KEPT), false).unwrap();
        assert_eq!(kept.merged_tags, 0);
        assert!(String::from_utf8(kept.bytes).unwrap().contains(&format!("mergetag object {KEPT}\n type")));
    }

    #[test]
    fn a_tag_loses_its_signature_with_its_target_or_text_only() {
        let text = |target, name| {
            format!("object {target}\ntype commit\ntag {name}\n\nm\n-----BEGIN PGP SIGNATURE-----\nx\n")
        };
        assert_eq!(edit(&text(KEPT, "v1"), true), None);
        let edited = edit(&text(OLD, "v1-secret"), true).unwrap();
        assert!(edited.unsigned);
        assert_eq!(
            String::from_utf8(edited.bytes).unwrap(),
            format!("object {NEW}\ntype commit\ntag v1-***\n\nm\n")
        );
    }
}
