//! A state: everything on disk that a scan of a history reads, or one pack of it, as a hash to compare with another one.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Repository;
use super::store::directory;

/// Equal states mean that no file was added, removed, replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub [u8; 32]);

/// Equal ones mean the same pack file with the same index, and that nobody wrote to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackState(pub [u8; 32]);

/// The folder in a git directory where scans are remembered, and the beginning of the names of files in it.
const FOLDER: &str = "kbsec";
const FILE: &str = "history.cache";

/// The first bytes of that file; the number is that of its format.
pub const REMEMBERED: &[u8] = b"kbsec history cache 2\n";

/// The file in which the scan of a history is remembered.
#[must_use]
pub fn remembered_in(common_dir: &Path) -> PathBuf {
    common_dir.join(FOLDER).join(FILE)
}

/// Whether a path is that file in the git directory `top`, or one of its drafts, which are empty at first. Any other file
/// that has the name only is one like all others: a secret must not hide behind it.
#[must_use]
pub fn is_remembered(top: &Path, path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_encoded_bytes).unwrap_or_default();
    name.starts_with(FILE.as_bytes())
        && path.parent().is_some_and(|folder| folder.ends_with(FOLDER) && folder.parent() == Some(top))
        // A draft of another scan goes while this one looks.
        && begins_as_remembered(path).unwrap_or_else(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn begins_as_remembered(path: &Path) -> std::io::Result<bool> {
    if !path.symlink_metadata()?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(REMEMBERED.len() as u64).read_to_end(&mut start)?;
    Ok(start.is_empty() || start == REMEMBERED)
}

impl Repository {
    /// The state of the files of the repository: of its git directories, its index and all its object directories.
    ///
    /// `None` when there is any doubt whether equal states would mean equal content. Such doubt comes from symbolic
    /// links, unreadable directories, reftables (the git program reads them), large files that were written less than
    /// two seconds before `now` (in seconds since the Unix epoch), and operating systems that do not tell enough.
    #[must_use]
    pub fn state(&self, now: u64) -> Option<State> {
        if self.reftable {
            return None;
        }
        let common_dir = self.common_dir.canonicalize().ok()?;
        let mut survey = Survey { hash: Hash::default(), common_dir, now };
        survey.hash.text(format!("{:?} {:?}", self.format, self.place).as_bytes());
        survey.hash.text(format!("{:?} {:?}", self.index_file, self.objects).as_bytes());
        let mut gaps = Vec::new();
        let mut roots = directory::paths(&self.objects, &mut gaps).ok().filter(|_| gaps.is_empty())?;
        roots.extend([self.common_dir.clone(), self.place.git_dir.clone()]);
        let mut roots: Vec<PathBuf> =
            roots.iter().map(|path| path.canonicalize()).collect::<Result<_, _>>().ok()?;
        roots.sort();
        // A directory inside another one is walked with it.
        roots.dedup_by(|inner, outer| inner.starts_with(&*outer));
        for root in &roots {
            survey.directory(root, 0)?;
        }
        survey.index(&self.index_file)?;
        Some(State(survey.hash.finish()))
    }
}

impl PackState {
    /// That of a pack file; `None` where it has no index of its own, and where the system does not tell enough.
    #[must_use]
    pub fn of(pack: &Path) -> Option<Self> {
        let pack = pack.canonicalize().ok()?;
        let mut hash = Hash::default();
        for path in [&pack, &pack.with_extension("idx")] {
            let about = path.symlink_metadata().ok().filter(Metadata::is_file)?;
            hash.file(path, &Traits::of(&about)?);
        }
        Some(Self(hash.finish()))
    }
}

/// A hash of texts and numbers that cannot be taken for one another.
#[derive(Default)]
struct Hash(Sha256);

impl Hash {
    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.0.update(text);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn file(&mut self, path: &Path, traits: &Traits) {
        self.text(path.as_os_str().as_encoded_bytes());
        traits.numbers.into_iter().for_each(|number| self.number(number));
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Goes through directories and adds what it meets to a hash.
struct Survey {
    hash: Hash,
    common_dir: PathBuf,
    now: u64,
}

/// Git nests its directories less deeply.
const MAX_DEPTH: usize = 64;
/// Of files up to this size the content counts too: times on disk tell no two changes within a few milliseconds apart.
const READ_BYTES: u64 = 16 << 20;
/// Larger files, that are not named after their content, have to be that much older than now.
const SETTLED_SECONDS: u64 = 2;

impl Survey {
    fn directory(&mut self, directory: &Path, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let entries = std::fs::read_dir(directory).ok()?;
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().ok()?;
        paths.retain(|path| !is_remembered(&self.common_dir, path));
        paths.sort();
        for path in &paths {
            let about = path.symlink_metadata().ok()?;
            if about.is_dir() {
                self.directory(path, depth + 1)?;
            } else if about.is_file() {
                self.file(path, &about)?;
            } else if about.is_symlink() {
                // Where it leads is out of sight.
                return None;
            }
        }
        Some(())
    }

    /// The index, which may lie anywhere or not exist.
    fn index(&mut self, path: &Path) -> Option<()> {
        match path.metadata() {
            Ok(about) if about.is_file() => self.file(path, &about),
            Ok(_) => None,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(()),
            Err(_) => None,
        }
    }

    fn file(&mut self, path: &Path, about: &Metadata) -> Option<()> {
        let traits = Traits::of(about)?;
        self.hash.file(path, &traits);
        if is_named_by_content(path) {
            return Some(());
        }
        if about.len() <= READ_BYTES {
            let content = std::fs::read(path).ok()?;
            self.hash.text(&content);
            return Some(());
        }
        (traits.changed.saturating_add(SETTLED_SECONDS) < self.now).then_some(())
    }
}

/// What tells a file from another one, and from itself before a change.
struct Traits {
    numbers: [u64; 9],
    /// Seconds since the Unix epoch.
    changed: u64,
}

impl Traits {
    #[cfg(unix)]
    fn of(about: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        // The number of the file and the time of its change cannot be chosen by whoever made an archive of it.
        let what = [about.dev(), about.ino(), about.mode().into(), about.uid().into(), about.size()];
        let when = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
        let mut numbers = [0; 9];
        let all = what.into_iter().chain(when.map(i64::cast_unsigned));
        numbers.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        Some(Self { numbers, changed: u64::try_from(about.ctime().max(about.mtime())).ok()? })
    }

    /// Other systems do not tell when a file was changed by whatever means.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Option<Self> {
        None
    }
}

/// Whether a file is an object, a pack or an object of LFS: another content would have another name.
fn is_named_by_content(path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    let Some((_, name)) = path.rsplit_once("/objects/") else { return false };
    let file = name.rsplit('/').next().unwrap_or_default();
    super::is_object_file(name) || (file.len() == 64 && file.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::git::GitEnvironment;
    use crate::git::fixture::Fixture;

    fn state(start: &Path) -> Option<State> {
        Repository::discover(start, &GitEnvironment::default()).unwrap().unwrap().state(u64::MAX)
    }

    #[test]
    fn every_change_makes_another_state() {
        let repo = Fixture::new();
        let mut seen = vec![state(repo.root()).unwrap()];
        let steps: [&[&str]; 9] = [
            &["commit", "-q", "--allow-empty", "-m", "1"],
            &["branch", "side"],
            &["tag", "-a", "-m", "x", "v1"],
            &["branch", "-D", "-q", "side"],
            &["config", "remote.origin.url", "https://example.org/a.git"],
            &["add", "file"],
            &["stash", "-q"],
            &["reflog", "expire", "--expire=now", "--all"],
            &["repack", "-adq"],
        ];
        repo.write("file", "x");
        for step in steps {
            repo.git(step);
            assert_eq!(state(repo.root()), state(repo.root()));
            seen.push(state(repo.root()).unwrap());
        }
        repo.write(".git/description", "another");
        seen.push(state(repo.root()).unwrap());
        repo.write(".git/description", "Another");
        seen.push(state(repo.root()).unwrap());
        for (index, one) in seen.iter().enumerate() {
            assert!(!seen[..index].contains(one), "step {index}");
        }
        repo.write("untracked", "x");
        assert_eq!(state(repo.root()).as_ref(), seen.last());
    }

    #[test]
    fn borrowed_objects_and_linked_work_trees_count() {
        let repo = Fixture::new();
        repo.write("file", "1");
        repo.commit_all();
        repo.git(&["worktree", "add", "-q", "--detach", "linked"]);
        repo.git(&["clone", "-q", "--shared", "--bare", ".git", "borrower"]);
        let (linked, borrower) = (repo.path("linked"), repo.path("borrower"));
        let before = (state(&linked).unwrap(), state(&borrower).unwrap());
        repo.write("file", "2");
        repo.git(&["hash-object", "-w", "file"]);
        assert_ne!(state(&linked).unwrap(), before.0);
        assert_ne!(state(&borrower).unwrap(), before.1);
    }

    #[test]
    fn a_pack_has_the_same_state_until_it_is_replaced() {
        let repo = Fixture::new();
        repo.write("file", "1");
        repo.commit_all();
        repo.git(&["repack", "-adq"]);
        let folder = repo.path(".git/objects/pack");
        let packs = || {
            let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            names.filter(|path| path.extension().is_some_and(|end| end == "pack"))
        };
        let pack = packs().next().unwrap();
        let before = PackState::of(&pack).unwrap();
        repo.write("file", "2");
        repo.commit_all();
        assert_eq!(PackState::of(&pack), Some(before));
        for end in ["pack", "idx"] {
            let before = PackState::of(&pack).unwrap();
            let path = pack.with_extension(end);
            let time = std::fs::metadata(&path).unwrap().modified().unwrap();
            std::fs::copy(&path, repo.path("copy")).unwrap();
            std::fs::File::open(repo.path("copy")).unwrap().set_modified(time).unwrap();
            std::fs::rename(repo.path("copy"), &path).unwrap();
            assert_ne!(PackState::of(&pack), Some(before), "another {end} with the same content and time");
        }
        std::fs::remove_file(pack.with_extension("idx")).unwrap();
        assert_eq!(PackState::of(&pack), None);
    }

    #[test]
    fn doubts_are_no_state() {
        let repo = Fixture::new();
        assert!(state(repo.root()).is_some());
        std::os::unix::fs::symlink("config", repo.path(".git/link")).unwrap();
        assert_eq!(state(repo.root()), None);
        std::fs::remove_file(repo.path(".git/link")).unwrap();
        repo.write(".git/objects/info/alternates", "/nowhere\n");
        assert_eq!(state(repo.root()), None);
        std::fs::remove_file(repo.path(".git/objects/info/alternates")).unwrap();
        repo.write(".git/large", vec![0; READ_BYTES as usize + 1]);
        let repository = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(repository.state(now), None);
        assert!(repository.state(now + 60).is_some());
        if let Some(tables) = Fixture::with_init(&["--ref-format=reftable"]) {
            assert_eq!(state(tables.root()), None);
        }
    }

    #[test]
    fn what_is_remembered_is_no_part_of_the_state() {
        let repo = Fixture::new();
        let before = state(repo.root());
        repo.write(".git/kbsec/history.cache", [REMEMBERED, b"x"].concat());
        repo.write(".git/kbsec/history.cache.1", "");
        assert_eq!(state(repo.root()), before);
        repo.write(".git/refs/kbsec/history.cache", REMEMBERED);
        assert_ne!(state(repo.root()), before);
        let before = state(repo.root());
        repo.write(".git/kbsec/history.cache.1", "x");
        assert_ne!(state(repo.root()), before, "it has the name only");
        assert!(is_remembered(&repo.path(".git"), &remembered_in(&repo.path(".git"))));
    }
}
