//! Tests of the file system model: what the platform was seen to do, and its two forms against each other.

use super::*;

fn fs() -> Fs {
    Fs::new("/home/dev/proj", None).unwrap()
}

/// Holds the decision and the language against what is expected.
#[track_caller]
fn probe(access: Access, patterns: &[&str], path: &str, expected: bool) {
    let fs = fs();
    let decision = fs.decide(access, patterns, path);
    let granted = matches!(decision, Decision::Granted(_) | Decision::Always);
    assert_eq!(granted, expected, "{path}: {decision:?}");
    let language = match access {
        Access::Read => fs.readable(patterns),
        Access::Write => fs.writable(patterns),
    };
    assert_eq!(language.unwrap().contains(&posix::resolve("/home/dev/proj", path)), expected, "{path}");
}

#[test]
fn the_working_folder_is_always_readable_but_for_the_denials() {
    for path in [
        ".kb/database/kb.sqlite",
        ".kb/logs/tmp/rest.log",
        ".kb/kb.config.json",
        ".npmrc",
        ".envrc",
        "id_rsa",
        "key.p12",
        "secrets.yaml",
        ".ENV",
        "link/a.txt",
        "../proj-secret/a.txt",
    ] {
        probe(Access::Read, &[], path, true);
    }
    for path in [".env", ".env.local", "prod.env", ".git/config", "../other/a.txt", "my-PassWords.txt"] {
        probe(Access::Read, &[], path, false);
    }
    assert_eq!(fs().decide(Access::Read, &["**"], "x/prod.env"), Decision::Denied(".env"));
    assert_eq!(fs().decide(Access::Read, &["**"], "x"), Decision::Always);
    assert_eq!(fs().decide(Access::Read, &[], "/opt/x"), Decision::Unlisted);
    assert_eq!(fs().decide(Access::Read, &["a", "/opt"], "/opt/x"), Decision::Granted("/opt"));
}

#[test]
fn writing_needs_a_pattern_and_gets_more_than_it_says() {
    for (patterns, path, expected) in [
        (&[][..], ".kb/output-evil/x", true),
        (&[], "package.json", false),
        (&["."], "package.json", true),
        (&["."], ".kb/marketplace.lock", true),
        (&["."], "../proj-secret/b", true),
        (&["**/*.md"], "sub/x.mdevil.sh", true),
        (&["**/*.md"], "a.md", false),
        (&["**"], "../other/b", true),
        (&["**"], "/home/dev/.bashrc", true),
        (&["**"], "/etc/passwd", false),
        (&["**/*"], "/home/dev/.bashrc", false),
        (&["**/.git/**"], ".git/config", false),
        (&["~/.kb/**"], "/home/dev/.kb/x", false),
    ] {
        probe(Access::Write, patterns, path, expected);
    }
}

#[test]
fn dead_grants_are_empty() {
    let fs = fs();
    assert!(fs.effective("**/.git/**").unwrap().is_empty());
    assert!(!fs.effective("**/.gitignore").unwrap().is_empty());
    assert!(fs.effective(".env").unwrap().witness().is_some_and(|path| path != "/home/dev/proj/.env"));
    let everything = fs.writable(&["**"]).unwrap();
    assert!(everything.includes(&fs.writable(&["**/*", "/opt"]).unwrap()).unwrap());
    assert!(!fs.writable(&["**/*"]).unwrap().includes(&everything).unwrap());
    assert_eq!(everything.witness().as_deref(), Some("/"));
}

#[test]
fn the_output_folder_is_a_pattern_too() {
    let fs = Fs::new("/ws", Some("/out/run")).unwrap();
    assert_eq!(fs.decide(Access::Write, &[], "/out/run-2/x"), Decision::Always);
    assert_eq!(fs.decide(Access::Write, &[], ".kb/output/x"), Decision::Unlisted);
    let starred = Fs::new("/ws", Some("/ws/*/out")).unwrap();
    // A folder whose name holds a star becomes a glob, and globs are looked for anywhere.
    assert_eq!(starred.decide(Access::Write, &[], "/tmp/ws/a/output"), Decision::Always);
    assert_eq!(starred.decide(Access::Write, &[], "/tmp/ws/a/b/out"), Decision::Unlisted);
}

#[test]
fn paths_of_a_language_are_in_normal_form() {
    let paths = fs().writable(&["**"]).unwrap();
    for path in ["/", "/a", "/a/...", "/a/.b", "/😀"] {
        assert!(paths.contains(path), "{path:?}");
    }
    for path in ["", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/.", "/a/../b", "/a/./b", "/a\0"] {
        assert!(!paths.contains(path), "{path:?}");
    }
}

#[test]
fn ends_of_lines_stop_two_stars_but_not_one() {
    let fs = Fs::new("/", None).unwrap();
    assert!(!fs.matches("/a**b", "/a\nb") && fs.matches("/a*b", "/a\nb"));
    assert!(fs.matches("/a?b", "/a/b") && !fs.matches("/a?b", "/a\u{2028}b"));
    assert!(!fs.matches("/a?b", "/a😀b") && fs.matches("/a??b", "/a😀b"));
}
