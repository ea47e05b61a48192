//! The plan of a rewrite: everything that would change, worked out before anything does, and its hash.

use std::collections::{BTreeSet, HashMap, HashSet};

use rayon::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::RewriteError;
use super::blob::{How, cleaned};
use super::commits::{Account, Commits};
use super::lfs::LfsFiles;
use super::moved::Moved;
use super::references::{Inventory, RefChange, SymbolicChange};
use super::scan::{Commonness, Scanned};
use super::trees::Trees;
use super::values::Values;
use crate::digest::{hex, sha256};
use crate::git::store::{ObjectNumber, Store};
use crate::git::tree_table::Child;
use crate::git::{NewPack, ObjectId, ObjectKind};
use crate::secret::{Fingerprint, FingerprintKey};

/// Blobs that are cleaned at the same time: their bytes wait for the pack.
const BATCH: usize = 64;

/// A file content that changes.
#[derive(Clone, Debug)]
pub struct CleanedBlob {
    /// Its id.
    pub old: ObjectId,
    /// The id of the new content.
    pub new: ObjectId,
    /// How it was cleaned.
    pub how: How,
    /// A path at which it stands, without values; none where no commit has it.
    pub path: Option<String>,
}

impl CleanedBlob {
    /// What a plan in a file says of a content.
    pub(super) fn read((old, new): (ObjectId, ObjectId), blob: &Value) -> Option<Self> {
        let how = How::from_word(blob.get("how")?.as_str()?)?;
        let path = blob.get("path").and_then(Value::as_str).map(str::to_owned);
        Some(Self { old, new, how, path })
    }
}

/// Everything that changes.
#[derive(Debug)]
pub struct Plan {
    /// Names for the values.
    pub values: Vec<Fingerprint>,
    /// Contents that change.
    pub blobs: Vec<CleanedBlob>,
    /// Commits that change: old and new ids, parents before children.
    pub commits: Vec<(ObjectId, ObjectId)>,
    /// Annotated tags that change.
    pub tags: Vec<(ObjectId, ObjectId)>,
    /// How many directories change.
    pub trees: usize,
    /// Commits that are reachable, changed or not.
    pub reachable: u64,
    /// Commits that change and none of whose parents does.
    pub first_changed: Vec<ObjectId>,
    /// References that change.
    pub refs: Vec<RefChange>,
    /// References to other references that change.
    pub symbolic: Vec<SymbolicChange>,
    /// The commit of HEAD before and after.
    pub head: Option<(ObjectId, ObjectId)>,
    /// Whether HEAD is detached.
    pub detached: bool,
    /// The reflog of the stash afterwards, where it is a file.
    pub stash_log: Option<Vec<u8>>,
    /// The stashes afterwards, oldest first.
    pub stashes: Vec<(ObjectId, Vec<u8>)>,
    /// New names of files and directories.
    pub renamed: BTreeSet<Vec<u8>>,
    /// Commits and tags that lose their signature.
    pub unsigned: Vec<ObjectId>,
    /// Commits that lose the copy of a signed tag that they merged.
    pub merged_tags: Vec<ObjectId>,
    /// Commits that keep citing an old id.
    pub circular: Vec<ObjectId>,
    /// How common the values are.
    pub commonness: Commonness,
    /// Objects and bytes that were examined.
    pub examined: (u64, u64),
    /// Blobs that hold nothing as far as they could be unpacked.
    pub doubtful: Vec<(ObjectId, &'static str)>,
    /// Objects that hold a value and that nothing reaches: they are taken away, and not replaced.
    pub unreachable: usize,
    /// Files of Git LFS that change.
    pub lfs: LfsFiles,
    /// What does not belong to the objects and changes too: files, by what becomes of them.
    pub files: Vec<(String, &'static str)>,
}

/// What a plan is made from.
pub(super) struct Material<'a> {
    pub(super) store: &'a Store,
    pub(super) scanned: &'a Scanned,
    pub(super) values: &'a Values,
    pub(super) inventory: &'a Inventory,
    pub(super) key: &'a FingerprintKey,
    pub(super) lfs: &'a LfsFiles,
    /// New ids of commits in submodules.
    pub(super) submodules: &'a HashMap<ObjectId, ObjectId>,
}

impl Plan {
    /// Works out everything, and writes the new objects to the pack.
    pub(super) fn make(material: &Material<'_>, pack: NewPack) -> Result<(Self, NewPack), RewriteError> {
        let Material { store, scanned, values, inventory, key, lfs, submodules } = *material;
        let mut moved = Moved::new(store, pack);
        let ways = clean_blobs(scanned, (values, lfs), &mut moved)?;
        let mut commits = Commits::new(Trees::new(scanned, values, submodules), moved);
        commits.rewrite(&inventory.tips(), &inventory.notes())?;
        for (_, id) in &inventory.refs {
            commits.rewrite_target(*id, 0)?;
        }
        let Commits { moved, account, trees, .. } = commits;
        let paths = Paths::find(scanned, &moved);
        let blobs = blobs(&moved, &ways, &paths, values);
        let changed: Vec<_> = in_order(scanned, &moved);
        let refs = inventory.changes(&moved, values);
        let Account { reachable, unsigned, merged_tags, circular } = account;
        let holds = scanned.blobs.count() + scanned.texts.count();
        let plan = Self {
            values: values.fingerprints(key),
            commits: changed,
            tags: moved.all(ObjectKind::Tag),
            trees: moved.all(ObjectKind::Tree).len(),
            reachable,
            first_changed: first_changed(scanned, &moved),
            symbolic: inventory.symbolic_changes(&refs, values),
            head: inventory.head.map(|old| (old, moved.follow(old))),
            detached: inventory.branch.is_none(),
            stash_log: inventory.new_stash_log(&moved, values),
            stashes: inventory.new_stashes(&moved, values),
            renamed: trees.renamed,
            unsigned,
            merged_tags,
            circular,
            commonness: scanned.commonness,
            examined: scanned.examined,
            doubtful: scanned
                .troubles
                .iter()
                .map(|(number, trouble)| (store.id(*number), trouble.reason()))
                .collect(),
            unreachable: holds.saturating_sub(reached_holders(scanned, &moved, &paths)),
            files: Vec::new(),
            lfs: lfs.clone(),
            blobs,
            refs,
        };
        Ok((plan, moved.into_pack()))
    }

    /// Whether nothing has to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty()
            && self.commits.is_empty()
            && self.tags.is_empty()
            && self.refs.is_empty()
            && self.unreachable == 0
            && self.files.is_empty()
    }

    /// The hash that stands for the plan: of everything that changes, and to what.
    #[must_use]
    pub fn hash(&self, values: &Values) -> String {
        let text = self.json(values, false).to_string();
        sha256(text.as_bytes())
    }

    /// The plan for programs. No name in it holds a value.
    #[must_use]
    pub fn json(&self, values: &Values, with_hash: bool) -> Value {
        let ids = |ids: &[ObjectId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let name = |name: &[u8]| values.redact(&String::from_utf8_lossy(name));
        let blobs = self.blobs.iter().map(|blob| {
            json!({ "old": blob.old.to_string(), "new": blob.new.to_string(), "how": blob.how.word(), "path": blob.path })
        });
        let refs = self.refs.iter().map(|change| {
            json!({ "name": name(&change.name), "new_name": name(&change.new_name),
                    "old": change.old.to_string(), "new": change.new.to_string() })
        });
        let symbolic = self.symbolic.iter().map(|change| {
            json!({ "name": name(&change.name), "new_name": name(&change.new_name), "target": name(&change.target) })
        });
        let mut plan = json!({
            "schema": "kbsec.rewrite-plan/1",
            "values": self.values.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "replacement": String::from_utf8_lossy(super::replace::TEXT),
            "commits": { "reachable": self.reachable, "rewritten": self.commits.len() },
            "commit_map_sha256": self.commit_map_hash(),
            "first_changed_commits": ids(&self.first_changed),
            "tag_map": self.tags.iter().map(|(old, new)| json!({ "old": old.to_string(), "new": new.to_string() })).collect::<Vec<_>>(),
            "head": self.head.map(|(old, new)| json!({ "old": old.to_string(), "new": new.to_string(), "detached": self.detached })),
            "trees": self.trees,
            "blobs": blobs.collect::<Vec<_>>(),
            "refs": refs.collect::<Vec<_>>(),
            "symbolic_refs": symbolic.collect::<Vec<_>>(),
            "stash_list": self.stashes.iter().map(|(id, message)| json!({ "commit": id.to_string(), "message": name(message) })).collect::<Vec<_>>(),
            "renamed_files": self.renamed.iter().map(|new| name(new)).collect::<Vec<_>>(),
            "signatures_lost": ids(&self.unsigned),
            "merged_tags_lost": ids(&self.merged_tags),
            "circular_citations": ids(&self.circular),
            "unreachable_objects": self.unreachable,
            "not_unpacked": self.doubtful.iter().map(|(id, why)| json!({ "blob": id.to_string(), "reason": why })).collect::<Vec<_>>(),
            "files": self.files.iter().map(|(path, fate)| json!({ "path": path, "fate": fate })).collect::<Vec<_>>(),
            "lfs": self.lfs.iter().map(|(old, new)| json!({ "old": old, "new": new.name, "bytes": new.bytes })).collect::<Vec<_>>(),
            "places": { "plain": self.commonness.places, "inside_longer_words": self.commonness.in_words },
        });
        if with_hash {
            plan["plan_hash"] = Value::String(self.hash(values));
        }
        plan
    }

    fn commit_map_hash(&self) -> String {
        let mut hash = Sha256::new();
        for (old, new) in &self.commits {
            hash.update(old.as_bytes());
            hash.update(new.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Cleans all blobs, several at a time; how each was.
fn clean_blobs(
    scanned: &Scanned,
    (values, lfs): (&Values, &LfsFiles),
    moved: &mut Moved<'_>,
) -> Result<HashMap<ObjectNumber, How>, RewriteError> {
    let all: Vec<ObjectNumber> = scanned.blobs.iter().collect();
    let mut ways = HashMap::with_capacity(all.len());
    for batch in all.chunks(BATCH) {
        let read = |&number: &ObjectNumber| {
            moved.read(number).map(|bytes| {
                (
                    number,
                    lfs.new_pointer(&bytes)
                        .map_or_else(|| cleaned(values, &bytes), |new| (new, How::Pointer)),
                )
            })
        };
        let clean: Vec<_> = batch.par_iter().map(read).collect::<Result<_, _>>()?;
        for (number, (bytes, how)) in clean {
            moved.set(number, ObjectKind::Blob, &bytes)?;
            ways.insert(number, how);
        }
    }
    Ok(ways)
}

fn blobs(
    moved: &Moved<'_>,
    ways: &HashMap<ObjectNumber, How>,
    paths: &Paths,
    values: &Values,
) -> Vec<CleanedBlob> {
    let all = moved.all(ObjectKind::Blob).into_iter().filter_map(|(old, new)| {
        let number = moved.store.number(old.as_bytes())?;
        let path = paths.0.get(&number).map(|path| values.redact(&String::from_utf8_lossy(path)));
        Some(CleanedBlob { old, new, how: *ways.get(&number)?, path })
    });
    all.collect()
}

/// Commits that changed, parents before children.
fn in_order(scanned: &Scanned, moved: &Moved<'_>) -> Vec<(ObjectId, ObjectId)> {
    let graph = &scanned.graph;
    let all = (0..graph.len()).filter_map(|commit| {
        let number = graph.object(commit);
        Some((moved.store.id(number), moved.get(number)?))
    });
    all.collect()
}

fn first_changed(scanned: &Scanned, moved: &Moved<'_>) -> Vec<ObjectId> {
    let graph = &scanned.graph;
    let is_changed = |commit: u32| moved.get(graph.object(commit)).is_some();
    let first = (0..graph.len()).filter(|&commit| {
        is_changed(commit) && !graph.parents(commit).iter().any(|&parent| is_changed(parent))
    });
    first.map(|commit| moved.store.id(graph.object(commit))).collect()
}

/// How many of the objects that hold a value have a successor that something reaches.
fn reached_holders(scanned: &Scanned, moved: &Moved<'_>, paths: &Paths) -> usize {
    let texts = scanned.texts.iter().filter(|&text| moved.get(text).is_some()).count();
    texts + scanned.blobs.iter().filter(|blob| paths.0.contains_key(blob)).count()
}

/// A path for each blob that changed and that a commit has.
struct Paths(HashMap<ObjectNumber, Vec<u8>>);

impl Paths {
    fn find(scanned: &Scanned, moved: &Moved<'_>) -> Self {
        let mut found = HashMap::new();
        let mut seen = HashSet::new();
        let graph = &scanned.graph;
        for commit in (0..graph.len()).filter(|&commit| moved.get(graph.object(commit)).is_some()) {
            let mut open: Vec<(ObjectNumber, Vec<u8>)> =
                graph.tree(commit).map(|tree| (tree, Vec::new())).into_iter().collect();
            while let Some((tree, path)) = open.pop() {
                if !seen.insert(tree) {
                    continue;
                }
                for link in scanned.trees.links(tree) {
                    let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
                    let below = [&path, slash, scanned.trees.name(link.name())].concat();
                    match link.child() {
                        Child::Tree(child) => open.push((child, below)),
                        Child::Blob(blob) => _ = found.entry(blob).or_insert(below),
                        Child::Name | Child::Missing => {}
                    }
                }
            }
        }
        Self(found)
    }
}
