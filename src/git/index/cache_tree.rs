//! The cache tree of an index (extension `TREE`): directories whose tree id git knows without looking at the files.
//!
//! git commits these ids as they are. A directory whose id equals the one in HEAD can therefore add nothing.

use std::ops::Range;

use super::super::object::{ObjectFormat, ObjectId};

/// The directories, with a search by parent and name.
#[derive(Debug, Default)]
pub(in super::super) struct CacheTree<'a> {
    bytes: &'a [u8],
    /// In the order of the file: a directory, then everything below it. The first one is the root.
    nodes: Vec<Node>,
    /// All but the root, sorted by parent and name.
    by_name: Vec<u32>,
}

#[derive(Debug)]
struct Node {
    parent: u32,
    name: Range<usize>,
    known: Option<Known>,
}

/// A directory that git knows the tree of.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Known {
    /// Its tree.
    pub(in super::super) id: ObjectId,
    /// How many entries of the index lie in it.
    pub(in super::super) entries: u32,
}

/// One directory of a [`CacheTree`].
pub(in super::super) type NodeId = u32;

impl<'a> CacheTree<'a> {
    /// Reads the extension; `None` if it makes no sense, which costs time but no correctness.
    pub(super) fn parse(bytes: &'a [u8], format: ObjectFormat) -> Option<Self> {
        let mut nodes: Vec<Node> = Vec::new();
        // Directories that still wait for children: which, and how many.
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let number = u32::try_from(nodes.len()).ok()?;
            let (mut node, children, next) = node(bytes, at, format)?;
            match open.last_mut() {
                Some((parent, left)) => {
                    node.parent = *parent;
                    *left -= 1;
                }
                None if number == 0 => {}
                None => return None,
            }
            nodes.push(node);
            open.push((number, children));
            while open.pop_if(|(_, left)| *left == 0).is_some() {}
            at = next;
        }
        if !open.is_empty() {
            return None;
        }
        let mut by_name: Vec<u32> = (1..u32::try_from(nodes.len()).ok()?.max(1)).collect();
        let key = |&node: &u32| {
            let node = &nodes[node as usize];
            (node.parent, &bytes[node.name.clone()])
        };
        by_name.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        Some(Self { bytes, nodes, by_name })
    }

    /// The root directory.
    pub(in super::super) fn root(&self) -> Option<NodeId> {
        (!self.nodes.is_empty()).then_some(0)
    }

    /// The directory `name` in `parent`.
    pub(in super::super) fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let found = self.by_name.binary_search_by(|&node| {
            let node = &self.nodes[node as usize];
            (node.parent, &self.bytes[node.name.clone()]).cmp(&(parent, name))
        });
        found.ok().map(|position| self.by_name[position])
    }

    /// What git knows about a directory; nothing once a file below it was staged.
    pub(in super::super) fn known(&self, node: NodeId) -> Option<Known> {
        self.nodes[node as usize].known
    }
}

/// `name NUL entries SPACE subtrees LF`, then the id unless the number of entries is negative.
fn node(bytes: &[u8], at: usize, format: ObjectFormat) -> Option<(Node, u32, usize)> {
    let rest = bytes.get(at..)?;
    let name = memchr::memchr(0, rest)?;
    let counts = rest.get(name + 1..)?;
    let line = counts.get(..memchr::memchr(b'\n', counts)?)?;
    let (entries, children) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let (entries, children): (i32, u32) = (entries.parse().ok()?, children.parse().ok()?);
    let mut next = at + name + 1 + line.len() + 1;
    let known = match u32::try_from(entries) {
        Err(_) => None,
        Ok(entries) => {
            let id = ObjectId::from_bytes(bytes.get(next..next + format.id_bytes())?)?;
            next += format.id_bytes();
            Some(Known { id, entries })
        }
    };
    Some((Node { parent: 0, name: at..at + name, known }, children, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_found_by_parent_and_name() {
        let mut bytes = b"\x00-1 2\n".to_vec();
        bytes.extend(b"bb\x003 1\n");
        bytes.extend([1; 20]);
        bytes.extend(b"in\x001 0\n");
        bytes.extend([2; 20]);
        bytes.extend(b"a\x00-1 0\n");
        let tree = CacheTree::parse(&bytes, ObjectFormat::Sha1).unwrap();
        let root = tree.root().unwrap();
        assert!(tree.known(root).is_none());
        let outer = tree.child(root, b"bb").unwrap();
        assert_eq!(tree.known(outer).unwrap().entries, 3);
        let inner = tree.child(outer, b"in").unwrap();
        assert_eq!(tree.known(inner).unwrap().id.as_bytes(), [2; 20]);
        assert!(tree.known(tree.child(root, b"a").unwrap()).is_none());
        assert!(tree.child(root, b"in").is_none());
        assert!(CacheTree::parse(&bytes[..bytes.len() - 1], ObjectFormat::Sha1).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_do_not_panic(bytes: Vec<u8>) {
            if let Some(tree) = CacheTree::parse(&bytes, ObjectFormat::Sha1) {
                let _ = tree.root().and_then(|root| tree.child(root, b"a"));
            }
        }
    }
}
