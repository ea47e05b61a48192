//! `git push` through the hooks of kbsec, to a bare repository beside the one that is pushed from.

use crate::common::{Run, Sandbox};
use crate::secrets;

/// A repository with one commit that the bare repository `remote.git` has, too.
fn with_remote(format: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git(["init", "-q", "--initial-branch=main", format]);
    sandbox.git(["init", "-q", "--initial-branch=main", "--bare", format, "remote.git"]);
    // Work trees at other places push there, too.
    sandbox.git(["remote", "add", "origin", &sandbox.path("remote.git").to_string_lossy()]);
    sandbox.write("readme", "first\n");
    sandbox.git(["add", "readme"]);
    sandbox.git(["commit", "-qm", "first"]);
    sandbox.git(["push", "-q", "origin", "HEAD:main"]);
    sandbox
}

fn commit(sandbox: &Sandbox, file: &str, text: &str) {
    sandbox.write(file, text);
    sandbox.git(["add", file]);
    sandbox.git(["commit", "-qm", "change"]);
}

fn push(sandbox: &Sandbox, refs: &str) -> Run {
    sandbox.git_unchecked(["push", "origin", refs])
}

/// Every way to push a secret, and the ways to push without one.
fn exercise(sandbox: &Sandbox) {
    let secret = secrets::github(5);
    commit(sandbox, "plain", "nothing\n");
    assert_eq!(push(sandbox, "HEAD:main").code, Some(0));

    commit(sandbox, "deploy.sh", &format!("TOKEN={secret}\n"));
    let stopped =
        push(sandbox, "HEAD:main").keeps(&secret).mentions("deploy.sh:1").mentions("github-classic-token");
    assert_ne!(stopped.code, Some(0));
    let short = sandbox.git(["rev-parse", "--short=12", "HEAD"]);
    assert!(stopped.stderr.contains(&short) || stopped.stdout.contains(&short), "{}", stopped.stderr);

    // A later commit that takes it away does not take it out of the history.
    sandbox.git(["rm", "-q", "deploy.sh"]);
    sandbox.git(["commit", "-qm", "remove"]);
    assert_ne!(push(sandbox, "HEAD:main").keeps(&secret).code, Some(0));
    assert_ne!(push(sandbox, "HEAD:refs/heads/new").keeps(&secret).code, Some(0));

    sandbox.git(["reset", "-q", "--hard", "HEAD~2"]);
    commit(sandbox, "plain", "nothing at all\n");
    assert_eq!(push(sandbox, "HEAD:main").code, Some(0));
    assert_eq!(push(sandbox, "HEAD:refs/heads/new").code, Some(0));
    assert_eq!(push(sandbox, ":refs/heads/new").code, Some(0));

    sandbox.git(["tag", "-am", &secret, "v1"]);
    assert_ne!(push(sandbox, "v1").keeps(&secret).code, Some(0));
}

const SHA1: &str = "--object-format=sha1";
const SHA256: &str = "--object-format=sha256";

#[test]
fn a_push_is_stopped_before_it_leaves() {
    for format in [SHA1, SHA256] {
        let sandbox = with_remote(format);
        assert_eq!(sandbox.kbsec(["hook", "install", "--pre-push"]).run().code, Some(0));
        exercise(&sandbox);
    }
}

/// Pushes from another folder than the first work tree.
fn push_from(sandbox: &Sandbox, folder: &str, file: &str, text: &str) -> Run {
    sandbox.write(format!("{folder}/{file}"), text);
    sandbox.git(["-C", folder, "add", file]);
    sandbox.git(["-C", folder, "commit", "-qm", "change"]);
    sandbox.git_unchecked(["-C", folder, "push", "origin", "HEAD"])
}

#[test]
fn rewritten_branches_linked_work_trees_and_shallow_clones_are_examined() {
    let secret = secrets::github(6);
    let sandbox = with_remote(SHA1);
    assert_eq!(sandbox.kbsec(["hook", "install", "--pre-push"]).run().code, Some(0));
    let amend = |text: &str| {
        sandbox.write("readme", text);
        sandbox.git(["commit", "-qam", "anew", "--amend"]);
        sandbox.git_unchecked(["push", "--force", "origin", "main"])
    };
    assert_eq!(amend("anew\n").code, Some(0));
    assert_ne!(amend(&secret).keeps(&secret).code, Some(0));
    let quiet = amend("clean again\n").code(0);
    assert!(!quiet.stdout.contains("examined") && !quiet.stderr.contains("kbsec"), "{quiet:?}");

    sandbox.git(["worktree", "add", "-q", "linked", "-b", "side"]);
    assert_eq!(push_from(&sandbox, "linked", "a", "plain\n").code, Some(0));
    assert_ne!(push_from(&sandbox, "linked", "b", &secret).keeps(&secret).code, Some(0));

    let address = format!("file://{}", sandbox.path("remote.git").display());
    sandbox.git(["clone", "-q", "--depth=1", &address, "shallow"]);
    assert_eq!(sandbox.kbsec(["hook", "install", "--pre-push", "shallow"]).run().code, Some(0));
    assert_eq!(push_from(&sandbox, "shallow", "a", "plain\n").code, Some(0));
    assert_ne!(push_from(&sandbox, "shallow", "b", &secret).keeps(&secret).code, Some(0));
}

#[test]
fn what_the_hook_is_told_has_to_make_sense() {
    let sandbox = with_remote(SHA1);
    let head = sandbox.git(["rev-parse", "HEAD"]);
    let lines = format!("{} {head} refs/heads/x\n", "0".repeat(40));
    let arguments = ["scan", "--pre-receive", "--time-limit=60", "--accept-late"];
    assert_eq!(sandbox.kbsec(arguments).stdin(lines).run().code(0).stdout, "");
    let odd = sandbox.kbsec(["scan", "--pre-receive"]).stdin("nonsense\n").run().code(2);
    drop(odd.complains("OLD-ID NEW-ID REF"));
}

#[test]
fn a_push_is_refused_where_it_arrives() {
    for (limit, format) in [("1", SHA1), ("1000", SHA1), ("1", SHA256)] {
        let sandbox = with_remote(format);
        sandbox.git(["-C", "remote.git", "config", "receive.unpackLimit", limit]);
        assert_eq!(sandbox.kbsec(["hook", "install", "--pre-receive", "remote.git"]).run().code, Some(0));
        exercise(&sandbox);
    }
}

/// Commits a secret with these dates of author and committer; its id.
fn commit_at(sandbox: &Sandbox, file: &str, (text, year): (&str, u32)) -> String {
    sandbox.write(file, text);
    sandbox.git(["add", file]);
    let date = format!("{year}-01-02T03:04:05Z");
    let run = sandbox.program("git", ["commit", "-qm", "change"]);
    drop(run.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date).run().code(0));
    sandbox.git(["rev-parse", "HEAD"])
}

/// Pushes, which has to fail, and the start of the rebase that it advises.
fn advised(sandbox: &Sandbox) -> (String, String) {
    let run = push(sandbox, "HEAD:main");
    assert_ne!(run.code, Some(0));
    let command = regex::Regex::new("git rebase -i ([0-9a-f]{12}\\^)").unwrap();
    let start = command.captures(&run.stderr).unwrap_or_else(|| panic!("{run:?}"))[1].to_owned();
    (start, run.stderr)
}

#[test]
fn the_advised_rebase_goes_through_every_commit_with_a_secret_whatever_the_clocks_say() {
    for (years, hook) in
        [([2021, 2022], "--pre-push"), ([2026, 2020], "--pre-push"), ([2026, 2020], "--pre-receive")]
    {
        let sandbox = with_remote(SHA1);
        let place = if hook == "--pre-push" { "." } else { "remote.git" };
        assert_eq!(sandbox.kbsec(["hook", "install", hook, place]).run().code, Some(0));
        let plain = commit_at(&sandbox, "plain", ("nothing\n", 2025));
        let first = commit_at(&sandbox, "a", (&secrets::github(5), years[0]));
        let other = commit_at(&sandbox, "b", (&secrets::slack(6), years[1]));
        let last = commit_at(&sandbox, "plain", ("more\n", 2019));
        let (start, told) = advised(&sandbox);
        assert_eq!(start, format!("{}^", &first[..12]), "{hook}: {told}");
        assert!(told.contains(&format!("and of {}.", &other[..12])), "{told}");
        let rebased = sandbox.git(["rev-list", "--reverse", &format!("{start}..HEAD")]);
        assert_eq!(rebased.lines().collect::<Vec<_>>(), [&first, &other, &last], "{hook}");
        // On two lines of history none is before the other: the rebase has to take both.
        sandbox.git(["checkout", "-q", "-b", "side", &plain]);
        let side = commit_at(&sandbox, "c", (&secrets::github(7), 2023));
        sandbox.git(["merge", "-q", "-m", "both", &last]);
        let (start, told) = advised(&sandbox);
        assert!(told.lines().any(|line| line.contains("and of ") && line.contains(", ")), "{told}");
        let rebased = sandbox.git(["rev-list", &format!("{start}..HEAD")]);
        assert!([&first, &other, &side].iter().all(|bad| rebased.contains(*bad)), "{hook}: {start}");
    }
}

#[test]
fn a_push_that_takes_too_long_is_refused_or_passes_with_a_warning() {
    let sandbox = with_remote(SHA1);
    assert_eq!(sandbox.kbsec(["hook", "install", "--pre-receive", "remote.git"]).run().code, Some(0));
    commit(&sandbox, "plain", "nothing\n");
    let (old, new) = (sandbox.git(["rev-parse", "HEAD^"]), sandbox.git(["rev-parse", "HEAD"]));
    // The time runs while the refs are waited for.
    let scan = |option: &str| {
        let script = format!("{{ sleep 1; cat; }} | kbsec scan --pre-receive --time-limit=0 {option}");
        sandbox.program("sh", ["-c", &script]).stdin(format!("{old} {new} refs/heads/main\n")).run()
    };
    drop(scan("").code(3).complains("0 s were not enough to examine it"));
    drop(scan("--accept-late").code(0).complains("accepted without a full examination: 0 s"));

    let slow = sandbox.write("slow", "#!/bin/sh\n{ sleep 4; cat; } | kbsec \"$@\"\n");
    drop(sandbox.program("chmod", ["+x", "slow"]).run().code(0));
    sandbox.git(["-C", "remote.git", "config", "kbsec.timeLimit", "1"]);
    let push = || sandbox.program("git", ["push", "origin", "HEAD:main"]).env("KBSEC", &slow).run();
    let refused = push().code(1);
    assert!(refused.stderr.contains("push refused: 1 s were not enough to examine it"), "{refused:?}");
    assert_eq!(sandbox.git(["-C", "remote.git", "rev-parse", "main"]), old);
    sandbox.git(["-C", "remote.git", "config", "kbsec.acceptLate", "true"]);
    let accepted = push().code(0);
    assert!(accepted.stderr.contains("accepted without a full examination: 1 s"), "{accepted:?}");
    assert_eq!(sandbox.git(["-C", "remote.git", "rev-parse", "main"]), new);
}
