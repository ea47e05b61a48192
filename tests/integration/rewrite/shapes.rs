//! Histories of odd shapes and repositories of every kind: each is rewritten, and git finds nothing wrong with it.

use std::fs;

use super::fixture::{Fixture, value};
use crate::common::Sandbox;

/// For each commit that a reference reaches, in order: parents as positions, author, dates and message.
fn shape(fixture: &Fixture) -> String {
    let all =
        fixture.git(&["log", "--all", "--topo-order", "--date-order", "--format=%H %P|%an|%ae|%at|%ct"]);
    let ids: Vec<&str> = all.lines().map(|line| &line[..line.find(' ').unwrap()]).collect();
    ids.iter().enumerate().fold(all.clone(), |text, (at, id)| text.replace(id, &at.to_string()))
}

#[track_caller]
fn keeps_its_shape(fixture: &Fixture) {
    let before = shape(fixture);
    fixture.rewrite_well(&[]);
    assert_eq!(shape(fixture), before);
}

#[test]
fn merges_of_every_kind_keep_their_shape() {
    let fixture = Fixture::new();
    // The first commit is dirty, so that all are.
    fixture.commit("root", &[("a", value().as_bytes())]);
    let mut sides = Vec::new();
    for side in ["one", "two", "three"] {
        fixture.git(&["checkout", "--quiet", "-b", side, "main"]);
        sides.push(fixture.commit(side, &[(side, b"x")]));
    }
    fixture.git(&["checkout", "--quiet", "main"]);
    fixture.git(&["merge", "--quiet", "--no-ff", "-m", "octopus", "one", "two", "three"]);
    // An evil merge: it adds what no parent has.
    fixture.sandbox.write("evil", value());
    fixture.git(&["add", "evil"]);
    fixture.git(&["commit", "--quiet", "--amend", "--no-edit"]);
    // Criss-cross.
    fixture.git(&["checkout", "--quiet", "-b", "cross", "one"]);
    fixture.git(&["merge", "--quiet", "--no-ff", "-m", "cross one", "two"]);
    fixture.git(&["checkout", "--quiet", "two"]);
    fixture.git(&["merge", "--quiet", "--no-ff", "-m", "cross two", "one"]);
    fixture.git(&["merge", "--quiet", "--no-ff", "-m", "both", "cross"]);
    fixture.commit("empty", &[]);
    // The same parent twice, as old programs wrote it.
    let (tree, one) = (fixture.git(&["rev-parse", "HEAD^{tree}"]), fixture.git(&["rev-parse", "one"]));
    let person = "A <a@x> 1700000000 +0000";
    let text =
        format!("tree {tree}\nparent {one}\nparent {one}\nauthor {person}\ncommitter {person}\n\ntwice\n");
    let twice = fixture.object("commit", text);
    fixture.git(&["branch", "twice", &twice]);
    keeps_its_shape(&fixture);
    assert_eq!(fixture.git(&["show", "main:evil"]), "***REMOVED***");
}

#[test]
fn a_value_in_every_commit_and_texts_of_other_times() {
    let fixture = Fixture::new();
    for number in 0..40 {
        let text = format!("{number}\r\nkey: {}\r\n", value());
        fixture.commit(&format!("c{number}"), &[("crlf.txt", text.as_bytes())]);
    }
    let tree = fixture.git(&["rev-parse", "HEAD^{tree}"]);
    let mut odd = format!("tree {tree}\nparent {}\nauthor J\u{fc}rgen <> 12 +051800\ncommitter  <x> 1 -0000\nencoding latin1\n\n", fixture.head()).into_bytes();
    odd.extend(b"caf\xe9 ");
    odd.extend(value().bytes());
    let odd = fixture.object("commit", odd);
    fixture.git(&["update-ref", "refs/heads/main", &odd]);
    fixture.rewrite_well(&[]);
    let raw = fixture
        .sandbox
        .program("git", ["cat-file", "commit", "main"])
        .into_command()
        .output()
        .unwrap()
        .stdout;
    assert!(raw.windows(6).any(|part| part == b"caf\xe9 *") && raw.ends_with(b" ***REMOVED***"));
    assert_eq!(fixture.git(&["rev-list", "--count", "main"]), "41");
    assert_eq!(fs::read(fixture.sandbox.path("crlf.txt")).unwrap(), b"39\r\nkey: ***REMOVED***\r\n");
}

#[test]
fn repositories_of_every_kind() {
    for arguments in [
        &["--object-format=sha256"][..],
        &["--ref-format=reftable"],
        &["--separate-git-dir=../elsewhere.git"],
    ] {
        let fixture = Fixture::init(arguments);
        fixture.commit("clean", &[("a", b"1")]);
        fixture.commit("leak", &[("a", value().as_bytes())]);
        fixture.git(&["tag", "-a", "-m", "t", "v1"]);
        for text in ["one", "two"] {
            fixture.sandbox.write("a", format!("{}{text}", value()));
            fixture.git(&["stash", "--quiet"]);
        }
        fixture.git(&["checkout", "--quiet", "--detach"]);
        fixture.rewrite_well(&[]);
        let stashes = fixture.git(&["stash", "list", "--format=%gd"]);
        assert_eq!(stashes, "stash@{0}\nstash@{1}", "{arguments:?}");
        assert_eq!(fixture.git(&["show", "stash@{1}:a"]), "***REMOVED***one");
        assert_eq!(fixture.head(), fixture.git(&["rev-parse", "main"]));
    }
}

#[test]
fn bare_clones_and_mirrors_with_pull_requests() {
    let origin = Fixture::new();
    origin.commit("clean", &[("a", b"1")]);
    origin.commit("leak", &[("a", value().as_bytes())]);
    origin.git(&["update-ref", "refs/pull/1/head", "HEAD"]);
    origin.git(&["repack", "-adq", "--write-bitmap-index"]);
    origin.git(&["commit-graph", "write", "--reachable"]);
    let sandbox = Sandbox::new();
    sandbox.git(["clone", "--quiet", "--mirror", &origin.sandbox.path("").display().to_string(), "."]);
    let mirror = Fixture::around(sandbox);
    mirror.rewrite_well(&[]);
    assert_eq!(mirror.git(&["show", "refs/pull/1/head:a"]), "***REMOVED***");
    origin.rewrite_well(&[]);
    assert_eq!(origin.git(&["rev-parse", "main"]), mirror.git(&["rev-parse", "main"]));
}

#[test]
fn names_that_meet_are_told_apart() {
    let fixture = Fixture::new();
    let value = ["tok_9f8a7Zq", "Lm31"].concat();
    fixture.sandbox.write("../value", &value);
    let (old, sub) = (format!("x-{value}"), format!("x-{value}/below"));
    fixture.commit("files", &[("x-REMOVED", b"kept"), (&old, b"moved")]);
    fixture.git(&["rm", "--quiet", &old]);
    fixture.commit("directory", &[(&sub, b"below")]);
    fixture.rewrite_well(&[]);
    assert_eq!(fixture.git(&["ls-tree", "-r", "--name-only", "HEAD"]), "x-REMOVED\nx-REMOVED-2/below");
    assert_eq!(fixture.git(&["show", "HEAD~1:x-REMOVED-2"]), "moved");
    assert_eq!(fs::read(fixture.sandbox.path("x-REMOVED-2/below")).unwrap(), b"below");
}
