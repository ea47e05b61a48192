//! A staged change: what the index holds and HEAD does not, found without reading trees that are equal in both.

use std::cmp::Ordering;
use std::path::PathBuf;

use memchr::memchr;

use super::index::{CacheTree, Entries, Entry};
use super::object::{ObjectError, ObjectFormat, ObjectId, is_directory, is_submodule};
use super::reader::ObjectReader;
use super::tree::TreeEntry;
use super::{GitError, Repository, path_from_git};

/// Everything that the next commit would add.
#[derive(Debug, Default)]
pub struct Changes {
    /// Blobs that HEAD does not have at their path.
    pub blobs: Vec<StagedBlob>,
    /// Submodules that point to another commit.
    pub submodules: Vec<PathBuf>,
    /// Paths with an unresolved conflict; the blobs of all their stages are among `blobs`.
    pub conflicts: Vec<PathBuf>,
    /// Sparse directories whose changes are unknown because a tree cannot be read.
    pub unreadable: Vec<(PathBuf, ObjectError)>,
    /// Whether index and HEAD differ at all, be it by a deletion or a permission.
    pub any: bool,
}

/// A blob that is staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedBlob {
    /// Relative to the root of the work tree.
    pub path: PathBuf,
    /// The blob.
    pub id: ObjectId,
}

/// Compares the index with the tree of HEAD; before the first commit everything in the index is new.
///
/// A tree of HEAD below the root that cannot be read counts as empty: then more is examined, never less.
///
/// # Errors
/// When the index, HEAD or its root tree cannot be read.
pub fn staged(repository: &Repository) -> Result<Changes, GitError> {
    let head = repository.head()?.map(|head| head.tree);
    let mut objects = repository.objects()?;
    let git_dir = || repository.git_dir().to_path_buf();
    let tree =
        head.map(|id| objects.tree(id).map_err(|cause| GitError::Object { git_dir: git_dir(), id, cause }));
    let root = tree.transpose()?.unwrap_or_default();
    let Some(index) = repository.index()? else {
        return Ok(Changes { any: !root.is_empty(), ..Changes::default() });
    };
    let cache = index.cache_tree();
    let known = cache.root().and_then(|root| cache.known(root));
    if known.is_some_and(|known| Some(known.id) == head && known.entries as usize == index.len()) {
        return Ok(Changes::default());
    }
    match Comparison::new(cache, &mut objects, index.format(), root.clone()).run(index.entries()) {
        Ok(changes) => Ok(changes),
        Err(CacheLies) => Comparison::new(CacheTree::default(), &mut objects, index.format(), root)
            .run(index.entries())
            .map_err(|CacheLies| GitError::Damaged {
                path: git_dir(),
                what: "its index cannot be counted".into(),
            }),
    }
}

/// The cache tree counts other entries than the index has.
#[derive(Debug)]
struct CacheLies;

/// One walk over the index, with the directories that the current entry lies in.
struct Comparison<'a> {
    cache: CacheTree<'a>,
    objects: &'a mut ObjectReader,
    format: ObjectFormat,
    /// From the root down to the directory of the current entry.
    levels: Vec<Level>,
    /// The path of that directory; empty or with a `/` at its end.
    directory: Vec<u8>,
    changes: Changes,
}

struct Level {
    /// Length of the path of this directory.
    path: usize,
    node: Option<u32>,
    state: State,
}

enum State {
    /// Equal in HEAD and index: only count the entries, which must be as many as expected.
    Equal { expected: u32, seen: u32 },
    /// To be compared with what is left of the tree in HEAD.
    Differs(TreeCursor),
}

/// What is left of a tree, in its own order.
struct TreeCursor {
    tree: Vec<u8>,
    at: usize,
    /// Whether an entry was passed that the index does not have.
    deleted: bool,
}

impl<'a> Comparison<'a> {
    fn new(cache: CacheTree<'a>, objects: &'a mut ObjectReader, format: ObjectFormat, root: Vec<u8>) -> Self {
        let state = State::Differs(TreeCursor::new(root));
        let levels = vec![Level { path: 0, node: cache.root(), state }];
        Self { cache, objects, format, levels, directory: Vec::new(), changes: Changes::default() }
    }

    fn run(mut self, mut entries: Entries<'_>) -> Result<Changes, CacheLies> {
        while let Some(entry) = entries.next() {
            while !entry.path.starts_with(&self.directory) {
                self.leave()?;
            }
            self.descend(&entry);
        }
        while !self.levels.is_empty() {
            self.leave()?;
        }
        self.changes.conflicts.dedup();
        Ok(self.changes)
    }

    /// Ends the innermost directory.
    fn leave(&mut self) -> Result<(), CacheLies> {
        match self.levels.pop().map(|level| level.state) {
            Some(State::Equal { expected, seen }) if expected != seen => return Err(CacheLies),
            Some(State::Differs(rest)) if rest.deleted || rest.at < rest.tree.len() => {
                self.changes.any = true;
            }
            _ => {}
        }
        self.directory.truncate(self.levels.last().map_or(0, |level| level.path));
        Ok(())
    }

    /// Enters the directories of `entry` and compares it in the last one.
    fn descend(&mut self, entry: &Entry<'_>) {
        while let Some(level) = self.levels.last_mut() {
            let cursor = match &mut level.state {
                State::Equal { seen, .. } => {
                    *seen += 1;
                    return;
                }
                State::Differs(cursor) => cursor,
            };
            let rest = &entry.path[level.path..];
            match memchr(b'/', rest) {
                None => {
                    let found = cursor.find(rest, false, self.format);
                    return self.compare(entry, found);
                }
                Some(slash) => {
                    let found = cursor.find(&rest[..slash], true, self.format).map(|(_, id)| id);
                    if slash + 1 == rest.len() && is_directory(entry.mode) {
                        return self.compare_sparse(entry, found);
                    }
                    let node = level.node.and_then(|node| self.cache.child(node, &rest[..slash]));
                    self.directory.extend(&rest[..=slash]);
                    self.enter(found, node);
                }
            }
        }
    }

    fn enter(&mut self, head: Option<ObjectId>, node: Option<u32>) {
        let known = node.and_then(|node| self.cache.known(node));
        let state = match (head, known) {
            (Some(head), Some(known)) if head == known.id => {
                State::Equal { expected: known.entries, seen: 0 }
            }
            (head, _) => {
                let tree = head.and_then(|id| self.objects.tree(id).ok()).unwrap_or_default();
                State::Differs(TreeCursor::new(tree))
            }
        };
        self.levels.push(Level { path: self.directory.len(), node, state });
    }

    fn compare(&mut self, entry: &Entry<'_>, head: Option<(u32, ObjectId)>) {
        if entry.is_intent_to_add() {
            return;
        }
        let path = || path_from_git(entry.path);
        let conflict = entry.stage() > 0;
        if conflict {
            self.changes.conflicts.push(path());
        } else if head == Some((entry.mode, entry.id)) {
            return;
        }
        self.changes.any = true;
        let same_bytes = head.is_some_and(|(mode, id)| id == entry.id && !is_submodule(mode) && !conflict);
        if is_submodule(entry.mode) {
            self.changes.submodules.push(path());
        } else if !same_bytes {
            self.changes.blobs.push(StagedBlob { path: path(), id: entry.id });
        }
    }

    /// A directory that a sparse index does not list: compares its tree with the one in HEAD, all the way down.
    fn compare_sparse(&mut self, entry: &Entry<'_>, head: Option<ObjectId>) {
        let mut open = vec![(entry.path.to_vec(), entry.id, head)];
        while let Some((directory, new, old)) = open.pop() {
            if old == Some(new) {
                continue;
            }
            self.changes.any = true;
            let tree = match self.objects.tree(new) {
                Ok(tree) => tree,
                Err(error) => {
                    self.changes.unreadable.push((path_from_git(&directory), error));
                    continue;
                }
            };
            let old = old.and_then(|id| self.objects.tree(id).ok()).unwrap_or_default();
            let mut old = TreeCursor::new(old);
            let mut rest = &tree[..];
            while let Some((item, id, next)) = TreeEntry::take(rest, self.format) {
                rest = next;
                let found = old.find(item.name, item.is_directory(), self.format).map(|(_, id)| id);
                let mut path = [&directory, item.name].concat();
                if item.is_directory() {
                    path.push(b'/');
                    open.push((path, id, found));
                } else if found != Some(id) && !item.is_submodule() {
                    self.changes.blobs.push(StagedBlob { path: path_from_git(&path), id });
                }
            }
        }
    }
}

impl TreeCursor {
    fn new(tree: Vec<u8>) -> Self {
        Self { tree, at: 0, deleted: false }
    }

    /// Mode and id of the entry `name`. Trees and index have the same order, so everything before it is passed for good;
    /// in a tree with another order too little is found, and then more is examined.
    fn find(&mut self, name: &[u8], directory: bool, format: ObjectFormat) -> Option<(u32, ObjectId)> {
        while let Some((entry, id, rest)) = TreeEntry::take(self.tree.get(self.at..)?, format) {
            match order((entry.name, entry.is_directory()), (name, directory)) {
                Ordering::Greater => return None,
                order => {
                    self.at = self.tree.len() - rest.len();
                    if order.is_eq() {
                        return Some((entry.mode, id));
                    }
                    self.deleted = true;
                }
            }
        }
        None
    }
}

/// The order of trees: by bytes, a directory as if its name ended with a `/`.
fn order(a: (&[u8], bool), b: (&[u8], bool)) -> Ordering {
    let common = a.0.len().min(b.0.len());
    let rest = |(name, directory): (&[u8], bool)| name.get(common).copied().or(directory.then_some(b'/'));
    a.0[..common].cmp(&b.0[..common]).then_with(|| (rest(a), a.0.len()).cmp(&(rest(b), b.0.len())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::GitEnvironment;
    use super::super::fixture::Fixture;
    use super::*;

    fn changes(repo: &Fixture) -> Changes {
        let found = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
        staged(&found).unwrap()
    }

    /// Paths of the staged blobs, sorted.
    fn blobs(repo: &Fixture) -> Vec<String> {
        let mut paths: Vec<_> =
            changes(repo).blobs.iter().map(|blob| blob.path.display().to_string()).collect();
        paths.sort();
        paths
    }

    /// The same as git tells it: paths whose content in the index is not the one in HEAD.
    fn told(repo: &Fixture) -> Vec<String> {
        let raw =
            repo.git(&["diff-index", "--cached", "--raw", "-r", "--no-renames", "-z", "--abbrev=64", "HEAD"]);
        let mut fields = raw.split_terminator('\0');
        let mut paths = Vec::new();
        while let (Some(meta), Some(path)) = (fields.next(), fields.next()) {
            let words: Vec<_> = meta.split(' ').collect();
            if words[4] != "D" && words[2] != words[3] {
                paths.push(path.to_owned());
            }
        }
        paths.sort();
        paths
    }

    fn tree() -> Fixture {
        let repo = Fixture::new();
        for name in ["a", "a.b", "a/1", "a-c/2", "deep/er/est/3", "deep/er/4", "deep/5", "same/6", "z"] {
            let name = if name == "a" { "a0" } else { name };
            repo.write(name, format!("content of {name}"));
        }
        repo.commit_all();
        repo
    }

    #[test]
    fn additions_changes_renames_and_deletions_are_told_apart() {
        let repo = tree();
        assert!(!changes(&repo).any);
        repo.git(&["rm", "-q", "a.b", "deep/5"]);
        repo.git(&["mv", "a0", "a1"]);
        repo.write("deep/er/4", "new content");
        repo.write("deep/er.x", "sorts between er and er/");
        repo.write("new/x/y", "new directory");
        repo.git(&["add", "-A"]);
        repo.git(&["update-index", "--chmod=+x", "z"]);
        assert_eq!(blobs(&repo), ["a1", "deep/er.x", "deep/er/4", "new/x/y"]);
        assert_eq!(blobs(&repo), told(&repo));
        repo.git(&["write-tree"]); // stores the cache tree, as git does before it runs the hook
        assert_eq!(blobs(&repo), told(&repo));
    }

    #[test]
    fn deletions_and_permissions_are_changes_without_blobs() {
        for command in
            [&["rm", "-q", "deep/5"][..], &["update-index", "--chmod=+x", "a/1"], &["rm", "-q", "z"]]
        {
            let repo = tree();
            repo.git(command);
            let found = changes(&repo);
            assert!(found.any && found.blobs.is_empty(), "{command:?}");
        }
    }

    #[test]
    fn a_file_that_becomes_a_directory_and_back_is_new() {
        let repo = tree();
        std::fs::remove_file(repo.path("z")).unwrap();
        std::fs::remove_dir_all(repo.path("same")).unwrap();
        repo.write("z/inside", "x");
        repo.write("same", "y");
        repo.git(&["add", "-A"]);
        assert_eq!(blobs(&repo), ["same", "z/inside"]);
        assert_eq!(blobs(&repo), told(&repo));
    }

    #[test]
    fn an_intention_is_nothing_and_a_submodule_is_named() {
        let repo = tree();
        repo.write("later", "x");
        repo.git(&["add", "-N", "later"]);
        assert!(!changes(&repo).any);
        let commit = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", commit.trim())]);
        let found = changes(&repo);
        assert!(found.blobs.is_empty());
        assert_eq!(found.submodules, [Path::new("sub")]);
    }

    #[test]
    fn a_conflict_names_its_path_and_gives_every_stage() {
        let repo = tree();
        repo.git(&["checkout", "-q", "-b", "side"]);
        repo.write("z", "theirs");
        repo.git(&["commit", "-qam", "side"]);
        repo.git(&["checkout", "-q", "main"]);
        repo.write("z", "ours");
        repo.git(&["commit", "-qam", "main"]);
        assert!(!repo.command(&["merge", "-q", "side"]).output().unwrap().status.success());
        let found = changes(&repo);
        assert_eq!(found.conflicts, [Path::new("z")]);
        assert_eq!(found.blobs.len(), 3);
    }

    #[test]
    fn a_sparse_directory_is_compared_by_its_trees() {
        let repo = tree();
        repo.git(&["checkout", "-q", "-b", "side"]);
        repo.write("deep/er/est/3", "changed");
        repo.write("deep/new", "added");
        repo.commit_all();
        repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "same"]);
        repo.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        assert_eq!(blobs(&repo), ["deep/er/est/3", "deep/new"]);
    }

    #[test]
    fn a_cache_tree_that_counts_wrong_is_not_believed() {
        let repo = tree();
        repo.write("same/7", "secret");
        repo.write("same/8", "secret too");
        repo.git(&["add", "-A"]);
        repo.git(&["write-tree"]);
        let mut bytes = std::fs::read(repo.path(".git/index")).unwrap();
        let at = memchr::memmem::find(&bytes, b"deep\x003 1\n").unwrap();
        bytes[at + 5] = b'5';
        let body = bytes.len() - 20;
        bytes[body..].fill(0);
        std::fs::write(repo.path(".git/index"), bytes).unwrap();
        assert_eq!(blobs(&repo), ["same/7", "same/8"]);
    }

    #[test]
    fn any_staged_mixture_is_what_git_tells() {
        let names: Vec<String> = (0..40).map(|i| format!("d{}/e{}/f{i}", i % 3, i % 4)).collect();
        for seed in 0u64..12 {
            let repo = Fixture::new();
            let pick = |step: u64, i: usize| (seed + 1) * (step * 7 + 3) * (i as u64 * 31 + 17) % 11;
            for (i, name) in names.iter().enumerate().filter(|(i, _)| pick(1, *i) < 8) {
                repo.write(name, format!("{i}"));
            }
            repo.commit_all();
            for (i, name) in names.iter().enumerate() {
                match pick(2, i) {
                    0..2 => repo.write(name, format!("{seed} {i}")),
                    2 => drop(std::fs::remove_file(repo.path(name))),
                    _ => {}
                }
            }
            repo.git(&["add", "-A"]);
            if seed % 2 == 0 {
                repo.git(&["write-tree"]);
            }
            if seed % 3 == 0 {
                repo.git(&["update-index", "--index-version", "4"]);
            }
            assert_eq!(blobs(&repo), told(&repo), "seed {seed}");
        }
    }
}
