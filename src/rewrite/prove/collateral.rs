//! The second proof: nothing changed but what had to. Each rewritten object is compared with what it was before.

mod fsck;
mod messages;
mod pairs;
mod texts;
mod trees;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::search::Search;
use super::{Claim, Fault, Proof, State};
use crate::coverage::Gap;
use crate::git::{GitError, ObjectId, ObjectKind, Repository, child};
use crate::needle::Needle;
use crate::rewrite::maps::Maps;
use crate::rewrite::remote::is_hidden;

use messages::Compared;
use pairs::{Side, Store};
use texts::Likeness;
use trees::{Difference, Differences};

/// Pairs that are read at a time: as many answers wait in memory at most.
const AT_A_TIME: usize = 4096;
const NO_BEFORE: &str = "give the backup with --before: a mirror clone or bundle from before the rewrite";

/// What to compare.
pub struct Request<'a> {
    /// The values that were replaced.
    pub needles: &'a [Needle],
    /// What became what.
    pub maps: &'a Maps,
    /// The repository after the rewrite.
    pub repository: &'a Repository,
    /// The git directory of a repository from before it; without it, the old objects must still be in the repository.
    pub before: Option<&'a Path>,
}

/// The proof, and what was learned on the way.
#[derive(Debug)]
pub struct Outcome {
    /// The proof.
    pub proof: Proof,
    /// Old files that held a value.
    pub dirty: Vec<ObjectId>,
}

/// Proves that each rewritten commit differs from the old one by replaced values and mapped ids only, that references
/// point to what the maps say, that commits outside of the maps are those from before, and that `git fsck --full` has
/// no message that it lacked before.
#[must_use]
pub fn prove(request: &Request<'_>) -> Outcome {
    let started = Instant::now();
    let mut walk = Walk::new(request);
    let ended = walk.everything(request);
    if let Err(error) = ended {
        walk.proof.gaps.push(Gap::new("the comparison", error.to_string()).hint(error.hint()));
    }
    fsck::compare(request.repository, request.before, &mut walk.proof);
    let mut proof = walk.finish();
    proof.faults.sort();
    proof.faults.dedup();
    proof.judge(State::Unchanged, State::Collateral);
    proof.duration = started.elapsed();
    Outcome { proof: proof.clone(), dirty: walk.dirty }
}

/// The state of the comparison.
struct Walk<'a> {
    store: Store<'a>,
    search: Search<'a>,
    likeness: Likeness<'a>,
    proof: Proof,
    trees: Vec<Difference>,
    blobs: Vec<Difference>,
    met: HashSet<(ObjectId, Option<ObjectId>)>,
    commits: u64,
    paths: HashSet<Vec<u8>>,
    unsigned: u64,
    whole: u64,
    kept: u64,
    missing: u64,
    dirty: Vec<ObjectId>,
}

impl<'a> Walk<'a> {
    fn new(request: &Request<'a>) -> Self {
        let submodules = request.maps.submodules.iter().map(|(&old, &new)| (old, Some(new)));
        let replaced = request.maps.replaced().into_iter().chain(submodules);
        Self {
            store: Store {
                after: request.repository.common_dir(),
                before: request.before.map(|git_dir| git_dir.join("objects")),
            },
            search: Search::new(request.needles),
            likeness: Likeness::new(request.needles, replaced)
                .with_format(request.repository.object_format()),
            proof: Proof::new(Claim::P2, std::time::Duration::ZERO),
            trees: Vec::new(),
            blobs: Vec::new(),
            met: HashSet::new(),
            commits: 0,
            paths: HashSet::new(),
            unsigned: 0,
            whole: 0,
            kept: 0,
            missing: 0,
            dirty: Vec::new(),
        }
    }

    fn everything(&mut self, request: &Request<'_>) -> Result<(), GitError> {
        let mut pairs = Vec::new();
        for (old, new) in request.maps.changed() {
            match new {
                Some(new) => pairs.push((old, new)),
                None => self.fault(&format!("commit {old}"), "it was dropped"),
            }
        }
        let known: HashSet<_> = pairs.iter().map(|(old, _)| *old).collect();
        let moved = request.maps.refs.iter().filter(|moved| moved.old != moved.new);
        let tips = moved.filter_map(|moved| Some((moved.old?, moved.new?)));
        pairs.extend(tips.filter(|(old, _)| !known.contains(old)));
        self.messages(pairs)?;
        while !self.trees.is_empty() {
            self.directories()?;
        }
        self.files()?;
        self.references(request)?;
        self.others(request)
    }

    /// Compares commits and tags, and what tags point to.
    fn messages(&mut self, mut pairs: Vec<(ObjectId, ObjectId)>) -> Result<(), GitError> {
        pairs.sort_unstable();
        pairs.dedup();
        while !pairs.is_empty() {
            let mut targets = Vec::new();
            let mut compared: Vec<(usize, ObjectKind, Compared)> = Vec::new();
            let (likeness, mut missing) = (&self.likeness, 0);
            let mut odd = Vec::new();
            self.store.each(&pairs, &mut |number, sides| match sides {
                [Side::Object(ObjectKind::Commit, old), Side::Object(ObjectKind::Commit, new)] => {
                    compared.push((number, ObjectKind::Commit, messages::commits(&old, &new, likeness)));
                }
                [Side::Object(ObjectKind::Tag, old), Side::Object(ObjectKind::Tag, new)] => {
                    compared.push((number, ObjectKind::Tag, messages::tags(&old, &new, likeness)));
                }
                [Side::Object(one, _), Side::Object(other, _)] => odd.push((number, one, other)),
                _ => missing += 1,
            })?;
            self.missing += missing;
            for (number, kind, compared) in compared {
                let Some((old, _)) = pairs.get(number) else { continue };
                self.told(*old, kind, compared, &mut targets);
            }
            for (number, one, other) in odd {
                let Some(&(old, new)) = pairs.get(number) else { continue };
                let difference = Difference { old, new: Some(new), path: Vec::new() };
                match (one, other) {
                    (ObjectKind::Blob, ObjectKind::Blob) => self.blobs.push(difference),
                    (ObjectKind::Tree, ObjectKind::Tree) => self.trees.push(difference),
                    _ => self.fault(&format!("object {old}"), "it became an object of another kind"),
                }
            }
            targets.retain(|pair: &(ObjectId, ObjectId)| self.met.insert((pair.0, Some(pair.1))));
            pairs = targets;
        }
        self.trees = trees::unmet(std::mem::take(&mut self.trees), &mut self.met);
        Ok(())
    }

    /// Takes in what the comparison of one commit or tag came to.
    fn told(
        &mut self,
        old: ObjectId,
        kind: ObjectKind,
        compared: Compared,
        targets: &mut Vec<(ObjectId, ObjectId)>,
    ) {
        let name = if kind == ObjectKind::Tag { "tag" } else { "commit" };
        for fault in compared.faults {
            self.fault(&format!("{name} {old}"), fault);
        }
        self.unsigned += u64::from(compared.unsigned);
        match (kind, compared.below) {
            // The commits of the maps are compared anyway.
            (ObjectKind::Tag, Some((target, now)))
                if self.likeness.id_after(&target.to_string()) != now.to_string() =>
            {
                targets.push((target, now));
            }
            (ObjectKind::Tag, _) => {}
            (_, Some((tree, now))) => {
                self.trees.push(Difference { old: tree, new: Some(now), path: Vec::new() });
            }
            _ => {}
        }
        self.commits += u64::from(kind == ObjectKind::Commit);
    }

    /// Compares one level of directories.
    fn directories(&mut self) -> Result<(), GitError> {
        let level = std::mem::take(&mut self.trees);
        for part in level.chunks(AT_A_TIME) {
            let pairs: Vec<_> = part
                .iter()
                .map(|difference| (difference.old, difference.new.unwrap_or(difference.old)))
                .collect();
            let (likeness, mut missing) = (&self.likeness, 0);
            let mut found = Vec::new();
            let mut notes = Vec::new();
            self.store.each(&pairs, &mut |number, sides| {
                let Some(difference) = part.get(number) else { return };
                let [Side::Object(_, old), Side::Object(_, new)] = sides else {
                    missing += 1;
                    return;
                };
                let format = likeness.format();
                let is_notes = difference.path.is_empty() && trees::is_notes(&old, format);
                match difference.new {
                    Some(now) if is_notes => notes.push((difference.old, now)),
                    Some(_) => found.push(trees::compare(&old, &new, &difference.path, likeness)),
                    None => found.push(trees::removed(&old, &difference.path, format)),
                }
            })?;
            self.missing += missing;
            for (old, new) in notes {
                let listings = [self.listing(old)?, self.listing(new)?];
                found.push(trees::notes(&listings[0], &listings[1], &self.likeness));
            }
            found.into_iter().for_each(|differences| self.differ(differences));
        }
        Ok(())
    }

    fn listing(&self, tree: ObjectId) -> Result<Vec<u8>, GitError> {
        let mut command = self.store.command();
        let answer = child::run(command.args(["ls-tree", "-r", "-z", &tree.to_string()]))?;
        Ok(answer.stdout)
    }

    fn differ(&mut self, differences: Differences) {
        self.trees.extend(trees::unmet(differences.trees, &mut self.met));
        self.paths.extend(differences.blobs.iter().map(|difference| difference.path.clone()));
        self.blobs.extend(trees::unmet(differences.blobs, &mut self.met));
        for (path, fault) in differences.faults {
            let place = String::from_utf8_lossy(&path).into_owned();
            self.fault(&place, fault);
        }
    }

    /// Compares the files that differ.
    fn files(&mut self) -> Result<(), GitError> {
        let blobs = std::mem::take(&mut self.blobs);
        for part in blobs.chunks(AT_A_TIME) {
            let pairs: Vec<_> = part
                .iter()
                .map(|difference| (difference.old, difference.new.unwrap_or(difference.old)))
                .collect();
            let (search, likeness) = (&self.search, &self.likeness);
            let mut judged = Vec::new();
            self.store.each(&pairs, &mut |number, sides| {
                let Some(difference) = part.get(number) else { return };
                judged.push((number, file(&sides, difference.new.is_some(), search, likeness)));
            })?;
            for (number, verdict) in judged {
                if let Some(difference) = part.get(number) {
                    self.judged(difference, verdict);
                }
            }
        }
        Ok(())
    }

    fn judged(&mut self, difference: &Difference, verdict: Verdict) {
        let place = format!("{} ({})", String::from_utf8_lossy(&difference.path), difference.old);
        match verdict {
            Verdict::Replaced => self.dirty.push(difference.old),
            Verdict::Whole => {
                self.whole += 1;
                self.dirty.push(difference.old);
            }
            Verdict::Pointer => self.whole += 1,
            Verdict::Fault(fault) => self.fault(&place, fault),
            Verdict::Unread => self.missing += 1,
        }
    }

    /// Compares where references point with the maps.
    fn references(&mut self, request: &Request<'_>) -> Result<(), GitError> {
        let now = references(request.repository.common_dir())?;
        for moved in &request.maps.refs {
            let is = now.iter().find(|(name, _)| *name == moved.name).map(|(_, id)| *id);
            if is != moved.new && moved.name.starts_with(b"refs/") {
                let name = String::from_utf8_lossy(&moved.name).into_owned();
                self.fault(&name, if is.is_none() { "it is gone" } else { "it points to something else" });
            }
        }
        let named: HashSet<&[u8]> = request.maps.refs.iter().map(|moved| &*moved.name).collect();
        if let Some(before) = request.before {
            // git-filter-repo turns remote-tracking branches into others.
            // The maps hold no values, so a name with one stands in them without it.
            let shown = |name: &[u8]| {
                let text = String::from_utf8_lossy(name).into_owned();
                request.needles.iter().fold(text, |text, needle| needle.redact(&text)).into_bytes()
            };
            let is_named = |name: &[u8]| named.contains(name) || named.contains(&*shown(name));
            let others = references(before)?.into_iter().filter(|(name, _)| !is_named(name));
            for (name, old) in others.filter(|(name, _)| !name.starts_with(b"refs/remotes/")) {
                let is = now.iter().find(|(known, _)| *known == name).map(|(_, id)| *id);
                // A mirror has references of the server that a clone lacks.
                let is_elsewhere = is.is_none() && is_hidden(&name);
                if is != Some(old) && !is_elsewhere {
                    self.fault(&String::from_utf8_lossy(&name), "it moved, and the maps do not say so");
                }
            }
        }
        self.proof.fact("references", now.len() as u64);
        Ok(())
    }

    /// Looks at commits that are not images of rewritten ones: they must be those from before.
    fn others(&mut self, request: &Request<'_>) -> Result<(), GitError> {
        let after = commits(request.repository.common_dir())?;
        let images: HashSet<ObjectId> = request.maps.changed().filter_map(|(_, new)| new).collect();
        let before = request.before.map(commits).transpose()?;
        let mut strangers = 0;
        for commit in after.iter().filter(|commit| !images.contains(commit)) {
            let is_mapped = request.maps.commits.get(commit) == Some(&Some(*commit));
            match &before {
                _ if is_mapped => self.kept += 1,
                Some(before) if before.contains(commit) => self.kept += 1,
                Some(_) => self.fault(&format!("commit {commit}"), "it was not there before"),
                None => strangers += 1,
            }
        }
        if strangers > 0 {
            let subject = format!("{strangers} commits that the maps do not name");
            self.proof
                .gaps
                .push(Gap::new(subject, "whether they were there before is not known").hint(NO_BEFORE));
        }
        Ok(())
    }

    fn fault(&mut self, place: &str, what: &str) {
        self.proof.faults.push(Fault::new(self.search.redact(place), what));
    }

    /// The proof with its numbers.
    fn finish(&mut self) -> Proof {
        let mut proof = self.proof.clone();
        let facts = [
            ("commits rewritten", self.commits),
            ("commits with their old ids and signatures", self.kept),
            ("paths changed", self.paths.len() as u64),
        ];
        proof.facts.splice(0..0, facts.map(|(what, count)| super::Fact { what, count }));
        if self.missing > 0 {
            let subject = format!("{} old objects", self.missing);
            proof.gaps.push(Gap::new(subject, "they are not here any more").hint(NO_BEFORE));
        }
        if self.unsigned > 0 {
            proof.notes.push(format!("{} rewritten commits and tags lost a signature", self.unsigned));
        }
        if self.whole > 0 {
            let text = "files were packed, binary or pointers: that they held a value is known, not the rest";
            proof.notes.push(format!("{} {text}", self.whole));
        }
        proof
    }
}

/// What became of a file.
enum Verdict {
    /// The values were replaced, and nothing else.
    Replaced,
    /// It held a value, and all of it is new, as with archives.
    Whole,
    /// A Git LFS pointer, which names another content.
    Pointer,
    Fault(&'static str),
    Unread,
}

fn file([old, new]: &[Side; 2], is_there: bool, search: &Search<'_>, likeness: &Likeness<'_>) -> Verdict {
    let (Side::Object(_, old), Side::Object(_, new)) = (old, new) else { return Verdict::Unread };
    const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
    let held = search.all(old);
    if held.is_empty() {
        let is_pointer = is_there && old.starts_with(POINTER) && new.starts_with(POINTER);
        return if is_pointer { Verdict::Pointer } else { Verdict::Fault("it did not hold the value") };
    }
    if !is_there {
        return Verdict::Replaced;
    }
    if !search.all(new).is_empty() {
        return Verdict::Fault("it still holds the value");
    }
    if likeness.is_replaced(old, new) {
        return Verdict::Replaced;
    }
    let is_binary = crate::unpack::is_packed(old) || old.contains(&0);
    if is_binary { Verdict::Whole } else { Verdict::Fault("more than the value was replaced") }
}

/// Every reference of a repository, with what it points to.
fn references(git_dir: &Path) -> Result<Vec<(Vec<u8>, ObjectId)>, GitError> {
    let mut command = child::offline(git_dir);
    let answer = child::run(command.args(["for-each-ref", "--format=%(objectname) %(refname)"]))?;
    if !answer.is_success() {
        let command = "for-each-ref".to_owned();
        return Err(GitError::Failed { command, git_dir: PathBuf::from(git_dir) });
    }
    let lines = answer.stdout.split(|&byte| byte == b'\n').filter_map(|line| {
        let space = memchr::memchr(b' ', line)?;
        Some((line.get(space + 1..)?.to_vec(), ObjectId::from_hex(line.get(..space)?)?))
    });
    Ok(lines.collect())
}

/// Every commit that a reference leads to.
fn commits(git_dir: &Path) -> Result<HashSet<ObjectId>, GitError> {
    let mut command = child::offline(git_dir);
    let answer = child::run(command.args(["rev-list", "--all"]))?;
    if !answer.is_success() {
        let command = "rev-list --all".to_owned();
        return Err(GitError::Failed { command, git_dir: PathBuf::from(git_dir) });
    }
    Ok(answer.stdout.split(|&byte| byte == b'\n').filter_map(ObjectId::from_hex).collect())
}
