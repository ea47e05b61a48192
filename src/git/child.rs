//! A git child: the git program run on a repository, offline unless the network is asked for, and what it answers.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::GitError;
use super::program;

/// What a git command said.
#[derive(Debug)]
pub struct Answer {
    /// The exit status; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, in English; foreign text.
    pub stderr: String,
}

impl Answer {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// The last line of standard error that says what is wrong.
    #[must_use]
    pub fn complaint(&self) -> &str {
        let said = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
        let line = self.stderr.lines().rev().find(said).or_else(|| self.stderr.lines().last());
        line.unwrap_or("it said nothing").trim()
    }
}

/// A git command on `git_dir` that reads, runs nothing of the repository and reaches no network. Standard output is
/// piped, standard error thrown away.
#[must_use]
pub fn offline(git_dir: &Path) -> Command {
    program::command(git_dir)
}

/// A git command on `git_dir` that may use the network, with the credentials that the user gave git, and that runs the
/// hooks of the repository. Nothing of the environment points it to another repository.
#[must_use]
pub fn online(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    for name in program::FOREIGN {
        command.env_remove(name);
    }
    command
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("LC_ALL", "C")
        .args(["--no-pager", "-c", "protocol.version=2", "-c", "core.fsmonitor=false"])
        .arg("--git-dir")
        .arg(git_dir)
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end.
///
/// # Errors
/// When git cannot be started.
pub fn run(command: &mut Command) -> Result<Answer, GitError> {
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .map_err(|cause| GitError::NoProgram { cause })?;
    Ok(Answer {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The error for a pipe of a child that is not there.
#[must_use]
pub fn no_pipe() -> GitError {
    GitError::NoProgram { cause: io::ErrorKind::BrokenPipe.into() }
}
