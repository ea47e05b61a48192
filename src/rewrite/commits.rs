//! The commits that have to change: those whose tree, own text or parent did, each written after what it names.

use std::collections::HashSet;

use super::RewriteError;
use super::citation::{self, Word};
use super::moved::Moved;
use super::notes;
use super::replace::{Style, replaced};
use super::text::{Edited, TextEdit, edited_commit, edited_tag};
use super::trees::Trees;
use crate::git::graph::{CommitIndex, CommitSet};
use crate::git::store::ObjectNumber;
use crate::git::{ObjectId, ObjectKind, ParsedCommit, ParsedTag};

/// Rewrites commits and tags.
pub(super) struct Commits<'a, 's> {
    pub(super) trees: Trees<'a>,
    pub(super) moved: Moved<'s>,
    /// Commits that have to change and are not written yet.
    waiting: CommitSet,
    pub(super) account: Account,
}

/// What became of signatures and citations.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Commits that are reachable.
    pub(super) reachable: u64,
    /// Commits and tags that lost their signature, by their old ids.
    pub(super) unsigned: Vec<ObjectId>,
    /// Commits that lost the copy of a signed tag.
    pub(super) merged_tags: Vec<ObjectId>,
    /// Commits that still cite the old id of another one, which could not be written before them.
    pub(super) circular: Vec<ObjectId>,
}

impl<'a, 's> Commits<'a, 's> {
    pub(super) fn new(trees: Trees<'a>, moved: Moved<'s>) -> Self {
        let waiting = CommitSet::new(trees.scanned.graph.len());
        Self { trees, moved, waiting, account: Account::default() }
    }

    /// Rewrites what the tips reach; what only `notes` reach is taken for trees of notes, named by commits.
    pub(super) fn rewrite(&mut self, tips: &[ObjectId], notes: &[ObjectId]) -> Result<(), RewriteError> {
        let scanned = self.trees.scanned;
        let graph = &scanned.graph;
        let reached = graph.ancestors(self.commits_of(tips));
        let annotating = graph.ancestors(self.commits_of(notes));
        self.account.reachable =
            (0..graph.len()).filter(|&at| reached.contains(at) || annotating.contains(at)).count() as u64;
        for commit in (0..graph.len()).filter(|&commit| reached.contains(commit)) {
            if let Some(tree) = graph.tree(commit) {
                self.trees.rebuild(tree, &mut self.moved)?;
                if self.has_to_change(commit, self.moved.get(tree).is_some()) {
                    self.waiting.insert(commit);
                }
            } else if self.has_to_change(commit, false) {
                self.waiting.insert(commit);
            }
        }
        let order: Vec<CommitIndex> =
            (0..graph.len()).filter(|&commit| self.waiting.contains(commit)).collect();
        let mut left: HashSet<CommitIndex> = order.iter().copied().collect();
        for &commit in &order {
            self.write_after_cited(commit, &mut left)?;
        }
        for commit in
            (0..graph.len()).filter(|&commit| annotating.contains(commit) && !reached.contains(commit))
        {
            self.rewrite_notes(commit)?;
        }
        Ok(())
    }

    fn commits_of(&self, ids: &[ObjectId]) -> Vec<CommitIndex> {
        let commits = ids.iter().filter_map(|id| {
            let number = self.moved.store.number(id.as_bytes())?;
            self.trees.scanned.graph.commit(number)
        });
        commits.collect()
    }

    fn has_to_change(&self, commit: CommitIndex, tree_moved: bool) -> bool {
        let graph = &self.trees.scanned.graph;
        tree_moved
            || self.trees.scanned.texts.contains(graph.object(commit))
            || graph.parents(commit).iter().any(|&parent| {
                self.waiting.contains(parent) || self.moved.get(graph.object(parent)).is_some()
            })
    }

    /// Writes a commit after those that its message cites, so that it can cite their new ids. Where two would have to
    /// wait for each other, the one that is older keeps the citation as it is.
    fn write_after_cited(
        &mut self,
        first: CommitIndex,
        left: &mut HashSet<CommitIndex>,
    ) -> Result<(), RewriteError> {
        let scanned = self.trees.scanned;
        let mut stack = vec![first];
        let mut open = HashSet::from([first]);
        let mut blocked = HashSet::new();
        while let Some(&commit) = stack.last() {
            if !left.contains(&commit) {
                stack.pop();
                continue;
            }
            let number = scanned.graph.object(commit);
            let bytes = self.moved.read(number)?;
            let parents = scanned.graph.parents(commit).iter().copied();
            let parents: Vec<_> = parents.filter(|parent| left.contains(parent)).collect();
            if parents.iter().any(|parent| open.contains(parent) || blocked.contains(parent)) {
                // It descends from one that waits for it.
                blocked.insert(commit);
                open.remove(&commit);
                stack.pop();
                continue;
            }
            let cited =
                self.cited(&bytes).into_iter().filter(|&cited| left.contains(&cited) && cited != commit);
            let (circular, cited): (Vec<_>, Vec<_>) =
                cited.partition(|cited| open.contains(cited) || blocked.contains(cited));
            let next: Vec<_> = parents.into_iter().chain(cited).collect();
            if next.is_empty() {
                if !circular.is_empty() {
                    self.account.circular.push(self.moved.store.id(number));
                }
                self.write(number, &bytes)?;
                left.remove(&commit);
                open.remove(&commit);
                stack.pop();
            } else {
                open.extend(&next);
                stack.extend(next);
            }
        }
        Ok(())
    }

    /// The commits whose ids stand in the message.
    fn cited(&self, bytes: &[u8]) -> Vec<CommitIndex> {
        let message = bytes.get(ParsedCommit::parse(bytes).message).unwrap_or_default();
        let words = citation::words(message, self.moved.store.format().id_bytes());
        let commits = words.iter().filter_map(|&Word { start, end }| {
            let number = citation::cited(self.moved.store, message.get(start..end)?)?;
            self.trees.scanned.graph.commit(number)
        });
        commits.collect()
    }

    fn write(&mut self, commit: ObjectNumber, bytes: &[u8]) -> Result<(), RewriteError> {
        if let Some(edited) = self.edited(bytes, edited_commit) {
            self.keep_account(commit, &edited);
            self.moved.set(commit, ObjectKind::Commit, &edited.bytes)?;
        }
        Ok(())
    }

    fn keep_account(&mut self, number: ObjectNumber, edited: &Edited) {
        let id = self.moved.store.id(number);
        if edited.unsigned {
            self.account.unsigned.push(id);
        }
        if edited.merged_tags > 0 {
            self.account.merged_tags.push(id);
        }
    }

    fn edited(&self, bytes: &[u8], with: fn(&[u8], &TextEdit<'_>) -> Option<Edited>) -> Option<Edited> {
        let (moved, values) = (&self.moved, self.trees.values);
        let new_commit = |digits: &[u8]| moved.get(citation::cited(moved.store, digits)?);
        let edit = TextEdit {
            moved: &|id| moved.by_id(id.as_bytes()),
            clean: &|text| replaced(values, text, Style::Text),
            clean_name: &|name| replaced(values, name, Style::Name),
            cite: &|text| citation::recited(text, moved.store.format().id_bytes(), &new_commit),
        };
        with(bytes, &edit)
    }

    /// Rewrites a commit of notes: its tree names commits.
    fn rewrite_notes(&mut self, commit: CommitIndex) -> Result<(), RewriteError> {
        let scanned = self.trees.scanned;
        let number = scanned.graph.object(commit);
        let Some(tree) = scanned.graph.tree(commit) else { return Ok(()) };
        self.trees.rebuild(tree, &mut self.moved)?;
        let old = self.moved.follow(self.moved.store.id(tree));
        let renamed = notes::renamed(tree, &mut self.moved)?;
        let bytes = self.moved.read(number)?;
        let Some(new) = renamed.filter(|&new| new != old) else {
            return if self.has_to_change(commit, self.moved.get(tree).is_some()) {
                self.write(number, &bytes)
            } else {
                Ok(())
            };
        };
        // The tree of notes is known by its commit only: elsewhere the same tree may be one of files.
        let edited = self.edited(&bytes, edited_commit);
        let mut text = edited.as_ref().map_or_else(|| unsigned(&bytes), |edited| edited.bytes.clone());
        let line = format!("tree {new}");
        match text.get_mut(..line.len()) {
            Some(place) => place.copy_from_slice(line.as_bytes()),
            None => return Err(RewriteError::MalformedTree { id: self.moved.store.id(number) }),
        }
        self.moved.set(number, ObjectKind::Commit, &text)
    }

    /// Rewrites what a reference points to, if it is a tag, or a tree or blob by itself.
    pub(super) fn rewrite_target(&mut self, id: ObjectId, depth: usize) -> Result<(), RewriteError> {
        let Some(number) = self.moved.store.number(id.as_bytes()) else { return Ok(()) };
        match self.moved.store.kind(number) {
            Some(ObjectKind::Tree) => self.trees.rebuild(number, &mut self.moved),
            Some(ObjectKind::Tag) if depth < 64 && self.moved.get(number).is_none() => {
                let bytes = self.moved.read(number)?;
                if let Some(target) = ParsedTag::parse(&bytes).target {
                    self.rewrite_target(target, depth + 1)?;
                }
                if let Some(edited) = self.edited(&bytes, edited_tag) {
                    self.keep_account(number, &edited);
                    self.moved.set(number, ObjectKind::Tag, &edited.bytes)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The commit without its signature.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let edit = TextEdit {
        moved: &|_| None,
        clean: &|_| None,
        clean_name: &|_| None,
        cite: &|text| Some(text.to_vec()),
    };
    edited_commit(bytes, &edit).map_or_else(|| bytes.to_vec(), |edited| edited.bytes)
}
