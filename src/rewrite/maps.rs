//! The maps that a rewrite leaves: which commits and references became which, in the files of git-filter-repo.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::git::ObjectId;

/// What the maps of kbsec have in place of a value.
const REDACTED: &str = "[redacted]";

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
    /// Commits of submodules that were rewritten before, and whose new ids the trees have.
    pub submodules: HashMap<ObjectId, ObjectId>,
    /// Old ids of files whose content changed; only the maps of kbsec tell them.
    pub blobs: Vec<ObjectId>,
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
        let submodules = folder.join("submodule-map");
        if submodules.exists() {
            maps.add_submodules(&submodules)?;
        }
        maps.blobs = blobs(&folder.join("plan.json"));
        maps.first_changed.sort_unstable();
        maps.first_changed.dedup();
        Ok(maps)
    }

    /// Adds the commits of a submodule, from the `commit-map` of its own rewrite.
    ///
    /// # Errors
    /// When it cannot be read, or a line has no meaning.
    pub fn add_submodules(&mut self, commit_map: &Path) -> Result<(), MapsError> {
        each_line(commit_map, "OLD NEW", |words| {
            let [old, new] = words else { return None };
            self.submodules.insert(id(old)?, id(new)?);
            Some(())
        })
    }

    /// The old commits that are no more, with what became of them.
    pub fn changed(&self) -> impl Iterator<Item = (ObjectId, Option<ObjectId>)> {
        self.commits.iter().filter(|(old, new)| Some(**old) != **new).map(|(&old, &new)| (old, new))
    }

    /// Everything that was replaced, by its old id: commits, and the tags and other objects that references named.
    /// What stands for a dropped commit is what the references that led to it lead to now, if there is any.
    #[must_use]
    pub fn replaced(&self) -> HashMap<ObjectId, Option<ObjectId>> {
        let mut replaced: HashMap<_, _> = self.changed().collect();
        for moved in self.refs.iter().filter(|moved| moved.old != moved.new) {
            // A reference that is no more says nothing of the object that it led to.
            if let (Some(old), Some(new)) = (moved.old, moved.new) {
                replaced.entry(old).or_insert(Some(new)).get_or_insert(new);
            }
        }
        replaced
    }

    /// The name without the value, of a reference of that name and object that was given another name because of it.
    /// The maps of kbsec have `[redacted]` in place of the value.
    #[must_use]
    pub fn renamed(&self, name: &[u8], id: ObjectId) -> Option<&str> {
        let gone = self.refs.iter().filter(|moved| moved.new.is_none() && moved.old == Some(id));
        gone.filter_map(|moved| std::str::from_utf8(&moved.name).ok()).find(|pattern| {
            let Some((start, rest)) = pattern.split_once(REDACTED) else { return false };
            let end = rest.rsplit_once(REDACTED).map_or(rest, |(_, end)| end);
            name.starts_with(start.as_bytes()) && name.ends_with(end.as_bytes())
        })
    }

    /// Ids that a server must no longer hand out: first changed commits and old tips, each once.
    #[must_use]
    pub fn retired(&self) -> Vec<ObjectId> {
        let replaced = self.replaced();
        let tips = self.refs.iter().filter_map(|moved| moved.old).filter(|old| replaced.contains_key(old));
        let mut ids: Vec<_> = self.first_changed.iter().copied().chain(tips).collect();
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
        ids
    }
}

/// An object id; `None` for anything else.
fn id(text: &[u8]) -> Option<ObjectId> {
    ObjectId::from_hex(text)
}

/// The files that a plan of kbsec names; none where there is no such plan.
fn blobs(plan: &Path) -> Vec<ObjectId> {
    let plan: serde_json::Value =
        fs::read(plan).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let blobs = plan.get("blobs").and_then(serde_json::Value::as_array).into_iter().flatten();
    blobs.filter_map(|blob| ObjectId::from_hex(blob.get("old")?.as_str()?.as_bytes())).collect()
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
    fn a_reference_with_a_replaced_name_is_known_by_the_rest_of_it() {
        let id = |digit: char| ObjectId::from_hex(hex(digit).as_bytes()).unwrap();
        let name = b"refs/heads/fix-[redacted]-x".to_vec();
        let maps = Maps { refs: vec![MovedRef { name, old: Some(id('a')), new: None }], ..Maps::default() };
        assert_eq!(maps.renamed(b"refs/heads/fix-hunter2-x", id('a')), Some("refs/heads/fix-[redacted]-x"));
        assert_eq!(maps.renamed(b"refs/heads/fix-hunter2-x", id('b')), None);
        assert_eq!(maps.renamed(b"refs/heads/main", id('a')), None);
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
        assert_eq!(maps.replaced().len(), 1, "c was not replaced by nothing, only its tag is gone");
        write("commit-map", format!("{a} {b}\n{a} bb\n"));
        assert!(matches!(Maps::read(folder.path()), Err(MapsError::Odd { line: 2, .. })));
    }
}
