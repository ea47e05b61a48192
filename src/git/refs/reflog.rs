//! A reflog: what a reference pointed to before, and the messages that tell why it moved.

use std::ops::Range;

use super::{Place, References, files};
use crate::finding::Reach;
use crate::git::object::ObjectId;

/// The past of one reference. Its lines copy subjects of commits, so its text is worth a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reflog {
    /// The file, such as `logs/HEAD`, relative to the git directory; foreign bytes.
    pub name: Vec<u8>,
    /// `Stash` for that of the stash, which is the only place of all stashes but one; else `Reflog`.
    pub reach: Reach,
    /// All its text.
    pub content: Vec<u8>,
    /// Its lines that have ids, oldest first.
    pub entries: Vec<ReflogEntry>,
}

/// One line of a reflog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReflogEntry {
    /// What the reference pointed to; null where it was made.
    pub old: ObjectId,
    /// What it points to since; null where it was deleted.
    pub new: ObjectId,
    /// The line within the content, without its end.
    pub line: Range<usize>,
    /// The reason within the content.
    pub message: Range<usize>,
}

impl Reflog {
    /// The log `name` with this text.
    pub(super) fn parse(name: Vec<u8>, content: Vec<u8>) -> Self {
        let reach = if name.ends_with(b"logs/refs/stash") { Reach::Stash } else { Reach::Reflog };
        let mut entries = Vec::new();
        let mut at = 0;
        for line in content.split(|&byte| byte == b'\n') {
            let end = at + line.len();
            entries.extend(entry(line).map(|(old, new, message)| ReflogEntry {
                old,
                new,
                line: at..end,
                message: at + message..end,
            }));
            at = end + 1;
        }
        Self { name, reach, content, entries }
    }
}

/// `<old> <new> <name> <address> <time> <zone>\t<message>`; the offset of the message.
fn entry(line: &[u8]) -> Option<(ObjectId, ObjectId, usize)> {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let old = ObjectId::from_hex(words.next()?)?;
    let new = ObjectId::from_hex(words.next()?)?;
    let message = memchr::memchr(b'\t', line).map_or(line.len(), |tab| tab + 1);
    Some((old, new, message))
}

/// Reads all reflogs of one git directory.
pub(super) fn read(place: &Place, found: &mut References) {
    let mut folders = vec![place.git_dir.join("logs")];
    while let Some(folder) = folders.pop() {
        for (entry, kind) in files::list(&folder, &mut found.gaps) {
            let path = folder.join(&entry);
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let Some(content) = files::read(&path, &mut found.gaps) else { continue };
            let below = path.strip_prefix(&place.git_dir).unwrap_or(&path);
            let name = [&place.prefix, &*files::bytes(below.as_os_str())].concat();
            found.reflogs.push(Reflog::parse(name, content));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_ids_and_messages_and_others_are_left_out() {
        let (zero, id) = ("0".repeat(40), "ab".repeat(20));
        let text = format!("{zero} {id} A <a@b> 5 +0000\tcommit: x\nnonsense\n{id} {zero} A <a@b> 6 +0000\n");
        let log = Reflog::parse(b"logs/refs/stash".to_vec(), text.clone().into_bytes());
        assert_eq!((log.reach, log.entries.len()), (Reach::Stash, 2));
        assert!(log.entries[0].old.is_null() && log.entries[1].new.is_null());
        assert_eq!(&text[log.entries[0].message.clone()], "commit: x");
        assert_eq!(&text[log.entries[1].message.clone()], "");
        assert!(text[log.entries[1].line.clone()].ends_with("6 +0000"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_as_a_reflog_do_not_panic(content: Vec<u8>) {
            let log = Reflog::parse(b"logs/HEAD".to_vec(), content);
            proptest::prop_assert!(log.entries.iter().all(|entry| log.content.get(entry.line.clone()).is_some()));
        }
    }
}
