//! A rewrite: takes known values out of a repository's history and leaves every other byte and id as it was.

pub mod apply;
pub mod blob;
pub mod checks;
mod citation;
mod commit_point;
mod commits;
pub mod folder;
pub mod forge;
pub mod lfs;
pub mod maps;
mod moved;
mod notes;
mod outcome;
pub mod plan;
pub mod prove;
mod purge;
pub mod references;
pub mod remote;
pub mod replace;
mod scan;
mod scratch;
mod side_files;
mod text;
mod trees;
pub mod values;

use std::io;

pub use self::outcome::Outcome;
use crate::git::{GitError, ObjectError, ObjectId};

/// A rewrite that cannot go on. Up to the change of the references nothing of the repository has changed.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The repository cannot be read or changed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The operating system refuses.
    #[error("cannot {what}")]
    Io {
        /// What was to be done.
        what: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// An object that has to change cannot be read.
    #[error("cannot read object {id}")]
    Object {
        /// The object.
        id: ObjectId,
        /// Why.
        #[source]
        cause: ObjectError,
    },
    /// A tree or commit that has to change makes no sense.
    #[error("object {id} is malformed and has to change")]
    MalformedTree {
        /// The object.
        id: ObjectId,
    },
    /// References changed meanwhile, or cannot be changed.
    #[error("git did not change the references: {git}")]
    RefsRefused {
        /// What git says.
        git: String,
    },
    /// Some references have changed as planned, and others in another way.
    #[error("these references are neither as they were nor as planned: {names}")]
    HalfChanged {
        /// Their names, without values.
        names: String,
    },
    /// The index or a checked-out file is in the way.
    #[error("git did not change the index: {git}")]
    IndexRefused {
        /// What git says.
        git: String,
    },
    /// Another rewrite runs.
    #[error("another rewrite of this repository is running")]
    Running,
    /// There is nothing to go on with.
    #[error("the rewrite had changed nothing when it ended, and cannot go on: references changed since")]
    NotBegun,
    /// The user wants to stop, and nothing has changed.
    #[error("interrupted; nothing has changed")]
    Interrupted,
}

impl RewriteError {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Git(error) => error.hint(),
            Self::Io { .. } => {
                "free some space or check permissions; nothing is lost, and `--resume` goes on where something had changed"
            }
            Self::Object { .. } | Self::MalformedTree { .. } => {
                "`git fsck --full` says more; nothing has changed"
            }
            Self::RefsRefused { .. } => {
                "all references are as they were; see what changed them, and plan again"
            }
            Self::HalfChanged { .. } => {
                "set each to its old id with `git update-ref`, as ref-map in the folder of the rewrite has it"
            }
            Self::IndexRefused { .. } => {
                "move the file that is in the way elsewhere, and go on with --resume"
            }
            Self::Running => "wait until it ends",
            Self::NotBegun => "run it again without --resume",
            Self::Interrupted => "run it again",
        }
    }

    /// The error without values: git quotes names, which may hold one.
    fn redacted(self, values: &values::Values) -> Self {
        match self {
            Self::RefsRefused { git } => Self::RefsRefused { git: values.redact(&git) },
            Self::IndexRefused { git } => Self::IndexRefused { git: values.redact(&git) },
            other => other,
        }
    }

    fn io(what: impl Into<String>, cause: io::Error) -> Self {
        Self::Io { what: what.into(), cause }
    }
}
