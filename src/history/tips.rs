//! Tips: the objects that references and reflogs point to, and what each of them makes reachable.

use std::borrow::Cow;
use std::collections::HashSet;

use super::History;
use crate::finding::Reach;
use crate::git::ObjectId;
use crate::git::graph::{CommitIndex, Peeled};
use crate::git::store::ObjectNumber;

/// A name from which objects are reached.
pub(super) struct Tip<'a> {
    /// As reports name it: a full ref, `stash@{1}`, or the file of a reflog.
    pub(super) name: Cow<'a, str>,
    pub(super) reach: Reach,
    /// What it points to, without the tags around it.
    pub(super) target: Peeled,
    /// The object that the reference itself names: a tag, as the case may be.
    pub(super) object: ObjectNumber,
    /// Whether it is a ref of today, not the memory of one.
    pub(super) is_ref: bool,
}

/// All tips, most public first, HEAD before all.
pub(super) fn tips<'a>(history: &History<'a>) -> Vec<Tip<'a>> {
    let resolve = |id: ObjectId| {
        let object = history.store.number(id.as_bytes())?;
        Some((object, history.graph.peel(object)))
    };
    let mut tips = Vec::new();
    for reference in &history.references.refs {
        if let Some((object, target)) = resolve(reference.target) {
            let name = String::from_utf8_lossy(&reference.name);
            tips.push(Tip { name, reach: reference.reach, target, object, is_ref: true });
        }
    }
    for log in &history.references.reflogs {
        let mut seen = HashSet::new();
        let newer = log.entries.iter().rev().zip(0..).map(|(entry, age)| (entry.new, Some(age)));
        // The older id of an entry is the newer one of the entry before, as long as that is still there.
        let older = log.entries.iter().rev().map(|entry| (entry.old, None));
        for (id, age) in newer.chain(older).filter(|(id, _)| !id.is_null()) {
            let Some((object, target)) = resolve(id).filter(|_| seen.insert(id)) else { continue };
            let stash = age.filter(|_| log.reach == Reach::Stash);
            let name = match stash {
                Some(age) => Cow::Owned(format!("stash@{{{age}}}")),
                None => String::from_utf8_lossy(&log.name),
            };
            tips.push(Tip { name, reach: log.reach, target, object, is_ref: stash.is_some() });
        }
    }
    tips.sort_by_key(|tip| (tip.reach, tip.name != "HEAD"));
    tips
}

/// The commit of HEAD.
pub(super) fn head(tips: &[Tip<'_>]) -> Option<CommitIndex> {
    let head = tips.iter().find(|tip| tip.reach == Reach::Head && tip.is_ref)?;
    match head.target {
        Peeled::Commit(commit) => Some(commit),
        Peeled::Other(_) => None,
    }
}
