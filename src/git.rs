//! A git repository: where its parts lie, what HEAD points to, and how its index and objects are read.
//!
//! Everything here only reads. Nothing of a scanned repository is ever run, neither hooks nor filters, and no object is
//! fetched; that is why the owner of the directory does not matter.

pub mod banned;
pub mod change;
pub mod child;
mod commit;
mod discover;
pub mod edit;
pub mod export;
#[cfg(test)]
pub(crate) mod fixture;
pub mod graph;
pub mod hooks;
pub mod index;
mod new_pack;
mod object;
mod object_set;
mod program;
mod reader;
mod refs;
mod remote;
pub mod renames;
mod shards;
mod signature;
mod state;
pub mod store;
mod tag;
mod tree;
pub mod tree_change;
pub mod tree_table;

use std::io;
use std::path::{Path, PathBuf};

pub use commit::ParsedCommit;
pub use new_pack::NewPack;
pub use object::{Object, ObjectError, ObjectFormat, ObjectId, ObjectKind, is_object_file, path_from_git};
pub use object_set::ObjectSet;
pub use reader::ObjectReader;
pub use refs::{Reference, References, Reflog, ReflogEntry};
pub use remote::without_credentials;
pub use signature::Signature;
pub use state::{PackState, REMEMBERED, State, is_remembered, remembered_in};
pub use tag::ParsedTag;
pub use tree::{MalformedTree, TreeEntries, TreeEntry};

use self::discover::Place;
use self::index::{Index, IndexError};
use self::object::ObjectDirectories;
use self::store::{Scope, Store};

/// What the environment says about the repository; git sets these variables for its hooks.
#[derive(Clone, Debug, Default)]
pub struct GitEnvironment {
    /// `GIT_DIR`.
    pub git_dir: Option<PathBuf>,
    /// `GIT_WORK_TREE`.
    pub work_tree: Option<PathBuf>,
    /// `GIT_INDEX_FILE`.
    pub index_file: Option<PathBuf>,
    /// `GIT_OBJECT_DIRECTORY`.
    pub object_directory: Option<PathBuf>,
    /// `GIT_ALTERNATE_OBJECT_DIRECTORIES`, split.
    pub alternate_object_directories: Vec<PathBuf>,
    /// `GIT_CEILING_DIRECTORIES`, split.
    pub ceiling_directories: Vec<PathBuf>,
}

/// A repository that was found.
#[derive(Clone, Debug)]
pub struct Repository {
    place: Place,
    common_dir: PathBuf,
    index_file: PathBuf,
    objects: ObjectDirectories,
    format: ObjectFormat,
    reftable: bool,
    origin_url: Option<String>,
}

/// The commit that HEAD points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The commit.
    pub commit: ObjectId,
    /// The root directory that it records.
    pub tree: ObjectId,
}

/// A repository that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The operating system refuses.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// `GIT_DIR` or a `.git` file names something else.
    #[error("{} is not a git directory", path.display())]
    NotGit {
        /// What it names.
        path: PathBuf,
    },
    /// A file of the repository has no meaning.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The index has no meaning.
    #[error("the index {} is damaged", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong.
        #[source]
        cause: IndexError,
    },
    /// An object that everything depends on cannot be read.
    #[error("cannot read object {id} of {}", git_dir.display())]
    Object {
        /// The repository.
        git_dir: PathBuf,
        /// The object.
        id: ObjectId,
        /// Why.
        #[source]
        cause: ObjectError,
    },
    /// Only the git program can read this repository, and it cannot be started.
    #[error("the git program is needed for this repository and cannot be started")]
    NoProgram {
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The git program gave up.
    #[error("git {command} failed in {}", git_dir.display())]
    Failed {
        /// What was asked.
        command: String,
        /// The repository.
        git_dir: PathBuf,
    },
}

impl GitError {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check its permissions; every file of the repository must be readable",
            Self::NotGit { .. } => "check GIT_DIR, and `git worktree repair` if this is a linked work tree",
            Self::Damaged { .. } | Self::Object { .. } => "run `git fsck` to see what is wrong",
            Self::Index { .. } => {
                "move the index file away and run `git reset`, then stage your changes again"
            }
            Self::NoProgram { .. } => {
                "install git 2.42 or later: it reads SHA-256 repositories and reftable references"
            }
            Self::Failed { .. } => {
                "run that command to see why; a newer git may be needed for this repository"
            }
        }
    }
}

impl Repository {
    /// The repository that `start` belongs to, searched upward from there as git does; `None` if there is none.
    ///
    /// `start` stands for the current directory where the environment gives relative paths.
    ///
    /// # Errors
    /// When the environment names something that is no repository, or the repository's configuration is unreadable.
    pub fn discover(start: &Path, environment: &GitEnvironment) -> Result<Option<Self>, GitError> {
        let start = start
            .canonicalize()
            .map_err(|cause| GitError::Unreadable { path: start.to_path_buf(), cause })?;
        match discover::place(&start, environment)? {
            Some(place) => Self::open(place, &start, environment).map(Some),
            None => Ok(None),
        }
    }

    fn open(mut place: Place, start: &Path, environment: &GitEnvironment) -> Result<Self, GitError> {
        let common_dir = discover::common_dir(&place.git_dir);
        let config = Config::read(&place.git_dir, &common_dir)?;
        if let Some(work_tree) = &environment.work_tree {
            place.work_tree = Some(start.join(work_tree));
        } else if common_dir == place.git_dir {
            if let Some(work_tree) = config.text("core.worktree") {
                place.work_tree = Some(place.git_dir.join(work_tree));
            } else if config.flag("core.bare") {
                place.work_tree = None;
            }
        }
        place.work_tree = place.work_tree.map(|path| path.canonicalize().unwrap_or(path));
        let format = match config.text("extensions.objectformat").as_deref() {
            None | Some("sha1") => ObjectFormat::Sha1,
            Some("sha256") => ObjectFormat::Sha256,
            Some(_) => {
                return Err(GitError::Damaged {
                    path: common_dir.join("config"),
                    what: "extensions.objectFormat is neither sha1 nor sha256".into(),
                });
            }
        };
        let top = place.work_tree.as_deref().unwrap_or(start);
        let index_file =
            environment.index_file.as_ref().map_or(place.git_dir.join("index"), |path| top.join(path));
        let main = environment.object_directory.as_ref();
        let objects = ObjectDirectories {
            git_dir: place.git_dir.clone(),
            main: main.map_or(common_dir.join("objects"), |path| start.join(path)),
            alternates: environment
                .alternate_object_directories
                .iter()
                .map(|path| start.join(path))
                .collect(),
        };
        Ok(Self {
            reftable: config.text("extensions.refstorage").is_some_and(|kind| kind != "files"),
            origin_url: config.text("remote.origin.url").map(|url| without_credentials(&url)),
            place,
            common_dir,
            index_file,
            objects,
            format,
        })
    }

    /// The directory with HEAD and the index: `.git`, or `.git/worktrees/<name>` of a linked work tree.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.place.git_dir
    }

    /// The directory with the objects and branches, which linked work trees share.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The root of the checked-out files, without symbolic links; `None` for a bare repository.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.place.work_tree.as_deref()
    }

    /// The index file, whether it exists or not.
    #[must_use]
    pub fn index_file(&self) -> &Path {
        &self.index_file
    }

    /// The hash function of the object ids.
    #[must_use]
    pub fn object_format(&self) -> ObjectFormat {
        self.format
    }

    /// The address of the remote `origin`, without credentials.
    #[must_use]
    pub fn origin_url(&self) -> Option<&str> {
        self.origin_url.as_deref()
    }

    /// The branch that is checked out, `main` for `refs/heads/main`, also before its first commit; `None` if detached.
    ///
    /// # Errors
    /// When HEAD cannot be read.
    pub fn branch(&self) -> Result<Option<String>, GitError> {
        Ok(refs::head(self)?.branch)
    }

    /// The commit that HEAD points to, with its tree; `None` before the first commit.
    ///
    /// # Errors
    /// When HEAD or its commit cannot be read.
    pub fn head(&self) -> Result<Option<Head>, GitError> {
        let Some(commit) = refs::head(self)?.commit else { return Ok(None) };
        let tree = self.objects()?.tree_of_commit(commit).map_err(|cause| GitError::Object {
            git_dir: self.git_dir().to_path_buf(),
            id: commit,
            cause,
        })?;
        Ok(Some(Head { commit, tree }))
    }

    /// A reader for objects; every thread opens its own.
    ///
    /// # Errors
    /// When the object directory cannot be opened.
    pub fn objects(&self) -> Result<ObjectReader, GitError> {
        ObjectReader::open(&self.objects, self.format)
    }

    /// All objects, packed and loose, with those of borrowed directories.
    ///
    /// # Errors
    /// When the object directory cannot be opened; what else cannot be read is one of [`Store::gaps`].
    pub fn store(&self, scope: Scope) -> Result<Store, GitError> {
        Store::open(&self.objects, self.format, scope)
    }

    /// The index; `None` when nothing was ever staged.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn index(&self) -> Result<Option<Index>, GitError> {
        Index::open(&self.index_file, self.git_dir(), self.format)
    }

    /// Whether git tracks `path`, given relative to the work tree. Reads the whole index: for one question, not many.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn is_tracked(&self, path: &Path) -> Result<bool, GitError> {
        let Some(index) = self.index()? else { return Ok(false) };
        let mut entries = index.entries();
        while let Some(entry) = entries.next() {
            if path_from_git(entry.path) == path {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The configuration of one repository; that of the user and the system has no say in what is read here.
struct Config(git2::Config);

impl Config {
    fn read(git_dir: &Path, common_dir: &Path) -> Result<Self, GitError> {
        let path = common_dir.join("config");
        let read = || {
            let mut config = git2::Config::new()?;
            if path.exists() {
                config.add_file(&path, git2::ConfigLevel::Local, false)?;
            }
            let own = git_dir.join("config.worktree");
            if config.get_bool("extensions.worktreeconfig").unwrap_or(false) && own.exists() {
                config.add_file(&own, git2::ConfigLevel::Worktree, false)?;
            }
            Ok(Self(config))
        };
        // The message of libgit2 quotes the file, which may hold a password.
        read().map_err(|_: git2::Error| GitError::Damaged {
            path: path.clone(),
            what: "it cannot be understood; `git config --list` shows the line".into(),
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get_string(name).ok()
    }

    fn flag(&self, name: &str) -> bool {
        self.0.get_bool(name).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::Fixture;
    use super::*;

    fn found(start: &Path) -> Repository {
        Repository::discover(start, &GitEnvironment::default()).unwrap().unwrap()
    }

    #[test]
    fn the_repository_is_found_from_below_and_nowhere_else() {
        let repo = Fixture::new();
        repo.write("a/b/file", "x");
        let found = found(&repo.path("a/b"));
        assert_eq!(found.work_tree(), Some(repo.root()));
        assert_eq!(found.git_dir(), repo.path(".git"));
        assert_eq!(found.branch().unwrap().as_deref(), Some("main"));
        assert_eq!(found.head().unwrap(), None);
        let nowhere = tempfile::tempdir().unwrap();
        let environment =
            GitEnvironment { ceiling_directories: vec![nowhere.path().into()], ..GitEnvironment::default() };
        assert!(Repository::discover(nowhere.path(), &environment).unwrap().is_none());
    }

    #[test]
    fn head_is_found_loose_packed_and_detached() {
        let repo = Fixture::new();
        repo.write("file", "x");
        repo.commit_all();
        let expected = repo.git(&["rev-parse", "HEAD", "HEAD^{tree}"]);
        let check = |branch: Option<&str>| {
            let found = found(repo.root());
            let head = found.head().unwrap().unwrap();
            assert_eq!(format!("{}\n{}\n", head.commit, head.tree), expected);
            assert_eq!(found.branch().unwrap().as_deref(), branch);
        };
        check(Some("main"));
        repo.git(&["pack-refs", "--all"]);
        repo.git(&["gc", "-q"]);
        check(Some("main"));
        repo.git(&["checkout", "-q", "--detach"]);
        check(None);
    }

    #[test]
    fn a_partial_clone_and_a_reftable_and_a_sha256_repository_have_a_head() {
        for arguments in [&["--ref-format=reftable"][..], &["--object-format=sha256"], &[]] {
            let Some(repo) = Fixture::with_init(arguments) else {
                continue; // This git is too old to make such a repository.
            };
            repo.write("file", "x");
            repo.commit_all();
            if arguments.is_empty() {
                repo.git(&["config", "core.repositoryFormatVersion", "1"]);
                repo.git(&["config", "extensions.partialClone", "origin"]);
            }
            let head = found(repo.root()).head().unwrap().unwrap();
            assert_eq!(head.commit.to_string(), repo.git(&["rev-parse", "HEAD"]).trim());
            assert_eq!(found(repo.root()).branch().unwrap().as_deref(), Some("main"));
        }
    }

    #[test]
    fn a_linked_work_tree_has_its_own_head_and_index() {
        let repo = Fixture::new();
        repo.write("file", "x");
        repo.commit_all();
        repo.git(&["worktree", "add", "-q", "-b", "side", "linked"]);
        let linked = found(&repo.path("linked"));
        assert_eq!(linked.work_tree(), Some(&*repo.path("linked")));
        assert_eq!(linked.common_dir(), repo.path(".git"));
        assert_eq!(linked.git_dir(), repo.path(".git/worktrees/linked"));
        assert_eq!(linked.branch().unwrap().as_deref(), Some("side"));
        assert!(linked.is_tracked(Path::new("file")).unwrap());
        assert!(!linked.is_tracked(Path::new("other")).unwrap());
        std::fs::write(repo.path("linked/.git"), "gitdir: /nowhere/at/all").unwrap();
        let error = Repository::discover(&repo.path("linked"), &GitEnvironment::default()).unwrap_err();
        assert!(matches!(error, GitError::NotGit { .. }), "{error}");
    }

    #[test]
    fn the_environment_is_obeyed() {
        let repo = Fixture::new();
        let environment = GitEnvironment {
            git_dir: Some(".git".into()),
            index_file: Some("elsewhere".into()),
            ..GitEnvironment::default()
        };
        let found = Repository::discover(repo.root(), &environment).unwrap().unwrap();
        assert_eq!(found.work_tree(), Some(repo.root()));
        assert_eq!(found.index_file(), repo.path("elsewhere"));
        let wrong = GitEnvironment { git_dir: Some("nothing".into()), ..GitEnvironment::default() };
        assert!(matches!(Repository::discover(repo.root(), &wrong), Err(GitError::NotGit { .. })));
    }

    #[test]
    fn the_address_of_origin_has_no_password() {
        let repo = Fixture::new();
        assert_eq!(found(repo.root()).origin_url(), None);
        repo.git(&[
            "config",
            "remote.origin.url",
            &format!("https://me:{}@example.org/a.git", "pass".repeat(3)),
        ]);
        assert_eq!(found(repo.root()).origin_url(), Some("https://example.org/a.git"));
    }

    #[test]
    fn broken_configuration_is_an_error_that_does_not_quote_it() {
        let repo = Fixture::new();
        repo.write(".git/config", format!("[core\n password = {}", "geheim".repeat(2)));
        let error = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap_err();
        assert!(!error.to_string().contains("geheim"), "{error}");
        assert!(error.hint().contains("git fsck"));
    }
}
