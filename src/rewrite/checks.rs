//! The safety checks of a rewrite: each has a name, passes or fails, and says what mends it. None of them writes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::references::Inventory;
use super::scan::{Commonness, Scanned};
use crate::coverage::Gap;
use crate::git::Repository;
use crate::git::edit::GitEdit;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, such as `rw.clean`.
    pub id: &'static str,
    /// Whether the rewrite may go on, as far as this check is concerned.
    pub pass: bool,
    /// What was found. It may hold names with a value.
    pub found: String,
    /// What mends it; empty where it passes.
    pub fix: String,
}

/// What the user has already agreed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Consents {
    /// The value is revoked: it opens nothing any more.
    pub revoked: bool,
    /// The value stands inside of longer words, and these change too.
    pub common: bool,
    /// Packs that are marked to be kept are packed anew.
    pub kept_packs: bool,
    /// Repositories in `.git/modules` are left as they are.
    pub submodules: bool,
}

/// Where to look.
pub(super) struct Checks<'a> {
    pub(super) repository: &'a Repository,
    pub(super) git: &'a GitEdit,
    pub(super) inventory: &'a Inventory,
    pub(super) consents: Consents,
    /// Where the backup and the maps go.
    pub(super) folder: &'a Path,
}

/// An operation that git is in the middle of, by the file that says so.
const OPERATIONS: [(&str, &str); 7] = [
    ("MERGE_HEAD", "git merge --abort"),
    ("CHERRY_PICK_HEAD", "git cherry-pick --abort"),
    ("REVERT_HEAD", "git revert --abort"),
    ("BISECT_LOG", "git bisect reset"),
    ("rebase-merge", "git rebase --abort"),
    ("rebase-apply", "git rebase --abort, or git am --abort"),
    ("sequencer", "git cherry-pick --abort, or git revert --abort"),
];
/// More names than this are counted only.
const TOLD: usize = 5;
/// From so many places on, a value that mostly stands inside of longer words is taken for one of them.
const COMMON: u64 = 8;
/// How much free space is asked for, in sizes of the objects.
const SPACE: u64 = 3;

impl Check {
    fn pass(id: &'static str, found: impl Into<String>) -> Self {
        Self { id, pass: true, found: found.into(), fix: String::new() }
    }

    fn fail(id: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, pass: false, found: found.into(), fix: fix.into() }
    }
}

impl Checks<'_> {
    /// What can be told before anything is read but names and settings.
    pub(super) fn before(&self) -> Vec<Check> {
        vec![
            self.revoked(),
            self.clean(),
            self.no_operation(),
            self.full(),
            self.single(),
            self.synced(),
            self.space(),
            self.backup(),
            self.unlocked(),
            self.case(),
            self.kept(),
        ]
    }

    fn revoked(&self) -> Check {
        if self.consents.revoked {
            return Check::pass("rw.rotated", "you say that the value is revoked");
        }
        Check::fail(
            "rw.rotated",
            "not confirmed that the value is revoked",
            "revoke or change it first: copies of it stay with everybody who has a clone; then pass --revoked",
        )
    }

    fn clean(&self) -> Check {
        const ID: &str = "rw.clean";
        if self.repository.work_tree().is_none() {
            return Check::pass(ID, "bare repository");
        }
        let Ok(status) = self.git.run(&["status", "--porcelain", "-z", "--no-renames"], b"") else {
            return Check::fail(ID, "git status fails", "run `git status` to see why");
        };
        let lines = status.split(|&byte| byte == 0).filter(|line| line.len() > 3);
        let (untracked, changed): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with(b"??"));
        let names =
            |lines: &[&[u8]]| told(lines.iter().map(|line| String::from_utf8_lossy(&line[3..]).into_owned()));
        if changed.is_empty() {
            let found = match untracked.len() {
                0 => "no changes".into(),
                _ => format!("no changes; untracked and left alone: {}", names(&untracked)),
            };
            return Check::pass(ID, found);
        }
        Check::fail(ID, format!("changed: {}", names(&changed)), "commit the changes, or `git stash` them")
    }

    fn no_operation(&self) -> Check {
        for (file, fix) in OPERATIONS {
            if self.repository.git_dir().join(file).exists() {
                return Check::fail(
                    "rw.noop",
                    format!("git is in the middle of something: {file}"),
                    format!("finish it, or `{fix}`"),
                );
            }
        }
        Check::pass("rw.noop", "no merge, rebase or bisect in progress")
    }

    fn full(&self) -> Check {
        const ID: &str = "rw.full";
        let common = self.repository.common_dir();
        let is_filled = |name: &str| fs::metadata(common.join(name)).is_ok_and(|found| found.len() > 0);
        if is_filled("shallow") {
            return Check::fail(ID, "this clone is shallow: history is cut off", "git fetch --unshallow");
        }
        let config = self
            .git
            .ask(&["config", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$"], b"");
        let is_partial = config.is_ok_and(|answer| !answer.stdout.is_empty());
        if is_partial
            || packs(common).iter().any(|path| path.extension().is_some_and(|end| end == "promisor"))
        {
            return Check::fail(
                ID,
                "this clone is partial: objects are missing",
                "make a full clone: `git clone --no-local`",
            );
        }
        if is_filled("objects/info/alternates") {
            let fix = "git repack -a -d && rm \"$(git rev-parse --git-path objects/info/alternates)\"";
            return Check::fail(ID, "objects are borrowed from another repository, which keeps them", fix);
        }
        if is_filled("info/grafts") {
            return Check::fail(ID, "a grafts file changes the history", "git replace --convert-graft-file");
        }
        Check::pass(ID, "not shallow, not partial, nothing borrowed, no grafts")
    }

    fn single(&self) -> Check {
        const ID: &str = "rw.single";
        let common = self.repository.common_dir();
        if self.repository.git_dir() != common {
            return Check::fail(
                ID,
                "this is a linked work tree",
                "run it in the main work tree, after `git worktree remove` of this one",
            );
        }
        let linked = names_in(&common.join("worktrees"));
        if !linked.is_empty() {
            return Check::fail(
                ID,
                format!("linked work trees: {}", told(linked.into_iter())),
                "git worktree remove NAME, or `git worktree prune` where its directory is gone",
            );
        }
        let modules = names_in(&common.join("modules"));
        if !modules.is_empty() && !self.consents.submodules {
            let fix = "search each with `kbsec find` in its directory; then pass --leave-submodules";
            return Check::fail(ID, format!("clones of submodules: {}", told(modules.into_iter())), fix);
        }
        Check::pass(
            ID,
            if modules.is_empty() {
                "one work tree, no submodules"
            } else {
                "one work tree; submodules are left alone"
            },
        )
    }

    /// Whether each branch has everything that its remote had at the last fetch.
    fn synced(&self) -> Check {
        const ID: &str = "rw.synced";
        let format = "--format=%(refname:short)%00%(upstream:short)%00%(upstream:track,nobracket)";
        let Ok(listed) = self.git.run(&["for-each-ref", format, "refs/heads"], b"") else {
            return Check::fail(
                ID,
                "git cannot compare branches with their remotes",
                "run `git branch -vv` to see why",
            );
        };
        let (mut behind, mut ahead, mut with_upstream) = (Vec::new(), 0, 0);
        for line in listed.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line);
            let mut parts = line.split('\0');
            let (name, upstream) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let track = parts.next().unwrap_or_default();
            with_upstream += usize::from(!upstream.is_empty());
            ahead += usize::from(track.contains("ahead"));
            if track.contains("behind") {
                behind.push(format!("{name} ({track})"));
            }
        }
        if !behind.is_empty() {
            return Check::fail(
                ID,
                format!("behind their remote: {}", told(behind.into_iter())),
                "git pull, or what was pushed by others would be lost",
            );
        }
        Check::pass(
            ID,
            format!(
                "{with_upstream} branches follow a remote as of the last fetch, none is behind, {ahead} ahead"
            ),
        )
    }

    fn space(&self) -> Check {
        const ID: &str = "rw.space";
        let needed = size_of(&self.repository.common_dir().join("objects")).saturating_mul(SPACE);
        for place in [self.repository.common_dir(), existing(self.folder)] {
            let Some(free) = free_bytes(place) else { continue };
            if free < needed {
                let found =
                    format!("{} MB free, {} MB needed in {}", free >> 20, needed >> 20, place.display());
                return Check::fail(ID, found, "free some space, or name another folder with --folder");
            }
        }
        Check::pass(ID, format!("{} MB needed, and there", (needed >> 20).max(1)))
    }

    fn backup(&self) -> Check {
        const ID: &str = "rw.backup";
        let inside = [Some(self.repository.common_dir()), self.repository.work_tree()];
        let place = existing(self.folder);
        let place = place.canonicalize().unwrap_or_else(|_| place.to_path_buf());
        if let Some(inside) = inside.into_iter().flatten().find(|inside| place.starts_with(inside)) {
            return Check::fail(
                ID,
                format!("the backup would lie inside of {}", inside.display()),
                "name a folder elsewhere with --folder",
            );
        }
        let is_writable = rustix::fs::access(&place, rustix::fs::Access::WRITE_OK).is_ok();
        if !is_writable {
            return Check::fail(
                ID,
                format!("cannot write into {}", place.display()),
                "name another folder with --folder",
            );
        }
        Check::pass(ID, format!("goes below {}", place.display()))
    }

    fn unlocked(&self) -> Check {
        const ID: &str = "rw.lock";
        let common = self.repository.common_dir();
        if common.join("gc.pid").exists() {
            return Check::fail(
                ID,
                "git gc is running: gc.pid is there",
                "wait for it; if no git runs, delete .git/gc.pid",
            );
        }
        let mut locks = Vec::new();
        find_locks(common, 0, &mut locks);
        match locks.first() {
            None => Check::pass(ID, "no other git is at work"),
            Some(_) => Check::fail(
                ID,
                format!("locked: {}", told(locks.iter().map(|path| path.display().to_string()))),
                "wait for the git that holds it; if none runs, delete the file",
            ),
        }
    }

    /// Names that file systems take for one.
    fn case(&self) -> Check {
        let mut known: HashMap<String, &[u8]> = HashMap::new();
        for (name, _) in &self.inventory.refs {
            let folded = String::from_utf8_lossy(name).to_lowercase();
            if let Some(other) = known.insert(folded, name) {
                let names = [other, name].map(|name| String::from_utf8_lossy(name).into_owned());
                return Check::fail(
                    "rw.case",
                    format!("differ in case only: {}", names.join(", ")),
                    "rename or delete one of them: `git branch -m`, `git tag -d`",
                );
            }
        }
        if !self.inventory.unreadable.is_empty() {
            let found = format!("cannot be read: {}", told(self.inventory.unreadable.iter().cloned()));
            return Check::fail(
                "rw.case",
                found,
                "`git fsck` says what is wrong; delete what is broken with `git update-ref -d`",
            );
        }
        Check::pass("rw.case", format!("{} references, all apart", self.inventory.refs.len()))
    }

    fn kept(&self) -> Check {
        let kept: Vec<PathBuf> = packs(self.repository.common_dir())
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "keep"))
            .collect();
        if kept.is_empty() || self.consents.kept_packs {
            return Check::pass("rw.keep", format!("{} packs are marked to be kept", kept.len()));
        }
        let names =
            kept.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        Check::fail(
            "rw.keep",
            format!("git would keep these packs with the value: {}", told(names)),
            "pass --drop-keep to pack them anew",
        )
    }
}

/// What the scan has to say.
pub(super) fn after(scanned: &Scanned, store_gaps: &[Gap], consents: Consents) -> Vec<Check> {
    vec![intact(scanned, store_gaps), common(scanned.commonness, consents)]
}

fn intact(scanned: &Scanned, store_gaps: &[Gap]) -> Check {
    let named = scanned.graph.missing().iter().map(|missing| missing.id);
    let missing = named.chain(scanned.trees.missing().examples.iter().map(|missing| missing.0));
    let missing = missing.map(|id| id.to_string());
    let broken = scanned.failures.iter().map(|(number, error)| format!("object {number}: {error}"));
    let gaps = store_gaps.iter().map(|gap| format!("{}: {}", gap.subject, gap.reason));
    let all: Vec<String> = missing.chain(broken).chain(gaps).collect();
    if all.is_empty() {
        return Check::pass("rw.intact", format!("{} objects read", scanned.examined.0));
    }
    Check::fail(
        "rw.intact",
        format!("missing or damaged: {}", told(all.into_iter())),
        "`git fsck --full` says what is wrong; where only old objects miss theirs, `git gc --prune=now` helps",
    )
}

fn common(found: Commonness, consents: Consents) -> Check {
    let Commonness { places, in_words } = found;
    let numbers = format!("{places} places as it is, {in_words} of them inside of longer words");
    if places >= COMMON && in_words * 2 > places && !consents.common {
        let fix = "give a longer value, or pass --accept-common when these words may change too";
        return Check::fail("rw.value", numbers, fix);
    }
    Check::pass("rw.value", numbers)
}

/// The first of the names, and how many more there are.
fn told(names: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = names.collect();
    let mut text = all.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > TOLD {
        text += &format!(" and {} more", all.len() - TOLD);
    }
    text
}

/// The files beside packs.
fn packs(common: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(common.join("objects/pack")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Files ending with `.lock`, apart from those among objects.
fn find_locks(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < 32 && !(depth == 0 && entry.file_name() == "objects") {
            find_locks(&path, depth + 1, found);
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "lock") {
            found.push(path);
        }
    }
}

fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size_of(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

/// The nearest directory above a path that exists.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"))
}

fn free_bytes(place: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(place).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
