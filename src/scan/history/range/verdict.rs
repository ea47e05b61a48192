//! The verdict: which commits of a range bring a secret that none of their parents has.

use std::collections::{BTreeMap, BTreeSet};

use super::Changed;
use super::contents::Contents;
use super::trees::Trees;
use crate::git::tree_change::TreeChange;
use crate::git::{GitError, ObjectId, ObjectReader};
use crate::scan::history::secrets::SecretNumber;

/// The secrets that a range brings.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The commits that bring each of them, by position, parents first.
    pub(super) introducing: BTreeMap<SecretNumber, Vec<usize>>,
    /// The secrets in tags, in objects that are pushed without a commit and in the names of refs.
    pub(super) besides: BTreeSet<SecretNumber>,
}

/// The trees that were seen, and the means to see others.
pub(super) type Forest<'f, 'a> = (&'f mut Trees<'a>, &'f mut ObjectReader);

impl Verdict {
    /// Judges every commit.
    pub(super) fn find(
        changed: &Changed,
        contents: &Contents<'_>,
        (trees, objects): Forest<'_, '_>,
    ) -> Result<Self, GitError> {
        let mut verdict = Self::default();
        for (at, commit) in changed.range.commits.iter().enumerate() {
            let change = &changed.changes[at];
            let mut candidates: BTreeSet<SecretNumber> =
                change.blobs.iter().flat_map(|blob| contents.secrets(blob.id)).collect();
            candidates.extend(changed.names[at].iter().flat_map(|(_, _, secrets)| secrets));
            strike_gone(&mut candidates, change, contents, (trees, objects))?;
            for parent in commit.parents.iter().filter_map(|parent| parent.tree) {
                if candidates.is_empty() {
                    break;
                }
                let had = trees.below(objects, parent)?;
                candidates.retain(|secret| had.binary_search(secret).is_err());
            }
            candidates.extend(contents.secrets(commit.id));
            for secret in candidates {
                verdict.introducing.entry(secret).or_default().push(at);
            }
        }
        for &id in &changed.range.tags {
            verdict.besides.extend(contents.secrets(id));
        }
        for (id, _) in &changed.range.others {
            verdict.besides.extend(contents.secrets(*id));
            verdict.besides.extend(trees.known(*id));
        }
        for (name, _) in &changed.pushed {
            verdict.besides.extend(contents.ref_name(name).1);
        }
        Ok(verdict)
    }

    /// Whether there are none.
    pub(super) fn is_clean(&self) -> bool {
        self.introducing.is_empty() && self.besides.is_empty()
    }
}

/// Strikes out what stood in what the commit replaces, moves or deletes. That is all there is to most candidates, and
/// spares the look at whole trees.
fn strike_gone(
    candidates: &mut BTreeSet<SecretNumber>,
    change: &TreeChange,
    contents: &Contents<'_>,
    (trees, objects): Forest<'_, '_>,
) -> Result<(), GitError> {
    if candidates.is_empty() {
        return Ok(());
    }
    let blobs: Vec<ObjectId> = change.gone.iter().filter(|gone| !gone.is_tree).map(|gone| gone.id).collect();
    contents.examine_old(&blobs)?;
    for blob in blobs {
        for secret in contents.secrets(blob) {
            candidates.remove(&secret);
        }
    }
    for tree in change.gone.iter().filter(|gone| gone.is_tree) {
        if candidates.is_empty() {
            break;
        }
        for secret in trees.below(objects, tree.id)? {
            candidates.remove(&secret);
        }
    }
    Ok(())
}
