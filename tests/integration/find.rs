//! `kbsec find`: compared with git's own search on random histories, and asked for a value in every hiding place.

mod random_history;

use crate::common::{Run, Sandbox};

/// A value in two halves, so that no file of this repository holds it.
fn value() -> String {
    ["hunter2", "hunter2-QxZ"].concat()
}

fn find(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let arguments = ["find", "--stdin"].iter().chain(arguments);
    sandbox.kbsec(arguments).stdin(value() + "\n").run().keeps(&value())
}

#[test]
fn the_commits_are_those_that_git_prints() {
    let mut commits = 0;
    for seed in 0..30 {
        let sandbox = Sandbox::repository();
        random_history::make(&sandbox, seed);
        for needle in ["needle", "needle-needle", "absent"] {
            for merges in [false, true] {
                let searched = format!("-S{needle}");
                let mut git = vec!["log", "--all", &searched, "--format=%H"];
                let mut kbsec = vec!["find", "--stdin", "--pickaxe-compatible", "--exit-zero", "-q"];
                if merges {
                    git.push("-m");
                    kbsec.push("--merges");
                }
                let expected = sandbox.git(git);
                let found = sandbox.kbsec(kbsec).stdin(needle).run().code(0);
                assert_eq!(found.stdout.trim_end(), expected, "seed {seed}, {needle}, merges: {merges}");
                commits += expected.lines().count();
            }
        }
    }
    assert!(commits > 500, "the histories have too little to find: {commits}");
}

#[test]
fn a_value_is_found_in_every_hiding_place() {
    use base64::Engine as _;
    let value = value();
    let sandbox = Sandbox::repository();
    let base64 = base64::prelude::BASE64_STANDARD.encode(format!("xx {value} and more"));
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let utf16: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    sandbox.write("plain.txt", format!("first\nkey = {value}\n"));
    sandbox.write("base64.txt", base64);
    sandbox.write("hex.txt", hex);
    sandbox.write("utf16.txt", utf16);
    sandbox.git(["add", "."]);
    sandbox.git(["commit", "-qm", "add"]);
    sandbox.git(["rm", "-q", "plain.txt", "hex.txt"]);
    sandbox.git(["commit", "-qm", "remove"]);
    sandbox.git(["commit", "-q", "--allow-empty", "-m", &format!("message {value}")]);
    sandbox.git(["branch", &format!("branch-{value}")]);
    sandbox.git(["tag", "-am", &value, "v1"]);
    sandbox.stage("staged.txt", &value);
    sandbox.write("ignored.log", &value);
    sandbox.write(".gitignore", "*.log\n");
    sandbox.write(".git/rr-cache/1/preimage", &value);
    sandbox.write("file", &value);
    let dangling = sandbox.git(["hash-object", "-w", "file"]);
    std::fs::remove_file(sandbox.path("file")).unwrap();
    let run = find(&sandbox, &["-f", "json"]).code(1);
    let found = run.findings();
    for place in [
        "plain.txt:2:7",
        "base64.txt:1:5 via base64",
        "hex.txt:1:1 via hex",
        "utf16.txt:1:1 via utf-16",
        "staged.txt:1:1",
        "ignored.log:1:1",
        ".git/rr-cache/1/preimage:1:1",
    ] {
        assert!(found.iter().any(|line| line.ends_with(&format!(" {place}"))), "{place}: {found:#?}");
    }
    let report = run.json();
    let changes: Vec<_> = report["findings"][0]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!("{} {}>{}", change["path"].as_str().unwrap(), change["before"], change["after"])
        })
        .collect();
    assert_eq!(
        changes,
        ["base64.txt 0>1", "hex.txt 0>1", "plain.txt 0>1", "utf16.txt 0>1", "hex.txt 1>0", "plain.txt 1>0"]
    );
    let text = find(&sandbox, &[]).code(1);
    for shown in ["commit ", "tag ", "name of a ref to ", "+1 plain.txt", "-1 plain.txt", "in base64"] {
        assert!(text.stdout.contains(shown) || found.len() > 11, "{shown}: {}", text.stdout);
    }
    let json = run.stdout;
    assert!(json.contains(&dangling[..8]) || found.iter().any(|line| line.contains("<stdin>")), "{json}");
    for format in ["jsonl", "sarif", "github"] {
        let _ = find(&sandbox, &["-f", format]).code(1);
    }
}

#[test]
fn paths_authors_and_branches_do_not_tell_the_value() {
    let sandbox = Sandbox::repository();
    let value = value();
    sandbox.stage(&format!("dir-{value}/file-{value}.txt"), format!("key = {value}\n"));
    sandbox.git([
        "-c",
        &format!("user.name=N {value}"),
        "commit",
        "-qm",
        &value,
        "--author",
        &format!("A {value} <{value}@x.y>"),
    ]);
    sandbox.git(["branch", &value]);
    for format in ["text", "json", "jsonl", "sarif", "github"] {
        let _ = find(&sandbox, &["-f", format]).code(1);
    }
}

#[test]
fn only_a_merge_that_differs_from_all_its_parents_removes_something() {
    let sandbox = Sandbox::repository();
    for (name, evil) in [("kept", false), ("lost", true)] {
        sandbox.git(["checkout", "-q", "--orphan", name]);
        sandbox.stage(name, value());
        sandbox.git(["commit", "-qm", "add"]);
        sandbox.git(["commit", "-qm", "other", "--allow-empty"]);
        sandbox.git(["checkout", "-qb", &format!("{name}-side"), "HEAD~"]);
        sandbox.stage("side", "x");
        sandbox.git(["commit", "-qm", "side"]);
        sandbox.git(["merge", "-q", "--no-ff", "--no-commit", name]);
        if evil {
            sandbox.git(["rm", "-qf", name]);
        }
        sandbox.git(["commit", "-qm", "merge"]);
        let merge = sandbox.git(["rev-parse", "HEAD"]);
        let report = find(&sandbox, &["-f", "json"]).code(1).json();
        let locations = report["findings"][0]["locations"].as_array().unwrap().clone();
        let place = locations.iter().find(|place| place["kind"] == "blob" && place["path"] == name).unwrap();
        let removed = place["trail"]["removed"]["id"].as_str();
        assert_eq!(removed, evil.then_some(merge.as_str()), "{name}: {place}");
        sandbox.git(["checkout", "-qf", name]);
        sandbox.git(["rm", "-qf", name]);
    }
}

#[test]
fn exit_codes_tell_found_from_absent_and_from_unknown() {
    let sandbox = Sandbox::repository();
    sandbox.stage("file", "content\n");
    sandbox.git(["commit", "-qm", "one"]);
    let clean = find(&sandbox, &[]).code(0);
    let _ = clean.says("clean:");
    let blob = sandbox.git(["rev-parse", "HEAD:file"]);
    let path = sandbox.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
    std::fs::remove_file(path).unwrap();
    let _ = find(&sandbox, &[]).code(3).says("not in the store");
    let _ = find(&sandbox, &["--allow-incomplete"]).code(0);
    sandbox.write("file", value());
    let _ = find(&sandbox, &[]).code(1);
    let _ = find(&sandbox, &["--exit-zero"]).code(3);
    let _ = find(&sandbox, &["--exit-zero", "--allow-incomplete"]).code(0);
}

#[test]
fn a_value_that_cannot_be_searched_for_is_refused() {
    let sandbox = Sandbox::new();
    for (value, complaint) in [("", "empty"), ("\n", "empty"), ("abc\r\n", "fewer than 4 bytes")] {
        let run = sandbox.kbsec(["find", "--stdin"]).stdin(value).run();
        let _ = run.code(2).complains(complaint);
    }
    let _ = sandbox.kbsec(["find"]).run().code(2).complains("no terminal to ask");
    let _ = sandbox.kbsec(["find", "--regex", "a("]).run().code(2).complains("cannot be understood");
    let _ =
        sandbox.kbsec(["find", "--value-file", "nowhere"]).run().code(2).complains("cannot read the value");
    let _ = sandbox.kbsec(["find", "--stdin", "--pickaxe-compatible"]).stdin("value").run().code(2);
}

#[test]
fn directories_without_a_repository_and_expressions_are_searched() {
    let sandbox = Sandbox::new();
    sandbox.write("a/b.txt", "x\nkey-123 key-4567\n");
    let run = sandbox.kbsec(["find", "--regex", "key-[0-9]{4}", "-f", "json"]).run().code(1);
    assert_eq!(run.findings(), ["trace/pattern a/b.txt:2:9"]);
    let _ = sandbox.kbsec(["find", "--regex", "key-[0-9]{5}", "a"]).run().code(0);
}

#[test]
fn a_finding_stands_for_its_value() {
    let secret = crate::secrets::github(77);
    let sandbox = Sandbox::repository();
    sandbox.write("deploy.sh", format!("TOKEN={secret}\n"));
    sandbox.git(["add", "."]);
    sandbox.git(["commit", "-qm", "add"]);
    sandbox.git(["rm", "-q", "deploy.sh"]);
    sandbox.git(["commit", "-qm", "remove"]);
    let scanned = sandbox.kbsec(["scan", "--history", "-f", "json"]).run().code(1).keeps(&secret).json();
    let fingerprint = scanned["findings"][0]["fingerprint"].as_str().unwrap();
    assert_eq!(scanned["findings"][0]["exposure"]["at_head"], false);
    let found = sandbox.kbsec(["find", "--finding", &fingerprint[..10]]).run().keeps(&secret);
    let _ = found.says("deploy.sh").says("remov").code(1);
    let _ = sandbox.kbsec(["find", "--finding", "0123456789"]).run().complains("no finding here").code(2);
    let _ = sandbox.kbsec(["find", "--finding", "01"]).run().complains("at least 8 digits").code(2);
}
