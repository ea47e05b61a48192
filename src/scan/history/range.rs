//! The scan of a range: a few commits, each compared with its parents, without a walk over all objects.
//!
//! The answer is that of the full walk. A secret counts where a commit has it and no parent has it anywhere: candidates
//! come from what differs, and only for them the whole trees of the parents are examined.

mod account;
mod contents;
mod telling;
#[cfg(test)]
mod tests;
mod trees;
mod verdict;

use std::collections::HashSet;

use rayon::prelude::*;

use contents::Contents;
use telling::Telling;
use trees::Trees;
use verdict::Verdict;

use super::secrets::SecretNumber;
use super::{Limits, MEMORY, introductions};
use crate::detect::Detector;
use crate::git::graph::{Ends, GraphBuilder, Names, Range, Scope as Commits};
use crate::git::store::{Kinds, Scope, WalkOptions};
use crate::git::tree_change::{TreeChange, TreeComparer};
use crate::git::{GitError, ObjectId, ObjectReader, References, Repository};
use crate::scan::{Options, Outcome, worst_first};
use crate::source::Stop;

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) repository: &'a Repository,
    pub(super) detector: &'a Detector,
    pub(super) limits: &'a Limits,
    pub(super) options: &'a Options<'a>,
    pub(super) stop: &'a Stop,
}

/// What became of the question.
pub(super) enum Answer {
    /// This is it.
    Whole(Outcome),
    /// There are too many commits; this is what is pushed besides them.
    Rest(Outcome),
    /// Only the walk over all objects can tell.
    Unknown,
}

/// A path with a secret in its last name, the tree with the name, and the secrets.
type SecretName = (Vec<u8>, ObjectId, Vec<SecretNumber>);

/// A range with what its commits change.
pub(super) struct Changed {
    pub(super) range: Range,
    pub(super) references: References,
    /// For each commit, in the same order.
    pub(super) changes: Vec<TreeChange>,
    /// For each commit, new paths with a secret in their last name.
    pub(super) names: Vec<Vec<SecretName>>,
    /// The names of refs that are pushed, and what they shall point to.
    pub(super) pushed: Vec<(String, ObjectId)>,
}

/// Answers the question about `commits` without a walk over all objects, if that can be done.
pub(super) fn scan(question: &Question<'_>, commits: &Commits) -> Result<Answer, GitError> {
    let mut objects = question.repository.objects()?;
    let references = question.repository.references();
    let Some(mut ends) = Ends::of(commits, &references, &mut objects) else { return Ok(Answer::Unknown) };
    ends.max_count = question.limits.max_count;
    let found = Range::find(&mut objects, &ends, question.limits.most_commits);
    let pushed = match commits {
        Commits::Push { tips, .. } => tips.clone(),
        _ => Vec::new(),
    };
    let is_whole = found.is_some();
    let range = match found {
        // Which commits are the latest is not certain as long as the range is not.
        Some(range) if range.is_certain || ends.max_count.is_none() => range,
        _ if pushed.is_empty() => return Ok(Answer::Unknown),
        _ => besides_commits(&mut objects, &ends),
    };
    let changed = Changed { range, references, changes: Vec::new(), names: Vec::new(), pushed };
    let outcome = examine(question, commits, changed, &mut objects)?;
    Ok(if is_whole { Answer::Whole(outcome) } else { Answer::Rest(outcome) })
}

/// The tags and other objects that the ends lead to, without any commit.
fn besides_commits(objects: &mut ObjectReader, ends: &Ends) -> Range {
    let ends = Ends { max_count: Some(1), known: Vec::new(), ..ends.clone() };
    let mut range = Range::find(objects, &ends, usize::MAX).unwrap_or_default();
    range.commits.clear();
    range.unread.clear();
    range
}

fn examine(
    question: &Question<'_>,
    commits: &Commits,
    mut changed: Changed,
    objects: &mut ObjectReader,
) -> Result<Outcome, GitError> {
    let contents = Contents::new(question);
    changed.compare(question, &contents)?;
    contents.examine(&changed.texts())?;
    contents.examine(&changed.blobs())?;
    let mut trees = Trees::new(question.repository.object_format(), &contents);
    trees.add_others(objects, &changed.range.others)?;
    let mut verdict = Verdict::find(&changed, &contents, (&mut trees, objects))?;
    let is_clean = verdict.is_clean() && changed.range.unread.is_empty() && contents.is_complete();
    if !is_clean && !changed.range.is_certain {
        let exact = exact(question, commits, &changed.references)?;
        changed.keep(&exact);
        verdict = Verdict::find(&changed, &contents, (&mut trees, objects))?;
    }
    let telling = Telling::new(question, &changed, &contents);
    let exposures = telling.exposures(&verdict, (&mut trees, objects))?;
    let mut coverage = account::coverage(&changed, &contents, question);
    let (mut findings, introduced) = telling.findings(&verdict, exposures, &mut coverage);
    worst_first(&mut findings);
    let introductions = introductions(introduced, |at| changed.range.commits[at].id);
    Ok(Outcome { findings, coverage, note: None, introductions, until: None })
}

/// The commits of the scope by the whole graph: clocks may have led the search astray.
fn exact(
    question: &Question<'_>,
    commits: &Commits,
    references: &References,
) -> Result<HashSet<ObjectId>, GitError> {
    let store = question.repository.store(Scope::All)?;
    let builder = GraphBuilder::new(&store);
    let options = WalkOptions {
        stop: &|| question.stop.requested(),
        progress: &|_| {},
        max_object_bytes: question.limits.max_object_bytes,
        memory: MEMORY,
        only: None,
    };
    store.walk(Kinds::COMMITS | Kinds::TAGS, &builder, &options);
    let graph = builder.finish();
    let set = commits.commits(&Names::new(&store, &graph, references)).unwrap_or_default();
    Ok(set.iter().map(|commit| store.id(graph.object(commit))).collect())
}

impl Changed {
    /// Compares each commit with its parents.
    fn compare(&mut self, question: &Question<'_>, contents: &Contents<'_>) -> Result<(), GitError> {
        let commits = &self.range.commits;
        let share = commits.len().div_ceil(rayon::current_num_threads() * 2).max(8);
        let parts: Result<Vec<Vec<TreeChange>>, GitError> = commits
            .par_chunks(share)
            .map(|commits| {
                let mut objects = question.repository.objects()?;
                let mut comparer = TreeComparer::new(question.repository.object_format());
                let compared = commits.iter().map(|commit| {
                    let parents: Vec<ObjectId> =
                        commit.parents.iter().filter_map(|parent| parent.tree).collect();
                    let tree = commit.tree.filter(|_| !question.stop.requested());
                    tree.map(|tree| comparer.compare(&mut objects, tree, &parents)).unwrap_or_default()
                });
                Ok(compared.collect())
            })
            .collect();
        self.changes = parts?.into_iter().flatten().collect();
        for change in &mut self.changes {
            contents.miss(std::mem::take(&mut change.unread));
            let names = std::mem::take(&mut change.names).into_iter().filter_map(|(path, tree)| {
                let secrets = contents.name(path.rsplit(|&byte| byte == b'/').next()?, tree);
                (!secrets.is_empty()).then_some((path, tree, secrets))
            });
            self.names.push(names.collect());
        }
        Ok(())
    }

    /// What has a text of its own.
    fn texts(&self) -> Vec<ObjectId> {
        let commits = self.range.commits.iter().map(|commit| commit.id);
        commits.chain(self.range.tags.iter().copied()).collect()
    }

    /// Every new blob, once.
    fn blobs(&self) -> Vec<ObjectId> {
        let mut seen = HashSet::new();
        let all = self.changes.iter().flat_map(|change| &change.blobs).map(|blob| blob.id);
        all.filter(|&id| seen.insert(id)).collect()
    }

    /// Leaves out every commit that is not in the set.
    fn keep(&mut self, exact: &HashSet<ObjectId>) {
        let kept: Vec<bool> = self.range.commits.iter().map(|commit| exact.contains(&commit.id)).collect();
        let mut flags = kept.iter();
        self.range.commits.retain(|_| flags.next() == Some(&true));
        flags = kept.iter();
        self.changes.retain(|_| flags.next() == Some(&true));
        flags = kept.iter();
        self.names.retain(|_| flags.next() == Some(&true));
        self.range.unread.retain(|unread| unread.by.is_none_or(|by| exact.contains(&by)));
    }
}
