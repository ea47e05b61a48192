//! The finder of places: which blob holds a secret at a path of the introducing commit, and of HEAD.

use super::History;
use super::events::Life;
use super::nodes::{NodeId, Nodes};
use super::paths::{PathId, Paths};
use super::story::Spot;
use crate::git::graph::CommitIndex;
use crate::git::store::ObjectNumber;
use crate::git::tree_table::{Child, NameId};

/// Looks paths up in directories.
pub(super) struct PlaceFinder<'a> {
    pub(super) history: &'a History<'a>,
    pub(super) nodes: &'a Nodes<'a>,
    /// The commit of HEAD and the node of its root.
    pub(super) head: Option<(CommitIndex, NodeId)>,
    /// Directories that are reached without a commit.
    pub(super) loose: Vec<ObjectNumber>,
}

impl PlaceFinder<'_> {
    /// The place of a secret at a path.
    pub(super) fn find(&self, secret: u32, paths: &Paths, path: PathId, life: &Life) -> Option<Spot> {
        let (history, names) = (self.history, paths.names(path));
        let in_commit = |commit: CommitIndex| self.resolve(history.graph.tree(commit)?, &names, secret);
        let object = match life.introduced {
            Some(commit) => in_commit(commit),
            None => self.loose.iter().find_map(|&tree| self.resolve(tree, &names, secret)),
        };
        let head = self.head.filter(|(_, node)| self.is_there(*node, &names, secret));
        let at_head = head.and_then(|(commit, _)| in_commit(commit));
        Some(Spot {
            path: Some(paths.text(path, history.trees)),
            object: object.or(at_head)?,
            at_head,
            introduced: life.introduced,
            removed: life.removed_in_head.or(life.removed).filter(|_| at_head.is_none()),
        })
    }

    /// Whether a node has the secret at a path.
    fn is_there(&self, root: NodeId, names: &[NameId], secret: u32) -> bool {
        let node = names.iter().fold(root, |node, &name| self.nodes.child(node, name));
        self.nodes.sets.contains(self.nodes.get(node).own, secret)
    }

    /// The blob with the secret at a path of a tree; the directory, if it is the name that holds it.
    fn resolve(&self, root: ObjectNumber, names: &[NameId], secret: u32) -> Option<ObjectNumber> {
        let (last, folders) = names.split_last()?;
        let links = |tree, name| {
            let links = self.history.trees.links(tree).iter();
            links.filter(move |link| link.name() == name).map(|link| link.child())
        };
        let mut tree = root;
        for &name in folders {
            tree = links(tree, name).find_map(|child| match child {
                Child::Tree(child) => Some(child),
                Child::Blob(_) | Child::Name | Child::Missing => None,
            })?;
        }
        let sets = &self.nodes.sets;
        let holds = |set| sets.contains(set, secret);
        let blob = links(tree, *last).find_map(|child| match child {
            Child::Blob(blob) if holds(self.nodes.own_of_blob(blob)) => Some(blob),
            _ => None,
        });
        blob.or_else(|| holds(self.nodes.own_of_name(*last)).then_some(tree))
    }
}
