//! What the history of a repository tells, in the shape of the JSON report.

use serde::Serialize;

use crate::finding::{self, Reach, TextKind};
use crate::report::wording::commit_time;

/// The life of a secret in the whole repository.
#[derive(Serialize)]
pub(in crate::report) struct Exposure<'a> {
    /// The most public way to reach an object that holds it: `head`, `branch`, `tag`, `remote`, `pull_request`,
    /// `other`, `note`, `stash`, `reflog` or `unreachable`.
    reach: &'static str,
    /// Full names of the refs whose history holds it, most public first.
    refs: &'a [String],
    /// Those of them that mirror another repository.
    published: &'a [String],
    /// The earliest commit that introduced it; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    introduced: Option<Commit<'a>>,
    /// The latest commit that removed it; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Commit<'a>>,
    /// Whether the tree of HEAD still has it.
    at_head: bool,
    /// Seconds from introduction to removal; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    window_seconds: Option<u64>,
}

/// The life of a secret at one path.
#[derive(Serialize)]
pub(in crate::report) struct Trail<'a> {
    /// The earliest commit with the secret at this path; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    introduced: Option<Commit<'a>>,
    /// The latest commit that took it away from this path; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Commit<'a>>,
    /// Whether the tree of HEAD has the secret at this path.
    at_head: bool,
}

/// A commit.
#[derive(Serialize)]
struct Commit<'a> {
    /// Object id in hexadecimal.
    id: &'a str,
    /// Name of the author.
    author: &'a str,
    /// Address of the author.
    email: &'a str,
    /// Author date: RFC 3339, in UTC, to the second.
    date: String,
}

impl<'a> Exposure<'a> {
    /// The exposure, with at most `limit` refs in each list.
    pub(in crate::report) fn new(exposure: &'a finding::Exposure, limit: usize) -> Self {
        let first = |refs: &'a [String]| &refs[..refs.len().min(limit)];
        Self {
            reach: reach(exposure.reach),
            refs: first(&exposure.refs),
            published: first(&exposure.published),
            introduced: exposure.introduced.as_deref().map(Commit::new),
            removed: exposure.removed.as_deref().map(Commit::new),
            at_head: exposure.at_head,
            window_seconds: exposure.window(),
        }
    }
}

impl<'a> Trail<'a> {
    pub(in crate::report) fn new(trail: &'a finding::Trail) -> Self {
        Self {
            introduced: trail.introduced.as_deref().map(Commit::new),
            removed: trail.removed.as_deref().map(Commit::new),
            at_head: trail.at_head,
        }
    }
}

impl<'a> Commit<'a> {
    fn new(commit: &'a finding::Commit) -> Self {
        let finding::Commit { time, id, author, email } = commit;
        Self { id, author, email, date: commit_time(*time) }
    }
}

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Head => "head",
        Reach::Branch => "branch",
        Reach::Tag => "tag",
        Reach::Remote => "remote",
        Reach::PullRequest => "pull_request",
        Reach::Other => "other",
        Reach::Note => "note",
        Reach::Stash => "stash",
        Reach::Reflog => "reflog",
        Reach::Unreachable => "unreachable",
    }
}

pub(super) fn text_kind(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Commit => "commit",
        TextKind::Tag => "tag",
        TextKind::FileName => "file_name",
        TextKind::RefName => "ref_name",
    }
}
