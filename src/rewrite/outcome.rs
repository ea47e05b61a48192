//! The outcome of a rewrite: what became of what, for the proof and for those who tell others.

use super::RewriteError;
use super::folder::Folder;
use super::plan::{CleanedBlob, Plan};
use super::references::RefChange;
use crate::git::ObjectId;

/// A rewrite that was applied.
#[derive(Debug)]
pub struct Outcome {
    /// Where its backup, maps and journal are.
    pub folder: Folder,
    /// Commits that changed: old and new ids, parents before children.
    pub commit_map: Vec<(ObjectId, ObjectId)>,
    /// References that changed. After a resume their old names are without values.
    pub ref_map: Vec<RefChange>,
    /// Old ids of commits that changed and none of whose parents did.
    pub first_changed: Vec<ObjectId>,
    /// Contents that changed.
    pub blobs: Vec<CleanedBlob>,
    /// Annotated tags that changed.
    pub tags: Vec<(ObjectId, ObjectId)>,
}

impl Outcome {
    pub(super) fn of(plan: Plan, folder: Folder) -> Self {
        Self {
            folder,
            commit_map: plan.commits,
            ref_map: plan.refs,
            first_changed: plan.first_changed,
            blobs: plan.blobs,
            tags: plan.tags,
        }
    }

    /// What the folder tells of a rewrite that was applied before.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn read(folder: Folder) -> Result<Self, RewriteError> {
        let text = |name: &str| folder.read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let id = |word: Option<&str>| ObjectId::from_hex(word?.as_bytes());
        let pairs = |text: &str| -> Vec<(ObjectId, ObjectId)> {
            let lines = text.lines().skip(1).map(str::split_whitespace);
            lines.filter_map(|mut words| Some((id(words.next())?, id(words.next())?))).collect()
        };
        let plan: serde_json::Value = serde_json::from_slice(&folder.read("plan.json")?).unwrap_or_default();
        let list =
            |name: &str| plan.get(name).and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        let word = |value: &serde_json::Value, name: &str| {
            value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        };
        let both = |value: &serde_json::Value| {
            Some((id(Some(&word(value, "old")))?, id(Some(&word(value, "new")))?))
        };
        let changes = list("refs");
        let refs = changes.iter().filter_map(|change| {
            let (old, new) = both(change)?;
            let (name, new_name) = (word(change, "name").into_bytes(), word(change, "new_name").into_bytes());
            Some(RefChange { name, new_name, old, new })
        });
        let refs: Vec<_> = refs.collect();
        let blobs = list("blobs").iter().filter_map(|blob| CleanedBlob::read(both(blob)?, blob)).collect();
        let tags = list("tag_map").iter().filter_map(both).collect();
        let first = text("first-changed-commits")?.lines().filter_map(|line| id(Some(line))).collect();
        let commit_map = pairs(&text("commit-map")?);
        Ok(Self { folder, commit_map, ref_map: refs, first_changed: first, blobs, tags })
    }
}
