//! The kind of a hook: when git runs it, and what it is called.

/// A hook that we have a script for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hook {
    /// Before a commit is recorded.
    #[default]
    PreCommit,
    /// Before commits are sent to another repository.
    PrePush,
    /// Before commits that were sent are accepted.
    PreReceive,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PreCommit, Self::PrePush, Self::PreReceive];

    /// The file that git runs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
        }
    }

    /// The command line that does the work of the hook.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::PreCommit => "kbsec scan --staged",
            Self::PrePush => "kbsec scan --pre-push=\"$1\"",
            Self::PreReceive => "kbsec scan --pre-receive",
        }
    }

    /// The hook that stood there before ours, which runs it.
    pub(super) fn kept(self) -> String {
        format!("{}.before-kbsec", self.name())
    }

    /// Where the pre-commit framework moves a hook that it finds; it runs it too.
    pub(super) fn wrapped(self) -> String {
        format!("{}.legacy", self.name())
    }
}
