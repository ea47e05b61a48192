//! Attribution: puts together what commits, paths and references tell of each secret.

use std::collections::{HashMap, HashSet};

use super::events::Events;
use super::nodes::{EMPTY, MISSING, NodeId, Nodes};
use super::places::PlaceFinder;
use super::sets::{NO_SECRETS, SetId, Sets};
use super::story::{self, Story};
use super::tips::{self, Tip};
use super::{Attributions, History, Hits};
use crate::git::graph::{CommitIndex, CommitSet, Peeled};
use crate::git::store::ObjectNumber;
use crate::git::tree_table::NameId;

/// How many secrets are followed at once: it bounds the size of their sets.
const BATCH: u32 = 4096;

/// Tells for every secret where it came from and what reaches it.
pub(super) fn attribute(
    history: &History<'_>,
    hits: &Hits,
    redact: &(dyn Fn(&str) -> String + Sync),
) -> Attributions {
    let mut tips = tips::tips(history);
    for tip in &mut tips {
        tip.name = redact(&tip.name).into();
    }
    let head = tips::head(&tips);
    let context = Context {
        history,
        hits,
        tips: &tips,
        head,
        in_head: history.graph.ancestors(head),
        names: name_ids(history, hits),
    };
    let mut stories: Vec<Story> = Vec::new();
    let mut truncated = false;
    let mut first = 0;
    while first < hits.secrets {
        let count = BATCH.min(hits.secrets - first);
        truncated |= Batch::new(&context, first, count).tell(&mut stories);
        first += count;
    }
    Attributions { secrets: story::finish(history, stories, redact), truncated }
}

/// The numbers of the names that are hits. The same name has one number.
fn name_ids(history: &History<'_>, hits: &Hits) -> HashMap<NameId, usize> {
    let wanted: HashMap<&[u8], usize> =
        hits.names.iter().enumerate().map(|(at, (name, _))| (&**name, at)).collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    history.trees.names().filter_map(|(id, name)| Some((id, *wanted.get(name)?))).collect()
}

/// What all batches have in common.
struct Context<'a> {
    history: &'a History<'a>,
    hits: &'a Hits,
    tips: &'a [Tip<'a>],
    head: Option<CommitIndex>,
    in_head: CommitSet,
    names: HashMap<NameId, usize>,
}

/// Some secrets in a row, renumbered from 0.
struct Batch<'a> {
    context: &'a Context<'a>,
    first: u32,
    count: u32,
    nodes: Nodes<'a>,
    of_commit: Vec<NodeId>,
    /// The node of each tip that is a directory, by position.
    of_tip: Vec<NodeId>,
}

impl<'a> Batch<'a> {
    fn new(context: &'a Context<'a>, first: u32, count: u32) -> Self {
        let mut sets = Sets::new(count);
        let mut set = |secrets: &[u32]| {
            let own = secrets.iter().filter_map(|secret| secret.checked_sub(first));
            sets.of(own.filter(|&secret| secret < count))
        };
        let hits = context.hits;
        let blobs = hits.blobs.iter().map(|(blob, secrets)| (*blob, set(secrets)));
        let blobs: HashMap<_, _> = blobs.filter(|(_, set)| *set != NO_SECRETS).collect();
        let names = context.names.iter().map(|(&name, &at)| (name, set(&hits.names[at].1))).collect();
        let nodes = Nodes::new(context.history.trees, sets, blobs, names);
        let mut batch = Self { context, first, count, nodes, of_commit: Vec::new(), of_tip: Vec::new() };
        batch.find_nodes();
        batch
    }

    fn find_nodes(&mut self) {
        let graph = self.context.history.graph;
        self.of_commit.reserve_exact(graph.len() as usize);
        for commit in 0..graph.len() {
            let node = graph.tree(commit).map_or(MISSING, |tree| self.nodes.of_tree(tree));
            // Of a commit without a directory nothing is known, so let it have changed nothing.
            let node = match (node, graph.parents(commit).first()) {
                (MISSING, Some(&parent)) => self.of_commit[parent as usize],
                (MISSING, None) => EMPTY,
                (node, _) => node,
            };
            self.of_commit.push(node);
        }
        for tip in self.context.tips {
            let node = match tip.target {
                Peeled::Other(object) => self.nodes.of_tree(object),
                Peeled::Commit(_) => EMPTY,
            };
            self.of_tip.push(if node == MISSING { EMPTY } else { node });
        }
    }

    /// Appends the story of each secret; whether some paths are left out.
    fn tell(self, stories: &mut Vec<Story>) -> bool {
        let context = self.context;
        let graph = context.history.graph;
        let mut events = Events::find(graph, &self.nodes, &self.of_commit, &context.in_head, self.count);
        for &node in self.of_tip.iter().filter(|&&node| node != EMPTY) {
            events.add_tree(&self.nodes, node);
        }
        let mut own: Vec<Story> = (0..self.count).map(|_| Story::default()).collect();
        self.tell_places(&events, &mut own);
        for (secret, story) in own.iter_mut().enumerate() {
            story.introducing.append(&mut events.introducing[secret]);
            story.removing.append(&mut events.removing[secret]);
        }
        self.tell_text(&mut own);
        for word in 0..self.count.div_ceil(64) {
            self.tell_reach(word, &mut own);
        }
        self.tell_head(&mut own);
        stories.append(&mut own);
        events.truncated
    }

    /// The secrets of this batch among `secrets`, renumbered.
    fn own<'s>(&self, secrets: &'s [u32]) -> impl Iterator<Item = u32> + use<'s> {
        let (first, count) = (self.first, self.count);
        secrets.iter().filter_map(move |secret| secret.checked_sub(first)).filter(move |&own| own < count)
    }

    fn tell_places(&self, events: &Events, stories: &mut [Story]) {
        let context = self.context;
        let roots = context.tips.iter().filter_map(|tip| match tip.target {
            Peeled::Other(object) => Some(object),
            Peeled::Commit(_) => None,
        });
        let finder = PlaceFinder {
            history: context.history,
            nodes: &self.nodes,
            head: context.head.map(|head| (head, self.of_commit[head as usize])),
            loose: roots.collect(),
        };
        for (&(secret, path), life) in &events.places {
            stories[secret as usize].places.extend(finder.find(secret, &events.paths, path, life));
        }
        for story in &mut *stories {
            story.places.sort();
        }
        self.tell_staged(stories);
        let staged: HashSet<ObjectNumber> = context.hits.staged.iter().map(|(_, blob)| *blob).collect();
        for (blob, secrets) in &context.hits.blobs {
            let is_seen = self.nodes.is_seen(*blob);
            let is_staged = staged.contains(blob);
            for secret in self.own(secrets) {
                let story = &mut stories[secret as usize];
                if (!is_seen && !is_staged) || story.places.is_empty() {
                    story.add_object(*blob);
                }
            }
        }
    }

    fn tell_staged(&self, stories: &mut [Story]) {
        for (path, blob) in &self.context.hits.staged {
            let set = self.nodes.own_of_blob(*blob);
            for secret in self.nodes.sets.secrets(set) {
                stories[secret as usize].add_staged(path, *blob);
            }
        }
    }

    /// Secrets in the text of commits and tags themselves.
    fn tell_text(&self, stories: &mut [Story]) {
        for (object, secrets) in &self.context.hits.objects {
            let commit = self.context.history.graph.commit(*object);
            for secret in self.own(secrets) {
                stories[secret as usize].add_text(*object, commit);
            }
        }
    }

    /// Which tips reach the 64 secrets from `64 * word` on.
    fn tell_reach(&self, word: u32, stories: &mut [Story]) {
        let (context, graph) = (self.context, self.context.history.graph);
        let first = word * 64;
        let stories = &mut stories[first as usize..];
        let count = stories.len().min(64);
        let mut marks = vec![0u64; graph.len() as usize];
        for (story, bit) in stories.iter().zip(0..64) {
            for &commit in &story.introducing {
                marks[commit as usize] |= 1 << bit;
            }
        }
        graph.spread(&mut marks);
        let tags = self.bits_of_tags(first);
        let set_bits = |set: SetId| self.nodes.sets.words(set).get(word as usize).copied().unwrap_or(0);
        for (tip, &node) in context.tips.iter().zip(&self.of_tip) {
            let (mut reached, mut live) = match tip.target {
                Peeled::Commit(commit) => {
                    let node = self.of_commit[commit as usize];
                    (marks[commit as usize], set_bits(self.nodes.below(node)))
                }
                Peeled::Other(object) => {
                    let bits = set_bits(self.nodes.below(node)) | set_bits(self.nodes.own_of_blob(object));
                    (bits, bits)
                }
            };
            for tag in graph.tags_at(tip.object) {
                reached |= tags.get(&tag).copied().unwrap_or(0);
            }
            live &= reached;
            while reached != 0 {
                let bit = reached.trailing_zeros();
                reached &= reached - 1;
                if (bit as usize) < count {
                    stories[bit as usize].reached(tip, live >> bit & 1 == 1);
                }
            }
        }
    }

    fn bits_of_tags(&self, first: u32) -> HashMap<ObjectNumber, u64> {
        let mut bits = HashMap::new();
        for (object, secrets) in &self.context.hits.objects {
            let within = self.own(secrets).filter_map(|secret| secret.checked_sub(first));
            let word = within.filter(|&bit| bit < 64).fold(0, |word, bit| word | 1u64 << bit);
            if word != 0 {
                bits.insert(*object, word);
            }
        }
        bits
    }

    /// Whether HEAD still has each secret, and what the names of references and the reflogs themselves say.
    fn tell_head(&self, stories: &mut [Story]) {
        let context = self.context;
        if let Some(head) = context.head {
            let set = self.nodes.below(self.of_commit[head as usize]);
            for secret in self.nodes.sets.secrets(set) {
                stories[secret as usize].at_head = true;
            }
        }
        let references = context.history.references;
        for (at, secrets) in &context.hits.refs {
            let Some(reference) = references.refs.get(*at) else { continue };
            self.own(secrets).for_each(|secret| stories[secret as usize].is_at(reference.reach));
        }
        for (at, secrets) in &context.hits.reflogs {
            let Some(log) = references.reflogs.get(*at) else { continue };
            self.own(secrets).for_each(|secret| stories[secret as usize].is_at(log.reach));
        }
        for story in stories {
            story.settle(&context.in_head);
        }
    }
}
