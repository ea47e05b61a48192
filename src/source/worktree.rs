//! The work tree: files and directories as they lie on disk.

mod roots;
mod tracked;

use std::ffi::OsStr;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use self::roots::{Root, Roots};
use self::tracked::{Repositories, Tracked};
use super::excluded::Excluded;
use super::reader::{Reader, Sink, Unread, io_gap};
use super::{Source, SourceError, Stop, crew};
use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::finding::Origin;
use crate::git::GitEnvironment;

/// Files and directories to examine.
#[derive(Debug)]
pub struct Worktree {
    paths: Vec<PathBuf>,
    options: Options,
}

/// How to choose among the files of a directory. Files that are named themselves are always examined.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose wishes to leave files out are heard.
    pub ignore: Ignore,
    /// Larger files are missed, and said to be.
    pub max_file_bytes: u64,
    /// Patterns of paths to leave out, as in a `.gitignore`; from the configuration.
    pub exclude: Vec<String>,
    /// The directory that `exclude` is relative to: where the configuration lies.
    pub exclude_base: PathBuf,
    /// What the environment says about the repository; only needed where no `.git` is found.
    pub git: GitEnvironment,
}

/// Whose wishes to leave files out are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// `.gitignore` and git's own exclude files; but a file that git tracks is examined all the same, because it will be
    /// pushed. An `.ignore` of other search tools hides nothing: git would commit it. Packages in `node_modules` are left
    /// out unless tracked or named.
    AsGit,
    /// Nobody's: every file is examined, but for the `.git` directories.
    Nothing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ignore: Ignore::AsGit,
            max_file_bytes: 256 << 20,
            exclude: Vec::new(),
            exclude_base: PathBuf::from("."),
            git: GitEnvironment::default(),
        }
    }
}

impl Worktree {
    /// The given files and directories; paths appear in the results as they are written here.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>, options: Options) -> Self {
        Self { paths: paths.into_iter().collect(), options }
    }
}

impl Source for Worktree {
    fn visit(&self, sink: &(dyn Fn(Chunk<'_>) + Sync), stop: &Stop) -> Result<Coverage, SourceError> {
        let (roots, mut coverage) = Roots::resolve(&self.paths);
        let excluded = Excluded::new(&self.options.exclude, &self.options.exclude_base)?;
        let Some((first, others)) = roots.all().split_first() else {
            return Err(nothing_readable(coverage));
        };
        let repositories = Repositories::new(&self.options, &roots);
        let walk =
            Walk { options: &self.options, roots: &roots, excluded: &excluded, repositories: &repositories };
        let mut builder = WalkBuilder::new(&first.path);
        for root in others {
            builder.add(&root.path);
        }
        builder.hidden(false).ignore(false);
        if self.options.ignore == Ignore::Nothing {
            builder.standard_filters(false);
        }
        let total = Mutex::new(Coverage::default());
        builder.build_parallel().visit(&mut Crew { walk: &walk, sink, stop, total: &total });
        coverage.absorb(total.into_inner().unwrap_or_else(PoisonError::into_inner));
        coverage.absorb(walk.unseen(sink, stop));
        coverage.absorb(repositories.into_coverage());
        coverage.skipped.sort();
        coverage.missed.sort();
        if stop.requested() {
            coverage.missed.push(Gap::new("the rest of the files", "interrupted").hint("scan again"));
        }
        Ok(coverage)
    }
}

/// The error when none of the paths leads anywhere.
fn nothing_readable(mut coverage: Coverage) -> SourceError {
    let (what, hint) = match coverage.missed.pop() {
        Some(gap) => (format!("cannot read {}: {}", gap.subject, gap.reason), gap.hint),
        None => {
            ("no path to scan was given".into(), "name a file or a directory, or `.` for this one".into())
        }
    };
    SourceError { what, hint, cause: None }
}

/// What all threads share.
struct Walk<'a> {
    options: &'a Options,
    roots: &'a Roots,
    excluded: &'a Excluded,
    repositories: &'a Repositories<'a>,
}

impl Walk<'_> {
    /// Reads the files that git tracks though an ignore pattern hides them.
    fn unseen(&self, sink: Sink<'_>, stop: &Stop) -> Coverage {
        let files = self.repositories.unseen(self.roots, self.excluded);
        let limit = self.options.max_file_bytes;
        crew::work_off(
            &files,
            || Reader::new(sink, stop),
            |reader, path, coverage| {
                if !reader.stopped() {
                    read(reader, path.clone(), limit, coverage);
                }
            },
        )
    }
}

/// Reads one file and accounts for it.
fn read(reader: &mut Reader<'_>, path: PathBuf, limit: u64, coverage: &mut Coverage) {
    let origin = Origin::File { path };
    let Some(path) = origin.path() else { return };
    match reader.file(path, &origin, limit) {
        Ok(bytes) => coverage.examined(bytes),
        Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            let gap = Gap::new(path.display().to_string(), "it was removed before it could be read");
            coverage.missed.push(gap.hint("scan again"));
        }
        Err(unread) => coverage.missed.push(unread.gap(path.display().to_string(), limit)),
    }
}

/// Makes one visitor for each thread of the walk.
struct Crew<'a> {
    walk: &'a Walk<'a>,
    sink: Sink<'a>,
    stop: &'a Stop,
    total: &'a Mutex<Coverage>,
}

impl<'a> ParallelVisitorBuilder<'a> for Crew<'a> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 'a> {
        Box::new(Visitor {
            walk: self.walk,
            reader: Reader::new(self.sink, self.stop),
            coverage: Coverage::default(),
            total: self.total,
            here: None,
        })
    }
}

/// One thread of the walk; it reads what it finds.
struct Visitor<'a> {
    walk: &'a Walk<'a>,
    reader: Reader<'a>,
    coverage: Coverage,
    total: &'a Mutex<Coverage>,
    /// The directory of the last file: neighbours mostly come one after the other.
    here: Option<Here<'a>>,
}

/// A directory of the walk, and what holds for everything in it.
struct Here<'a> {
    /// As walked.
    path: PathBuf,
    root: &'a Root,
    /// Absolute and without symbolic links.
    real: PathBuf,
    /// The files that git tracks here.
    tracked: Option<Arc<Tracked>>,
    /// The directory relative to its work tree, as git writes it, with a `/` at its end.
    prefix: Vec<u8>,
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        total.absorb(std::mem::take(&mut self.coverage));
    }
}

impl ParallelVisitor for Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        if self.reader.stopped() {
            return WalkState::Quit;
        }
        match entry {
            Err(error) => self.unreadable(&error),
            Ok(entry) => match entry.file_type() {
                Some(kind) if kind.is_dir() => return self.directory(&entry),
                Some(kind) => self.other(entry, kind),
                // Only standard input has no type, and it is never walked.
                None => {}
            },
        }
        WalkState::Continue
    }
}

impl<'a> Visitor<'a> {
    /// Decides whether to go into a directory.
    fn directory(&mut self, entry: &DirEntry) -> WalkState {
        if entry.depth() == 0 {
            return WalkState::Continue;
        }
        let name = entry.file_name();
        if name == OsStr::new(".git") {
            return WalkState::Skip;
        }
        let walk = self.walk;
        let Some(here) = self.here(entry) else { return WalkState::Continue };
        if walk.options.ignore == Ignore::AsGit
            && name == OsStr::new("node_modules")
            && !here.root.in_packages
        {
            let gap = Gap::new(display(entry.path()), "installed packages that git does not track");
            self.coverage.skipped.push(gap.hint("name the directory, or use --no-ignore, to scan them"));
            return WalkState::Skip;
        }
        let real = here.real.join(name);
        if walk.roots.is_root(&real) {
            return WalkState::Skip;
        }
        if walk.excluded.has(&real, true) {
            self.coverage.skipped.push(excluded_gap(entry.path()));
            return WalkState::Skip;
        }
        walk.repositories.enter(&real);
        WalkState::Continue
    }

    /// Reads a file; leaves out everything else that is no directory.
    fn other(&mut self, entry: DirEntry, kind: FileType) {
        let named = entry.depth() == 0;
        if kind.is_symlink() && !named {
            return self
                .coverage
                .skipped
                .push(Gap::new(display(entry.path()), "a symbolic link, not followed"));
        }
        if !kind.is_file() {
            let gap = Gap::new(display(entry.path()), kind_name(kind));
            if named {
                self.coverage
                    .missed
                    .push(gap.hint("let it be read by another program and scan that with --stdin"));
            } else {
                self.coverage.skipped.push(gap);
            }
            return;
        }
        let name = entry.file_name();
        if !named && name == OsStr::new(".git") {
            return;
        }
        let walk = self.walk;
        if named {
            walk.repositories.mark_root(entry.path(), walk.roots);
        } else if let Some(here) = self.here(&entry) {
            if walk.roots.nested() || walk.excluded.any() {
                let real = here.real.join(name);
                if walk.roots.is_root(&real) {
                    return;
                }
                if walk.excluded.has(&real, false) {
                    return self.coverage.skipped.push(excluded_gap(entry.path()));
                }
            }
            here.mark(name);
        }
        let path = shown(entry.into_path());
        read(&mut self.reader, path, walk.options.max_file_bytes, &mut self.coverage);
    }

    /// What holds in the directory of `entry`, which is not a root.
    fn here(&mut self, entry: &DirEntry) -> Option<&mut Here<'a>> {
        let parent = entry.path().parent()?;
        let known = self.here.as_ref().is_some_and(|here| here.path.as_os_str() == parent.as_os_str());
        if !known {
            let root = self.walk.roots.get(entry.path().ancestors().nth(entry.depth())?)?;
            let real = root.real.join(parent.strip_prefix(&root.path).ok()?);
            let tracked = self.walk.repositories.of(&real);
            let prefix = tracked.as_ref().and_then(|tracked| tracked.prefix(&real)).unwrap_or_default();
            self.here = Some(Here { path: parent.to_path_buf(), root, real, tracked, prefix });
        }
        self.here.as_mut()
    }

    fn unreadable(&mut self, error: &ignore::Error) {
        let subject = path_of(error).map_or_else(|| "a directory".to_owned(), display);
        self.coverage.missed.push(match error.io_error() {
            Some(cause) => io_gap(subject, cause),
            None => Gap::new(subject, "it cannot be walked"),
        });
    }
}

impl Here<'_> {
    /// Notes that the file `name` of this directory was seen.
    fn mark(&mut self, name: &OsStr) {
        let Some(tracked) = &self.tracked else { return };
        let length = self.prefix.len();
        self.prefix.extend(name.as_encoded_bytes());
        tracked.mark(&self.prefix);
        self.prefix.truncate(length);
    }
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}

fn kind_name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe, not a file";
        }
        if kind.is_socket() {
            return "a socket, not a file";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device, not a file";
        }
    }
    let _ = kind;
    "not a file"
}

fn excluded_gap(path: &Path) -> Gap {
    Gap::new(display(path), "excluded by the configuration")
}

/// The path as the user would type it: without the `./` that walking the current directory puts before it.
fn shown(path: PathBuf) -> PathBuf {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.to_path_buf(),
        _ => path,
    }
}

fn display(path: &Path) -> String {
    shown(path.to_path_buf()).display().to_string()
}

#[cfg(test)]
mod tests;
