//! A throw-away repository for tests, made by the git program without any configuration of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A repository in a temporary directory that goes when this is dropped.
pub(crate) struct Fixture {
    root: PathBuf,
    _directory: TempDir,
}

impl Fixture {
    /// An empty repository on branch `main`.
    pub(crate) fn new() -> Self {
        Self::with_init(&[]).expect("git init works")
    }

    /// An empty repository made by `git init` with more arguments; `None` if this git does not know them.
    pub(crate) fn with_init(arguments: &[&str]) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let fixture = Self { root, _directory: directory };
        let made = fixture.command(&["init", "-q", "-b", "main"]).args(arguments).output().unwrap();
        made.status.success().then_some(fixture)
    }

    /// The root of the work tree, without symbolic links.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file, making its directories.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Stages and commits everything.
    pub(crate) fn commit_all(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "test"]);
    }

    /// Runs git in the work tree; what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git_bytes(arguments)).unwrap()
    }

    /// Runs git in the work tree; the bytes that it prints.
    pub(crate) fn git_bytes(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(arguments).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {message}");
        output.stdout
    }

    /// A git command that sees no configuration and no variables but its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.root).args(arguments);
        for name in super::program::FOREIGN.iter().chain(&["GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT"]) {
            command.env_remove(name);
        }
        for (name, value) in [
            ("HOME", "/nonexistent"),
            ("XDG_CONFIG_HOME", "/nonexistent"),
            ("GIT_TEMPLATE_DIR", ""),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_AUTHOR_DATE", "1700000000 +0000"),
            ("GIT_COMMITTER_NAME", "C"),
            ("GIT_COMMITTER_EMAIL", "c@example.org"),
            ("GIT_COMMITTER_DATE", "1700000000 +0000"),
        ] {
            command.env(name, value);
        }
        command
    }
}
