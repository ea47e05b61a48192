//! The ends of a range, from the names that the user gave, read without knowing the whole graph.

use super::range::Ends;
use super::revision::{Revision, Step, branch_names};
use super::scope::Scope;
use crate::finding::Reach;
use crate::git::commit::ParsedCommit;
use crate::git::object::{ObjectId, ObjectKind};
use crate::git::reader::ObjectReader;
use crate::git::refs::References;
use crate::git::tag::ParsedTag;

/// A larger commit or tag is not read.
const MAX_BYTES: u64 = 16 << 20;
/// How far back `~n` may lead; the whole graph goes further.
const MAX_STEPS: u32 = 10_000;

impl Ends {
    /// The ends of a scope; `None` where only the whole graph can tell, or tell what is wrong.
    #[must_use]
    pub fn of(scope: &Scope, references: &References, objects: &mut ObjectReader) -> Option<Self> {
        let mut names = QuickNames { references, objects };
        let mut between = |from: &str, to: &str| {
            let tip = names.resolve(if to.is_empty() { "HEAD" } else { to })?;
            let known = names.resolve(if from.is_empty() { "HEAD" } else { from })?;
            Some(Self { tips: vec![tip], known: vec![known], max_count: None })
        };
        match scope {
            Scope::Since(name) => between(name, "HEAD"),
            Scope::Range(range) if range.contains("...") => None,
            Scope::Range(range) => match range.split_once("..") {
                Some((from, to)) => between(from, to),
                None => Some(Self { tips: vec![names.resolve(range)?], ..Self::default() }),
            },
            Scope::Branch(name) => Some(Self { tips: vec![names.branch(name)?], ..Self::default() }),
            Scope::Unpublished { tips, known } => {
                let tips = match tips.is_empty() {
                    true => names.of_reach(|reach| matches!(reach, Reach::Head | Reach::Branch)),
                    false => tips.iter().map(|tip| names.resolve(tip)).collect::<Option<_>>()?,
                };
                let mut known: Vec<_> = known.iter().filter_map(|name| names.resolve(name)).collect();
                known.extend(names.of_reach(|reach| reach == Reach::Remote));
                Some(Self { tips, known, max_count: None })
            }
            Scope::Push { tips, known } => Some(Self {
                tips: tips.iter().map(|(_, id)| *id).collect(),
                known: known.clone(),
                max_count: None,
            }),
        }
    }
}

/// Finds commits by name, one object after the other.
struct QuickNames<'a> {
    references: &'a References,
    objects: &'a mut ObjectReader,
}

impl QuickNames<'_> {
    fn of_reach(&self, wanted: impl Fn(Reach) -> bool) -> Vec<ObjectId> {
        let refs = self.references.refs.iter().filter(|found| wanted(found.reach));
        let mut found: Vec<ObjectId> = refs.map(|found| found.target).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn branch(&mut self, name: &str) -> Option<ObjectId> {
        let id = branch_names(name).find_map(|full| self.reference(&full))?;
        self.commit(id)
    }

    fn reference(&self, name: &str) -> Option<ObjectId> {
        self.references.refs.iter().find(|found| found.name == name.as_bytes()).map(|found| found.target)
    }

    /// The same rules as those of `Names`; only the beginnings of ids are left to it.
    fn resolve(&mut self, name: &str) -> Option<ObjectId> {
        let revision = Revision::new(name);
        let full = || revision.full_names().find_map(|full| self.reference(&full));
        let id = ObjectId::from_hex(revision.base.as_bytes()).or_else(full)?;
        let mut commit = self.commit(id)?;
        for step in revision.steps() {
            commit = match step? {
                Step::Back(number) if number > MAX_STEPS => return None,
                Step::Back(number) => (0..number).try_fold(commit, |commit, _| self.parent(commit, 0))?,
                Step::Parent(0) => commit,
                Step::Parent(number) => self.parent(commit, number as usize - 1)?,
            };
        }
        Some(commit)
    }

    fn parent(&mut self, commit: ObjectId, at: usize) -> Option<ObjectId> {
        let object = self.objects.read(commit, MAX_BYTES).ok()?;
        ParsedCommit::parse(object.bytes()).parents.get(at).copied()
    }

    /// The commit that an object is or, as a tag, leads to.
    fn commit(&mut self, id: ObjectId) -> Option<ObjectId> {
        let mut id = id;
        for _ in 0..64 {
            let object = self.objects.read(id, MAX_BYTES).ok()?;
            match object.kind {
                ObjectKind::Commit => return Some(id),
                ObjectKind::Tag => id = ParsedTag::parse(object.bytes()).target?,
                ObjectKind::Tree | ObjectKind::Blob => return None,
            }
        }
        None
    }
}
