//! A split index (extension `link`): a small index that says how it differs from a large one that rarely changes.

use std::collections::BTreeMap;

use super::super::object::{ObjectFormat, ObjectId};
use super::{EXTENDED, Entry, HEADER_BYTES, Index, IndexError, Layout, NAME_MASK, bitmap};

/// What the extension says.
pub(super) struct Link {
    /// The file `sharedindex.<base>`.
    pub(super) base: ObjectId,
    bitmaps: Vec<u8>,
}

impl Link {
    /// Reads the extension; `None` if it names no shared index.
    pub(super) fn parse(bytes: &[u8], format: ObjectFormat) -> Result<Option<Self>, &'static str> {
        let base = bytes.get(..format.id_bytes()).and_then(ObjectId::from_bytes);
        let base = base.ok_or("the link to a shared index is too short")?;
        let bitmaps = bytes[format.id_bytes()..].to_vec();
        Ok((!base.is_null()).then_some(Self { base, bitmaps }))
    }

    /// Entries of the shared index to leave out, and entries to replace.
    fn changes(&self, limit: u32) -> Result<(Vec<u32>, Vec<u32>), &'static str> {
        if self.bitmaps.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let (deleted, length) = bitmap::positions(&self.bitmaps, limit)?;
        let (replaced, _) = bitmap::positions(&self.bitmaps[length..], limit)?;
        Ok((deleted, replaced))
    }
}

/// Everything of an entry but its path.
struct Content {
    mode: u32,
    id: ObjectId,
    flags: u16,
    extended: u16,
}

impl From<Entry<'_>> for Content {
    fn from(entry: Entry<'_>) -> Self {
        Self { mode: entry.mode, id: entry.id, flags: entry.flags, extended: entry.extended }
    }
}

/// Puts both together into one index, with the cache tree of the small one.
///
/// The small index holds, in this order: entries without a name that take the content of the shared entries whose bits
/// are set in the second bitmap, then entries to add. The first bitmap names what to leave out.
pub(super) fn merge(base: &Index, own: &Index, link: &Link) -> Result<Index, IndexError> {
    let at = own.link.as_ref().map_or(0, |range| range.start);
    let (deleted, replaced) = link.changes(base.layout.entries).map_err(|what| IndexError::new(at, what))?;
    let (mut deleted, mut replaced) = (deleted.iter().peekable(), replaced.iter().peekable());
    let mut merged = BTreeMap::new();
    let (mut shared, mut news) = (base.entries(), own.entries());
    let mut position = 0;
    while let Some(old) = shared.next() {
        let mut content = Content::from(old);
        if replaced.next_if(|&&bit| bit == position).is_some() {
            let new = news.next().filter(|new| new.path.is_empty());
            content =
                new.ok_or_else(|| IndexError::new(at, "a replacement is missing in the split index"))?.into();
        }
        if deleted.next_if(|&&bit| bit == position).is_none() {
            merged.insert((old.path.to_vec(), old.stage()), content);
        }
        position += 1;
    }
    while let Some(new) = news.next() {
        if new.path.is_empty() {
            return Err(IndexError::new(at, "an entry of the split index has no name"));
        }
        merged.insert((new.path.to_vec(), new.stage()), new.into());
    }
    let id_bytes = own.layout.format.id_bytes();
    let mut bytes = vec![0; HEADER_BYTES];
    for ((path, _), content) in &merged {
        write(&mut bytes, path, content, id_bytes);
    }
    let entries_end = bytes.len();
    let cache_tree = own.cache_tree.clone().map(|range| {
        bytes.extend(&own.bytes[range]);
        entries_end..bytes.len()
    });
    let entries =
        u32::try_from(merged.len()).map_err(|_| IndexError::new(at, "there are too many entries"))?;
    let layout = Layout { version: 3, entries, format: own.layout.format };
    Ok(Index { bytes, layout, entries_end, cache_tree, link: None })
}

/// Writes an entry in the layout of version 3, without what the file system said about the file.
fn write(bytes: &mut Vec<u8>, path: &[u8], content: &Content, id_bytes: usize) {
    let start = bytes.len();
    bytes.extend([0; 24]);
    bytes.extend(content.mode.to_be_bytes());
    bytes.extend([0; 12]);
    bytes.extend(&content.id.as_bytes()[..id_bytes]);
    let length = u16::try_from(path.len()).unwrap_or(NAME_MASK).min(NAME_MASK);
    bytes.extend((content.flags & !(NAME_MASK | EXTENDED) | EXTENDED | length).to_be_bytes());
    bytes.extend(content.extended.to_be_bytes());
    bytes.extend(path);
    let length = bytes.len() - start;
    bytes.resize(start + (length / 8 + 1) * 8, 0);
}
