//! A place: the folder in which git looks for the hooks of a repository, as git itself tells it.
//!
//! Asking git, rather than reading its files, is right for every kind of repository (linked worktrees, submodules,
//! SHA-256, reftable) and every way to configure `core.hooksPath`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Error, Hook, Options};

/// Where hooks are looked for, and where they would be without `core.hooksPath`.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder that git uses, absolute.
    pub(super) active: PathBuf,
    /// `hooks` in the git directory that all worktrees share, absolute.
    pub(super) standard: PathBuf,
    /// Set when `core.hooksPath` makes the two differ.
    pub(super) redirect: Option<Redirect>,
}

/// A `core.hooksPath` that sends git somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// Where it is configured, as git words it: `file:/home/ada/.gitconfig`, `command line:`.
    pub origin: String,
    /// Who else uses that folder.
    pub reach: Reach,
}

/// Who else is affected by what is put into a folder of hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody: it is in this repository's git directory.
    Own,
    /// It belongs to husky, which rewrites it and runs the scripts in `.husky`.
    Husky,
    /// It is in the work tree, so all who clone the repository share it.
    Team,
    /// It is outside: other repositories of this user or machine share it.
    Elsewhere,
}

impl Place {
    /// Asks git.
    pub(super) fn find(options: &Options) -> Result<Self, Error> {
        let git = Git { options, folder: &options.folder };
        let kind = git.ask(&["rev-parse", "--is-bare-repository", "--is-inside-work-tree"])?;
        match kind.to_string_lossy().lines().collect::<Vec<_>>()[..] {
            // Who receives a push needs no files.
            _ if options.hook == Hook::PreReceive => {}
            ["true", _] => return Err(Error::Bare { folder: options.folder.clone() }),
            [_, "true"] => {}
            _ => return Err(Error::NoWorkTree { folder: options.folder.clone() }),
        }
        // Relative answers are relative to the top, where git runs hooks.
        let question =
            if options.hook == Hook::PreReceive { "--absolute-git-dir" } else { "--show-toplevel" };
        let top = git.ask(&["rev-parse", question])?;
        let git = Git { options, folder: &top };
        let shared = resolve(&top.join(git.ask(&["rev-parse", "--git-common-dir"])?));
        let active = resolve(&top.join(git.ask(&["rev-parse", "--git-path", "hooks"])?));
        let standard = resolve(&shared.join("hooks"));
        let redirect = (active != standard).then(|| Redirect {
            folder: active.clone(),
            origin: git.origin_of_hooks_path(),
            reach: reach(&active, &shared, &resolve(&top)),
        });
        Ok(Self { active, standard, redirect })
    }
}

/// The git program, run in a folder.
struct Git<'a> {
    options: &'a Options,
    folder: &'a Path,
}

impl Git<'_> {
    /// What git prints, without the line end, as a path.
    fn ask(&self, arguments: &[&str]) -> Result<PathBuf, Error> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.folder);
        for (name, value) in &self.options.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let folder = self.folder.to_path_buf();
        match command.output() {
            Err(_) if !self.folder.is_dir() => Err(Error::NoFolder { folder }),
            Err(cause) => Err(Error::NoGit { cause }),
            Ok(output) if output.status.success() => {
                let line = output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout);
                Ok(path_from(line.strip_suffix(b"\r").unwrap_or(line)))
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let said = said.trim().trim_start_matches("fatal: ").to_owned();
                Err(Error::Refused { folder, said })
            }
        }
    }

    /// Where `core.hooksPath` is set; only for messages, so that not knowing is no failure.
    fn origin_of_hooks_path(&self) -> String {
        let answer = self.ask(&["config", "--null", "--show-origin", "--get", "core.hooksPath"]);
        let origin = answer.unwrap_or_default();
        origin.to_string_lossy().split('\0').next().unwrap_or_default().to_owned()
    }
}

/// Who uses `folder`, given the resolved git directory and top of the work tree.
fn reach(folder: &Path, shared: &Path, top: &Path) -> Reach {
    if folder.starts_with(shared) {
        Reach::Own
    } else if let Ok(inside) = folder.strip_prefix(top) {
        let husky = inside.components().any(|part| part.as_os_str() == OsStr::new(".husky"));
        if husky { Reach::Husky } else { Reach::Team }
    } else {
        Reach::Elsewhere
    }
}

/// The path without links, also when its last parts do not exist yet.
fn resolve(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolve(parent).join(name),
        _ => path.to_path_buf(),
    }
}

#[cfg(unix)]
fn path_from(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_from(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
