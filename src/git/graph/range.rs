//! A range: the commits that some tips have in their history and known commits have not, found without reading the rest.
//!
//! Commits are read from the latest to the earliest, by their committers' clocks, until all that wait are known. Clocks
//! err, so some more are read. Where that was not enough the range has too many commits, never too few: `is_certain`
//! tells, and the whole graph knows.

use std::collections::{BinaryHeap, HashMap, HashSet};

use super::order::Unordered;
use crate::git::commit::ParsedCommit;
use crate::git::object::{ObjectError, ObjectId, ObjectKind};
use crate::git::reader::ObjectReader;
use crate::git::tag::ParsedTag;

/// Known commits that are read beyond the earliest commit of the range, because clocks err.
const SLOP: u32 = if cfg!(test) { 1 } else { 256 };
/// A larger commit or tag is not read.
const MAX_BYTES: u64 = 16 << 20;
/// Tags around tags, at most.
const MAX_TAGS: usize = 64;

/// Where a range begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Commits, or tags of commits, whose history is in the range; each has to be there.
    pub tips: Vec<ObjectId>,
    /// Commits, or tags of commits, whose history is not in the range; what is missing does not matter.
    pub known: Vec<ObjectId>,
    /// Only so many commits, the first that `git log` would show.
    pub max_count: Option<usize>,
}

/// The commits of a range, and what else its tips lead to.
#[derive(Debug, Default)]
pub struct Range {
    /// Parents before children, and else by time.
    pub commits: Vec<RangeCommit>,
    /// The tags that lead to its tips.
    pub tags: Vec<ObjectId>,
    /// Tips that are no commits: trees and blobs.
    pub others: Vec<(ObjectId, ObjectKind)>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Whether no commit of it can be in the history of a known one.
    pub is_certain: bool,
    /// What tags stand for in the end.
    pub peeled: HashMap<ObjectId, ObjectId>,
}

/// One commit of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeCommit {
    /// Its name.
    pub id: ObjectId,
    /// Its root directory.
    pub tree: Option<ObjectId>,
    /// Its parents, whether in the range or not.
    pub parents: Vec<RangeParent>,
}

/// A parent of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeParent {
    /// Its name.
    pub id: ObjectId,
    /// Its root directory; `None` when the parent is missing.
    pub tree: Option<ObjectId>,
}

/// An object that could not be read.
#[derive(Debug)]
pub struct Unread {
    /// The object.
    pub id: ObjectId,
    /// The commit whose parent it is; `None` for a tip.
    pub by: Option<ObjectId>,
    /// Why.
    pub error: ObjectError,
}

struct Node {
    tree: Option<ObjectId>,
    parents: Vec<ObjectId>,
    author_time: i64,
    is_known: bool,
    is_visited: bool,
}

/// The search for a range.
struct Search<'r> {
    objects: &'r mut ObjectReader,
    nodes: HashMap<ObjectId, Node>,
    lost: HashSet<ObjectId>,
    /// Commits that were met and not visited, the latest first.
    queue: BinaryHeap<(i64, ObjectId)>,
    /// How many of them are not known.
    open: usize,
    /// Visited commits that were not known then, in the order of visits.
    visited: Vec<ObjectId>,
    range: Range,
}

impl Range {
    /// Finds the commits between the ends; `None` when there are more than `most`.
    #[must_use]
    pub fn find(objects: &mut ObjectReader, ends: &Ends, most: usize) -> Option<Self> {
        let mut search = Search {
            objects,
            nodes: HashMap::new(),
            lost: HashSet::new(),
            queue: BinaryHeap::new(),
            open: 0,
            visited: Vec::new(),
            range: Self::default(),
        };
        for &tip in &ends.tips {
            search.add_tip(tip);
        }
        if search.open > 0 {
            for &known in &ends.known {
                search.add_known(known);
            }
        }
        search.walk(ends, most)?;
        Some(search.finish(ends.max_count))
    }
}

impl Search<'_> {
    fn add_tip(&mut self, tip: ObjectId) {
        match self.peel(tip, true) {
            Ok((id, ObjectKind::Commit)) => {
                self.range.peeled.insert(tip, id);
                if let Err(error) = self.meet(id) {
                    self.range.unread.push(Unread { id, by: None, error });
                }
            }
            Ok(other) => self.range.others.push(other),
            Err((id, error)) => self.range.unread.push(Unread { id, by: None, error }),
        }
    }

    fn add_known(&mut self, known: ObjectId) {
        if let Ok((id, ObjectKind::Commit)) = self.peel(known, false)
            && self.meet(id).is_ok()
        {
            self.mark(id);
        }
    }

    /// What is left of an object without the tags around it.
    fn peel(
        &mut self,
        id: ObjectId,
        is_tip: bool,
    ) -> Result<(ObjectId, ObjectKind), (ObjectId, ObjectError)> {
        let mut id = id;
        for _ in 0..MAX_TAGS {
            if self.nodes.contains_key(&id) {
                return Ok((id, ObjectKind::Commit));
            }
            let object = match self.objects.read(id, MAX_BYTES) {
                // Only commits and tags are of interest here, and they are small.
                Err(ObjectError::TooLarge { .. }) => return Ok((id, ObjectKind::Blob)),
                Err(error) => return Err((id, error)),
                Ok(object) => object,
            };
            if object.kind != ObjectKind::Tag {
                return Ok((id, object.kind));
            }
            let target = ParsedTag::parse(object.bytes()).target;
            if is_tip && !self.range.tags.contains(&id) {
                self.range.tags.push(id);
            }
            let nothing = || ObjectError::Damaged("it is a tag of nothing".into());
            id = target.ok_or_else(|| (id, nothing()))?;
        }
        Err((id, ObjectError::Damaged("there are too many tags around it".into())))
    }

    /// Puts a commit into the queue when it is new.
    fn meet(&mut self, id: ObjectId) -> Result<(), ObjectError> {
        if self.nodes.contains_key(&id) {
            return Ok(());
        }
        let object = self.objects.read(id, MAX_BYTES)?;
        if object.kind != ObjectKind::Commit {
            return Err(ObjectError::Damaged("it is not a commit".into()));
        }
        let commit = ParsedCommit::parse(object.bytes());
        let time = commit.committer.map_or(0, |committer| committer.time);
        let node = Node {
            tree: commit.tree,
            parents: commit.parents,
            author_time: commit.author.map_or(0, |author| author.time),
            is_known: false,
            is_visited: false,
        };
        self.nodes.insert(id, node);
        self.queue.push((time, id));
        self.open += 1;
        Ok(())
    }

    /// Marks a commit as known, and everything before it that was met.
    fn mark(&mut self, id: ObjectId) {
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            let Some(node) = self.nodes.get_mut(&id).filter(|node| !node.is_known) else { continue };
            node.is_known = true;
            if node.is_visited {
                waiting.extend(&node.parents);
            } else {
                self.open -= 1;
            }
        }
    }

    fn walk(&mut self, ends: &Ends, most: usize) -> Option<()> {
        let mut slop = SLOP;
        let mut earliest = i64::MAX;
        while let Some((time, id)) = self.queue.pop() {
            if self.open == 0 {
                // Known commits as late as those of the range may still lead to some of them.
                if self.visited.is_empty() || slop == 0 {
                    self.queue.push((time, id));
                    break;
                }
                slop -= u32::from(time < earliest);
            }
            let is_known = self.visit(id);
            if !is_known {
                earliest = earliest.min(time);
                self.visited.push(id);
                if ends.known.is_empty() && Some(self.visited.len()) == ends.max_count {
                    break;
                }
                if self.visited.len() > most {
                    return None;
                }
            }
        }
        let complete = self.queue.iter().all(|(_, id)| self.nodes.get(id).is_none_or(|node| !node.is_known));
        self.range.is_certain = complete || self.visited.is_empty();
        Some(())
    }

    /// Looks at the parents of a commit; whether it is known.
    fn visit(&mut self, id: ObjectId) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return true };
        node.is_visited = true;
        let (is_known, parents) = (node.is_known, node.parents.clone());
        self.open -= usize::from(!is_known);
        for parent in parents {
            match self.meet(parent) {
                Ok(()) if is_known => self.mark(parent),
                Ok(()) => {}
                Err(error) => {
                    self.lost.insert(parent);
                    self.range.unread.push(Unread { id: parent, by: Some(id), error });
                }
            }
        }
        is_known
    }

    fn finish(mut self, max_count: Option<usize>) -> Range {
        let nodes = &self.nodes;
        let is_wanted = |id: &ObjectId| nodes.get(id).is_some_and(|node| !node.is_known);
        let most = max_count.unwrap_or(usize::MAX);
        let wanted: Vec<ObjectId> = self.visited.iter().copied().filter(is_wanted).take(most).collect();
        let places: HashMap<ObjectId, u32> = wanted.iter().copied().zip(0..).collect();
        self.range.unread.retain(|unread| unread.by.is_none_or(|by| places.contains_key(&by)));
        let (mut starts, mut parents) = (vec![0], Vec::new());
        for id in &wanted {
            parents.extend(nodes[id].parents.iter().filter_map(|parent| places.get(parent).copied()));
            starts.push(parents.len() as u32);
        }
        let author_times: Vec<i64> = wanted.iter().map(|id| nodes[id].author_time).collect();
        let order = Unordered { author_times: &author_times, starts: &starts, parents: &parents }.order();
        let lost = &self.lost;
        let parent = |id: &ObjectId| {
            let node = nodes.get(id).filter(|_| !lost.contains(id));
            RangeParent { id: *id, tree: node.and_then(|node| node.tree) }
        };
        let commits = order.iter().map(|&at| {
            let id = wanted[at as usize];
            let node = &nodes[&id];
            RangeCommit { id, tree: node.tree, parents: node.parents.iter().map(parent).collect() }
        });
        self.range.commits = commits.collect();
        self.range
    }
}
