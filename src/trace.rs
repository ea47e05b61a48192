//! The trace of one known value: every place where it stands, in any encoding, and the commits that changed that.

mod account;
mod examine;
mod files;
mod history;
mod objects;
mod pickaxe;
mod pruned;
mod story;

use std::sync::Arc;

pub(crate) use self::examine::{Base, examine};
use self::history::History;
pub(crate) use self::objects::text_start;
use self::objects::{Control, Extent, Objects};
use self::story::{Story, Teller};
use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::finding::{
    Change, Confidence, Evidence, Exposure, Finding, FindingBuilder, Help, Location, Malformed, Origin,
    RuleId, RuleMeta, Severity,
};
use crate::git::store::{ObjectNumber, Scope, Store};
use crate::git::{GitError, ObjectId, Repository};
use crate::needle::Needle;
use crate::secret::{FingerprintKey, Secret};
use crate::source::{Source, SourceError, Stop};

/// What to look for, and where.
pub struct Request<'a> {
    /// What to look for.
    pub needle: &'a Needle,
    /// The value itself, for its fingerprint; `None` for a regular expression, which may match many.
    pub value: Option<&'a Secret>,
    /// Files to search.
    pub sources: Vec<&'a dyn Source>,
    /// The repository whose objects to search.
    pub repository: Option<&'a Repository>,
    /// Key of the fingerprints.
    pub key: FingerprintKey,
    /// Called with numbers of bytes that were examined, from several threads.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What was found.
#[derive(Debug)]
pub struct Outcome {
    /// One finding with all places, or none.
    pub finding: Option<Finding>,
    /// What was and was not examined.
    pub coverage: Coverage,
}

/// The search could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Files could not be read at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The repository could not be read at all.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Searches everything that the request names.
///
/// # Errors
/// When a source or the repository cannot be read at all.
pub fn trace(request: &Request<'_>, stop: &Stop) -> Result<Outcome, TraceError> {
    let mut coverage = Coverage::default();
    let mut found = Found::default();
    for source in &request.sources {
        let (files, account) = files::search(*source, request.needle, request.progress, stop)?;
        coverage.absorb(account);
        found.places.extend(files.places);
        found.unlisted += files.unlisted;
    }
    coverage.kinds = vec![("files", coverage.items)];
    if let Some(repository) = request.repository {
        let (story, account) = repository_story(repository, request, stop)?;
        coverage.absorb(account);
        found.places.extend(story.places);
        found.changes = story.changes;
        found.exposure = story.exposure;
    }
    redact(request.needle, &mut coverage);
    Ok(Outcome { finding: found.finding(request).ok(), coverage })
}

/// Searches the objects, and tells what that means for paths and commits.
fn repository_story(
    repository: &Repository,
    request: &Request<'_>,
    stop: &Stop,
) -> Result<(Story, Coverage), TraceError> {
    let store = repository.store(Scope::All)?;
    let control = Control { stop, progress: request.progress };
    let objects = Objects::search(&store, request.needle, Extent::All, &control);
    let references = repository.references();
    let history = History::new(&store, &objects, &references);
    let mut coverage = account::account(&history);
    let staged = staged(repository, &store, &mut coverage);
    let mut story = Teller::new(&history, request.needle, &control).tell(&staged);
    story.places.extend(hidden_reflogs(repository, &history, request.needle));
    if stop.requested() {
        coverage.missed.push(Gap::new("the rest of the history", "interrupted").hint("search again"));
    }
    Ok((story, coverage))
}

/// The blobs of the index.
fn staged(repository: &Repository, store: &Store, coverage: &mut Coverage) -> Vec<(Vec<u8>, ObjectNumber)> {
    let mut staged = Vec::new();
    match repository.index() {
        Ok(None) => {}
        Ok(Some(index)) => {
            let mut entries = index.entries();
            while let Some(entry) = entries.next() {
                if let Some(blob) = store.number(entry.id.as_bytes()) {
                    staged.push((entry.path.to_vec(), blob));
                }
            }
        }
        Err(error) => coverage.missed.push(Gap::new("the index", error.to_string()).hint(error.hint())),
    }
    staged
}

/// Reflogs that are no files: those of reftables, which git packs.
fn hidden_reflogs(repository: &Repository, history: &History<'_>, needle: &Needle) -> Vec<Location> {
    let mut found = Vec::new();
    for log in &history.references.reflogs {
        let path = repository.common_dir().join(crate::git::path_from_git(&log.name));
        if path.exists() || repository.git_dir().join(crate::git::path_from_git(&log.name)).exists() {
            continue;
        }
        let origin = files::shown(needle, &Origin::File { path });
        let chunk = Chunk::whole(&log.content, &origin);
        found.extend(files::places(needle, &chunk, &needle.search(&log.content), &origin));
    }
    found
}

/// The commits that `git log --all -S<value> --format=%H` prints, in its order.
#[derive(Debug)]
pub struct Pickaxe {
    /// A merge stands here once for each parent that it differs from.
    pub commits: Vec<ObjectId>,
    /// What was and was not examined.
    pub coverage: Coverage,
}

/// Finds the commits that git's own search prints; with `merges`, also those that `-m` adds to them.
///
/// # Errors
/// When the repository cannot be read at all, or git is needed to find renames and cannot be started.
pub fn pickaxe(
    repository: &Repository,
    needle: &Needle,
    merges: bool,
    control: (&Stop, &(dyn Fn(u64) + Sync)),
) -> Result<Pickaxe, TraceError> {
    let store = repository.store(Scope::All)?;
    let control = Control { stop: control.0, progress: control.1 };
    let objects = Objects::search(&store, needle, Extent::Blobs, &control);
    let references = repository.references();
    let history = History::new(&store, &objects, &references);
    let mut coverage = account::account(&history);
    let printed = pickaxe::printed(&history, repository, merges)?;
    coverage.missed.extend(printed.undecided.iter().map(|id| {
        let gap = Gap::new(format!("commit {id}"), "its renames cannot be told, because a file is missing");
        gap.hint("`git fsck` shows what is missing")
    }));
    redact(needle, &mut coverage);
    Ok(Pickaxe { commits: printed.commits, coverage })
}

/// Everything that was found so far.
#[derive(Debug, Default)]
struct Found {
    places: Vec<Location>,
    unlisted: u64,
    changes: Vec<Change>,
    exposure: Option<Exposure>,
}

impl Found {
    /// An error where nothing was found: a finding has a place.
    fn finding(self, request: &Request<'_>) -> Result<Finding, Malformed> {
        let mut builder = FindingBuilder::new(Arc::new(rule(request.value.is_some())?));
        if let Some(value) = request.value {
            builder = builder.evidence(Evidence::new(value.clone(), ""));
        }
        if self.unlisted > 0 {
            builder = builder.reason(format!("{} more places are not listed", self.unlisted));
        }
        if let Some(exposure) = self.exposure {
            builder = builder.exposure(exposure);
        }
        builder = builder.changes(self.changes);
        self.places.into_iter().fold(builder, FindingBuilder::location).build(&request.key)
    }
}

/// The rules whose findings a trace makes, for reports.
#[must_use]
pub fn rules() -> Vec<Arc<RuleMeta>> {
    [true, false].into_iter().filter_map(|is_value| rule(is_value).ok()).map(Arc::new).collect()
}

fn rule(is_value: bool) -> Result<RuleMeta, Malformed> {
    let steps = [
        "Revoke or change it first: whoever read it keeps it, whatever becomes of the files.",
        "Then remove it from files that are still in use, and look at who had access since it was introduced.",
    ];
    let (id, title, severity) = match is_value {
        true => ("trace/known-value", "Known value", Severity::High),
        false => ("trace/pattern", "Matches of a regular expression", Severity::Info),
    };
    let help = Help {
        impact: "Everyone who can read these places has it.".into(),
        steps: steps.map(str::to_owned).to_vec(),
        ..Help::default()
    };
    Ok(RuleMeta {
        id: RuleId::new(id)?,
        title: title.into(),
        severity,
        confidence: Confidence::High,
        help: if is_value { help } else { Help::default() },
    })
}

/// Takes the value out of the names of what was not examined.
fn redact(needle: &Needle, coverage: &mut Coverage) {
    for gap in coverage.skipped.iter_mut().chain(&mut coverage.missed) {
        for text in [&mut gap.subject, &mut gap.reason, &mut gap.hint] {
            *text = needle.redact(text);
        }
    }
}
