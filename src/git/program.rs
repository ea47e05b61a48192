//! The git program: reads what libgit2 cannot, with everything switched off that could run code or use the network.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::GitError;
use super::object::{Object, ObjectDirectories, ObjectError, ObjectId, ObjectKind};

/// Variables that would point git to another repository or let it write somewhere.
pub(super) const FOREIGN: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_TRACE",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_TRACE2_PERF",
    "GIT_TRACE_PACKET",
    "GIT_WORK_TREE",
];

/// A git command on the repository `git_dir` that only reads.
pub(super) fn command(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ALLOW_PROTOCOL", "none")
        .env("LC_ALL", "C")
        .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"])
        .arg("--git-dir")
        .arg(git_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The first line that a git command prints; `None` when it prints nothing and ends with status 1.
pub(super) fn ask(git_dir: &Path, arguments: &[&str]) -> Result<Option<String>, GitError> {
    let output = command(git_dir).args(arguments).output().map_err(cannot_start)?;
    match output.status.code() {
        Some(0) => {
            let line = output.stdout.split(|&byte| byte == b'\n').next().unwrap_or_default();
            Ok(Some(String::from_utf8_lossy(line).into_owned()))
        }
        Some(1) if output.stdout.is_empty() => Ok(None),
        _ => Err(GitError::Failed { command: arguments.join(" "), git_dir: git_dir.to_path_buf() }),
    }
}

/// All that a git command prints.
pub(super) fn output(git_dir: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
    let output = command(git_dir).args(arguments).output().map_err(cannot_start)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(GitError::Failed { command: arguments.join(" "), git_dir: git_dir.to_path_buf() })
}

fn cannot_start(cause: io::Error) -> GitError {
    GitError::NoProgram { cause }
}

/// A running `git cat-file --batch`.
pub(super) struct CatFile {
    directories: ObjectDirectories,
    running: Option<Running>,
}

struct Running {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl CatFile {
    /// Starts nothing yet: a repository without a need for objects needs no program.
    pub(super) fn new(directories: ObjectDirectories) -> Self {
        Self { directories, running: None }
    }

    /// Reads one object; the program ends when an object is damaged, and is started anew for the next one.
    pub(super) fn read(&mut self, id: ObjectId, limit: u64) -> Result<Object<'static>, ObjectError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => {
                Running::start(&self.directories).map_err(|error| ObjectError::Program(Box::new(error)))?
            }
        };
        let result = running.read(id, limit);
        if !matches!(result, Err(ObjectError::Damaged(_))) {
            self.running = Some(running);
        }
        result
    }
}

impl Running {
    fn start(directories: &ObjectDirectories) -> Result<Self, GitError> {
        let mut command = command(&directories.git_dir);
        command.env("GIT_OBJECT_DIRECTORY", &directories.main);
        if let Ok(list) = std::env::join_paths(&directories.alternates) {
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", list);
        }
        let mut child =
            command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).spawn().map_err(cannot_start)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(requests), Some(answers)) => {
                Ok(Self { child, requests, answers: BufReader::with_capacity(64 << 10, answers) })
            }
            _ => Err(GitError::NoProgram { cause: io::ErrorKind::BrokenPipe.into() }),
        }
    }

    fn read(&mut self, id: ObjectId, limit: u64) -> Result<Object<'static>, ObjectError> {
        let ended = |_| ObjectError::Damaged("git cannot read it".into());
        writeln!(self.requests, "{id}").and_then(|()| self.requests.flush()).map_err(ended)?;
        let mut header = String::new();
        (&mut self.answers).take(256).read_line(&mut header).map_err(ended)?;
        let mut words = header.split_ascii_whitespace().skip(1);
        let kind = match words.next() {
            Some("commit") => ObjectKind::Commit,
            Some("tree") => ObjectKind::Tree,
            Some("blob") => ObjectKind::Blob,
            Some("tag") => ObjectKind::Tag,
            Some("missing") => return Err(ObjectError::Missing),
            _ => return Err(ObjectError::Damaged("git cannot read it".into())),
        };
        let bytes: u64 = words
            .next()
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| ObjectError::Damaged("git did not tell its size".into()))?;
        // The content is followed by a newline that does not belong to it.
        let mut answer = (&mut self.answers).take(bytes.saturating_add(1));
        if bytes > limit {
            io::copy(&mut answer, &mut io::sink()).map_err(ended)?;
            return Err(ObjectError::TooLarge { bytes });
        }
        let mut content = Vec::new();
        answer.read_to_end(&mut content).map_err(ended)?;
        if content.pop() != Some(b'\n') || content.len() as u64 != bytes {
            return Err(ObjectError::Damaged("git cannot read it to its end".into()));
        }
        Ok(Object::own(kind, content))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and a program that has ended already is the normal case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
