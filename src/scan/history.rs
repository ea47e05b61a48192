//! The scan of a history: every object that git still holds, through the detector, each secret with its commits.

mod cache;
mod clean;
mod gaps;
mod locations;
mod objects;
mod range;
mod secrets;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clean::{Clean, CleanPacks, Only};
use gaps::Unread;
use locations::Locations;
use objects::Examiner;
use range::{Answer, Question};
use secrets::{Found, SecretNumber, Secrets};

use super::group::earliest;
use super::{Introduction, Options, Outcome, worst_first};
use crate::coverage::Coverage;
use crate::detect::Detector;
use crate::finding::Finding;
use crate::git::graph::{CommitIndex, CommitSet, Graph, GraphBuilder, Names, Scope as Commits};
use crate::git::store::{Kinds, ObjectNumber, Scope, Store, Visitor, WalkOptions, WalkReport};
use crate::git::tree_table::{TreePass, TreeTable};
use crate::git::{GitError, ObjectId, ObjectKind, ObjectSet, References, Repository};
use crate::history::{History, Hits, attribute};
use crate::secret::Fingerprint;
use crate::source::git_files::GitFiles;
use crate::source::{SourceError, Stop};

/// Which part of a history is asked about, and how much memory may be used for it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Only what these commits introduced; `None` means everything, also what no commit holds.
    pub commits: Option<Commits>,
    /// Of those commits only so many, the latest ones.
    pub max_count: Option<usize>,
    /// What more commits than these introduced is found by a walk over all objects, which is faster then.
    pub most_commits: usize,
    /// Larger objects are missed, and said to be.
    pub max_object_bytes: u64,
    /// Remembers the scan in the git directory, if everything is asked about. While nothing has changed, the next one
    /// recalls it as a whole; after that, it examines again only what held a secret and what no unchanged pack holds.
    /// The digest of the rules that the detector is made of; `None` remembers nothing.
    ///
    /// A secret that is recalled has no value, only a length.
    pub cache: Option<[u8; 32]>,
    /// The current directory, to which paths of the git directory are relative.
    pub here: PathBuf,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            commits: None,
            max_count: None,
            most_commits: 5000,
            max_object_bytes: 256 << 20,
            cache: None,
            here: PathBuf::from("."),
        }
    }
}

/// Memory for objects that others are made from, in bytes.
const MEMORY: u64 = 128 << 20;

/// Scans everything that the object directories of `repository` hold.
///
/// # Errors
/// When the object directories cannot be read at all, or the commits of the limits are unknown.
pub fn scan_history(
    repository: &Repository,
    detector: &Detector,
    limits: &Limits,
    (options, stop): (&Options<'_>, &Stop),
) -> Result<Outcome, SourceError> {
    let question = Question { repository, detector, limits, options, stop };
    match limits.cache.filter(|_| limits.commits.is_none() && limits.max_count.is_none()) {
        Some(rules) => cache::scan(&question, &rules, |known| scan_all(&question, Some(known))),
        None => scan_all(&question, None).map(|(outcome, _)| outcome),
    }
}

/// The scan itself, and what the next one may rely on if this one `knows` what earlier ones found.
fn scan_all(
    question: &Question<'_>,
    knows: Option<&CleanPacks>,
) -> Result<(Outcome, CleanPacks), SourceError> {
    let &Question { repository, detector, limits, options, stop } = question;
    let cannot_read = |error: GitError| SourceError {
        what: format!("cannot read the objects of {}", repository.git_dir().display()),
        hint: error.hint().into(),
        cause: Some(Box::new(error)),
    };
    let answer = match &limits.commits {
        Some(commits) => range::scan(question, commits).map_err(cannot_read)?,
        None => Answer::Unknown,
    };
    let besides = match answer {
        Answer::Whole(outcome) => return Ok((outcome, CleanPacks::default())),
        Answer::Rest(outcome) => Some(outcome),
        Answer::Unknown => None,
    };
    let store = repository.store(Scope::All).map_err(cannot_read)?;
    let clean = knows.map_or_else(Clean::default, |knows| Clean::recall(&store, knows));
    let (mut outcome, known) = Run { repository, detector, limits, options, stop, store }.scan(clean)?;
    if let Some(besides) = besides {
        merge(&mut outcome.findings, besides.findings);
        worst_first(&mut outcome.findings);
        // The walk has counted these objects.
        outcome.coverage.missed.extend(besides.coverage.missed);
        outcome.coverage.skipped.extend(besides.coverage.skipped);
    }
    Ok((outcome, known))
}

/// What the parts of one scan share.
struct Run<'a> {
    repository: &'a Repository,
    detector: &'a Detector,
    limits: &'a Limits,
    options: &'a Options<'a>,
    stop: &'a Stop,
    store: Store,
}

/// What the walks over the objects brought together.
struct Walked {
    found: Found,
    names: Vec<(Vec<u8>, Vec<SecretNumber>)>,
    refs: Vec<(usize, Vec<SecretNumber>)>,
    graph: Graph,
    trees: TreeTable,
    references: References,
    unread: Unread,
    clean: CleanPacks,
}

impl Run<'_> {
    fn scan(&self, clean: Clean) -> Result<(Outcome, CleanPacks), SourceError> {
        let walked = self.walk_all(clean);
        let history = History {
            store: &self.store,
            graph: &walked.graph,
            trees: &walked.trees,
            references: &walked.references,
        };
        let scope = self.scope(&history)?;
        let mut coverage = gaps::coverage(&history, &walked.unread, self.limits.max_object_bytes);
        let hits = self.hits(&walked);
        let is_whole = scope.is_none();
        let mut until = walked.found.until;
        let (mut findings, introduced) = self.findings(&history, walked.found, &hits, (scope, &mut coverage));
        if is_whole {
            let directories = [self.repository.common_dir(), self.repository.git_dir()];
            let files = GitFiles::new(directories.map(Path::to_path_buf), self.limits.here.clone());
            let files = super::scan(&files, self.detector, self.options, self.stop)?;
            merge(&mut findings, files.findings);
            until = earliest(until, files.until);
            coverage.kinds.push(("files", files.coverage.items));
            coverage.absorb(files.coverage);
        }
        worst_first(&mut findings);
        // Threads find them in any order; two scans of the same files tell the same.
        coverage.skipped.sort();
        let id = |commit| self.store.id(walked.graph.object(commit));
        let introductions = introductions(introduced, id);
        Ok((Outcome { findings, coverage, note: None, introductions, until }, walked.clean))
    }

    fn walk_all(&self, clean: Clean) -> Walked {
        let secrets = Secrets::new(self.options.now);
        let builder = GraphBuilder::new(&self.store);
        let examiner = Examiner::new(self.detector, &secrets, &builder, &clean, self.options.progress);
        let texts = clean.walk(|kinds, only| self.walk(kinds, &examiner, only));
        let mut failed = examiner.failed();
        failed.sort_unstable();
        let graph = builder.finish();
        let references = self.repository.references();
        let refs = self.ref_names(&references, &secrets);
        let mut blobs = ObjectSet::new(self.store.len());
        secrets.objects(|object| {
            blobs.insert(object);
        });
        let names = Mutex::new(Vec::new());
        let judge = |name: &[u8], tree: ObjectNumber| {
            let matches = self.detector.detect(name);
            if matches.is_empty() {
                return false;
            }
            let numbers = secrets.record_name(tree, name, matches);
            names.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_vec(), numbers));
            true
        };
        let pass = TreePass::new(&self.store, &blobs, &judge);
        let directories = self.walk(Kinds::TREES, &pass, None);
        let trees = pass.finish();
        let names = names.into_inner().unwrap_or_else(PoisonError::into_inner);
        let clean = clean.into_packs(&self.store, &texts.faulty);
        let unread = Unread { walks: [texts, directories], failed, stopped: self.stop.requested() };
        Walked { found: secrets.into_found(), names, refs, graph, trees, references, unread, clean }
    }

    fn walk<V: Visitor>(&self, kinds: Kinds, visitor: &V, only: Only<'_>) -> WalkReport {
        let options = WalkOptions {
            stop: &|| self.stop.requested(),
            progress: &|_| {},
            max_object_bytes: self.limits.max_object_bytes,
            memory: MEMORY,
            only,
        };
        self.store.walk(kinds, visitor, &options)
    }

    /// Looks for secrets in the names of references.
    fn ref_names(&self, references: &References, secrets: &Secrets) -> Vec<(usize, Vec<SecretNumber>)> {
        let mut found = Vec::new();
        for (index, reference) in references.refs.iter().enumerate() {
            let matches = self.detector.detect(&reference.name);
            if let (false, Some(target)) =
                (matches.is_empty(), self.store.number(reference.target.as_bytes()))
            {
                found.push((index, secrets.record_name(target, &reference.name, matches)));
            }
        }
        found
    }

    /// The commits that are asked about.
    fn scope(&self, history: &History<'_>) -> Result<Option<CommitSet>, SourceError> {
        let (Some(commits), max_count) = (&self.limits.commits, self.limits.max_count) else {
            return Ok(None);
        };
        let names = Names::new(history.store, history.graph, history.references);
        let mut set = commits.commits(&names).map_err(|error| SourceError {
            what: error.to_string(),
            hint: error.hint().into(),
            cause: None,
        })?;
        if let Some(count) = max_count {
            set.keep_latest(count, history.graph);
        }
        Ok(Some(set))
    }

    fn hits(&self, walked: &Walked) -> Hits {
        let (mut blobs, mut objects) = (Vec::new(), Vec::new());
        for (object, secrets) in walked.found.by_object() {
            match self.store.kind(object) {
                Some(ObjectKind::Blob) => blobs.push((object, secrets)),
                Some(ObjectKind::Commit | ObjectKind::Tag) => objects.push((object, secrets)),
                _ => {}
            }
        }
        Hits {
            secrets: walked.found.groups.len() as u32,
            blobs,
            names: walked.names.clone(),
            objects,
            refs: walked.refs.clone(),
            reflogs: Vec::new(),
            staged: self.staged(),
        }
    }

    /// The blobs of the index, by path.
    fn staged(&self) -> Vec<(Vec<u8>, ObjectNumber)> {
        let Ok(Some(index)) = self.repository.index() else { return Vec::new() };
        let mut entries = index.entries();
        let mut staged = Vec::new();
        while let Some(entry) = entries.next() {
            staged.extend(self.store.number(entry.id.as_bytes()).map(|number| (entry.path.to_vec(), number)));
        }
        staged
    }

    fn findings(
        &self,
        history: &History<'_>,
        found: Found,
        hits: &Hits,
        (scope, coverage): (Option<CommitSet>, &mut Coverage),
    ) -> (Vec<Finding>, Introduced<CommitIndex>) {
        let redact = |text: &str| self.detector.redact(text);
        let attributions = attribute(history, hits, &redact);
        if attributions.truncated {
            coverage.missed.push(gaps::too_many_paths());
        }
        let mut places = Locations::new(history, &found, self.detector);
        let (mut findings, mut introduced) = (Vec::new(), Introduced::new());
        for (number, attribution) in attributions.secrets.into_iter().enumerate() {
            let number = number as SecretNumber;
            let known = &found.groups[number as usize];
            let in_scope =
                |scope: &CommitSet| attribution.introducing.iter().any(|commit| scope.contains(*commit));
            if scope.as_ref().is_some_and(|scope| !in_scope(scope)) {
                continue;
            }
            if known.allowed {
                let places = places.of(number, &attribution);
                coverage.skipped.push(known.allowed_at(places.first()));
                continue;
            }
            let mut group = known.group.clone();
            group.stands_at(places.of(number, &attribution));
            for (index, _) in hits.refs.iter().filter(|(_, secrets)| secrets.contains(&number)) {
                let target = self.store.number(history.references.refs[*index].target.as_bytes());
                group.stands_at(target.into_iter().flat_map(|target| places.in_ref_names(number, target)));
            }
            let secret = known.secret.clone();
            let finding = group.finding(secret, &self.options.key, Some(attribution.exposure));
            let Some(finding) = finding else { continue };
            let asked = |commit: &&CommitIndex| scope.as_ref().is_some_and(|scope| scope.contains(**commit));
            for &commit in attribution.introducing.iter().filter(asked) {
                introduced.entry(commit).or_default().push(finding.fingerprint());
            }
            findings.push(finding);
        }
        (findings, introduced)
    }
}

/// The secrets that commits introduced, by the places of the commits in an order in which parents come first.
type Introduced<P> = BTreeMap<P, Vec<Fingerprint>>;

fn introductions<P>(introduced: Introduced<P>, id: impl Fn(P) -> ObjectId) -> Vec<Introduction> {
    let told = |(place, secrets)| Introduction { commit: id(place).to_string(), secrets };
    introduced.into_iter().map(told).collect()
}

/// Adds findings; those of a secret that is known already become places of it.
fn merge(findings: &mut Vec<Finding>, others: Vec<Finding>) {
    let known: HashMap<_, _> =
        findings.iter().enumerate().map(|(index, finding)| (finding.fingerprint(), index)).collect();
    for other in others {
        match known.get(&other.fingerprint()) {
            Some(&index) => findings[index].merge(other),
            None => findings.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
