//! A split index (extension `link`): a small index that says how it differs from a large one that rarely changes.

use std::collections::BTreeMap;

use super::super::object::{ObjectFormat, ObjectId};
use super::{Entry, Packed, bitmap};

/// What the extension says.
pub(super) struct Link<'a> {
    /// The file `sharedindex.<base>`.
    pub(super) base: ObjectId,
    bitmaps: &'a [u8],
    format: ObjectFormat,
}

impl<'a> Link<'a> {
    /// Reads the extension; `None` if there is none, or if it names no shared index.
    pub(super) fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Option<Self>, &'static str> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (base, bitmaps) =
            bytes.split_at_checked(format.id_bytes()).ok_or("the link to a shared index is too short")?;
        let base = ObjectId::from_bytes(base).filter(|base| !base.is_null());
        Ok(base.map(|base| Self { base, bitmaps, format }))
    }

    /// Entries of the shared index to leave out, and entries to replace.
    fn changes(&self, limit: u32) -> Result<(Vec<u32>, Vec<u32>), &'static str> {
        if self.bitmaps.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let (deleted, length) = bitmap::positions(self.bitmaps, limit)?;
        let (replaced, _) = bitmap::positions(&self.bitmaps[length..], limit)?;
        Ok((deleted, replaced))
    }
}

/// Puts both together.
///
/// The small index holds, in this order: entries without a name that take the content of the shared entries whose bits
/// are set in the second bitmap, then entries to add. The first bitmap names what to leave out.
pub(super) fn merge(base: &Packed, own: &Packed, link: &Link<'_>) -> Result<Packed, &'static str> {
    let (deleted, replaced) = link.changes(base.count)?;
    let (mut deleted, mut replaced) = (deleted.iter().peekable(), replaced.iter().peekable());
    let mut merged = BTreeMap::new();
    let (mut shared, mut news) = (base.iter(), own.iter());
    let mut position = 0;
    while let Some(old) = shared.next() {
        let mut content = (old.id, old.mode, old.flags);
        if replaced.next_if(|&&bit| bit == position).is_some() {
            let new = news.next().filter(|new| new.path.is_empty());
            let new = new.ok_or("a replacement is missing in the split index")?;
            content = (new.id, new.mode, new.flags);
        }
        if deleted.next_if(|&&bit| bit == position).is_none() {
            merged.insert((old.path.to_vec(), old.stage()), content);
        }
        position += 1;
    }
    while let Some(new) = news.next() {
        if new.path.is_empty() {
            return Err("an entry of the split index has no name");
        }
        merged.insert((new.path.to_vec(), new.stage()), (new.id, new.mode, new.flags));
    }
    let mut packed = Packed::new(link.format);
    for ((path, _), (id, mode, flags)) in &merged {
        packed.push(&Entry { path, id: *id, mode: *mode, flags: *flags });
    }
    Ok(packed)
}
