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
