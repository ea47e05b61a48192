//! The first proof: no object and no file of a repository or of its work trees holds a value, in any encoding.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use crate::coverage::Gap;
use crate::git::{Repository, child, path_from_git};
use crate::needle::Needle;
use crate::source::Stop;

use super::files::{self, Files, Listing, Naming};
use super::objects::{self, Objects};
use super::search::Search;
use super::{Claim, Fault, Proof, State};

/// What to do about objects that only git could read, and does not.
const SEALED_HINT: &str = "delete it, or unpack it into a repository and prove that one, too";

/// What to look for, and where.
pub struct Request<'a> {
    /// The values.
    pub needles: &'a [Needle],
    /// The repository.
    pub repository: &'a Repository,
    /// Where the user is: paths are told relative to it.
    pub here: &'a Path,
}

/// Proves that nothing of the repository holds a value.
///
/// Every object is read through the git program, reachable or not, loose or packed, of this repository, of its
/// submodules and of any other that lies in its directories; every other file is read as it lies on disk.
#[must_use]
pub fn prove(request: &Request<'_>, stop: &Stop) -> Proof {
    let started = Instant::now();
    let search = Search::new(request.needles);
    let naming = Naming { search: &search, here: request.here };
    let mut proof = Proof::new(Claim::P1, started.elapsed());
    let roots = roots(request.repository, &mut proof.gaps);
    let listing = Listing::new(&roots, &naming);
    let mut stores: Vec<&Path> = listing.stores.iter().map(PathBuf::as_path).collect();
    let common = request.repository.common_dir();
    if !stores.contains(&common) {
        stores.push(common);
    }
    let of_store = |store: &&Path| objects::search(store, &naming.name(store), &search, stop);
    let (files, objects) = std::thread::scope(|scope| {
        // What waits for the pipe of git must not be one of the threads that look at what comes through it.
        let objects = scope.spawn(|| stores.iter().map(of_store).collect::<Vec<_>>());
        (files::search(&listing, &naming, stop), objects.join().ok())
    });
    if objects.is_none() {
        proof.gaps.push(Gap::new("the objects", "an internal error ended the search").hint("report it"));
    }
    for (paths, what) in
        [(&listing.sealed, "a pack without an index"), (&files.sealed, "a bundle, or a pack out of place")]
    {
        let gaps = paths.iter().map(|path| Gap::new(naming.name(path), what).hint(SEALED_HINT));
        proof.gaps.extend(gaps);
    }
    account(&mut proof, files, objects.unwrap_or_default());
    proof.faults.extend(listing.faults.iter().cloned());
    proof.gaps.extend(listing.gaps.iter().cloned());
    for store in stores {
        hidden_names(store, &naming, &mut proof);
    }
    references(request.repository, &search, &mut proof);
    proof.faults.sort();
    proof.faults.dedup();
    proof.judge(State::Gone, State::StillHere);
    proof.duration = started.elapsed();
    proof
}

fn account(proof: &mut Proof, files: Files, objects: Vec<Objects>) {
    let total = |number: fn(&Objects) -> u64| objects.iter().map(number).sum::<u64>();
    proof.fact("objects", total(|found| found.count));
    proof.fact("bytes of objects", total(|found| found.bytes));
    proof.fact("files", files.count);
    proof.fact("bytes of files", files.bytes);
    for found in objects {
        proof.faults.extend(found.faults);
        proof.gaps.extend(found.gaps);
    }
    proof.faults.extend(files.faults);
    proof.gaps.extend(files.gaps);
}

/// The directories to read: those of git, and all work trees.
fn roots(repository: &Repository, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let mut roots = vec![repository.common_dir().to_path_buf(), repository.git_dir().to_path_buf()];
    roots.extend(repository.work_tree().map(Path::to_path_buf));
    let mut command = child::offline(repository.common_dir());
    match child::run(command.args(["worktree", "list", "--porcelain", "-z"])) {
        Ok(answer) if answer.is_success() => {
            let records = answer.stdout.split(|&byte| byte == 0);
            let places = records.filter_map(|record| record.strip_prefix(b"worktree "));
            roots.extend(places.map(path_from_git).filter(|path| path.is_dir()));
        }
        _ => gaps.push(Gap::new("linked work trees", "git cannot list them").hint("run `git worktree list`")),
    }
    let mut roots: Vec<PathBuf> = roots.into_iter().map(|path| path.canonicalize().unwrap_or(path)).collect();
    roots.sort();
    // A directory inside another one is walked with it.
    roots.dedup_by(|inner, outer| inner.starts_with(&*outer));
    roots
}

/// The paths in indexes of version 4, which stores of each only what differs from the one before.
fn hidden_names(store: &Path, naming: &Naming<'_>, proof: &mut Proof) {
    let linked = fs::read_dir(store.join("worktrees")).into_iter().flatten().flatten();
    let indexes = linked.map(|entry| entry.path().join("index")).chain([store.join("index")]);
    for index in indexes.filter(|index| is_compressed(index)) {
        let mut command = child::offline(store);
        command.env("GIT_INDEX_FILE", &index).args(["ls-files", "-z", "--sparse"]).stderr(Stdio::null());
        match child::run(&mut command) {
            Ok(answer) if answer.is_success() => {
                let mut names = answer.stdout.split(|&byte| byte == 0);
                if names.any(|name| naming.search.is_in(name)) {
                    proof.faults.push(Fault::new(naming.name(&index), "a path in it"));
                }
            }
            _ => {
                let gap = Gap::new(naming.name(&index), "git cannot read this index");
                proof.gaps.push(gap.hint("delete it and run `git reset`"));
            }
        }
    }
}

fn is_compressed(index: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0; 8];
    let read = fs::File::open(index).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"DIRC\0\0\0\x04"
}

/// The names of references and the reflogs where no file has them as text: in reftables.
fn references(repository: &Repository, search: &Search<'_>, proof: &mut Proof) {
    if !repository.common_dir().join("reftable").is_dir() {
        return;
    }
    let references = repository.references();
    proof.gaps.extend(references.gaps);
    for reference in references.refs.iter().filter(|reference| search.is_in(&reference.name)) {
        proof.faults.push(Fault::new(search.redact(&String::from_utf8_lossy(&reference.name)), "its name"));
    }
    for log in references.reflogs.iter().filter(|log| search.is_in(&log.content)) {
        proof.faults.push(Fault::new(search.redact(&String::from_utf8_lossy(&log.name)), "its reflog"));
    }
}
