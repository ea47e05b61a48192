//! The forest of a pack: which entry is made from which, a tree for every entry that needs no other.

use rayon::prelude::*;

use super::super::object::ObjectKind;
use super::Store;
use super::access::Access;
use super::entry::Content;
use super::pack::Pack;
use super::window::Window;

/// How the object of a node begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// It is stored in full.
    Full,
    /// It is made from another entry of the same pack.
    Node(u32),
    /// It is made from something that this pack, or its index, does not have.
    Elsewhere,
    /// Its header cannot be read.
    Unreadable,
}

/// Nodes are those of [`Pack`].
pub(super) struct Forest {
    /// 0 when unknown.
    kinds: Vec<u8>,
    /// A node, or one of the numbers below.
    bases: Vec<u32>,
    /// Where the children of a node begin in `children`; one more at the end.
    starts: Vec<u32>,
    /// The last child of a node is the one with the most descendants.
    children: Vec<u32>,
    /// Nodes at and below each; 0 for those that no root leads to, because their bases form a loop.
    sizes: Vec<u32>,
}

const FULL: u32 = u32::MAX;
const ELSEWHERE: u32 = u32::MAX - 1;
const UNREADABLE: u32 = u32::MAX - 2;

/// Nodes that one thread looks at before it takes more.
const BATCH: usize = 8192;
/// Bytes that are read at a time while headers are looked at.
const AHEAD: usize = 256 << 10;
/// Headers that may be read in other packs to learn the kind of objects that are made from those.
const STEPS: u64 = 1 << 20;

impl Forest {
    /// Reads the header of every entry.
    pub(super) fn build(store: &Store, source: u32, pack: &Pack) -> Self {
        let count = pack.len() as usize;
        let mut kinds = vec![0; count];
        let mut bases = vec![UNREADABLE; count];
        kinds.par_chunks_mut(BATCH).zip(bases.par_chunks_mut(BATCH)).enumerate().for_each_init(
            || Window::new(AHEAD),
            |window, (batch, (kinds, bases))| {
                for (at, (kind, base)) in kinds.iter_mut().zip(bases).enumerate() {
                    let node = u32::try_from(batch * BATCH + at).unwrap_or(u32::MAX);
                    (*kind, *base) = look(store, window, (pack, source), node);
                }
            },
        );
        let (starts, children) = children(&bases);
        let mut forest = Self { kinds, bases, starts, children, sizes: vec![0; count] };
        forest.find_kinds_of_roots(store, source, pack);
        forest.grow();
        forest
    }

    pub(super) fn kind(&self, node: u32) -> Option<ObjectKind> {
        kind_from(self.kinds[node as usize])
    }

    pub(super) fn base(&self, node: u32) -> Base {
        match self.bases[node as usize] {
            FULL => Base::Full,
            ELSEWHERE => Base::Elsewhere,
            UNREADABLE => Base::Unreadable,
            node => Base::Node(node),
        }
    }

    /// The nodes that are made from this one.
    pub(super) fn children(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.children[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Nodes at and below this one; 0 when its bases form a loop.
    pub(super) fn size(&self, node: u32) -> u32 {
        self.sizes[node as usize]
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = u32> {
        0..u32::try_from(self.bases.len()).unwrap_or(u32::MAX)
    }

    fn find_kinds_of_roots(&mut self, store: &Store, source: u32, pack: &Pack) {
        let mut access = Access::new(store);
        let mut steps = STEPS;
        for node in 0..self.bases.len() {
            if self.bases[node] == ELSEWHERE {
                let offset = pack.offset(u32::try_from(node).unwrap_or(u32::MAX));
                self.kinds[node] = code(access.kind_at(source, offset, &mut steps).ok());
            }
        }
    }

    /// From the roots up: every node has the kind of its root. From the leaves down: how many there are.
    fn grow(&mut self) {
        let mut order: Vec<u32> =
            self.nodes().filter(|&node| self.bases[node as usize] >= UNREADABLE).collect();
        let mut at = 0;
        while let Some(&node) = order.get(at) {
            at += 1;
            let kind = self.kinds[node as usize];
            for child in self.starts[node as usize]..self.starts[node as usize + 1] {
                let child = self.children[child as usize];
                self.kinds[child as usize] = kind;
                order.push(child);
            }
        }
        for &node in order.iter().rev() {
            self.sizes[node as usize] += 1;
            if let Base::Node(base) = self.base(node) {
                self.sizes[base as usize] += self.sizes[node as usize];
            }
        }
        let sizes = &self.sizes;
        for node in 0..self.bases.len() {
            let children = &mut self.children[self.starts[node] as usize..self.starts[node + 1] as usize];
            if children.len() > 1 {
                children.sort_unstable_by_key(|&child| (sizes[child as usize], child));
            }
        }
    }
}

/// Kind and base of a node, as its header tells.
fn look(store: &Store, window: &mut Window, (pack, source): (&Pack, u32), node: u32) -> (u8, u32) {
    match window.header(pack, source, node).map(|header| header.content) {
        Ok(Content::Full(kind)) => (code(Some(kind)), FULL),
        Ok(Content::DeltaToOffset(offset)) => (0, pack.node_at(offset, Some(node)).unwrap_or(ELSEWHERE)),
        Ok(Content::DeltaToId(id)) => {
            let base = store.number(id.as_bytes()).and_then(|number| pack.node(number));
            (0, base.unwrap_or(ELSEWHERE))
        }
        Err(_) => (0, UNREADABLE),
    }
}

/// For each node where its children begin, and all children.
fn children(bases: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; bases.len() + 1];
    let made = || (0u32..).zip(bases).filter(|(_, base)| **base < UNREADABLE);
    for (_, &base) in made() {
        starts[base as usize] += 1;
    }
    let mut total = 0;
    for start in &mut starts {
        total += *start;
        *start = total;
    }
    // Each start is the end for now, and moves down as the children are filled in from behind.
    let mut children = vec![0; total as usize];
    for (node, &base) in made() {
        let start = &mut starts[base as usize];
        *start -= 1;
        children[*start as usize] = node;
    }
    (starts, children)
}

fn code(kind: Option<ObjectKind>) -> u8 {
    match kind {
        None => 0,
        Some(ObjectKind::Commit) => 1,
        Some(ObjectKind::Tree) => 2,
        Some(ObjectKind::Blob) => 3,
        Some(ObjectKind::Tag) => 4,
    }
}

fn kind_from(code: u8) -> Option<ObjectKind> {
    Some(match code {
        1 => ObjectKind::Commit,
        2 => ObjectKind::Tree,
        3 => ObjectKind::Blob,
        4 => ObjectKind::Tag,
        _ => return None,
    })
}
