//! Random access: makes one object from all the entries that it is made from, wherever they are.

use super::super::object::{ObjectError, ObjectId, ObjectKind};
use super::buffer::Buffer;
use super::delta::Delta;
use super::entry::Content;
use super::inflate::{self, Inflater};
use super::loose::Loose;
use super::pack::Pack;
use super::window::{Window, damaged};
use super::{Source, Store};

/// How often reading one object may go to another place than the next entry of the same pack. Bounds the work, and the
/// depth of calls, where packs refer to each other.
const DETOURS: u32 = 16;
/// Bytes that are read at a time.
const AHEAD: usize = 4 << 10;
/// A base may be larger than what the caller wants.
const LARGEST_BASE: u64 = 512 << 20;

/// One thread's means to read objects of a store.
pub(super) struct Access<'s> {
    store: &'s Store,
    window: Window,
    pub(super) inflater: Inflater,
    delta: Buffer,
    spare: Buffer,
    parts: Delta,
    detours: u32,
}

impl<'s> Access<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Self {
            store,
            window: Window::new(AHEAD),
            inflater: Inflater::new(),
            delta: Buffer::default(),
            spare: Buffer::default(),
            parts: Delta::default(),
            detours: 0,
        }
    }

    /// The object, from the first place that works; `except` is a source that is known not to.
    pub(super) fn object(
        &mut self,
        number: u32,
        limit: u64,
        except: Option<u32>,
    ) -> Result<(ObjectKind, Buffer), ObjectError> {
        self.detours = DETOURS;
        self.by_number(number, limit, except)
    }

    /// The object whose entry begins at `offset` of the pack `source`.
    pub(super) fn object_at(
        &mut self,
        source: u32,
        offset: u64,
        limit: u64,
    ) -> Result<(ObjectKind, Buffer), ObjectError> {
        self.detours = DETOURS;
        self.by_offset(source, offset, limit)
    }

    /// The kind of that object. No more than `steps` headers are read.
    pub(super) fn kind_at(
        &mut self,
        source: u32,
        offset: u64,
        steps: &mut u64,
    ) -> Result<ObjectKind, ObjectError> {
        let (mut source, mut offset) = (source, offset);
        loop {
            *steps = steps.checked_sub(1).ok_or_else(|| damaged(ENDLESS))?;
            let pack = self.store.pack(source).ok_or(ObjectError::Missing)?;
            match self.window.header_at(pack, source, offset)?.content {
                Content::Full(kind) => return Ok(kind),
                Content::DeltaToOffset(base) => offset = base,
                Content::DeltaToId(id) => {
                    let number = self.store.number(id.as_bytes()).ok_or(ObjectError::Missing)?;
                    if let Some(node) = pack.node(number) {
                        offset = pack.offset(node);
                        continue;
                    }
                    source = self.store.first.source(number);
                    match self.store.sources.get(source as usize) {
                        Some(Source::Pack(pack)) => {
                            offset = pack
                                .node(number)
                                .map(|node| pack.offset(node))
                                .ok_or(ObjectError::Missing)?;
                        }
                        Some(Source::Loose(loose)) => return loose.kind(id, &mut self.inflater),
                        None => return Err(ObjectError::Missing),
                    }
                }
            }
        }
    }

    fn by_number(
        &mut self,
        number: u32,
        limit: u64,
        except: Option<u32>,
    ) -> Result<(ObjectKind, Buffer), ObjectError> {
        let mut fault = ObjectError::Missing;
        for source in self.store.places(number) {
            if Some(source) == except {
                continue;
            }
            self.detours = self.detours.checked_sub(1).ok_or_else(|| damaged(ENDLESS))?;
            let found = match &self.store.sources[source as usize] {
                Source::Loose(loose) => self.loose(loose, number, limit),
                Source::Pack(pack) => match pack.node(number) {
                    Some(node) => self.by_offset(source, pack.offset(node), limit),
                    None => continue,
                },
            };
            match found {
                Ok(found) => return Ok(found),
                // Every copy is as large.
                Err(error @ ObjectError::TooLarge { .. }) => return Err(error),
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    fn loose(&mut self, loose: &Loose, number: u32, limit: u64) -> Result<(ObjectKind, Buffer), ObjectError> {
        let id = ObjectId::from_bytes(self.store.names.id(number)).ok_or(ObjectError::Missing)?;
        loose.read(id, limit, &mut self.inflater)
    }

    /// Climbs from base to base, then makes one object after the other on the way back.
    fn by_offset(
        &mut self,
        source: u32,
        offset: u64,
        limit: u64,
    ) -> Result<(ObjectKind, Buffer), ObjectError> {
        let store = self.store;
        let pack = store.pack(source).ok_or(ObjectError::Missing)?;
        let mut chain = Vec::new();
        let mut at = offset;
        let limit_of = |chain: &[u64]| if chain.is_empty() { limit } else { limit.max(LARGEST_BASE) };
        let (kind, mut content) = loop {
            if chain.len() > pack.len() as usize {
                return Err(damaged(ENDLESS));
            }
            let most = limit_of(&chain);
            match self.window.header_at(pack, source, at).map(|header| header.content) {
                Ok(Content::Full(kind)) => match self.full(pack, (source, at), most) {
                    Ok(content) => break (kind, content),
                    Err(fault) => break self.elsewhere((source, at), most, fault)?,
                },
                Ok(Content::DeltaToOffset(base)) => {
                    chain.push(at);
                    at = base;
                }
                Ok(Content::DeltaToId(id)) => {
                    chain.push(at);
                    let base = store.number(id.as_bytes());
                    let base =
                        base.ok_or_else(|| ObjectError::Damaged(format!("its base {id} is missing")))?;
                    match pack.node(base) {
                        Some(node) => at = pack.offset(node),
                        None => break self.by_number(base, limit.max(LARGEST_BASE), None)?,
                    }
                }
                Err(fault) => break self.elsewhere((source, at), most, fault)?,
            }
        };
        while let Some(at) = chain.pop() {
            let most = limit_of(&chain);
            match self.derive(pack, (source, at), &content, most) {
                Ok(()) => std::mem::swap(&mut content, &mut self.spare),
                Err(fault) => content = self.elsewhere((source, at), most, fault)?.1,
            }
        }
        Ok((kind, content))
    }

    fn full(&mut self, pack: &Pack, (source, at): (u32, u64), limit: u64) -> Result<Buffer, ObjectError> {
        let entry = self.window.entry_at(pack, source, at)?;
        if entry.header.size > limit {
            return Err(ObjectError::TooLarge { bytes: entry.header.size });
        }
        let size = inflate::plausible(entry.header.size, entry.packed.len()).map_err(damaged)?;
        let mut content = Buffer::default();
        self.inflater.inflate(entry.packed, content.room(size)).map_err(damaged)?;
        Ok(content)
    }

    /// Makes the object at an offset from `base`, and leaves it in `spare`.
    fn derive(
        &mut self,
        pack: &Pack,
        (source, at): (u32, u64),
        base: &Buffer,
        limit: u64,
    ) -> Result<(), ObjectError> {
        let entry = self.window.entry_at(pack, source, at)?;
        let size = inflate::plausible(entry.header.size, entry.packed.len()).map_err(damaged)?;
        inflate::fits(entry.header.size, limit)?;
        self.inflater.inflate(entry.packed, self.delta.room(size)).map_err(damaged)?;
        let Self { delta, parts, spare, .. } = self;
        parts.check(delta.bytes(), base.bytes().len()).map_err(damaged)?;
        if parts.target() as u64 > limit {
            return Err(ObjectError::TooLarge { bytes: parts.target() as u64 });
        }
        parts.apply(delta.bytes(), base.bytes(), spare.room(parts.target())).map_err(damaged)
    }

    /// Another copy of an object that has a fault where it was read.
    fn elsewhere(
        &mut self,
        (source, at): (u32, u64),
        limit: u64,
        fault: ObjectError,
    ) -> Result<(ObjectKind, Buffer), ObjectError> {
        let pack = self.store.pack(source).ok_or(ObjectError::Missing)?;
        let number = pack.node_at(at, None).map(|node| pack.number(node));
        match number {
            Some(number) if !matches!(fault, ObjectError::TooLarge { .. }) => {
                match self.by_number(number, limit, Some(source)) {
                    Err(ObjectError::Missing) => Err(fault),
                    other => other,
                }
            }
            _ => Err(fault),
        }
    }
}

const ENDLESS: &str = "it is made from itself, or from too many others";
