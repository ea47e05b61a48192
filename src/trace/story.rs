//! The story of a needle in a repository: the changes, the places and the exposure that a report tells.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::files::{packed_places, places, redacted_path};
use super::history::{History, Step};
use super::objects::{Control, text_start};
use super::pruned::Object;
use crate::chunk::Chunk;
use crate::finding::{Change, Commit, Decoding, Exposure, Location, Origin, Reach, TextKind, Trail};
use crate::git::graph::CommitIndex;
use crate::git::store::{Derivation, Kinds, Visited, Visitor};
use crate::git::{ObjectKind, ParsedCommit, path_from_git};
use crate::needle::{Needle, Tally};

/// Blobs that are read again to tell the line; more than that nobody looks at.
const READ_AGAIN: usize = 500;
/// References that are listed.
const REFS: usize = 100;
/// A larger object is not read again to tell the line.
const LARGEST: u64 = 64 << 20;

/// What a report tells of the history.
#[derive(Default)]
pub(super) struct Story {
    pub(super) changes: Vec<Change>,
    pub(super) places: Vec<Location>,
    pub(super) exposure: Option<Exposure>,
}

/// Tells the story.
pub(super) struct Teller<'a> {
    history: &'a History<'a>,
    needle: &'a Needle,
    control: &'a Control<'a>,
    reaches: Vec<Reach>,
    commits: HashMap<CommitIndex, Arc<Commit>>,
}

/// What happened to one encoding at one path.
#[derive(Default)]
struct Life {
    introduced: Option<(CommitIndex, Object)>,
    removed: Option<CommitIndex>,
    /// A merge that lacks what some of its parents have, and how many of them do.
    lacking: Option<(CommitIndex, usize)>,
}

type Lives = BTreeMap<(Vec<u8>, Vec<Decoding>), Life>;

impl<'a> Teller<'a> {
    pub(super) fn new(history: &'a History<'a>, needle: &'a Needle, control: &'a Control<'a>) -> Self {
        Self { history, needle, control, reaches: history.reaches(), commits: HashMap::new() }
    }

    /// Everything that the objects tell.
    pub(super) fn tell(mut self, staged: &[(Vec<u8>, Object)]) -> Story {
        let steps = self.history.steps();
        let counted: Vec<(&Step, Vec<Counted>)> = steps
            .iter()
            .map(|step| (step, counts(self.history.tally(step.before), self.history.tally(step.after))))
            .collect();
        let changed = counted.iter().filter(|(_, counts)| !counts.is_empty()).map(|(step, _)| step.commit);
        let texts = self.history.objects.texts.iter().filter_map(|&(object, _)| self.commit_at(object));
        self.commits = self.read_commits(&changed.chain(texts).collect());
        let mut story = Story::default();
        let (mut lives, mut seen) = (Lives::new(), HashSet::new());
        for (step, counts) in counted {
            seen.extend(step.after);
            for (decoding, before, after) in counts {
                self.live(&mut lives, step, &decoding, after);
                story.changes.extend(self.change(step, decoding, before, after));
            }
        }
        let head = self.head();
        for (at, life) in lives.iter().enumerate() {
            story.places.extend(self.place(life, &head, at < READ_AGAIN));
        }
        story.places.extend(self.elsewhere(&seen, staged, &head));
        story.places.extend(self.texts());
        story.exposure = self.exposure(&lives, &head);
        story
    }

    /// Notes what a change means for the life of an encoding at a path.
    fn live(&self, lives: &mut Lives, step: &Step, decoding: &[Decoding], after: u32) {
        let life = lives.entry((step.path.clone(), decoding.to_vec())).or_default();
        if let (1.., Some(blob)) = (after, step.after) {
            life.introduced.get_or_insert((step.commit, blob));
            return;
        }
        // What one parent has and another lacks, the merge did not remove; nor does a stash, which is a merge.
        let known = life.lacking.filter(|(commit, _)| *commit == step.commit);
        let parents = known.map_or(0, |(_, parents)| parents) + 1;
        life.lacking = Some((step.commit, parents));
        if parents >= self.history.objects.graph.parents(step.commit).len() {
            life.removed = Some(step.commit);
        }
    }

    fn commit_at(&self, object: Object) -> Option<CommitIndex> {
        self.history.objects.graph.commit(object)
    }

    fn change(&self, step: &Step, decoded: Vec<Decoding>, before: u32, after: u32) -> Option<Change> {
        Some(Change {
            commit: Arc::clone(self.commits.get(&step.commit)?),
            parent: step.parent,
            path: self.path(&step.path),
            decoded,
            before,
            after,
            reach: self.reach(step.commit),
        })
    }

    fn path(&self, path: &[u8]) -> PathBuf {
        redacted_path(self.needle, path_from_git(path))
    }

    fn reach(&self, commit: CommitIndex) -> Reach {
        self.reaches.get(commit as usize).copied().unwrap_or(Reach::Unreachable)
    }

    /// Authors and dates of these commits, in one walk.
    fn read_commits(&self, wanted: &HashSet<CommitIndex>) -> HashMap<CommitIndex, Arc<Commit>> {
        if wanted.is_empty() {
            return HashMap::new();
        }
        let reader = CommitReader { teller: self, found: Mutex::default() };
        let only = |object| self.commit_at(object).is_some_and(|commit| wanted.contains(&commit));
        self.control.walk(self.history.store, Kinds::COMMITS, &reader, Some(&only));
        reader.found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The blobs with hits in the tree of HEAD, by path.
    fn head(&self) -> HashMap<Vec<u8>, Object> {
        let Some(head) = self.history.head() else { return HashMap::new() };
        let found = self.history.differences(None, head).into_iter();
        found.filter_map(|found| Some((found.path, found.after?))).collect()
    }

    fn trail(&self, life: &Life, at_head: bool) -> Trail {
        let commit = |commit: CommitIndex| self.commits.get(&commit).cloned();
        Trail {
            introduced: life.introduced.and_then(|(introducing, _)| commit(introducing)),
            removed: life.removed.and_then(commit),
            at_head,
        }
    }

    /// Where an encoding first stood at a path, with its line if it is to be told `exactly`.
    fn place(
        &self,
        ((path, decoding), life): (&(Vec<u8>, Vec<Decoding>), &Life),
        head: &HashMap<Vec<u8>, Object>,
        exactly: bool,
    ) -> Option<Location> {
        let (_, blob) = life.introduced?;
        let origin = self.blob(Some(self.path(path)), blob);
        let at_head = head.get(path).and_then(|&blob| self.history.tally(Some(blob)));
        let at_head = at_head.is_some_and(|tally| tally.of(decoding) > 0);
        let mut found = if exactly { self.places_in(blob, &origin, 0) } else { Vec::new() };
        let at = found.iter().position(|place| place.decoded == *decoding);
        let mut place = match at {
            Some(at) => found.swap_remove(at),
            None => Location::of_input(origin, decoding),
        };
        place.trail = Some(self.trail(life, at_head));
        Some(place)
    }

    fn blob(&self, path: Option<PathBuf>, blob: Object) -> Origin {
        Origin::Blob { path, id: self.history.store.id(blob).to_string() }
    }

    /// Every place in an object, from an offset on; none where it is too large to be read for that.
    fn places_in(&self, object: Object, origin: &Origin, from: usize) -> Vec<Location> {
        let Ok((_, bytes)) = self.history.store.read(object, LARGEST) else { return Vec::new() };
        let mut hits = self.needle.search(&bytes);
        hits.retain(|hit| hit.start() >= from);
        let mut found = places(self.needle, &Chunk::whole(&bytes, origin), &hits, origin);
        if let Some(tally) = self.history.tally(Some(object)) {
            found.extend(packed_places(tally, origin));
        }
        found
    }

    /// Blobs that are staged, and those that no commit holds.
    fn elsewhere(
        &self,
        seen: &HashSet<Object>,
        staged: &[(Vec<u8>, Object)],
        head: &HashMap<Vec<u8>, Object>,
    ) -> Vec<Location> {
        let mut found = Vec::new();
        let mut blobs: HashSet<Object> = HashSet::new();
        for (path, blob) in staged {
            if self.history.tally(Some(*blob)).is_some() && head.get(path) != Some(blob) {
                blobs.insert(*blob);
                found.extend(self.places_in(*blob, &Origin::Staged { path: self.path(path) }, 0));
            }
        }
        let all = self.history.objects.tallies.keys();
        let mut lost: Vec<_> = all.filter(|blob| !seen.contains(blob) && !blobs.contains(blob)).collect();
        lost.sort();
        for (at, &blob) in lost.into_iter().enumerate() {
            let origin = self.blob(None, blob);
            let mut places = if at < READ_AGAIN { self.places_in(blob, &origin, 0) } else { Vec::new() };
            if places.is_empty() {
                places.push(Location::of_input(origin, &[]));
            }
            for place in &mut places {
                place.trail = Some(Trail { introduced: None, removed: None, at_head: false });
            }
            found.extend(places);
        }
        found
    }

    /// Messages of commits and tags, names of files and of references.
    fn texts(&self) -> Vec<Location> {
        let objects = self.history.objects;
        let mut found = Vec::new();
        let id = |object: Object| self.history.store.id(object).to_string();
        for (at, &(object, kind)) in objects.texts.iter().enumerate() {
            let kind = if kind == ObjectKind::Tag { TextKind::Tag } else { TextKind::Commit };
            let origin = Origin::Text { kind, id: id(object) };
            let read = self.history.store.read(object, LARGEST).ok().filter(|_| at < READ_AGAIN);
            let start = read.map_or(0, |(_, bytes)| text_start(&bytes));
            let mut places =
                if at < READ_AGAIN { self.places_in(object, &origin, start) } else { Vec::new() };
            if places.is_empty() {
                places.push(Location::of_input(origin, &[]));
            }
            let by = self.commit_at(object).and_then(|commit| self.commits.get(&commit).cloned());
            for place in &mut places {
                place.trail = Some(Trail { introduced: by.clone(), removed: None, at_head: false });
            }
            found.extend(places);
        }
        for (_, tree) in &objects.names {
            found.push(Location::of_input(Origin::Text { kind: TextKind::FileName, id: id(*tree) }, &[]));
        }
        for reference in &self.history.references.refs {
            if !self.needle.search(&reference.name).is_empty() {
                let id = reference.target.to_string();
                found.push(Location::of_input(Origin::Text { kind: TextKind::RefName, id }, &[]));
            }
        }
        found
    }

    /// Who can still get at it; `None` where no commit ever had it.
    fn exposure(&self, lives: &Lives, head: &HashMap<Vec<u8>, Object>) -> Option<Exposure> {
        let graph = &self.history.objects.graph;
        let texts: HashSet<CommitIndex> =
            self.history.objects.texts.iter().filter_map(|&(object, _)| self.commit_at(object)).collect();
        let has = |commit: CommitIndex| self.history.has_hits(commit) || texts.contains(&commit);
        let mut marks: Vec<u64> = (0..graph.len()).map(|commit| u64::from(has(commit))).collect();
        let reach = (0..graph.len()).filter(|&commit| has(commit)).map(|commit| self.reach(commit)).min()?;
        graph.spread(&mut marks);
        let mut refs: Vec<_> = self
            .history
            .references
            .refs
            .iter()
            .filter(|reference| {
                self.history.tip(&reference.target).is_some_and(|tip| marks[tip as usize] & 1 == 1)
            })
            .collect();
        refs.sort_by_key(|reference| (reference.name != b"HEAD", reference.reach));
        let name = |name: &[u8]| self.needle.redact(&String::from_utf8_lossy(name));
        let published = refs.iter().filter(|reference| reference.reach == Reach::Remote);
        let introduced = lives.values().filter_map(|life| life.introduced).map(|(commit, _)| commit);
        let introduced = introduced.chain(texts.iter().copied()).min();
        let removed = lives.values().filter_map(|life| life.removed).max().filter(|_| head.is_empty());
        let commit = |commit: CommitIndex| self.commits.get(&commit).cloned();
        Some(Exposure {
            reach,
            published: published.take(REFS).map(|reference| name(&reference.name)).collect(),
            refs: refs.iter().take(REFS).map(|reference| name(&reference.name)).collect(),
            introduced: introduced.and_then(commit),
            removed: removed.and_then(commit),
            at_head: !head.is_empty(),
        })
    }
}

/// An encoding, and how often it stands before and after a change.
type Counted = (Vec<Decoding>, u32, u32);

/// The encodings whose counts differ.
fn counts(before: Option<&Tally>, after: Option<&Tally>) -> Vec<Counted> {
    let mut counts: BTreeMap<&[Decoding], (u32, u32)> = BTreeMap::new();
    for (decoding, count) in before.iter().flat_map(|tally| tally.iter()) {
        counts.entry(decoding).or_default().0 = count;
    }
    for (decoding, count) in after.iter().flat_map(|tally| tally.iter()) {
        counts.entry(decoding).or_default().1 = count;
    }
    let changed = counts.into_iter().filter(|(_, (before, after))| before != after);
    changed.map(|(decoding, (before, after))| (decoding.to_vec(), before, after)).collect()
}

/// Reads authors and dates.
struct CommitReader<'a> {
    teller: &'a Teller<'a>,
    found: Mutex<HashMap<CommitIndex, Arc<Commit>>>,
}

impl Visitor for CommitReader<'_> {
    type State = ();

    fn visit(&self, object: &Visited<'_>, _: Option<&Derivation<'_, ()>>) {
        let Some(index) = self.teller.commit_at(object.number) else { return };
        let parsed = ParsedCommit::parse(object.bytes);
        let redact = |raw: &[u8]| self.teller.needle.redact(&parsed.text(raw));
        let author = parsed.author.as_ref();
        let commit = Commit {
            time: author.map_or(0, |author| author.time),
            id: self.teller.history.store.id(object.number).to_string(),
            author: author.map_or(String::new(), |author| redact(author.name)),
            email: author.map_or(String::new(), |author| redact(author.email)),
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(index, Arc::new(commit));
    }
}
