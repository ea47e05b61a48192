//! An edit of a repository by the git program: hooks, monitors, automatic clean-ups and the network are switched off.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{GitError, Repository, program};

/// Runs git commands that write. Nothing secret belongs into their arguments, which others can see: it goes to their
/// standard input.
#[derive(Clone, Debug)]
pub struct GitEdit {
    git_dir: PathBuf,
    work_tree: Option<PathBuf>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Answer {
    /// Whether it succeeded.
    pub ok: bool,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about. It may quote names, so it is not to be shown as it is.
    pub stderr: Vec<u8>,
}

impl GitEdit {
    /// Edits of this repository.
    #[must_use]
    pub fn new(repository: &Repository) -> Self {
        Self {
            git_dir: repository.git_dir().to_path_buf(),
            work_tree: repository.work_tree().map(Path::to_path_buf),
        }
    }

    /// Runs a command with this standard input and waits for it.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn ask(&self, arguments: &[&str], input: &[u8]) -> Result<Answer, GitError> {
        let started = |cause: io::Error| GitError::NoProgram { cause };
        let mut command = self.command(&self.git_dir);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(started)?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // A command that has heard enough closes the pipe: it tells by its status whether it is content.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output()
        });
        let output = output.map_err(started)?;
        Ok(Answer { ok: output.status.success(), stdout: output.stdout, stderr: output.stderr })
    }

    /// Runs a command that must succeed; what it printed.
    ///
    /// # Errors
    /// When it fails or cannot be started.
    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let answer = self.ask(arguments, input)?;
        if answer.ok {
            return Ok(answer.stdout);
        }
        Err(GitError::Failed { command: arguments.join(" "), git_dir: self.git_dir.clone() })
    }

    /// The command to which arguments are added.
    fn command(&self, git_dir: &Path) -> Command {
        let mut command = program::command(git_dir);
        command.env_remove("GIT_OPTIONAL_LOCKS");
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
        command.args(["-c", "core.packedRefsTimeout=5000", "-c", "core.filesRefLockTimeout=5000"]);
        if let Some(work_tree) = &self.work_tree {
            command.arg("--work-tree").arg(work_tree).current_dir(work_tree);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::GitEnvironment;
    use crate::git::fixture::Fixture;

    #[test]
    fn commands_read_their_input_and_no_hook_runs() {
        let repo = Fixture::new();
        repo.write("file", "x");
        repo.commit_all();
        repo.write(".git/hooks/reference-transaction", "#!/bin/sh\nexit 1\n");
        let found = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
        let edit = GitEdit::new(&found);
        let head = repo.git(&["rev-parse", "HEAD"]);
        edit.run(&["update-ref", "--stdin"], format!("create refs/heads/new {head}").as_bytes()).unwrap();
        assert_eq!(repo.git(&["rev-parse", "new"]), head);
        let refused = edit.ask(&["update-ref", "--stdin"], b"nonsense\n").unwrap();
        assert!(!refused.ok && !refused.stderr.is_empty());
        assert!(edit.run(&["rev-parse", "nothing"], b"").is_err());
    }
}
