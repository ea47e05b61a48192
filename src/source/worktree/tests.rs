//! Tests of the walk, each on a directory of its own; they need links, pipes and permissions.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::*;
use crate::git::fixture::Fixture;

/// Text by path as the user sees it, relative to `base`.
type Seen = BTreeMap<String, String>;

fn visit(base: &Path, paths: &[&str], options: Options) -> Result<(Seen, Coverage), SourceError> {
    let seen = Mutex::new(Seen::new());
    let sink = |chunk: Chunk<'_>| {
        let Origin::File { path } = chunk.origin else { panic!("{:?}", chunk.origin) };
        let name = path.strip_prefix(base).unwrap_or(path).display().to_string();
        let text = String::from_utf8_lossy(chunk.bytes).into_owned();
        let before = seen.lock().unwrap().insert(name.clone(), text);
        assert!(before.is_none(), "{name} was read twice");
    };
    let paths = paths.iter().map(|path| base.join(path));
    let mut coverage = Worktree::new(paths, options).visit(&sink, &Stop::default())?;
    let prefix = format!("{}/", base.display());
    for gap in coverage.skipped.iter_mut().chain(&mut coverage.missed) {
        gap.subject = gap.subject.replace(&prefix, "");
    }
    Ok((seen.into_inner().unwrap(), coverage))
}

fn names(seen: &Seen) -> Vec<&str> {
    seen.keys().map(String::as_str).collect()
}

fn gaps(gaps: &[Gap]) -> Vec<(&str, &str)> {
    gaps.iter().map(|gap| (&*gap.subject, &*gap.reason)).collect()
}

fn all(base: &Path) -> (Seen, Coverage) {
    visit(base, &[""], Options::default()).unwrap()
}

fn nothing_ignored() -> Options {
    Options { ignore: Ignore::Nothing, ..Options::default() }
}

#[test]
fn hidden_files_are_read_and_ignored_ones_are_not_unless_wished() {
    let repo = Fixture::new();
    for name in [".env", "src/a.rs", "target/x", ".github/y", "noise.log", "found/z"] {
        repo.write(name, name);
    }
    repo.write(".gitignore", "target/\n*.log\n");
    repo.write(".ignore", "found\n");
    let (seen, coverage) = all(repo.root());
    assert_eq!(names(&seen), [".env", ".github/y", ".gitignore", ".ignore", "found/z", "src/a.rs"]);
    assert_eq!(seen["src/a.rs"], "src/a.rs");
    assert_eq!(coverage.items, 6);
    assert!(!coverage.is_incomplete());
    let (seen, _) = visit(repo.root(), &[""], nothing_ignored()).unwrap();
    assert_eq!(seen.len(), 8, "everything but .git: {seen:?}");
}

#[test]
fn tracked_files_are_read_though_a_pattern_hides_them() {
    let repo = Fixture::new();
    for name in ["a", "build/one", "build/deep/two", "gone.log", "kept.log", "stale/x", "öff.log"] {
        repo.write(name, name);
    }
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "one"]);
    repo.write(".gitignore", "build\n*.log\nstale\n");
    repo.write("build/untracked", "x");
    fs::remove_file(repo.path("gone.log")).unwrap();
    fs::remove_dir_all(repo.path("stale")).unwrap();
    symlink("build", repo.path("stale")).unwrap();
    let expected = [".gitignore", "a", "build/deep/two", "build/one", "kept.log", "öff.log"];
    for version in ["2", "4"] {
        repo.git(&["update-index", "--index-version", version]);
        assert_eq!(names(&all(repo.root()).0), expected);
    }
    let (seen, _) = visit(repo.root(), &["build"], Options::default()).unwrap();
    // A directory that is named is walked, and patterns of its parents hold for what is in it, not for itself.
    assert!(names(&seen).contains(&"build/deep/two") && !seen.contains_key("kept.log"), "{seen:?}");
    let (seen, _) = visit(repo.root(), &["build/deep", "build/one"], Options::default()).unwrap();
    assert_eq!(names(&seen), ["build/deep/two", "build/one"]);
}

#[test]
fn packages_are_read_when_tracked_or_named_and_else_counted_once() {
    let repo = Fixture::new();
    for name in
        ["index.js", "node_modules/a/1.js", "node_modules/a/node_modules/b/2.js", "sub/node_modules/c/3.js"]
    {
        repo.write(name, name);
    }
    let reason = "installed packages that git does not track";
    let (seen, coverage) = all(repo.root());
    assert_eq!(names(&seen), ["index.js"]);
    assert_eq!(gaps(&coverage.skipped), [("node_modules", reason), ("sub/node_modules", reason)]);
    assert!(!coverage.is_incomplete());
    let (seen, _) = visit(repo.root(), &["node_modules/a"], Options::default()).unwrap();
    assert_eq!(names(&seen), ["node_modules/a/1.js", "node_modules/a/node_modules/b/2.js"]);
    assert_eq!(visit(repo.root(), &[""], nothing_ignored()).unwrap().0.len(), 4);
    let (seen, _) = visit(repo.root(), &["", "node_modules"], Options::default()).unwrap();
    assert_eq!(seen.len(), 3);
    repo.git(&["add", "-f", "node_modules/a/1.js"]);
    assert_eq!(names(&all(repo.root()).0), ["index.js", "node_modules/a/1.js"]);
}

#[test]
fn a_file_that_is_named_is_read_whatever_the_patterns_say() {
    let repo = Fixture::new();
    repo.write(".gitignore", "*.log");
    repo.write("x.log", "named");
    repo.write("-", "dash");
    let options =
        Options { exclude: vec!["*.log".into()], exclude_base: repo.root().into(), ..Options::default() };
    let (seen, coverage) = visit(repo.root(), &["x.log", "-"], options).unwrap();
    assert_eq!(names(&seen), ["-", "x.log"]);
    assert_eq!((coverage.items, coverage.bytes), (2, 9));
}

#[test]
fn a_folder_without_git_has_no_gitignore() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [(".gitignore", "a"), (".ignore", "b"), ("a", "1"), ("b", "2"), ("c", "")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let (seen, coverage) = all(folder.path());
    assert_eq!(names(&seen), [".gitignore", ".ignore", "a", "b"]);
    assert_eq!(coverage.items, 5, "the empty file was examined, too");
}

#[test]
fn paths_that_overlap_are_read_once_and_shown_as_named() {
    let repo = Fixture::new();
    repo.write("src/a", "1");
    repo.write("src/deep/b", "2");
    repo.write("tracked.log", "3");
    repo.git(&["add", "-A"]);
    repo.write(".gitignore", "*.log");
    let paths = ["", "src", "src/deep", "src/a", "src/../src/deep", "src/deep/b", "tracked.log", "."];
    let (seen, coverage) = visit(repo.root(), &paths, Options::default()).unwrap();
    assert_eq!(names(&seen), [".gitignore", "src/a", "src/deep/b", "tracked.log"]);
    assert_eq!(coverage.items, 4);
}

#[test]
fn links_are_followed_when_named_and_skipped_when_met() {
    let repo = Fixture::new();
    repo.write("real/file", "content");
    repo.write("other", "x");
    symlink("real", repo.path("to-directory")).unwrap();
    symlink("real/file", repo.path("to-file")).unwrap();
    symlink(".", repo.path("real/loop")).unwrap();
    let (seen, coverage) = all(repo.root());
    assert_eq!(names(&seen), ["other", "real/file"]);
    let reason = "a symbolic link, not followed";
    assert_eq!(
        gaps(&coverage.skipped),
        [("real/loop", reason), ("to-directory", reason), ("to-file", reason)]
    );
    assert!(!coverage.is_incomplete());
    let (seen, _) = visit(repo.root(), &["to-file"], Options::default()).unwrap();
    assert_eq!(names(&seen), ["to-file"]);
    let (seen, _) = visit(repo.root(), &["to-directory"], Options::default()).unwrap();
    assert_eq!(names(&seen), ["to-directory/file"]);
}

#[test]
fn a_path_that_leads_nowhere_is_an_error_alone_and_a_gap_among_others() {
    let repo = Fixture::new();
    repo.write("a", "1");
    symlink("nowhere", repo.path("broken")).unwrap();
    let error = visit(repo.root(), &["broken"], Options::default()).unwrap_err();
    assert!(error.what.ends_with("broken: no such file or directory"), "{error}");
    let (seen, coverage) = visit(repo.root(), &["a", "broken"], Options::default()).unwrap();
    assert_eq!(names(&seen), ["a"]);
    assert_eq!(gaps(&coverage.missed), [("broken", "no such file or directory")]);
    assert!(coverage.is_incomplete());
    assert!(visit(repo.root(), &[], Options::default()).unwrap_err().hint.contains('.'));
}

#[test]
fn pipes_and_sockets_are_named_and_never_opened() {
    let repo = Fixture::new();
    repo.write("a", "1");
    assert!(Command::new("mkfifo").arg(repo.path("pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(repo.path("socket")).unwrap();
    let (seen, coverage) = all(repo.root());
    assert_eq!(names(&seen), ["a"]);
    let expected = [("pipe", "a named pipe, not a file"), ("socket", "a socket, not a file")];
    assert_eq!(gaps(&coverage.skipped), expected);
    assert!(!coverage.is_incomplete());
    let (_, coverage) = visit(repo.root(), &["a", "pipe"], Options::default()).unwrap();
    assert_eq!(gaps(&coverage.missed), [("pipe", "a named pipe, not a file")]);
}

#[test]
fn names_that_are_no_text_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"caf\xe9");
    fs::write(folder.path().join(name), "x").unwrap();
    let seen = Mutex::new(Vec::new());
    let sink = |chunk: Chunk<'_>| seen.lock().unwrap().push(chunk.origin.path().unwrap().to_path_buf());
    let source = Worktree::new([folder.path().to_path_buf()], Options::default());
    let coverage = source.visit(&sink, &Stop::default()).unwrap();
    assert_eq!(coverage.items, 1);
    assert_eq!(*seen.lock().unwrap(), [folder.path().join(name)]);
}

#[test]
fn repositories_inside_are_walked_with_their_own_tracked_files() {
    let repo = Fixture::new();
    repo.write("a", "1");
    let inner =
        Command::new("cp").arg("-r").arg(repo.path(".git")).arg(repo.path("template")).status().unwrap();
    assert!(inner.success());
    fs::create_dir_all(repo.path("libs/inner")).unwrap();
    fs::rename(repo.path("template"), repo.path("libs/inner/.git")).unwrap();
    repo.write("libs/inner/b.log", "2");
    repo.write("libs/inner/c.log", "3");
    repo.write("libs/inner/.gitignore", "*.log");
    repo.git(&["-C", "libs/inner", "add", "-f", "b.log"]);
    let expected = ["a", "libs/inner/.gitignore", "libs/inner/b.log"];
    assert_eq!(names(&all(repo.root()).0), expected);
    // A submodule or linked work tree has a file `.git`; one that points nowhere changes nothing but what is tracked.
    fs::remove_dir_all(repo.path("libs/inner/.git")).unwrap();
    repo.write("libs/inner/.git", "gitdir: /nowhere/at/all");
    let (seen, coverage) = all(repo.root());
    assert_eq!(names(&seen), ["a", "libs/inner/.gitignore"]);
    assert!(!coverage.is_incomplete());
}

#[test]
fn an_unreadable_index_is_missed() {
    let repo = Fixture::new();
    repo.write("a", "1");
    repo.write(".git/index", "garbage that is long enough to be an index");
    let (seen, coverage) = all(repo.root());
    assert_eq!(names(&seen), ["a"]);
    assert!(coverage.missed[0].reason.contains("DIRC"), "{:?}", coverage.missed);
    assert!(coverage.missed[0].hint.contains("--no-ignore"));
    assert!(!visit(repo.root(), &[""], nothing_ignored()).unwrap().1.is_incomplete());
}

#[test]
fn what_the_system_refuses_is_missed_with_a_hint() {
    let repo = Fixture::new();
    repo.write("a", "1");
    repo.write("locked/file", "2");
    repo.write("secret", "3");
    let mode =
        |path: &str, mode| fs::set_permissions(repo.path(path), fs::Permissions::from_mode(mode)).unwrap();
    mode("locked", 0);
    mode("secret", 0);
    let almighty = fs::read(repo.path("secret")).is_ok();
    let (seen, coverage) = all(repo.root());
    mode("locked", 0o755);
    if almighty {
        assert_eq!(seen.len(), 3, "permissions do not hold for root");
    } else {
        assert_eq!(names(&seen), ["a"]);
        assert_eq!(
            gaps(&coverage.missed),
            [("locked", "permission denied"), ("secret", "permission denied")]
        );
        assert!(coverage.missed[0].hint.contains("readable"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn errors_of_reading_and_of_too_long_paths_are_missed() {
    // This file opens for its owner, but its first page cannot be read.
    let (_, coverage) = visit(Path::new("/"), &["proc/self/mem"], Options::default()).unwrap();
    assert_eq!(coverage.missed.len(), 1, "{coverage:?}");
    // Directories deeper than a path can name; even root gets an error for them.
    let folder = tempfile::tempdir().unwrap();
    let half = |top: &str| {
        let path = (0..18).fold(folder.path().join(top), |path, _| path.join("d".repeat(200)));
        fs::create_dir_all(&path).unwrap();
        path
    };
    fs::write(half("lower").join("file"), "x").unwrap();
    fs::rename(folder.path().join("lower"), half("upper").join("lower")).unwrap();
    fs::write(folder.path().join("a"), "1").unwrap();
    let (seen, coverage) = all(folder.path());
    assert_eq!(names(&seen), ["a"]);
    assert_eq!(coverage.missed.len(), 1);
    assert!(coverage.missed[0].reason.contains("too long"), "{:?}", coverage.missed);
}

#[test]
fn large_files_are_missed_and_the_limit_is_named() {
    let repo = Fixture::new();
    repo.write("a", "12345");
    let sparse = fs::File::create(repo.path("sparse")).unwrap();
    sparse.set_len(4 << 30).unwrap();
    let (seen, coverage) = all(repo.root());
    assert_eq!(names(&seen), ["a"]);
    assert_eq!(gaps(&coverage.missed), [("sparse", "larger than the limit of 256 MiB")]);
    assert!(coverage.missed[0].hint.contains("--max-file-size"));
    let options = Options { max_file_bytes: 4, ..Options::default() };
    assert_eq!(
        visit(repo.root(), &["a"], options).unwrap().1.missed[0].reason,
        "larger than the limit of 4 bytes"
    );
}

#[test]
fn excluded_paths_are_skipped_and_said_to_be() {
    let repo = Fixture::new();
    for name in ["dist/a", "dist/b/c", "src/d.min.js", "src/e", "hidden.log"] {
        repo.write(name, name);
    }
    repo.git(&["add", "-A"]);
    repo.write(".gitignore", "*.log\ndist");
    let options = |patterns: &[&str]| Options {
        exclude: patterns.iter().map(|&pattern| pattern.to_owned()).collect(),
        exclude_base: repo.root().into(),
        ..Options::default()
    };
    let (seen, coverage) = visit(repo.root(), &[""], options(&["/dist", "*.min.js", "hidden.*"])).unwrap();
    assert_eq!(names(&seen), [".gitignore", "src/e"]);
    assert_eq!(gaps(&coverage.skipped), [("src/d.min.js", "excluded by the configuration")]);
    let (seen, _) = visit(repo.root(), &["src"], options(&["/src/e"])).unwrap();
    assert_eq!(names(&seen), ["src/d.min.js"]);
    let error = visit(repo.root(), &[""], options(&["{a"])).unwrap_err();
    assert!(error.what.contains("{a"), "{error}");
}

#[test]
fn files_that_vanish_between_walk_and_read_are_missed() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..2000 {
        fs::write(folder.path().join(format!("{i}")), "x").unwrap();
    }
    // The directory is listed as a whole before its files are read: whoever is first removes all the others.
    let once = std::sync::Once::new();
    let sink = |chunk: Chunk<'_>| {
        once.call_once(|| {
            let own = chunk.origin.path().unwrap();
            for entry in fs::read_dir(folder.path()).unwrap() {
                let path = entry.unwrap().path();
                if path != own {
                    fs::remove_file(path).unwrap();
                }
            }
        });
    };
    let source = Worktree::new([folder.path().to_path_buf()], Options::default());
    let coverage = source.visit(&sink, &Stop::default()).unwrap();
    assert!(coverage.missed.len() > 100, "{}", coverage.missed.len());
    assert_eq!(coverage.missed[0].reason, "it was removed before it could be read");
    assert_eq!(coverage.items + coverage.missed.len() as u64, 2000);
}

#[test]
fn a_request_to_stop_is_obeyed_and_told() {
    let repo = Fixture::new();
    for i in 0..500 {
        repo.write(&format!("d{}/{i}", i % 10), "x");
    }
    let stop = Stop::default();
    let sink = |_: Chunk<'_>| stop.request();
    let coverage =
        Worktree::new([repo.root().to_path_buf()], Options::default()).visit(&sink, &stop).unwrap();
    assert!(coverage.items < 500 && coverage.is_incomplete());
}

#[test]
fn paths_relative_to_the_current_directory_have_no_dot_before_them() {
    assert_eq!(shown("./src/a.rs".into()), Path::new("src/a.rs"));
    assert_eq!(shown("../src/a.rs".into()), Path::new("../src/a.rs"));
    assert_eq!(shown(".".into()), Path::new("."));
    assert_eq!(shown(".hidden".into()), Path::new(".hidden"));
    assert_eq!(shown("/abs/./a".into()), Path::new("/abs/./a"));
}
