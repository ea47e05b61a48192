//! References: every name from which git reaches an object, of a repository and of its linked work trees.

mod files;
mod head;
mod reflog;
mod table;

use std::path::{Path, PathBuf};

pub(super) use head::head;
pub use reflog::{Reflog, ReflogEntry};

use super::Repository;
use super::object::ObjectId;
use crate::coverage::Gap;
use crate::finding::Reach;

/// Every way into the objects of a repository.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// HEAD first, then by name. A name stands here once for each object that it leads to: `FETCH_HEAD` has many.
    pub refs: Vec<Reference>,
    /// What the references pointed to before, by name.
    pub reflogs: Vec<Reflog>,
    /// Commits whose parents a shallow clone left behind.
    pub shallow: Vec<ObjectId>,
    /// Commits whose parents `info/grafts` replaces. That is not obeyed here: what counts is what was committed.
    pub grafts: Vec<ObjectId>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// A name that points to an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `HEAD`, `refs/heads/main`, `ORIG_HEAD`, `worktrees/side/HEAD`; foreign bytes.
    pub name: Vec<u8>,
    /// What it points to: a commit as a rule, but it may be any object, and it may be missing.
    pub target: ObjectId,
    /// How public that is.
    pub reach: Reach,
}

impl Reference {
    /// A reference of this full name.
    #[must_use]
    pub fn new(name: &[u8], target: ObjectId) -> Self {
        Self { name: name.to_vec(), target, reach: reach(name) }
    }
}

impl Repository {
    /// Every reference. What cannot be read is told in `gaps`.
    ///
    /// The files of git are read directly; where references lie in reftables, the git program lists them.
    #[must_use]
    pub fn references(&self) -> References {
        let mut found = References::default();
        for place in places(self, &mut found.gaps) {
            if self.reftable {
                table::read(&place, &mut found);
            } else {
                files::loose(&place, &mut found);
                reflog::read(&place, &mut found);
            }
            files::pseudo(&place, &mut found);
        }
        if !self.reftable {
            files::packed(&self.common_dir, &mut found);
        }
        found.shallow = files::ids(&self.common_dir.join("shallow"), &mut found.gaps);
        found.grafts = files::ids(&self.common_dir.join("info/grafts"), &mut found.gaps);
        let order = |reference: &Reference| (reference.name != b"HEAD", reference.clone());
        found.refs.sort_by_cached_key(order);
        found.refs.dedup();
        found.reflogs.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }
}

/// One git directory with references of its own: that of the repository, or of one work tree.
struct Place {
    git_dir: PathBuf,
    common_dir: PathBuf,
    /// What its own references are called by: nothing for the work tree that the user looks at, `main-worktree/` and
    /// `worktrees/<name>/` for the others, as git calls them.
    prefix: Vec<u8>,
}

impl Place {
    /// The full name of a reference: branches and tags belong to all work trees, so their names need no prefix.
    fn name(&self, name: &[u8]) -> Vec<u8> {
        const OWN: &[&[u8]] = &[b"refs/bisect/", b"refs/worktree/", b"refs/rewritten/"];
        let shared = name.starts_with(b"refs/") && !OWN.iter().any(|kind| name.starts_with(kind));
        if shared { name.to_vec() } else { [&self.prefix, name].concat() }
    }
}

fn places(repository: &Repository, gaps: &mut Vec<Gap>) -> Vec<Place> {
    let (own, common) = (&repository.place.git_dir, &repository.common_dir);
    let place =
        |git_dir: &Path, prefix| Place { git_dir: git_dir.into(), common_dir: common.clone(), prefix };
    let mut all = vec![place(own, Vec::new())];
    if own != common {
        all.push(place(common, b"main-worktree/".to_vec()));
    }
    let linked = common.join("worktrees");
    for (name, _) in files::list(&linked, gaps).into_iter().filter(|(_, kind)| kind.is_dir()) {
        let path = linked.join(&name);
        if path != *own {
            all.push(place(&path, [b"worktrees/", &*files::bytes(&name), b"/"].concat()));
        }
    }
    all
}

/// How public what a reference points to is, by its name.
fn reach(name: &[u8]) -> Reach {
    const KINDS: &[(&[u8], Reach)] = &[
        (b"refs/heads/", Reach::Branch),
        (b"refs/tags/", Reach::Tag),
        (b"refs/remotes/", Reach::Remote),
        (b"refs/prefetch/remotes/", Reach::Remote),
        (b"refs/pull/", Reach::PullRequest),
        (b"refs/merge-requests/", Reach::PullRequest),
        (b"refs/pull-requests/", Reach::PullRequest),
        (b"refs/changes/", Reach::PullRequest),
        (b"refs/notes/", Reach::Note),
    ];
    match name {
        b"HEAD" => Reach::Head,
        b"refs/stash" => Reach::Stash,
        _ => KINDS.iter().find(|(start, _)| name.starts_with(start)).map_or(Reach::Other, |kind| kind.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::GitEnvironment;
    use crate::git::fixture::Fixture;

    fn references(start: &Path) -> References {
        Repository::discover(start, &GitEnvironment::default()).unwrap().unwrap().references()
    }

    fn names(found: &References) -> Vec<String> {
        found.refs.iter().map(|found| String::from_utf8_lossy(&found.name).into_owned()).collect()
    }

    fn commit(repo: &Fixture, text: &str) -> ObjectId {
        repo.write("file", text);
        repo.commit_all();
        ObjectId::from_hex(repo.git(&["rev-parse", "HEAD"]).trim().as_bytes()).unwrap()
    }

    #[test]
    fn every_kind_of_reference_is_found_loose_and_packed() {
        let repo = Fixture::new();
        let first = commit(&repo, "1");
        let classes = [
            ("refs/changes/01/1/1", Reach::PullRequest),
            ("refs/custom/x", Reach::Other),
            ("refs/heads/a/b", Reach::Branch),
            ("refs/heads/main", Reach::Branch),
            ("refs/merge-requests/1/head", Reach::PullRequest),
            ("refs/notes/commits", Reach::Note),
            ("refs/pull/1/head", Reach::PullRequest),
            ("refs/remotes/origin/main", Reach::Remote),
            ("refs/tags/light", Reach::Tag),
        ];
        for (name, _) in classes {
            repo.git(&["update-ref", name, "HEAD"]);
        }
        repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
        repo.git(&["symbolic-ref", "refs/remotes/origin/gone", "refs/remotes/origin/nothing"]);
        let check = || {
            let found = references(repo.root());
            assert_eq!(found.gaps, []);
            assert_eq!(
                (&*found.refs[0].name, found.refs[0].reach, found.refs[0].target),
                (&b"HEAD"[..], Reach::Head, first)
            );
            for (name, reach) in classes {
                let one: Vec<_> = found.refs.iter().filter(|one| one.name == name.as_bytes()).collect();
                assert_eq!(one.len(), 1, "{name}");
                assert_eq!((one[0].reach, one[0].target), (reach, first), "{name}");
            }
            assert!(names(&found).contains(&"refs/remotes/origin/HEAD".to_owned()));
            assert_eq!(found.refs.len(), classes.len() + 2);
        };
        check();
        repo.git(&["pack-refs", "--all"]);
        check();
        // A loose reference hides a packed one.
        let second = commit(&repo, "2");
        let found = references(repo.root());
        let main: Vec<_> = found.refs.iter().filter(|one| one.name == b"refs/heads/main").collect();
        assert_eq!((main.len(), main[0].target), (1, second));
    }

    #[test]
    fn stashes_reflogs_and_heads_of_operations_are_found() {
        let repo = Fixture::new();
        commit(&repo, "1");
        for text in ["2", "3"] {
            repo.write("file", text);
            repo.git(&["stash", "-q"]);
        }
        commit(&repo, "4");
        repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
        repo.write(
            ".git/FETCH_HEAD",
            format!("{}\tnot-for-merge\tbranch\n{}\t\n", "ab".repeat(20), "cd".repeat(20)),
        );
        let found = references(repo.root());
        assert_eq!(found.gaps, []);
        let all = names(&found);
        assert_eq!(all, ["HEAD", "FETCH_HEAD", "FETCH_HEAD", "ORIG_HEAD", "refs/heads/main", "refs/stash"]);
        assert_eq!(found.refs[5].reach, Reach::Stash);
        let log = |name: &str| found.reflogs.iter().find(|log| log.name == name.as_bytes()).unwrap();
        assert_eq!((log("logs/refs/stash").entries.len(), log("logs/refs/stash").reach), (2, Reach::Stash));
        assert_eq!(log("logs/HEAD").reach, Reach::Reflog);
        assert_eq!(log("logs/HEAD").entries.last().unwrap().new, found.refs[0].target);
    }

    #[test]
    fn each_work_tree_has_its_own_head() {
        let repo = Fixture::new();
        let first = commit(&repo, "1");
        repo.git(&["worktree", "add", "-q", "--detach", "linked"]);
        let second = commit(&repo, "2");
        let head = |found: &References, name: &str| {
            let one = found.refs.iter().find(|one| one.name == name.as_bytes()).unwrap();
            (one.target, one.reach)
        };
        let found = references(repo.root());
        assert_eq!(head(&found, "HEAD"), (second, Reach::Head));
        assert_eq!(head(&found, "worktrees/linked/HEAD"), (first, Reach::Other));
        let found = references(&repo.path("linked"));
        assert_eq!(head(&found, "HEAD"), (first, Reach::Head));
        assert_eq!(head(&found, "main-worktree/HEAD"), (second, Reach::Other));
        assert_eq!(head(&found, "refs/heads/main"), (second, Reach::Branch));
        let logs: Vec<_> = found.reflogs.iter().map(|log| String::from_utf8_lossy(&log.name)).collect();
        assert!(
            logs.contains(&"logs/HEAD".into()) && logs.contains(&"main-worktree/logs/HEAD".into()),
            "{logs:?}"
        );
    }

    #[test]
    fn reftables_are_listed_by_the_git_program() {
        let Some(repo) = Fixture::with_init(&["--ref-format=reftable"]) else { return };
        assert_eq!(references(repo.root()).gaps, []);
        let first = commit(&repo, "1");
        repo.git(&["tag", "light"]);
        repo.write("file", "2");
        repo.git(&["stash", "-q"]);
        repo.git(&["worktree", "add", "-q", "-b", "side", "linked"]);
        let found = references(repo.root());
        assert_eq!(found.gaps, []);
        let expected =
            ["HEAD", "ORIG_HEAD", "refs/heads/main", "refs/heads/side", "refs/stash", "refs/tags/light"];
        let all = names(&found);
        assert!(expected.iter().all(|name| all.contains(&(*name).to_owned())), "{all:?}");
        assert_eq!((found.refs[0].target, found.refs[0].reach), (first, Reach::Head));
        assert!(all.contains(&"worktrees/linked/HEAD".to_owned()), "{all:?}");
        assert!(found.reflogs.iter().any(|log| log.reach == Reach::Stash && log.entries.len() == 1));
    }

    #[test]
    fn what_makes_no_sense_is_a_gap() {
        let repo = Fixture::new();
        commit(&repo, "1");
        repo.write(".git/refs/heads/odd", "not an id");
        repo.write(".git/refs/heads/circle", "ref: refs/heads/circle");
        repo.write(".git/refs/heads/out", "ref: ../../config");
        repo.write(".git/refs/heads/held.lock", "");
        repo.write(".git/packed-refs", "# pack-refs\nnonsense\n");
        repo.write(".git/shallow", format!("{}\n", "ab".repeat(20)));
        let found = references(repo.root());
        assert_eq!(found.gaps.len(), 4, "{:?}", found.gaps);
        assert_eq!(names(&found), ["HEAD", "refs/heads/main"]);
        assert_eq!(found.shallow.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn hostile_names_and_links_and_pipes_do_no_harm() {
        use std::os::unix::ffi::OsStrExt;
        let repo = Fixture::new();
        let first = commit(&repo, "1");
        let heads = repo.path(".git/refs/heads");
        let hostile = b"\xff\x1b[31m x";
        std::fs::write(heads.join(std::ffi::OsStr::from_bytes(hostile)), format!("{first}\n")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", heads.join("endless")).unwrap();
        std::os::unix::fs::symlink(".", heads.join("loop")).unwrap();
        let found = references(repo.root());
        assert_eq!(found.gaps.len(), 2, "{:?}", found.gaps);
        assert!(found.refs.iter().any(|one| one.name == [b"refs/heads/", &hostile[..]].concat()));
    }
}
