//! `git push` through the hooks of kbsec, to a bare repository beside the one that is pushed from.

use crate::common::{Run, Sandbox};
use crate::secrets;

/// A repository with one commit that the bare repository `remote.git` has, too.
fn with_remote() -> Sandbox {
    let sandbox = Sandbox::repository();
    sandbox.git(["init", "-q", "--bare", "remote.git"]);
    sandbox.git(["remote", "add", "origin", "./remote.git"]);
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

#[test]
fn a_push_is_stopped_before_it_leaves() {
    let sandbox = with_remote();
    assert_eq!(sandbox.kbsec(["hook", "install", "--pre-push"]).run().code, Some(0));
    exercise(&sandbox);
}

#[test]
fn a_push_is_refused_where_it_arrives() {
    for limit in ["1", "1000"] {
        let sandbox = with_remote();
        sandbox.git(["-C", "remote.git", "config", "receive.unpackLimit", limit]);
        assert_eq!(sandbox.kbsec(["hook", "install", "--pre-receive", "remote.git"]).run().code, Some(0));
        exercise(&sandbox);
    }
}
