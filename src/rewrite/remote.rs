//! A remote: a server that has a copy of the history, what its references point to, and scratch repositories to ask it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use super::scratch::Scratch;
use crate::git::{GitError, ObjectFormat, ObjectId, Repository, child, path_from_git, without_credentials};

/// References that only the server moves; a push of them is refused.
const HIDDEN: &[&str] = &[
    "refs/pull/",
    "refs/pull-requests/",
    "refs/merge-requests/",
    "refs/changes/",
    "refs/cache-automerge/",
    "refs/keep-around/",
    "refs/environments/",
    "refs/pipelines/",
    "refs/meta/",
];
/// References that a push never sends: they are about this clone.
const LOCAL: &[&str] = &[
    "refs/remotes/",
    "refs/stash",
    "refs/bisect/",
    "refs/original/",
    "refs/kbsec/",
    "refs/worktree/",
    "refs/rewritten/",
];

/// First changed commits whose references are looked for.
const TRACED: usize = 200;
/// Settings of the repository that git needs to reach the server.
const SETTINGS: &[&str] = &["http.", "credential.", "core.sshcommand", "ssh.", "protocol."];

/// A server, by the name of a remote or by its address.
#[derive(Clone, Debug)]
pub struct Remote {
    /// What git is given: a name, or an address.
    name: String,
    /// Where it is. May hold credentials, so it goes into a file of a scratch repository and nowhere else.
    address: String,
    settings: Vec<(String, String)>,
    format: ObjectFormat,
}

/// A server that cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Git cannot be run.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A scratch repository cannot be made.
    #[error("cannot make a scratch repository: {0}")]
    Scratch(#[from] io::Error),
    /// The server does not answer.
    #[error("{remote} does not answer: {said}")]
    Silent {
        /// Its address without credentials.
        remote: String,
        /// What git says.
        said: String,
    },
}

impl RemoteError {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Git(error) => error.hint(),
            Self::Scratch(_) => {
                "free some space in the directory for temporary files, or set TMPDIR to another one"
            }
            Self::Silent { .. } => "check that `git ls-remote` reaches it, then try again",
        }
    }
}

impl Remote {
    /// The remote of that name in the repository, or a server at that address.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn open(repository: &Repository, name: &str) -> Result<Self, GitError> {
        let ask = |arguments: &[&str]| child::run(child::online(repository.common_dir()).args(arguments));
        let known = ask(&["remote", "get-url", "--", name])?;
        let address = match known.is_success() {
            true => String::from_utf8_lossy(known.stdout.trim_ascii_end()).into_owned(),
            false => name.to_owned(),
        };
        // A relative path is relative to where the repository is, and a scratch repository is elsewhere.
        let place =
            repository.work_tree().unwrap_or(repository.git_dir()).join(path_from_git(address.as_bytes()));
        let is_path = !address.contains("://") && place.exists();
        let address = if is_path { place.to_string_lossy().into_owned() } else { address };
        let settings = ask(&["config", "--local", "--list", "-z"])?.stdout;
        let settings = settings.split(|&byte| byte == 0).filter_map(|setting| {
            let (key, value) = std::str::from_utf8(setting).ok()?.split_once('\n')?;
            let is_needed = SETTINGS.iter().any(|start| key.starts_with(start));
            is_needed.then(|| (key.to_owned(), value.to_owned()))
        });
        let (settings, format) = (settings.collect(), repository.object_format());
        Ok(Self { name: name.to_owned(), address, settings, format })
    }

    /// What git is to be given in the repository: a name, or an address.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address without credentials.
    #[must_use]
    pub fn shown(&self) -> String {
        without_credentials(&self.address)
    }

    /// Every reference that the server shows, without HEAD and without what tags point to; sorted by name.
    ///
    /// # Errors
    /// When it cannot be asked, or does not answer.
    pub fn list(&self, scratch: &Path) -> Result<Vec<(Vec<u8>, ObjectId)>, RemoteError> {
        let repository = Asking::new(self, scratch)?;
        let answer = child::run(repository.command().args(["ls-remote", "--quiet", "origin"]))?;
        if !answer.is_success() {
            return Err(self.silent(answer.complaint()));
        }
        let lines = answer.stdout.split(|&byte| byte == b'\n').filter_map(|line| {
            let tab = memchr::memchr(b'\t', line)?;
            let name = line.get(tab + 1..)?;
            let is_reference = name.starts_with(b"refs/") && !name.ends_with(b"^{}");
            Some((name.to_vec(), ObjectId::from_hex(line.get(..tab)?)?)).filter(|_| is_reference)
        });
        let mut refs: Vec<_> = lines.collect();
        refs.sort();
        Ok(refs)
    }

    /// The references of the server that lead to one of these commits, sorted; files are not fetched for that where the
    /// server can leave them out.
    ///
    /// # Errors
    /// When it cannot be asked, or does not answer.
    pub fn leading_to(&self, commits: &[ObjectId], scratch: &Path) -> Result<Vec<Vec<u8>>, RemoteError> {
        let mirror = Asking::new(self, scratch)?;
        mirror.fetch_all(self, &["--filter=blob:none"])?;
        Ok(mirror.containing(commits)?.into_keys().collect())
    }

    /// The error for a server that does not answer. Git quotes the address, so that is taken out.
    pub(super) fn silent(&self, said: &str) -> RemoteError {
        RemoteError::Silent { remote: self.shown(), said: said.replace(&self.address, &self.shown()) }
    }
}

/// Whether only the server moves this reference.
#[must_use]
pub fn is_hidden(name: &[u8]) -> bool {
    HIDDEN.iter().any(|start| name.starts_with(start.as_bytes()))
}

/// Whether this reference is about a clone, so that it is never pushed.
#[must_use]
pub fn is_local(name: &[u8]) -> bool {
    !name.starts_with(b"refs/") || LOCAL.iter().any(|start| name.starts_with(start.as_bytes()))
}

/// An empty repository of our own, whose `origin` is the server.
pub(super) struct Asking {
    scratch: Scratch,
}

impl Asking {
    /// Makes one in `parent`.
    pub(super) fn new(remote: &Remote, parent: &Path) -> Result<Self, RemoteError> {
        let scratch = Scratch::new(parent)?;
        let format = if remote.format == ObjectFormat::Sha256 { "sha256" } else { "sha1" };
        let mut command = Command::new("git");
        command.args(["init", "--quiet", "--bare", "--template=", "--object-format", format, "."]);
        command.current_dir(scratch.path()).env_remove("GIT_DIR").env_remove("GIT_OBJECT_DIRECTORY");
        command.env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
        let made = child::run(&mut command)?;
        if !made.is_success() {
            let said = made.complaint().to_owned();
            return Err(io::Error::other(said).into());
        }
        let mut config = fs::OpenOptions::new().append(true).open(scratch.path().join("config"))?;
        for (key, value) in &remote.settings {
            config.write_all(setting(key, value).as_bytes())?;
        }
        config.write_all(setting("remote.origin.url", &remote.address).as_bytes())?;
        Ok(Self { scratch })
    }

    pub(super) fn git_dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Fetches everything that the server shows.
    pub(super) fn fetch_all(&self, remote: &Remote, options: &[&str]) -> Result<(), RemoteError> {
        let mut command = self.command();
        command.args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]).args(options);
        let answer = child::run(command.args(["origin", "+refs/*:refs/*"]))?;
        if answer.is_success() { Ok(()) } else { Err(remote.silent(answer.complaint())) }
    }

    /// The references that lead to one of these commits, each once, with the first commit of which that is so.
    pub(super) fn containing(&self, commits: &[ObjectId]) -> Result<BTreeMap<Vec<u8>, ObjectId>, GitError> {
        let mut found = BTreeMap::new();
        for commit in commits.iter().take(TRACED) {
            let mut command = child::offline(self.git_dir());
            command.args(["for-each-ref", "--format=%(refname)", "--contains", &commit.to_string()]);
            let answer = child::run(&mut command)?;
            for name in answer.stdout.split(|&byte| byte == b'\n').filter(|name| !name.is_empty()) {
                found.entry(name.to_vec()).or_insert(*commit);
            }
        }
        Ok(found)
    }

    /// A git command there that may use the network, and gives up when nothing comes for half a minute.
    pub(super) fn command(&self) -> Command {
        let mut command = child::online(self.scratch.path());
        command.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
        command.args(["-c", "http.lowSpeedLimit=100", "-c", "http.lowSpeedTime=30"]);
        command.current_dir(self.scratch.path());
        command
    }
}

/// A setting as a configuration file has it (git-config, "Syntax").
fn setting(key: &str, value: &str) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let Some((section, rest)) = key.split_once('.') else { return String::new() };
    match rest.rsplit_once('.') {
        Some((sub, name)) => format!("[{section} \"{}\"]\n\t{name} = \"{}\"\n", escaped(sub), escaped(value)),
        None => format!("[{section}]\n\t{rest} = \"{}\"\n", escaped(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_servers_and_of_clones_are_told_apart() {
        assert!(is_hidden(b"refs/pull/7/head") && is_hidden(b"refs/changes/01/1/1"));
        assert!(!is_hidden(b"refs/heads/pull/7") && !is_local(b"refs/notes/commits"));
        assert!(is_local(b"refs/remotes/origin/main") && is_local(b"HEAD") && is_local(b"refs/stash"));
    }

    #[test]
    fn settings_are_written_so_that_git_reads_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let value = "a \\ \"quoted\"; value # with\nall";
        fs::write(
            &file,
            setting("http.https://x.org/a.b.extraheader", value) + &setting("core.sshcommand", value),
        )
        .unwrap();
        for key in ["http.https://x.org/a.b.extraheader", "core.sshcommand"] {
            let mut command = Command::new("git");
            let answer =
                child::run(command.args(["config", "-z", "--file"]).arg(&file).args(["--get", key])).unwrap();
            assert_eq!(String::from_utf8_lossy(&answer.stdout).trim_end_matches('\0'), value, "{key}");
        }
    }
}
