//! What a repository's history tells of a secret: who introduced it, who removed it, and who can still reach it.

use std::fmt;
use std::sync::Arc;

/// A commit as reports name it. Names are foreign text: a report sanitises them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit {
    /// Author date, seconds since the Unix epoch; first, so that commits sort by it.
    pub time: i64,
    /// Object id in hexadecimal.
    pub id: String,
    /// Author name, without the secret should one stand in it.
    pub author: String,
    /// Author address, likewise.
    pub email: String,
}

impl Commit {
    /// The first twelve digits of the id.
    #[must_use]
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// The life of a secret at one path: the commit that brought it there and the one that took it away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trail {
    /// The earliest commit with the secret at this path; `None` for objects that no commit holds.
    pub introduced: Option<Arc<Commit>>,
    /// The latest commit that took it away from this path; `None` where it was never removed.
    pub removed: Option<Arc<Commit>>,
    /// Whether the tree of HEAD has the secret at this path.
    pub at_head: bool,
}

/// The life of a secret in the whole repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The most public way to reach an object that holds it.
    pub reach: Reach,
    /// Full names of the refs whose history holds it, in the order of `reach`; HEAD first where it is among them.
    pub refs: Vec<String>,
    /// Those of them that mirror another repository (`refs/remotes/…`): there it is probably published.
    pub published: Vec<String>,
    /// The earliest commit that introduced it.
    pub introduced: Option<Arc<Commit>>,
    /// The latest commit that removed it; `None` while HEAD still has it, or where it was never removed.
    pub removed: Option<Arc<Commit>>,
    /// Whether the tree of HEAD still has it.
    pub at_head: bool,
}

impl Exposure {
    /// Seconds from introduction to removal; `None` while it lasts, or where it is unknown.
    #[must_use]
    pub fn window(&self) -> Option<u64> {
        let (introduced, removed) = (self.introduced.as_ref()?, self.removed.as_ref()?);
        u64::try_from(removed.time.saturating_sub(introduced.time)).ok()
    }
}

/// How an object can be reached, most public first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// From HEAD.
    Head,
    /// From a branch.
    Branch,
    /// From a tag.
    Tag,
    /// From a remote-tracking ref.
    Remote,
    /// From a pull or merge request ref of a forge.
    PullRequest,
    /// From another ref.
    Other,
    /// From a note only.
    Note,
    /// From the stash only.
    Stash,
    /// From a reflog only: git forgets it in time.
    Reflog,
    /// From nothing: it lies on disk until git collects its garbage.
    Unreachable,
}

impl fmt::Display for Reach {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Head => "HEAD",
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::Remote => "remote-tracking ref",
            Self::PullRequest => "pull request",
            Self::Other => "other ref",
            Self::Note => "note",
            Self::Stash => "stash",
            Self::Reflog => "reflog",
            Self::Unreachable => "unreachable",
        })
    }
}
