//! A ban list: commits that were taken out of the history, and that no push may bring back.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::program;
use super::{GitError, ObjectId, Repository};

/// The file in the git directory of clones and servers.
pub const FILE: &str = "kbsec-banned-commits";
const HEAD: &str = "# Commits that were taken out of the history. The hooks of kbsec refuse a push that brings one back.\n\
                    # A line with ^ names a commit from before the leak, where the search may end.\n";

/// Commits that are banned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BanList {
    /// The commits.
    pub commits: HashSet<ObjectId>,
    /// Commits that have none of them in their history, nor in that of their ancestors.
    pub before: Vec<ObjectId>,
}

/// A ban list that cannot be obeyed.
#[derive(Debug, thiserror::Error)]
pub enum BanError {
    /// The file cannot be read or written.
    #[error("cannot use the ban list {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A line is no id.
    #[error("{}:{line} is no commit id", path.display())]
    Odd {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// Git cannot list the commits.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl BanError {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::File { .. } => "check its permissions",
            Self::Odd { .. } => "write it anew with `kbsec rewrite kit --ban`",
            Self::Git(error) => error.hint(),
        }
    }
}

impl BanList {
    /// The list of a repository; an empty one where it has none.
    ///
    /// # Errors
    /// When the file cannot be read, or has a line that is no id.
    pub fn read(repository: &Repository) -> Result<Self, BanError> {
        Self::of_file(&repository.common_dir().join(FILE))
    }

    /// The list in a file; an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or has a line that is no id.
    pub fn of_file(path: &Path) -> Result<Self, BanError> {
        let text = match fs::read(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(|cause| BanError::File { path: path.to_path_buf(), cause })?,
        };
        let mut list = Self::default();
        for (number, line) in text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).enumerate() {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let odd = || BanError::Odd { path: path.to_path_buf(), line: number + 1 };
            match line.strip_prefix(b"^") {
                Some(before) => list.before.push(ObjectId::from_hex(before).ok_or_else(odd)?),
                None => {
                    list.commits.insert(ObjectId::from_hex(line).ok_or_else(odd)?);
                }
            }
        }
        Ok(list)
    }

    /// The list as its file has it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        let mut commits: Vec<_> = self.commits.iter().collect();
        commits.sort();
        for before in &self.before {
            let _ = writeln!(text, "^{before}");
        }
        for commit in commits {
            let _ = writeln!(text, "{commit}");
        }
        text
    }

    /// Adds this list to that of a repository; how many commits are banned there now.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn install(&self, repository: &Repository) -> Result<usize, BanError> {
        let path = repository.common_dir().join(FILE);
        let mut list = Self::of_file(&path)?;
        // Two leaks may begin at different commits: what is before the one may be after the other.
        let is_safe = list.commits.is_empty() || list.before == self.before;
        list.before = if is_safe { self.before.clone() } else { Vec::new() };
        list.commits.extend(&self.commits);
        let draft = path.with_extension(format!("{}.tmp", std::process::id()));
        let write = || {
            fs::write(&draft, list.text())?;
            fs::rename(&draft, &path)
        };
        write().map_err(|cause| {
            let _ = fs::remove_file(&draft);
            BanError::File { path: path.clone(), cause }
        })?;
        Ok(list.commits.len())
    }

    /// The first banned commit in the history of what is pushed.
    ///
    /// The whole history counts, not only what is new: a clone that nobody cleaned believes that its server still has
    /// the old commits. Objects in quarantine are seen.
    ///
    /// # Errors
    /// When git cannot list the commits.
    pub fn first(
        &self,
        repository: &Repository,
        tips: &[(String, ObjectId)],
    ) -> Result<Option<ObjectId>, BanError> {
        if self.commits.is_empty() || tips.is_empty() {
            return Ok(None);
        }
        if let Some((_, tip)) = tips.iter().find(|(_, tip)| self.commits.contains(tip)) {
            return Ok(Some(*tip));
        }
        let objects = &repository.objects;
        let mut command = program::command(&objects.git_dir);
        command.env("GIT_OBJECT_DIRECTORY", &objects.main);
        if let Ok(list) = std::env::join_paths(&objects.alternates) {
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", list);
        }
        command.args(["rev-list", "--stdin", "--ignore-missing"]).stdin(Stdio::piped());
        let mut git = command.spawn().map_err(|cause| GitError::NoProgram { cause })?;
        if let Some(mut pipe) = git.stdin.take() {
            let mut lines: String = tips.iter().map(|(_, tip)| format!("{tip}\n")).collect();
            lines.extend(self.before.iter().map(|before| format!("^{before}\n")));
            // A git that ends early is noticed by its status.
            let _ = pipe.write_all(lines.as_bytes());
        }
        let mut found = None;
        for line in git.stdout.take().map(BufReader::new).into_iter().flat_map(BufReader::lines) {
            let id = line.ok().and_then(|line| ObjectId::from_hex(line.as_bytes()));
            found = id.filter(|id| self.commits.contains(id));
            if found.is_some() {
                let _ = git.kill();
                break;
            }
        }
        let is_success = git.wait().is_ok_and(|status| status.success());
        if found.is_none() && !is_success {
            let command = "rev-list".to_owned();
            return Err(GitError::Failed { command, git_dir: objects.git_dir.clone() }.into());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::GitEnvironment;
    use super::super::fixture::Fixture;
    use super::*;

    fn head(repo: &Fixture) -> ObjectId {
        ObjectId::from_hex(repo.git(&["rev-parse", "HEAD"]).trim().as_bytes()).unwrap()
    }

    #[test]
    fn banned_commits_are_found_in_the_history_of_tips_tags_and_nowhere_else() {
        let repo = Fixture::new();
        let mut commits = Vec::new();
        for number in 0..4 {
            repo.write("file", number.to_string());
            repo.commit_all();
            commits.push(head(&repo));
        }
        repo.git(&["tag", "-a", "-m", "x", "v1"]);
        let id = |name: &str| ObjectId::from_hex(repo.git(&["rev-parse", name]).trim().as_bytes()).unwrap();
        let found = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
        let list = BanList { commits: [commits[2]].into(), before: vec![commits[1]] };
        assert_eq!(BanList::read(&found).unwrap(), BanList::default());
        assert_eq!(list.install(&found).unwrap(), 1);
        let list = BanList::read(&found).unwrap();
        assert_eq!(list.before, [commits[1]]);
        for (tip, expected) in [
            (commits[3], Some(commits[2])),
            (commits[2], Some(commits[2])),
            (commits[1], None),
            (id("v1"), Some(commits[2])),
            (id("HEAD^{tree}"), None),
            (id("HEAD:file"), None),
        ] {
            assert_eq!(list.first(&found, &[("x".into(), tip)]).unwrap(), expected, "{tip}");
        }
        let other = BanList { commits: [commits[0]].into(), before: vec![] };
        assert_eq!(other.install(&found).unwrap(), 2);
        assert_eq!(BanList::read(&found).unwrap().before, [], "the second leak began earlier");
        fs::write(found.common_dir().join(FILE), "nonsense\n").unwrap();
        assert!(matches!(BanList::read(&found), Err(BanError::Odd { line: 1, .. })));
    }
}
