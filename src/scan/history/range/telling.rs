//! The telling: what a range knows of each secret that it brings, as findings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::contents::Contents;
use super::verdict::{Forest, Verdict};
use super::{Changed, Question};
use crate::coverage::Coverage;
use crate::finding::{Commit, Exposure, Finding, Origin, Reach, TextKind, Trail};
use crate::git::store::ObjectNumber;
use crate::git::tree_change::TreeChange;
use crate::git::{GitError, ObjectId, ObjectReader, ParsedCommit, Reference};
use crate::history::MAX_REFS;
use crate::scan::history::Introduced;
use crate::scan::history::locations::shown;
use crate::scan::history::secrets::{Hit, SecretNumber};

/// A commit with a larger text is named without its author.
const MAX_COMMIT: u64 = 16 << 20;

/// Tells.
pub(super) struct Telling<'a> {
    question: &'a Question<'a>,
    changed: &'a Changed,
    contents: &'a Contents<'a>,
    /// The places of the commits.
    positions: HashMap<ObjectId, usize>,
}

/// What is told of a secret.
pub(super) struct Told {
    exposure: Exposure,
    spots: Vec<Spot>,
}

/// A place of a secret.
struct Spot {
    origin: Origin,
    object: ObjectNumber,
    trail: Trail,
}

/// A place at a path while its story is put together.
struct Life {
    object: ObjectId,
    kind: Option<TextKind>,
    introduced: usize,
    removed: Option<usize>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(question: &'a Question<'a>, changed: &'a Changed, contents: &'a Contents<'a>) -> Self {
        let positions = changed.range.commits.iter().enumerate().map(|(at, commit)| (commit.id, at));
        Self { question, changed, contents, positions: positions.collect() }
    }

    /// What is to be told of each secret of the verdict.
    pub(super) fn exposures(
        &self,
        verdict: &Verdict,
        (trees, objects): Forest<'_, '_>,
    ) -> Result<BTreeMap<SecretNumber, Told>, GitError> {
        let head = self.question.repository.head().ok().flatten();
        let mut names = HashMap::new();
        let mut all = BTreeMap::new();
        let secrets = verdict.introducing.keys().chain(&verdict.besides);
        for &secret in secrets {
            let introducing = verdict.introducing.get(&secret).map(Vec::as_slice).unwrap_or_default();
            let has = self.descendants(introducing);
            let mut at_head = false;
            if let Some(head) = head {
                at_head = trees.below(objects, head.tree)?.binary_search(&secret).is_ok();
            }
            let removed = if at_head { None } else { self.removed(secret, &has, (trees, objects))? };
            let mut named = |objects: &mut ObjectReader, at: Option<usize>| {
                at.map(|at| Arc::clone(names.entry(at).or_insert_with(|| Arc::new(self.name(objects, at)))))
            };
            let mut spots = Vec::new();
            for (path, life) in self.lives(secret) {
                let blob = head.filter(|_| at_head).and_then(|head| trees.resolve(objects, head.tree, &path));
                let at_head = blob.is_some_and(|blob| self.contents.secrets(blob).contains(&secret));
                let trail = Trail {
                    introduced: named(objects, Some(life.introduced)),
                    removed: named(objects, life.removed.filter(|_| !at_head)),
                    at_head,
                };
                spots.push(self.spot(&path, &life, trail));
            }
            for &at in introducing {
                let commit = self.changed.range.commits[at].id;
                if self.contents.secrets(commit).contains(&secret) {
                    let trail = Trail { introduced: named(objects, Some(at)), removed: None, at_head: false };
                    spots.push(self.text(TextKind::Commit, commit, trail));
                }
            }
            spots.extend(self.besides(secret));
            let introduced = named(objects, introducing.first().copied());
            let removed = named(objects, removed);
            let exposure =
                self.exposure(secret, &has, Exposure { introduced, removed, at_head, ..nowhere() });
            all.insert(secret, Told { exposure, spots });
        }
        Ok(all)
    }

    /// Which commits of the range have one of these in their history.
    fn descendants(&self, introducing: &[usize]) -> Vec<bool> {
        let commits = &self.changed.range.commits;
        let mut has = vec![false; commits.len()];
        for (at, commit) in commits.iter().enumerate() {
            let mut parents = commit.parents.iter().filter_map(|parent| self.positions.get(&parent.id));
            has[at] = introducing.contains(&at) || parents.any(|&parent| has[parent]);
        }
        has
    }

    /// The last commit that does not have the secret though all its parents have it.
    fn removed(
        &self,
        secret: SecretNumber,
        has: &[bool],
        (trees, objects): Forest<'_, '_>,
    ) -> Result<Option<usize>, GitError> {
        let mut holds = |tree: Option<ObjectId>| -> Result<bool, GitError> {
            let Some(tree) = tree else { return Ok(false) };
            Ok(trees.below(objects, tree)?.binary_search(&secret).is_ok())
        };
        for (at, commit) in self.changed.range.commits.iter().enumerate().rev().filter(|(at, _)| has[*at]) {
            let mut gone = commit.tree.is_some() && !commit.parents.is_empty() && !holds(commit.tree)?;
            for parent in &commit.parents {
                gone = gone && holds(parent.tree)?;
            }
            if gone {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// The paths at which the range brings the secret.
    fn lives(&self, secret: SecretNumber) -> BTreeMap<Vec<u8>, Life> {
        let has = |blob: ObjectId| self.contents.secrets(blob).contains(&secret);
        let mut lives = BTreeMap::new();
        for (at, change) in self.changed.changes.iter().enumerate() {
            for blob in &change.blobs {
                if has(blob.id) && !blob.olds.iter().any(|&old| has(old)) {
                    let life = Life { object: blob.id, kind: None, introduced: at, removed: None };
                    lives.entry(blob.path.clone()).or_insert(life);
                }
            }
            for (path, tree, secrets) in &self.changed.names[at] {
                if secrets.contains(&secret) {
                    let kind = Some(TextKind::FileName);
                    let life = Life { object: *tree, kind, introduced: at, removed: None };
                    lives.entry(path.clone()).or_insert(life);
                }
            }
            for (path, life) in &mut lives {
                if removes(change, path)
                    || change.blobs.iter().any(|blob| blob.path == *path && !has(blob.id))
                {
                    life.removed = Some(at);
                }
            }
        }
        lives
    }

    fn spot(&self, path: &[u8], life: &Life, trail: Trail) -> Spot {
        let id = life.object.to_string();
        let origin = match life.kind {
            Some(kind) => Origin::Text { kind, id },
            None => Origin::Blob { path: Some(shown(self.question.detector, path)), id },
        };
        Spot { origin, object: self.contents.number(life.object), trail }
    }

    fn text(&self, kind: TextKind, id: ObjectId, trail: Trail) -> Spot {
        let origin = Origin::Text { kind, id: id.to_string() };
        Spot { origin, object: self.contents.number(id), trail }
    }

    /// Places in what is no commit and no file of one.
    fn besides(&self, secret: SecretNumber) -> Vec<Spot> {
        let nowhere = || Trail { introduced: None, removed: None, at_head: false };
        let range = &self.changed.range;
        let mut spots = Vec::new();
        for &tag in range.tags.iter().filter(|&&tag| self.contents.secrets(tag).contains(&secret)) {
            spots.push(self.text(TextKind::Tag, tag, nowhere()));
        }
        for &(id, _) in range.others.iter().filter(|(id, _)| self.contents.secrets(*id).contains(&secret)) {
            let origin = Origin::Blob { path: None, id: id.to_string() };
            spots.push(Spot { origin, object: self.contents.number(id), trail: nowhere() });
        }
        for (name, id) in &self.changed.pushed {
            let (object, secrets) = self.contents.ref_name(name);
            if secrets.contains(&secret) {
                let origin = Origin::Text { kind: TextKind::RefName, id: id.to_string() };
                spots.push(Spot { origin, object, trail: nowhere() });
            }
        }
        spots
    }

    /// Fills in the refs that reach the secret, as far as they point into the range.
    fn exposure(&self, secret: SecretNumber, has: &[bool], begun: Exposure) -> Exposure {
        let peeled = |id: ObjectId| self.changed.range.peeled.get(&id).copied().unwrap_or(id);
        let reaches = |id: ObjectId| {
            let in_tag = self.contents.secrets(id).contains(&secret);
            in_tag || self.positions.get(&peeled(id)).is_some_and(|&at| has[at])
        };
        let pushed = self.changed.pushed.iter().map(|(name, id)| Reference::new(name.as_bytes(), *id));
        let mut refs: Vec<Reference> = self.changed.references.refs.iter().cloned().chain(pushed).collect();
        refs.retain(|found| reaches(found.target));
        refs.sort_by(|a, b| {
            (a.reach, a.name != b"HEAD", &a.name).cmp(&(b.reach, b.name != b"HEAD", &b.name))
        });
        refs.dedup_by(|a, b| a.name == b.name);
        let name = |found: &Reference| self.question.detector.redact(&String::from_utf8_lossy(&found.name));
        let remote = refs.iter().filter(|found| found.reach == Reach::Remote);
        Exposure {
            reach: refs.first().map_or(Reach::Other, |found| found.reach),
            refs: refs.iter().take(MAX_REFS).map(name).collect(),
            published: remote.take(MAX_REFS).map(name).collect(),
            ..begun
        }
    }

    fn name(&self, objects: &mut ObjectReader, at: usize) -> Commit {
        let id = self.changed.range.commits[at].id;
        let object = objects.read(id, MAX_COMMIT).ok();
        let commit = ParsedCommit::parse(object.as_ref().map(|object| object.bytes()).unwrap_or_default());
        let author = commit.author.unwrap_or_default();
        let redact = |raw: &[u8]| self.question.detector.redact(&commit.text(raw));
        Commit {
            time: author.time,
            id: id.to_string(),
            author: redact(author.name),
            email: redact(author.email),
        }
    }

    /// The findings, and what which commits introduced, by position; what a comment allows is accounted for instead.
    pub(super) fn findings(
        &self,
        verdict: &Verdict,
        told: BTreeMap<SecretNumber, Told>,
        coverage: &mut Coverage,
    ) -> (Vec<Finding>, Introduced<usize>) {
        debug_assert!(verdict.introducing.keys().all(|secret| told.contains_key(secret)));
        let found = self.contents.take_found();
        let (mut findings, mut introduced) = (Vec::new(), Introduced::new());
        for (secret, Told { exposure, spots }) in told {
            let Some(known) = found.groups.get(secret as usize) else { continue };
            let mut locations = spots.iter().flat_map(|spot| {
                let location = |hit: &Hit| hit.location(spot.origin.clone(), Some(spot.trail.clone()));
                found.hits_of(secret, spot.object).iter().map(location)
            });
            if known.allowed {
                coverage.skipped.push(known.allowed_at(locations.next().as_ref()));
                continue;
            }
            let mut group = known.group.clone();
            group.stands_at(locations);
            let finding = group.finding(known.secret.clone(), &self.question.options.key, Some(exposure));
            let Some(finding) = finding else { continue };
            for &at in verdict.introducing.get(&secret).into_iter().flatten() {
                introduced.entry(at).or_default().push(finding.fingerprint());
            }
            findings.push(finding);
        }
        (findings, introduced)
    }
}

/// An exposure of which nothing is known yet.
fn nowhere() -> Exposure {
    Exposure {
        reach: Reach::Other,
        refs: Vec::new(),
        published: Vec::new(),
        introduced: None,
        removed: None,
        at_head: false,
    }
}

/// Whether a commit deletes a path, or the directory around it.
fn removes(change: &TreeChange, path: &[u8]) -> bool {
    change.gone.iter().filter(|gone| !gone.is_replaced).any(|gone| {
        let rest = path.strip_prefix(gone.path.as_slice());
        rest.is_some_and(|rest| rest.is_empty() || (gone.is_tree && rest[0] == b'/'))
    })
}
