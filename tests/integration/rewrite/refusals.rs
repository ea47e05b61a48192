//! What a rewrite refuses: each check fails on its own recipe, names what mends it, and nothing has changed.

use super::fixture::{Fixture, value};
use crate::common::Sandbox;

fn leaky() -> Fixture {
    let fixture = Fixture::new();
    fixture.commit("clean", &[("a", b"1")]);
    fixture.commit("leak", &[("a", value().as_bytes())]);
    fixture
}

#[track_caller]
fn is_refused(fixture: &Fixture, check: &str, fix: &str) {
    let refs = fixture.git(&["for-each-ref"]);
    let run = fixture.kbsec(&["--revoked", "--confirm", "00000000"]).code(2);
    let line = run.stdout.lines().find(|line| line.contains("FAIL")).unwrap_or_default().to_owned();
    assert!(line.contains(check), "{line}\n{}", run.stdout);
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(fix), "{}", run.stdout);
    assert_eq!(fixture.git(&["for-each-ref"]), refs);
    assert!(!fixture.state().exists());
    assert!(!fixture.git_dir().join("kbsec-rewrite").exists());
}

#[test]
fn a_value_that_is_still_in_use_or_a_plan_that_nobody_saw() {
    let fixture = leaky();
    let _ =
        fixture.kbsec(&["--dry-run"]).code(2).says("FAIL  rw.rotated").says("--revoked").says("plan hash");
    let _ = fixture.kbsec(&["--revoked"]).code(2).complains("--confirm");
    let _ =
        fixture.kbsec(&["--revoked", "--confirm", "00000000"]).code(2).complains("another one was confirmed");
    let _ = fixture.kbsec(&["--revoked", "--resume"]).code(2).complains("no rewrite to go on with");
    assert!(!fixture.git_dir().join("kbsec-quarantine").exists());
    assert!(!fixture.state().exists());
}

#[test]
fn changes_and_operations_in_progress() {
    let fixture = leaky();
    fixture.sandbox.write("a", "changed");
    is_refused(&fixture, "rw.clean", "git stash");
    fixture.git(&["checkout", "--quiet", "a"]);
    fixture.git(&["checkout", "--quiet", "-b", "other", "HEAD~1"]);
    fixture.commit("conflict", &[("a", b"2")]);
    let _ = fixture.sandbox.git_unchecked(["merge", "main"]).code(1);
    fixture.git(&["checkout", "--quiet", "--ours", "a"]);
    let run = fixture.kbsec(&["--dry-run", "--revoked"]).code(2);
    let _ = run.says("FAIL  rw.noop").says("git merge --abort");
}

#[test]
fn clones_that_are_not_whole() {
    let origin = leaky();
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", origin.sandbox.path("").display());
    for (arguments, check, fix) in [
        (vec!["--depth=1"], "rw.full", "git fetch --unshallow"),
        (vec!["--filter=blob:none"], "rw.full", "make a full clone"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.git(["clone", "--quiet"].into_iter().chain(arguments).chain([url.as_str(), "."]));
        is_refused(&Fixture::around(sandbox), check, fix);
    }
    let sandbox = Sandbox::new();
    sandbox.git(["clone", "--quiet", "--shared", url.strip_prefix("file://").unwrap(), "."]);
    is_refused(&Fixture::around(sandbox), "rw.full", "git repack -a -d");
    origin.sandbox.write(".git/info/grafts", format!("{}\n", origin.head()));
    is_refused(&origin, "rw.full", "git replace --convert-graft-file");
}

#[test]
fn work_trees_locks_kept_packs_and_branches_that_are_behind() {
    let fixture = leaky();
    fixture.git(&["worktree", "add", "--quiet", "--detach", "../linked"]);
    is_refused(&fixture, "rw.single", "git worktree remove");
    fixture.git(&["worktree", "remove", "../linked"]);
    fixture.sandbox.write(".git/refs/heads/main.lock", "");
    is_refused(&fixture, "rw.lock", "delete the file");
    std::fs::remove_file(fixture.sandbox.path(".git/refs/heads/main.lock")).unwrap();
    fixture.git(&["repack", "-adq"]);
    super::fixture::files(&fixture.sandbox.path(".git/objects/pack"), &mut |path| {
        if path.extension().is_some_and(|end| end == "pack") {
            std::fs::write(path.with_extension("keep"), "").unwrap();
        }
    });
    is_refused(&fixture, "rw.keep", "--drop-keep");
    fixture.git(&["branch", "--quiet", "old", "main~1"]);
    fixture.git(&["branch", "--quiet", "--set-upstream-to=main", "old"]);
    is_refused(&fixture, "rw.synced", "git pull");
    fixture.git(&["branch", "--quiet", "-D", "old"]);
    fixture.rewrite_well(&["--drop-keep"]);
}

#[test]
fn values_that_stand_everywhere() {
    let fixture = Fixture::new();
    fixture.commit("c", &[("a", "passwords and passwords\n".repeat(10).as_bytes())]);
    let run = |value: &str| {
        fixture.sandbox.write("../value", value);
        fixture.kbsec(&["--dry-run", "--revoked"]).code(2)
    };
    let _ = run("short").complains("value 1 has 5 bytes");
    let _ = run("========").complains("1 different");
    let _ = run("password").says("FAIL  rw.value").says("20 places as it is, 20 of them");
    let _ = fixture.rewrite(&["--accept-common"]).code(0);
    assert!(fixture.git(&["show", "HEAD:a"]).starts_with("***REMOVED***s and"));
}

#[test]
fn a_repository_that_is_damaged() {
    let fixture = leaky();
    let blob = fixture.git(&["rev-parse", "HEAD~1:a"]);
    std::fs::remove_file(fixture.sandbox.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..])))
        .unwrap();
    is_refused(&fixture, "rw.intact", "git fsck");
}
