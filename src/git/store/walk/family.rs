//! A family: an object stored in full and all that is made from it, visited depth first.

use std::sync::atomic::Ordering::Relaxed;

use rayon::Scope;

use super::super::access::Access;
use super::super::buffer::{Buffer, Pool};
use super::super::delta::Delta;
use super::super::entry::Content;
use super::super::forest::Forest;
use super::super::inflate::{self, Inflater};
use super::super::pack::Pack;
use super::super::window::{Window, damaged};
use super::{Derivation, Family, Visited, Visitor, Walk, WalkReport};
use crate::git::object::{ObjectError, ObjectKind};

/// Bytes that are read at a time at least; more would be read twice, because a family is spread over its pack.
const AHEAD: usize = 4 << 10;
/// Objects that a branch must have to be worth another thread.
const WORTH: u32 = 16;

/// One thread's part of a walk.
pub(super) struct Hands<'w, V: Visitor> {
    walk: &'w Walk<'w, V>,
    window: Window,
    inflater: Inflater,
    access: Access<'w>,
    delta: Buffer,
    parts: Delta,
    pool: Pool,
    /// From the root down to the object that is being looked at; an object whose last child is being looked at is gone.
    trail: Vec<Frame<V::State>>,
    /// Bytes of entries that were dealt with and not told yet.
    packed: u64,
    report: WalkReport,
}

/// An object of which children are still to be made.
struct Frame<S> {
    node: u32,
    /// The next child, and where those after it begin among the children.
    child: u32,
    rest: usize,
    kind: Option<ObjectKind>,
    body: Body,
    /// What the visit returned; `None` when there was none.
    state: Option<S>,
}

/// The bytes of an object.
enum Body {
    Here(Buffer),
    /// Dropped to save memory.
    Gone,
    /// They cannot be had.
    Lost,
}

/// Part of a family that goes to another thread.
pub(super) struct Branch<S> {
    source: u32,
    frame: Frame<S>,
}

/// The pack that a family is in.
#[derive(Clone, Copy)]
struct Ground<'w> {
    source: u32,
    pack: &'w Pack,
    forest: &'w Forest,
}

impl<'w, V: Visitor> Hands<'w, V> {
    pub(super) fn new(walk: &'w Walk<'w, V>) -> Self {
        Self {
            walk,
            window: Window::new(AHEAD),
            inflater: Inflater::new(),
            access: Access::new(walk.store),
            delta: Buffer::default(),
            parts: Delta::default(),
            pool: Pool::default(),
            trail: Vec::new(),
            packed: 0,
            report: WalkReport::default(),
        }
    }

    pub(super) fn finish(mut self) {
        self.walk.progress(std::mem::take(&mut self.packed));
        self.walk.add(self.report);
    }

    pub(super) fn family<'s>(&mut self, family: Family, scope: &Scope<'s>)
    where
        'w: 's,
    {
        match family {
            Family::Tree { source, root, .. } => {
                let Some(ground) = self.ground(source) else { return };
                let made = self.root(ground, root);
                if let Some(frame) = self.settle(ground, root, made, None) {
                    self.push(frame);
                    self.descend(ground, scope);
                }
            }
            Family::Loop { source, node } => {
                let Some(ground) = self.ground(source) else { return };
                // Its children are in the loop, too, or hang on it; each has its turn.
                if let Some(frame) = self.settle(ground, node, Err(damaged(LOOP)), None) {
                    self.release(frame.body);
                }
            }
            Family::Loose { number } => self.loose(number),
        }
    }

    pub(super) fn branch<'s>(&mut self, branch: Branch<V::State>, scope: &Scope<'s>)
    where
        'w: 's,
    {
        if let Some(ground) = self.ground(branch.source) {
            self.trail.push(branch.frame);
            self.descend(ground, scope);
        }
    }

    fn ground(&self, source: u32) -> Option<Ground<'w>> {
        let pack = self.walk.store.pack(source)?;
        Some(Ground { source, pack, forest: self.walk.store.forest(source)? })
    }

    /// Visits everything below the trail. Of the children of an object, the one with the most descendants comes last, and
    /// the object is let go before those; so no more objects wait than the logarithm of all.
    fn descend<'s>(&mut self, ground: Ground<'w>, scope: &Scope<'s>)
    where
        'w: 's,
    {
        while let Some(mut frame) = self.trail.pop() {
            if (self.walk.options.stop)() {
                self.trail.clear();
                return;
            }
            let node = frame.child;
            let following = self.child(ground, frame.node, frame.rest);
            self.restore(ground, &mut frame);
            let made = match &frame.body {
                Body::Here(base) => self.derive(ground, node, base).map(|buffer| (frame.kind, buffer)),
                _ => Err(damaged("what it is made from cannot be read")),
            };
            let grown = self.settle(ground, node, made, Some(&frame));
            let Some((child, rest)) = following else {
                self.let_go(frame.body);
                if let Some(grown) = grown {
                    self.push(grown);
                }
                continue;
            };
            (frame.child, frame.rest) = (child, rest);
            self.trail.push(frame);
            match grown {
                Some(grown) if ground.forest.size(node) >= WORTH && self.walk.claim_idle() => {
                    self.account(&grown);
                    self.walk.hand_over(Branch { source: ground.source, frame: grown }, scope);
                }
                Some(grown) => self.push(grown),
                None => {}
            }
        }
    }

    /// The next child that is needed, and where those after it begin.
    fn child(&self, ground: Ground<'w>, node: u32, from: usize) -> Option<(u32, usize)> {
        let children = ground.forest.children(node);
        let needed = self.walk.needed.get(ground.source as usize)?.as_ref();
        let found =
            children.get(from..)?.iter().position(|&child| needed.is_none_or(|needed| needed.has(child)));
        found.map(|at| (children[from + at], from + at + 1))
    }

    /// The largest object to make at a node.
    fn limit(&self, ground: Ground<'w>, node: u32) -> u64 {
        let options = self.walk.options;
        let limit = match self.child(ground, node, 0) {
            Some(_) => options.max_object_bytes.max(options.memory / 2),
            None => options.max_object_bytes,
        };
        limit.min(u64::from(u32::MAX))
    }

    /// The object at the root of a tree.
    fn root(&mut self, ground: Ground<'w>, node: u32) -> Result<(Option<ObjectKind>, Buffer), ObjectError> {
        let limit = self.limit(ground, node);
        let entry = self.window.entry(ground.pack, ground.source, node)?;
        let Content::Full(kind) = entry.header.content else {
            let offset = ground.pack.offset(node);
            return self
                .access
                .object_at(ground.source, offset, limit)
                .map(|(kind, made)| (Some(kind), made));
        };
        if entry.header.size > limit {
            return Err(ObjectError::TooLarge { bytes: entry.header.size });
        }
        let size = inflate::plausible(entry.header.size, entry.packed.len()).map_err(damaged)?;
        let mut made = self.pool.take();
        self.inflater.inflate(entry.packed, made.room(size)).map_err(damaged)?;
        Ok((Some(kind), made))
    }

    /// The object at a node, made from `base`; `parts` then says how.
    fn derive(&mut self, ground: Ground<'w>, node: u32, base: &Buffer) -> Result<Buffer, ObjectError> {
        let limit = self.limit(ground, node);
        let entry = self.window.entry(ground.pack, ground.source, node)?;
        let size = inflate::plausible(entry.header.size, entry.packed.len()).map_err(damaged)?;
        inflate::fits(entry.header.size, limit)?;
        self.inflater.inflate(entry.packed, self.delta.room(size)).map_err(damaged)?;
        let (delta, parts) = (self.delta.bytes(), &mut self.parts);
        parts.check(delta, base.bytes().len()).map_err(damaged)?;
        if parts.target() as u64 > limit {
            return Err(ObjectError::TooLarge { bytes: parts.target() as u64 });
        }
        let mut made = self.pool.take();
        parts.apply(delta, base.bytes(), made.room(parts.target())).map_err(damaged)?;
        Ok(made)
    }

    /// Deals with what was made, or not made, at a node: looks for another copy, visits it, notes a failure. What is
    /// returned has children that are needed.
    fn settle(
        &mut self,
        ground: Ground<'w>,
        node: u32,
        made: Result<(Option<ObjectKind>, Buffer), ObjectError>,
        parent: Option<&Frame<V::State>>,
    ) -> Option<Frame<V::State>> {
        self.count_packed(ground.pack.end(node).saturating_sub(ground.pack.offset(node)));
        let child = self.child(ground, node, 0);
        let number = ground.pack.number(node);
        let asked = self.walk.options.only.is_none_or(|only| only(number));
        let is_wanted = asked && self.walk.store.is_own(ground.source, ground.pack, node);
        let parent = parent.filter(|_| made.is_ok());
        if made.as_ref().is_err_and(|fault| !matches!(fault, ObjectError::TooLarge { .. })) {
            self.report.faulty.insert(ground.source);
        }
        let made = made.or_else(|fault| match is_wanted || child.is_some() {
            true => self.rescue(ground, node, fault),
            false => Err(fault),
        });
        let (kind, body, state) = match made {
            Ok((kind, made)) => {
                let kind = kind.or(ground.forest.kind(node))?;
                if !self.walk.kinds.contains(kind) {
                    self.pool.give(made);
                    return None;
                }
                let state = if is_wanted { self.visit((number, kind), &made, parent) } else { None };
                (Some(kind), Body::Here(made), state)
            }
            Err(fault) => {
                if is_wanted {
                    self.report.failures.push((number, fault));
                }
                (None, Body::Lost, None)
            }
        };
        match child {
            Some((child, rest)) => Some(Frame { node, child, rest, kind, body, state }),
            None => {
                self.release(body);
                None
            }
        }
    }

    /// The object at a node from another source, `fault` being what is wrong with it here.
    fn rescue(
        &mut self,
        ground: Ground<'w>,
        node: u32,
        fault: ObjectError,
    ) -> Result<(Option<ObjectKind>, Buffer), ObjectError> {
        if let ObjectError::TooLarge { .. } = fault {
            return Err(fault);
        }
        let limit = self.limit(ground, node);
        match self.access.object(ground.pack.number(node), limit, Some(ground.source)) {
            Ok((kind, made)) => Ok((Some(kind), made)),
            Err(ObjectError::Missing) => Err(fault),
            Err(other) => Err(other),
        }
    }

    fn visit(
        &mut self,
        (number, kind): (u32, ObjectKind),
        made: &Buffer,
        parent: Option<&Frame<V::State>>,
    ) -> Option<V::State> {
        let bytes = made.bytes();
        if bytes.len() as u64 > self.walk.options.max_object_bytes {
            self.report.failures.push((number, ObjectError::TooLarge { bytes: bytes.len() as u64 }));
            return None;
        }
        self.report.objects += 1;
        self.report.bytes += bytes.len() as u64;
        let derivation = parent.and_then(|parent| {
            let Body::Here(base) = &parent.body else { return None };
            let base_bytes_len = base.bytes().len();
            Some(Derivation { base: parent.state.as_ref()?, base_bytes_len, copies: self.parts.copies() })
        });
        Some(self.walk.visitor.visit(&Visited { number, kind, bytes }, derivation.as_ref()))
    }

    fn loose(&mut self, number: u32) {
        let limit = self.walk.options.max_object_bytes.min(u64::from(u32::MAX));
        match self.access.object(number, limit, None) {
            Ok((kind, made)) if self.walk.kinds.contains(kind) => {
                self.visit((number, kind), &made, None);
            }
            Ok(_) => {}
            Err(fault) => self.report.failures.push((number, fault)),
        }
    }

    /// Puts an object on the trail; if objects then take too much memory, drops those that are needed last.
    fn push(&mut self, frame: Frame<V::State>) {
        let mut live = self.account(&frame);
        for waiting in &mut self.trail {
            if live <= self.walk.options.memory {
                break;
            }
            if let Body::Here(buffer) = &waiting.body {
                let bytes = buffer.capacity() as u64;
                live = self.walk.live_bytes.fetch_sub(bytes, Relaxed) - bytes;
                waiting.body = Body::Gone;
            }
        }
        self.trail.push(frame);
    }

    /// Counts the memory of an object that waits; how much it is with all others.
    fn account(&self, frame: &Frame<V::State>) -> u64 {
        let bytes = match &frame.body {
            Body::Here(buffer) => buffer.capacity() as u64,
            _ => 0,
        };
        self.walk.live_bytes.fetch_add(bytes, Relaxed) + bytes
    }

    /// The reverse, when its last child is made.
    fn let_go(&mut self, body: Body) {
        if let Body::Here(buffer) = &body {
            self.walk.live_bytes.fetch_sub(buffer.capacity() as u64, Relaxed);
        }
        self.release(body);
    }

    fn release(&mut self, body: Body) {
        if let Body::Here(buffer) = body {
            self.pool.give(buffer);
        }
    }

    /// Makes an object again whose bytes were dropped.
    fn restore(&mut self, ground: Ground<'w>, frame: &mut Frame<V::State>) {
        if let Body::Gone = frame.body {
            let offset = ground.pack.offset(frame.node);
            frame.body = match self.access.object_at(ground.source, offset, u64::from(u32::MAX)) {
                Ok((_, buffer)) => Body::Here(buffer),
                Err(_) => Body::Lost,
            };
            self.account(frame);
        }
    }

    fn count_packed(&mut self, bytes: u64) {
        self.packed += bytes;
        if self.packed >= PROGRESS {
            self.walk.progress(std::mem::take(&mut self.packed));
        }
    }
}

const LOOP: &str = "it is made from itself";
/// Packed bytes after which somebody is told.
const PROGRESS: u64 = 1 << 20;
