//! `kbsec rewrite push` and `kbsec rewrite kit`: servers that agree and refuse, clones that are checked and cleaned.

use crate::common::{Run, Sandbox};
use crate::proofs::{SHA1, SHA256, commit, publish, purge, rewritten, value};
#[cfg(unix)]
use crate::proofs::{leaked, spy};

fn push(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let all = [&["rewrite", "push", "dev", "--maps", "maps", "--remote", "origin"], arguments].concat();
    sandbox.kbsec(all).run().keeps(&value())
}

/// The digits of the plan.
fn digits(sandbox: &Sandbox) -> String {
    let run = push(sandbox, &["--dry-run"]).code(0);
    run.stdout
        .lines()
        .find_map(|line| line.strip_prefix("plan "))
        .unwrap_or_else(|| panic!("{run:?}"))
        .to_owned()
}

fn confirmed(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let digits = digits(sandbox);
    push(sandbox, &[&["--confirm", &digits], arguments].concat())
}

/// What the server has.
fn refs(sandbox: &Sandbox) -> String {
    sandbox.git(["-C", "origin.git", "for-each-ref"])
}

#[cfg(unix)]
fn server_hook(sandbox: &Sandbox, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let hook = sandbox.write(format!("origin.git/hooks/{name}"), format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn every_reference_is_pushed_and_hidden_ones_are_listed() {
    for format in [SHA1, SHA256] {
        let sandbox = rewritten(format);
        let before = refs(&sandbox);
        drop(push(&sandbox, &[]).code(2).complains("--confirm "));
        drop(push(&sandbox, &["--confirm", "00000000"]).code(2).complains("nothing was pushed"));
        assert_eq!(refs(&sandbox), before);
        let run = confirmed(&sandbox, &[])
            .code(3)
            .says("left out: refs/pull/7/head")
            .says("every reference is new");
        assert!(!run.stdout.contains("refs/heads/old"), "it did not change: {run:?}");
        let ours = sandbox.git(["-C", "dev", "rev-parse", "main", "v1", "old"]);
        assert_eq!(sandbox.git(["-C", "origin.git", "rev-parse", "main", "v1", "old"]), ours);
        drop(push(&sandbox, &[]).code(3).says("0 references of"));
        sandbox.git(["-C", "origin.git", "update-ref", "-d", "refs/pull/7/head"]);
        drop(push(&sandbox, &[]).code(0));
    }
}

#[test]
fn a_push_that_somebody_was_faster_than_changes_nothing() {
    let sandbox = rewritten(SHA1);
    sandbox.git(["clone", "-q", "origin.git", "mate"]);
    commit(&sandbox, "mate", ("m", "m\n"), "mate");
    sandbox.git(["-C", "mate", "push", "-q", "origin", "main"]);
    let before = refs(&sandbox);
    let run = push(&sandbox, &["--confirm", "00000000"]).code(2).complains("refs/heads/main it points to");
    drop(run.complains("fetch it and rewrite again"));
    assert_eq!(refs(&sandbox), before);
}

#[cfg(unix)]
#[test]
fn a_push_between_the_plan_and_ours_breaks_the_lease_of_all() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = rewritten(SHA1);
    sandbox.git(["clone", "-q", "origin.git", "mate"]);
    commit(&sandbox, "mate", ("m", "m\n"), "mate");
    let digits = digits(&sandbox);
    // Git runs it when it has looked at the server and not yet sent anything.
    let script = format!(
        "#!/bin/sh\nunset GIT_DIR GIT_WORK_TREE GIT_PREFIX\ngit -C '{}' push -q origin main\n",
        sandbox.path("mate").display()
    );
    let hook = sandbox.write("dev/.git/hooks/pre-push", script);
    std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let tag = sandbox.git(["-C", "origin.git", "rev-parse", "v1"]);
    let run = push(&sandbox, &["--confirm", &digits]).code(2).complains("every reference is old");
    drop(run.says("Somebody pushed since the rewrite"));
    assert_eq!(
        sandbox.git(["-C", "origin.git", "rev-parse", "v1"]),
        tag,
        "the tag alone could have been pushed"
    );
    let mate = sandbox.git(["-C", "mate", "rev-parse", "main"]);
    assert_eq!(sandbox.git(["-C", "origin.git", "rev-parse", "main"]), mate, "nothing of others is lost");
}

#[cfg(unix)]
#[test]
fn a_server_that_refuses_one_reference_keeps_all_and_the_way_on_is_told() {
    for (script, expected) in [
        (
            "[ \"$1\" != refs/heads/main ] || { echo 'GH006: Protected branch update failed' >&2; exit 1; }",
            "The branch is protected",
        ),
        ("[ \"$1\" != refs/tags/v1 ]", "A hook of the server refuses"),
    ] {
        let sandbox = rewritten(SHA1);
        server_hook(&sandbox, "update", script);
        let before = refs(&sandbox);
        drop(confirmed(&sandbox, &[]).code(2).complains("every reference is old").says(expected));
        assert_eq!(refs(&sandbox), before);
    }
    let sandbox = rewritten(SHA1);
    sandbox.git(["-C", "origin.git", "config", "receive.denyNonFastForwards", "true"]);
    let before = refs(&sandbox);
    drop(confirmed(&sandbox, &[]).code(2).says("receive.denyNonFastForwards"));
    assert_eq!(refs(&sandbox), before);
}

#[test]
fn a_server_that_knows_no_atomic_push_is_asked_only_with_consent() {
    let sandbox = rewritten(SHA1);
    sandbox.git(["-C", "origin.git", "config", "receive.advertiseAtomic", "false"]);
    let before = refs(&sandbox);
    drop(confirmed(&sandbox, &[]).code(2).complains("--not-atomic"));
    assert_eq!(refs(&sandbox), before);
    drop(confirmed(&sandbox, &["--not-atomic"]).code(3).says("every reference is new"));
}

#[cfg(unix)]
#[test]
fn references_are_told_apart_when_some_are_new() {
    let sandbox = rewritten(SHA1);
    server_hook(&sandbox, "update", "[ \"$1\" != refs/heads/main ]");
    let run = confirmed(&sandbox, &["--not-atomic"]).code(1).says("some references are new");
    drop(run.says("refused: refs/heads/main"));
    std::fs::remove_file(sandbox.path("origin.git/hooks/update")).unwrap();
    drop(confirmed(&sandbox, &[]).code(3).says("1 references of").says("every reference is new"));
}

#[test]
fn a_name_that_holds_the_value_is_in_no_command() {
    let sandbox = rewritten(SHA1);
    let old = sandbox.git(["-C", "before.git", "rev-parse", "main"]);
    sandbox.git(["-C", "origin.git", "update-ref", &format!("refs/heads/{}", value()), &old]);
    let arguments = ["--value-file", "value", "--dry-run"];
    drop(push(&sandbox, &arguments).code(0).says("left out: refs/heads/[redacted]: its name was replaced"));
}

/// Takes the value out with kbsec itself; the maps are in `rewritten`.
fn rewrite(sandbox: &Sandbox) {
    let all = |more: &[&str]| {
        let fixed = ["rewrite", "dev", "--value-file", "value", "--revoked", "--folder", "rewritten"];
        sandbox.kbsec([&fixed, more].concat()).run().keeps(&value())
    };
    let plan = all(&["--dry-run", "-f", "json"]).code(0);
    let hash = regex::Regex::new("\"plan_hash\": \"([0-9a-f]+)\"").unwrap();
    let hash = hash.captures(&plan.stdout).unwrap_or_else(|| panic!("{plan:?}"))[1].to_owned();
    drop(all(&["--confirm", &hash]).code(0).says("P1 gone").says("P2 unchanged"));
}

#[cfg(unix)]
#[test]
fn a_leak_is_taken_out_pushed_and_proved_to_be_gone() {
    let sandbox = leaked(SHA1);
    let name = format!("fix-{}", value());
    sandbox.git(["-C", "dev", "branch", &name, "old"]);
    sandbox.git(["-C", "dev", "push", "-q", "origin", &name]);
    rewrite(&sandbox);
    let (path, log) = spy(&sandbox);
    let run = |arguments: &[&str]| sandbox.kbsec(arguments).env("PATH", &path).run().keeps(&value());
    let push = ["rewrite", "push", "dev", "--maps", "rewritten", "--remote", "origin"];
    let plan = run(&[&push[..], &["--dry-run"]].concat()).code(0);
    let plan = plan.says("left out: refs/heads/fix-[redacted]: its name was replaced");
    let digits = plan.stdout.lines().find_map(|line| line.strip_prefix("plan ")).unwrap();
    drop(run(&[&push[..], &["--confirm", digits]].concat()).code(3).says("every reference is new"));
    let calls = std::fs::read_to_string(&log).unwrap();
    assert!(calls.contains("--force-with-lease=refs/heads/main:") && !calls.contains(&value()), "{calls}");
    let prove =
        ["rewrite", "prove", "dev", "--value-file", "value", "--maps", "rewritten", "--remote", "origin"];
    drop(run(&prove).code(1).says("still: refs/heads/fix-[redacted] (its name)"));
    // What only the operator can do.
    sandbox.git(["-C", "origin.git", "branch", "-D", &name]);
    sandbox.git(["-C", "origin.git", "update-ref", "-d", "refs/pull/7/head"]);
    drop(run(&prove).code(1).says("P3 still-served").says("file "));
    purge(&sandbox, "origin.git");
    drop(run(&prove).code(0).says("P1 gone").says("P2 unchanged").says("P3 gone"));
}

fn kit(sandbox: &Sandbox) {
    let arguments = ["rewrite", "kit", "dev", "--maps", "maps", "--remote", "origin", "--out", "kit"];
    drop(sandbox.kbsec(arguments).run().code(0).keeps(&value()).says("clean-clone.sh"));
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path("kit").join(name)).unwrap()
}

#[test]
fn the_kit_names_what_a_forge_has_to_know_and_never_the_value() {
    let sandbox = rewritten(SHA1);
    publish(&sandbox);
    sandbox.write("maps/orphaned_lfs_objects", format!("{}\n", "ab".repeat(32)));
    kit(&sandbox);
    let ticket = read(&sandbox, "ticket-github.md");
    let first = std::fs::read_to_string(sandbox.path("maps/first-changed-commits")).unwrap();
    let first = first.split(' ').next().unwrap().to_owned();
    for expected in ["Affected pull requests: 1 (#7)", &first, "Orphaned LFS objects: 1", &"ab".repeat(32)] {
        assert!(ticket.contains(expected), "{expected}: {ticket}");
    }
    assert!(read(&sandbox, "forges.md").contains("- `refs/pull/7/head`"));
    assert!(read(&sandbox, "notice.md").contains("| main | "));
    for file in std::fs::read_dir(sandbox.path("kit")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains(&value()));
    }
}

#[cfg(unix)]
#[test]
fn a_clone_is_checked_cleaned_by_what_the_check_prints_and_clean_then() {
    let sandbox = rewritten(SHA1);
    sandbox.git(["clone", "-q", "origin.git", "mate"]);
    sandbox.git(["-C", "mate", "checkout", "-q", "-b", "topic"]);
    commit(&sandbox, "mate", ("t", "t\n"), "topic one");
    commit(&sandbox, "mate", ("t", "u\n"), "topic two");
    publish(&sandbox);
    sandbox.git(["-C", "origin.git", "update-ref", "-d", "refs/pull/7/head"]);
    purge(&sandbox, "origin.git");
    kit(&sandbox);
    let check = || sandbox.program("sh", ["../kit/clean-clone.sh"]).current_dir("mate").run();
    let before = sandbox.git(["-C", "mate", "for-each-ref"]);
    let run = check().code(1).says("topic, 2 commits of your own").says("main, nothing of your own");
    assert_eq!(sandbox.git(["-C", "mate", "for-each-ref"]), before, "it changes nothing");
    let commands =
        run.stdout.lines().filter_map(|line| line.split_once("  git ").map(|(_, command)| command));
    // The last of them is what `purge` does.
    for command in commands.filter(|command| !command.contains("&&")) {
        let words: Vec<&str> = command.split_whitespace().collect();
        sandbox.git([&["-C", "mate"][..], &words].concat());
    }
    purge(&sandbox, "mate");
    drop(check().code(0).says("clean: "));
    assert_eq!(sandbox.git(["-C", "mate", "log", "--format=%s", "-2", "topic"]), "topic two\ntopic one");
    let new = sandbox.git(["-C", "dev", "rev-parse", "main"]);
    assert_eq!(sandbox.git(["-C", "mate", "rev-parse", "main", "topic~2"]), format!("{new}\n{new}"));
    drop(sandbox.program("sh", ["kit/clean-clone.sh"]).run().code(2).complains("This is no clone"));
    // A fresh clone is clean, too.
    sandbox.git(["clone", "-q", "origin.git", "fresh"]);
    drop(sandbox.program("sh", ["../kit/clean-clone.sh"]).current_dir("fresh").run().code(0));
}

#[test]
fn an_old_commit_does_not_come_back_to_a_cleaned_server() {
    for format in [SHA1, SHA256] {
        let sandbox = rewritten(format);
        sandbox.git(["clone", "-q", "origin.git", "mate"]);
        commit(&sandbox, "mate", ("m", "m\n"), "mate");
        publish(&sandbox);
        sandbox.git(["-C", "origin.git", "update-ref", "-d", "refs/pull/7/head"]);
        purge(&sandbox, "origin.git");
        kit(&sandbox);
        let ban =
            |place: &str| sandbox.kbsec(["rewrite", "kit", "--ban", "kit/kbsec-banned-commits", place]).run();
        drop(ban("origin.git").code(0).says("3 commits are banned"));
        drop(sandbox.kbsec(["hook", "install", "--pre-receive", "origin.git"]).run().code(0));
        let before = refs(&sandbox);
        let send = |arguments: &[&str]| {
            sandbox.git_unchecked([&["-C", "mate", "push", "origin"], arguments].concat())
        };
        // The old main alone, with work on top, as a new branch, and as the tag of it.
        for what in [
            &["--force", "origin/main:refs/heads/main"][..],
            &["--force", "main"],
            &["main:new"],
            &["--force", "v1"],
        ] {
            let run = send(what).complains("push refused").complains("was taken out of the history");
            assert_ne!(run.code, Some(0));
            assert_eq!(refs(&sandbox), before, "{what:?}");
        }
        sandbox.git(["-C", "mate", "fetch", "-q", "origin"]);
        let base = sandbox.git(["-C", "before.git", "rev-parse", "main"]);
        sandbox.git(["-C", "mate", "rebase", "-q", "--onto", "origin/main", &base, "main"]);
        drop(send(&["main"]).code(0));
        // In a clone, its own hook stops it before it leaves.
        sandbox.git(["-C", "origin.git", "config", "core.hooksPath", "/dev/null"]);
        drop(ban("mate").code(0));
        drop(sandbox.kbsec(["hook", "install", "--pre-push", "mate"]).run().code(0));
        sandbox.git(["-C", "mate", "branch", "back", &base]);
        drop(send(&["back"]).complains("push stopped: it would bring back commit"));
        drop(send(&["main:fine"]).code(0));
    }
}

#[test]
fn a_ban_list_without_sense_stops_pushes_instead_of_letting_them_through() {
    let sandbox = rewritten(SHA1);
    sandbox.write("empty", "# nothing\n");
    drop(
        sandbox.kbsec(["rewrite", "kit", "--ban", "empty", "dev"]).run().code(2).complains("bans no commit"),
    );
    sandbox.write("origin.git/kbsec-banned-commits", "nonsense\n");
    drop(sandbox.kbsec(["hook", "install", "--pre-receive", "origin.git"]).run().code(0));
    let run = sandbox.git_unchecked(["-C", "dev", "push", "origin", "old:other"]);
    assert_ne!(run.complains("kbsec-banned-commits:1 is no commit id").code, Some(0));
}
