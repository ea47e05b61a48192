//! The maps that a rewrite leaves: which commits and references became which, in the files of git-filter-repo.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::git::ObjectId;

/// Commits and references, before and after.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    /// Old commit → new commit; `None` where it was dropped. Commits that kept their ids may be missing or map to themselves.
    pub commits: BTreeMap<ObjectId, Option<ObjectId>>,
    /// The references, by name.
    pub refs: Vec<MovedRef>,
    /// Old commits whose parents all kept their ids.
    pub first_changed: Vec<ObjectId>,
    /// Ids of Git LFS objects that no commit names any more.
    pub lfs_orphans: Vec<String>,
}

/// One reference, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedRef {
    /// The full name; foreign bytes.
    pub name: Vec<u8>,
    /// What it pointed to; `None` where it is new.
    pub old: Option<ObjectId>,
    /// What it points to; `None` where it was deleted.
    pub new: Option<ObjectId>,
}

/// A folder that does not hold what a rewrite leaves.
#[derive(Debug, thiserror::Error)]
pub enum MapsError {
    /// A file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A line has no meaning.
    #[error("{}:{line} is not `{form}`", path.display())]
    Odd {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What it should be.
        form: &'static str,
    },
}

impl MapsError {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "name the folder with `commit-map` and `ref-map`, such as .git/filter-repo or the folder of the rewrite"
            }
            Self::Odd { .. } => "the file is cut or was edited; take it from the folder of the rewrite again",
        }
    }
}

impl Maps {
    /// Reads `commit-map` and `ref-map` of a folder, and where they are there `first-changed-commits` and
    /// `orphaned_lfs_objects`, as git-filter-repo 2.47 writes them.
    ///
    /// # Errors
    /// When one of the first two is missing, or a line has no meaning.
    pub fn read(folder: &Path) -> Result<Self, MapsError> {
        let mut maps = Self::default();
        each_line(&folder.join("commit-map"), "OLD NEW", |words| {
            let [old, new] = words else { return None };
            let new = id(new)?;
            maps.commits.insert(id(old)?, (!new.is_null()).then_some(new));
            Some(())
        })?;
        each_line(&folder.join("ref-map"), "OLD NEW REF", |words| {
            let [old, new, name] = words else { return None };
            let known = |id: ObjectId| (!id.is_null()).then_some(id);
            maps.refs.push(MovedRef { name: name.to_vec(), old: known(id(old)?), new: known(id(new)?) });
            Some(())
        })?;
        let first = folder.join("first-changed-commits");
        if first.exists() {
            each_line(&first, "OLD [NEW]", |words| {
                maps.first_changed.push(id(words.first()?)?);
                Some(())
            })?;
        }
        for name in ["orphaned_lfs_objects", "lfs-orphans"] {
            let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
            let ids = text.split_ascii_whitespace().filter(|word| word.len() == 64);
            maps.lfs_orphans.extend(ids.map(str::to_owned));
        }
        maps.first_changed.sort_unstable();
        maps.first_changed.dedup();
        Ok(maps)
    }

    /// The old commits that are no more, with what became of them.
    pub fn changed(&self) -> impl Iterator<Item = (ObjectId, Option<ObjectId>)> {
        self.commits.iter().filter(|(old, new)| Some(**old) != **new).map(|(&old, &new)| (old, new))
    }

    /// Everything that was replaced, by its old id: commits, and the tags and other objects that references named.
    #[must_use]
    pub fn replaced(&self) -> HashMap<ObjectId, Option<ObjectId>> {
        let mut replaced: HashMap<_, _> = self.changed().collect();
        for moved in self.refs.iter().filter(|moved| moved.old != moved.new) {
            if let Some(old) = moved.old {
                replaced.entry(old).or_insert(moved.new);
            }
        }
        replaced
    }

    /// Ids that a server must no longer hand out: first changed commits and old tips, each once.
    #[must_use]
    pub fn retired(&self) -> Vec<ObjectId> {
        let kept: HashSet<_> = self.refs.iter().filter_map(|moved| moved.new).collect();
        let moved = self.refs.iter().filter(|moved| moved.old != moved.new).filter_map(|moved| moved.old);
        let mut ids: Vec<_> = self.first_changed.iter().copied().chain(moved).collect();
        ids.retain(|id| !kept.contains(id) && self.commits.get(id) != Some(&Some(*id)));
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
        ids
    }
}

/// The length of ids, as a line of another length than its neighbours shows that a file was cut.
fn id(text: &[u8]) -> Option<ObjectId> {
    ObjectId::from_hex(text)
}

/// Hands the words of every line to `take`; the header is passed over.
fn each_line(
    path: &Path,
    form: &'static str,
    mut take: impl FnMut(&[&[u8]]) -> Option<()>,
) -> Result<(), MapsError> {
    let text = fs::read(path).map_err(|cause| MapsError::Unreadable { path: path.to_path_buf(), cause })?;
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let words: Vec<&[u8]> = line
            .splitn(3, |&byte| byte == b' ')
            .map(<[u8]>::trim_ascii)
            .filter(|word| !word.is_empty())
            .collect();
        let is_header = number == 0 && words.first() == Some(&&b"old"[..]);
        if words.is_empty() || is_header {
            continue;
        }
        take(&words).ok_or(MapsError::Odd { path: path.to_path_buf(), line: number + 1, form })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    #[test]
    fn maps_of_filter_repo_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c, none] = ['a', 'b', 'c', '0'].map(hex);
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        assert!(matches!(Maps::read(folder.path()), Err(MapsError::Unreadable { .. })));
        write("commit-map", format!("{:40} new\n{a} {b}\n{c} {c}\n", "old"));
        write(
            "ref-map",
            format!("{:40} {:40} ref\n{a} {b} refs/heads/a b\n{c} {none} refs/tags/x\n", "old", "new"),
        );
        write("first-changed-commits", format!("{a} {b}\n"));
        let maps = Maps::read(folder.path()).unwrap();
        assert_eq!(maps.changed().count(), 1);
        assert_eq!(maps.refs[0].name, b"refs/heads/a b");
        assert_eq!((maps.refs[1].new, maps.first_changed.len()), (None, 1));
        assert_eq!(maps.retired().len(), 1, "c is still a commit of the history");
        write("commit-map", format!("{a} {b}\n{a} bb\n"));
        assert!(matches!(Maps::read(folder.path()), Err(MapsError::Odd { line: 2, .. })));
    }
}
