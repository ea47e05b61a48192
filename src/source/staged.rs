//! The staged change: the blobs of the index that the next commit would add, whatever lies on disk.

use super::reader::{Reader, Unread};
use super::{Source, SourceError, Stop, crew};
use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::finding::Origin;
use crate::git::change::{StagedBlob, staged};
use crate::git::{GitError, ObjectError, ObjectKind, ObjectReader, Repository};

/// The staged change of one repository.
#[derive(Debug)]
pub struct Staged {
    repository: Repository,
    max_blob_bytes: u64,
}

/// The largest blob that is read unless the user says otherwise: it has to be in memory as a whole.
const MAX_BLOB_BYTES: u64 = 256 << 20;

impl Staged {
    /// The staged change of `repository`.
    #[must_use]
    pub fn new(repository: Repository) -> Self {
        Self { repository, max_blob_bytes: MAX_BLOB_BYTES }
    }

    /// Reads blobs up to this size instead of 256 MiB.
    #[must_use]
    pub fn max_blob_bytes(mut self, bytes: u64) -> Self {
        self.max_blob_bytes = bytes;
        self
    }

    /// Reads one blob and hands it out.
    fn read(&self, tools: &mut Tools<'_>, blob: &StagedBlob, coverage: &mut Coverage) {
        let subject = || blob.path.display().to_string();
        if tools.reader.stopped() {
            return coverage.missed.push(Unread::Stopped.gap(subject(), self.max_blob_bytes));
        }
        let objects = match &mut tools.objects {
            Ok(objects) => objects,
            Err(error) => {
                return coverage.missed.push(Gap::new(subject(), error.to_string()).hint(error.hint()));
            }
        };
        let origin = Origin::Staged { path: blob.path.clone() };
        let read = match objects.read(blob.id, self.max_blob_bytes) {
            Ok(object) if object.kind == ObjectKind::Blob => tools.reader.bytes(object.bytes(), &origin),
            Ok(_) => return coverage.missed.push(Gap::new(subject(), "its object is not a blob").hint(FSCK)),
            Err(error) => return coverage.missed.push(self.object_gap(subject(), blob, &error)),
        };
        match read {
            Ok(bytes) => coverage.examined(bytes),
            Err(unread) => coverage.missed.push(unread.gap(subject(), self.max_blob_bytes)),
        }
    }

    fn object_gap(&self, subject: String, blob: &StagedBlob, error: &ObjectError) -> Gap {
        match error {
            ObjectError::TooLarge { .. } => Unread::TooLarge.gap(subject, self.max_blob_bytes),
            ObjectError::Missing => Gap::new(subject, "its object is missing").hint(format!(
                "in a partial clone `git cat-file -e {}` fetches it; else run `git fsck`",
                blob.id
            )),
            ObjectError::Damaged(_) => Gap::new(subject, "its object is damaged").hint(FSCK),
            ObjectError::Program(cause) => Gap::new(subject, cause.to_string()).hint(cause.hint()),
        }
    }
}

const FSCK: &str = "run `git fsck` to see what is wrong";

/// What each thread needs.
struct Tools<'a> {
    reader: Reader<'a>,
    objects: Result<ObjectReader, GitError>,
}

impl Source for Staged {
    fn visit(&self, sink: &(dyn Fn(Chunk<'_>) + Sync), stop: &Stop) -> Result<Coverage, SourceError> {
        // The index is released here already: it is the largest thing in memory.
        let changes = staged(&self.repository).map_err(|error| SourceError {
            what: format!("cannot read what is staged in {}", self.repository.git_dir().display()),
            hint: error.hint().into(),
            cause: Some(Box::new(error)),
        })?;
        let tools = || Tools { reader: Reader::new(sink, stop), objects: self.repository.objects() };
        let mut coverage = crew::work_off(&changes.blobs, tools, |tools, blob, coverage| {
            self.read(tools, blob, coverage);
        });
        for path in &changes.submodules {
            let subject = path.display().to_string();
            coverage.skipped.push(Gap::new(subject, "a submodule").hint("scan it in its own repository"));
        }
        for path in &changes.conflicts {
            let gap =
                Gap::new(path.display().to_string(), "an unresolved conflict; every side of it was examined");
            coverage.missed.push(gap.hint("resolve it, stage the result, and scan again"));
        }
        for (path, error) in &changes.unreadable {
            coverage.missed.push(Gap::new(path.display().to_string(), error.to_string()).hint(FSCK));
        }
        if changes.blobs.is_empty() && coverage.missed.is_empty() {
            let reason = if changes.any { "the staged change adds no content" } else { "nothing is staged" };
            coverage.nothing_to_do = Some(reason.into());
        }
        coverage.missed.sort();
        Ok(coverage)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::git::GitEnvironment;
    use crate::git::fixture::Fixture;

    fn repository(start: &Path, environment: &GitEnvironment) -> Repository {
        Repository::discover(start, environment).unwrap().unwrap()
    }

    /// What is handed out, as text by path, and the coverage.
    fn visited(staged: &Staged) -> (BTreeMap<String, String>, Coverage) {
        let seen = Mutex::new(BTreeMap::new());
        let sink = |chunk: Chunk<'_>| {
            let Origin::Staged { path } = chunk.origin else { panic!("{:?}", chunk.origin) };
            let text = String::from_utf8_lossy(chunk.bytes).into_owned();
            *seen.lock().unwrap().entry(path.display().to_string()).or_insert_with(String::new) += &text;
        };
        let coverage = staged.visit(&sink, &Stop::default()).unwrap();
        (seen.into_inner().unwrap(), coverage)
    }

    fn scan(repo: &Fixture) -> (BTreeMap<String, String>, Coverage) {
        visited(&Staged::new(repository(repo.root(), &GitEnvironment::default())))
    }

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn before_the_first_commit_everything_staged_is_new() {
        let repo = Fixture::new();
        assert_eq!(scan(&repo).1.nothing_to_do.as_deref(), Some("nothing is staged"));
        repo.write("a", "1");
        repo.write("not-staged", "2");
        repo.git(&["add", "a"]);
        let (seen, coverage) = scan(&repo);
        assert_eq!(seen, texts(&[("a", "1")]));
        assert_eq!((coverage.items, coverage.bytes), (1, 1));
        assert!(!coverage.is_incomplete());
    }

    #[test]
    fn the_blob_is_read_and_not_the_file_on_disk() {
        let repo = Fixture::new();
        repo.write("a", "old");
        repo.write("gone", "old");
        repo.write("mode", "old");
        repo.commit_all();
        repo.write("a", "staged");
        repo.git(&["add", "a"]);
        repo.write("a", "only on disk");
        repo.git(&["rm", "-q", "--cached", "gone"]);
        repo.git(&["update-index", "--chmod=+x", "mode"]);
        assert_eq!(scan(&repo).0, texts(&[("a", "staged")]));
        repo.git(&["reset", "-q", "a"]);
        let (seen, coverage) = scan(&repo);
        assert!(seen.is_empty());
        assert_eq!(coverage.nothing_to_do.as_deref(), Some("the staged change adds no content"));
        assert!(!coverage.is_incomplete());
        repo.git(&["reset", "-q"]);
        assert_eq!(scan(&repo).1.nothing_to_do.as_deref(), Some("nothing is staged"));
    }

    #[cfg(unix)]
    #[test]
    fn links_pointers_and_renames_are_read_and_submodules_are_named() {
        let repo = Fixture::new();
        repo.write("old", "same content");
        repo.commit_all();
        let commit = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["mv", "old", "new"]);
        std::os::unix::fs::symlink("the/target", repo.path("link")).unwrap();
        repo.write("large.bin", "version https://git-lfs.example/spec/v1\n");
        repo.git(&["add", "-A"]);
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", commit.trim())]);
        let (seen, coverage) = scan(&repo);
        let pointer = "version https://git-lfs.example/spec/v1\n";
        assert_eq!(seen, texts(&[("large.bin", pointer), ("link", "the/target"), ("new", "same content")]));
        assert_eq!(coverage.skipped[0].subject, "sub");
        assert!(!coverage.is_incomplete());
    }

    #[test]
    fn hooks_see_the_index_that_git_names() {
        let repo = Fixture::new();
        repo.write("a", "1");
        repo.commit_all();
        repo.write("a", "2");
        // What `git commit -a` does: it writes another index and names it to the hook.
        let mut command = repo.command(&["add", "-u"]);
        std::fs::copy(repo.path(".git/index"), repo.path(".git/index.lock.test")).unwrap();
        assert!(command.env("GIT_INDEX_FILE", ".git/index.lock.test").status().unwrap().success());
        assert!(scan(&repo).0.is_empty());
        let environment = GitEnvironment {
            git_dir: Some(".git".into()),
            index_file: Some(".git/index.lock.test".into()),
            ..GitEnvironment::default()
        };
        let (seen, _) = visited(&Staged::new(repository(repo.root(), &environment)));
        assert_eq!(seen, texts(&[("a", "2")]));
    }

    #[cfg(unix)]
    #[test]
    fn real_hooks_in_a_linked_work_tree_and_from_commit_a_have_what_they_need() {
        let repo = Fixture::new();
        repo.write("a", "1");
        repo.commit_all();
        repo.git(&["worktree", "add", "-q", "-b", "side", "linked"]);
        repo.write("linked/a", "2");
        repo.write(
            ".git/hooks/pre-commit",
            format!(
                "#!/bin/sh\nenv > {0}/vars; pwd > {0}/pwd; cp \"$GIT_INDEX_FILE\" {0}/copy; exit 1",
                repo.root().display()
            ),
        );
        let mut hook = std::process::Command::new("chmod");
        assert!(hook.arg("+x").arg(repo.path(".git/hooks/pre-commit")).status().unwrap().success());
        let mut commit = repo.command(&["commit", "-q", "-a", "-m", "x"]);
        assert!(!commit.current_dir(repo.path("linked")).status().unwrap().success());
        let variables = std::fs::read_to_string(repo.path("vars")).unwrap();
        let value = |name: &str| {
            variables
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{name}=")))
                .map(std::path::PathBuf::from)
        };
        let directory = std::fs::read_to_string(repo.path("pwd")).unwrap();
        // git removes its temporary index when the hook ends.
        let index_file = value("GIT_INDEX_FILE").map(|_| repo.path("copy"));
        let environment =
            GitEnvironment { git_dir: value("GIT_DIR"), index_file, ..GitEnvironment::default() };
        let found = repository(Path::new(directory.trim()), &environment);
        assert_eq!(found.branch().unwrap().as_deref(), Some("side"));
        assert_eq!(visited(&Staged::new(found)).0, texts(&[("a", "2")]));
    }

    #[test]
    fn sha256_and_reftable_and_every_index_version_are_read() {
        for arguments in [&["--object-format=sha256"][..], &["--ref-format=reftable"], &[]] {
            let Some(repo) = Fixture::with_init(arguments) else {
                continue; // This git is too old to make such a repository.
            };
            for version in ["2", "4"] {
                repo.write("kept", "old");
                repo.commit_all();
                repo.git(&["update-index", "--index-version", version]);
                repo.write("dir/new", format!("secret {version}"));
                repo.git(&["add", "-A"]);
                assert_eq!(
                    scan(&repo).0,
                    texts(&[("dir/new", &format!("secret {version}"))]),
                    "{arguments:?}"
                );
                repo.git(&["commit", "-q", "-m", "next"]);
                assert_eq!(scan(&repo).1.nothing_to_do.as_deref(), Some("nothing is staged"));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_repository_whose_path_is_no_text_is_read_by_git_itself() {
        use std::os::unix::ffi::OsStrExt;
        let outer = Fixture::new();
        let root = outer.root().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("a"), "1").unwrap();
        for arguments in [&["init", "-q"], &["add", "a"]] {
            assert!(outer.command(arguments).current_dir(&root).status().unwrap().success());
        }
        let (seen, _) = visited(&Staged::new(repository(&root, &GitEnvironment::default())));
        assert_eq!(seen, texts(&[("a", "1")]));
    }

    #[test]
    fn an_unreadable_head_is_an_error() {
        let repo = Fixture::new();
        repo.write("a", "1");
        repo.commit_all();
        repo.write("b", "2");
        repo.git(&["add", "b"]);
        for bad in ["garbage", &"1".repeat(40), "ref: ../../outside"] {
            repo.write(".git/HEAD", bad);
            let staged = Staged::new(repository(repo.root(), &GitEnvironment::default()));
            let error = staged.visit(&|_| panic!("nothing may be handed out"), &Stop::default()).unwrap_err();
            assert!(error.hint.contains("git fsck"), "{error:?}");
        }
    }

    #[test]
    fn missing_and_damaged_and_large_objects_are_gaps() {
        for arguments in [&[][..], &["--object-format=sha256"]] {
            let Some(repo) = Fixture::with_init(arguments) else { continue };
            for (name, text) in
                [("damaged", "aaaaaa"), ("fine", "ok"), ("large", "1234567"), ("missing", "bbbbbb")]
            {
                repo.write(name, text);
            }
            repo.git(&["add", "-A"]);
            let object = |name: &str| {
                let id = repo.git(&["rev-parse", &format!(":{name}")]);
                repo.path(&format!(".git/objects/{}/{}", &id[..2], id[2..].trim()))
            };
            std::fs::remove_file(object("missing")).unwrap();
            std::fs::remove_file(object("damaged")).unwrap();
            std::fs::write(object("damaged"), b"not a zlib stream").unwrap();
            let found = repository(repo.root(), &GitEnvironment::default());
            let (seen, coverage) = visited(&Staged::new(found).max_blob_bytes(6));
            assert_eq!(seen, texts(&[("fine", "ok")]));
            let reasons: Vec<_> = coverage.missed.iter().map(|gap| (&*gap.subject, &*gap.reason)).collect();
            // The git program calls a damaged loose object missing.
            let damaged =
                if arguments.is_empty() { "its object is damaged" } else { "its object is missing" };
            assert_eq!(
                reasons,
                [
                    ("damaged", damaged),
                    ("large", "larger than the limit of 6 bytes"),
                    ("missing", "its object is missing")
                ],
                "{arguments:?}"
            );
            assert!(coverage.missed[2].hint.contains("git cat-file -e"));
            assert!(coverage.is_incomplete());
        }
    }

    #[test]
    fn a_conflict_is_never_clean() {
        let repo = Fixture::new();
        for (branch, text) in [("main", "base"), ("side", "theirs"), ("main", "ours")] {
            repo.git(&["checkout", "-q", "-B", branch]);
            repo.write("a", text);
            repo.commit_all();
            if text == "theirs" {
                repo.git(&["checkout", "-q", "-B", "main", "HEAD~"]);
            }
        }
        assert!(!repo.command(&["merge", "-q", "side"]).output().unwrap().status.success());
        let (seen, coverage) = scan(&repo);
        assert!(seen["a"].contains("theirs") && seen["a"].contains("ours"));
        assert!(coverage.is_incomplete());
        assert_eq!(coverage.missed[0].subject, "a");
        // Resolved but not committed: compared with HEAD, so what the merge brings is examined.
        repo.write("a", "theirs");
        repo.git(&["add", "a"]);
        assert_eq!(scan(&repo).0, texts(&[("a", "theirs")]));
    }

    #[test]
    fn a_corrupt_index_is_an_error_with_a_way_out() {
        let repo = Fixture::new();
        repo.write("a", "1");
        repo.git(&["add", "a"]);
        let good = std::fs::read(repo.path(".git/index")).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [&good[..good.len() / 2], b"", b"garbage that is long enough to be an index", &flipped] {
            std::fs::write(repo.path(".git/index"), bad).unwrap();
            let staged = Staged::new(repository(repo.root(), &GitEnvironment::default()));
            let error = staged.visit(&|_| panic!("nothing may be handed out"), &Stop::default()).unwrap_err();
            assert!(error.hint.contains("git reset"), "{error:?}");
            assert!(format!("{error:?}").contains("offset"), "{error:?}");
        }
    }

    #[test]
    fn many_blobs_are_read_by_several_threads_and_large_ones_in_chunks() {
        let repo = Fixture::new();
        for i in 0..100 {
            repo.write(&format!("d{}/f{i}", i % 7), format!("content {i}"));
        }
        repo.write("large", "x".repeat(5 << 20));
        repo.git(&["add", "-A"]);
        let (seen, coverage) = scan(&repo);
        assert_eq!((seen.len(), coverage.items), (101, 101));
        assert_eq!(seen["d3/f3"], "content 3");
        assert_eq!(seen["large"].len(), (5 << 20) + super::super::CHUNK_OVERLAP);
    }

    #[test]
    fn a_request_to_stop_leaves_gaps_and_never_a_clean_result() {
        let repo = Fixture::new();
        repo.write("a", "1");
        repo.git(&["add", "a"]);
        let stop = Stop::default();
        stop.request();
        let staged = Staged::new(repository(repo.root(), &GitEnvironment::default()));
        assert!(staged.visit(&|_| {}, &stop).unwrap().is_incomplete());
    }
}
