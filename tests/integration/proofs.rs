//! `kbsec rewrite prove` on repositories that were rewritten by hand, well and badly, and on servers that kept too much.

use std::collections::HashMap;
use std::path::Path;

use crate::common::{Run, Sandbox};

/// A value that no rule knows.
pub(crate) fn value() -> String {
    ["zq", "xv-9911", "-abc", "defgh"].concat()
}

/// A repository `dev` with a leak in its middle, and a server `origin.git` that has all of it, also as a pull request.
pub(crate) fn leaked(format: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git(["init", "-q", "--bare", "--initial-branch=main", format, "origin.git"]);
    sandbox.git(["init", "-q", "--initial-branch=main", format, "dev"]);
    sandbox.git(["-C", "dev", "remote", "add", "origin", &sandbox.path("origin.git").to_string_lossy()]);
    for (file, text) in [
        ("a", "1\n".to_owned()),
        ("a", "2\n".to_owned()),
        ("dir/leak.env", format!("KEY={}\nother\n", value())),
        ("a", "3\n".to_owned()),
    ] {
        commit(&sandbox, "dev", (file, &text), "change");
    }
    sandbox.git(["-C", "dev", "tag", "-am", "release", "v1"]);
    sandbox.git(["-C", "dev", "branch", "old", "HEAD~2"]);
    commit(&sandbox, "dev", ("a", "4\n"), &format!("use {}", value()));
    sandbox.git(["-C", "dev", "push", "-q", "origin", "--all"]);
    sandbox.git(["-C", "dev", "push", "-q", "origin", "--tags"]);
    sandbox.git(["-C", "origin.git", "update-ref", "refs/pull/7/head", "refs/heads/main"]);
    sandbox.git(["clone", "-q", "--mirror", "dev", "before.git"]);
    sandbox.write("value", value());
    sandbox
}

pub(crate) fn commit(sandbox: &Sandbox, folder: &str, (file, text): (&str, &str), message: &str) {
    sandbox.write(format!("{folder}/{file}"), text);
    sandbox.git(["-C", folder, "add", "--force", file]);
    sandbox.git(["-C", folder, "commit", "-qm", message]);
}

/// Rewrites `dev` as it should be done, but for what `edit` does to each object, and leaves the maps in `maps`.
pub(crate) fn rewrite_with(sandbox: &Sandbox, edit: &dyn Fn(&str, String) -> String) {
    let text = |id: &str| sandbox.git_unchecked(["-C", "dev", "cat-file", "-p", id]).code(0).stdout;
    let store = |kind: &str, text: String| {
        let run = sandbox.program("git", ["-C", "dev", "hash-object", "-t", kind, "-w", "--stdin"]);
        run.stdin(text).run().code(0).stdout.trim().to_owned()
    };
    let mut images: HashMap<String, String> = HashMap::new();
    let mut image = |id: &str| {
        // Trees and files by hand: replace, and build what holds them anew.
        fn of(id: &str, kind: &str, tools: &Tools<'_>, images: &mut HashMap<String, String>) -> String {
            if let Some(known) = images.get(id) {
                return known.clone();
            }
            let old = (tools.text)(id);
            let mut new = old.replace(&value(), "***");
            if kind == "tree" {
                let lines = old.lines().map(|line| {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    let is_here = words[1] != "commit";
                    let below = if is_here { of(words[2], words[1], tools, images) } else { words[2].into() };
                    format!("{} {} {below}\t{}\n", words[0], words[1], words[3])
                });
                let listing: String = lines.collect();
                let listing = (tools.edit)("tree", listing);
                let made = tools.sandbox.program("git", ["-C", "dev", "mktree"]).stdin(listing);
                let made = made.run().code(0).stdout.trim().to_owned();
                images.insert(id.to_owned(), made.clone());
                return made;
            }
            if kind == "commit" || kind == "tag" {
                let lines = new.split_inclusive('\n').map(|line| match line.trim_end().split_once(' ') {
                    Some(("tree", tree)) => format!("tree {}\n", of(tree, "tree", tools, images)),
                    Some(("parent", parent)) => format!("parent {}\n", of(parent, "commit", tools, images)),
                    Some(("object", object)) => format!("object {}\n", of(object, "commit", tools, images)),
                    _ => line.to_owned(),
                });
                new = lines.collect();
            }
            if new != old {
                new = (tools.edit)(kind, new);
            }
            let made = if new == old { id.to_owned() } else { (tools.store)(kind, new) };
            images.insert(id.to_owned(), made.clone());
            made
        }
        let kind = sandbox.git(["-C", "dev", "cat-file", "-t", id]);
        let tools = Tools { sandbox, text: &text, store: &store, edit };
        of(id, &kind, &tools, &mut images)
    };
    let refs = sandbox.git(["-C", "dev", "for-each-ref", "--format=%(objectname) %(refname)"]);
    let (mut ref_map, mut updates) = ("old new ref\n".to_owned(), Vec::new());
    for line in refs.lines() {
        let (old, name) = line.split_once(' ').unwrap();
        let new = image(old);
        ref_map += &format!("{old} {new} {name}\n");
        updates.push([name.to_owned(), new]);
    }
    let commits = sandbox.git(["-C", "dev", "rev-list", "--topo-order", "--reverse", "--parents", "--all"]);
    let (mut commit_map, mut first) = ("old new\n".to_owned(), String::new());
    for line in commits.lines() {
        let mut words = line.split(' ');
        let old = words.next().unwrap();
        commit_map += &format!("{old} {}\n", images[old]);
        if images[old] != old && words.all(|parent| images[parent] == parent) {
            first += &format!("{old} {}\n", images[old]);
        }
    }
    for (name, text) in [("commit-map", commit_map), ("ref-map", ref_map), ("first-changed-commits", first)] {
        sandbox.write(format!("maps/{name}"), text);
    }
    for [name, new] in updates {
        sandbox.git(["-C", "dev", "update-ref", &name, &new]);
    }
    sandbox.git(["-C", "dev", "reset", "-q", "--hard"]);
}

struct Tools<'a> {
    sandbox: &'a Sandbox,
    text: &'a dyn Fn(&str) -> String,
    store: &'a dyn Fn(&str, String) -> String,
    edit: &'a dyn Fn(&str, String) -> String,
}

/// Forgets everything that no reference leads to.
pub(crate) fn purge(sandbox: &Sandbox, folder: &str) {
    sandbox.git(["-C", folder, "reflog", "expire", "--expire=now", "--all"]);
    sandbox.git(["-C", folder, "gc", "-q", "--prune=now"]);
    for name in ["ORIG_HEAD", "COMMIT_EDITMSG", "FETCH_HEAD"] {
        drop(std::fs::remove_file(sandbox.path(folder).join(".git").join(name)));
    }
}

/// A repository that was rewritten well.
pub(crate) fn rewritten(format: &str) -> Sandbox {
    let sandbox = leaked(format);
    rewrite_with(&sandbox, &|_, text| text);
    purge(&sandbox, "dev");
    sandbox
}

pub(crate) const SHA1: &str = "--object-format=sha1";
pub(crate) const SHA256: &str = "--object-format=sha256";

fn prove(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let all = [&["rewrite", "prove", "dev", "--value-file", "value", "-f", "json"], arguments].concat();
    sandbox.kbsec(all).run().keeps(&value())
}

/// The state of a claim, and the places that contradict it.
fn told(run: &Run, claim: &str) -> (String, Vec<String>) {
    let report = run.json();
    let proofs = report["proofs"].as_array().unwrap();
    let proof = proofs.iter().find(|proof| proof["claim"] == claim).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let fault = |fault: &serde_json::Value| format!("{}: {}", text(&fault["place"]), text(&fault["what"]));
    (text(&proof["state"]), proof["faults"].as_array().unwrap().iter().map(fault).collect())
}

#[test]
fn a_good_rewrite_is_proved_and_an_unfinished_one_is_not() {
    for format in [SHA1, SHA256] {
        let sandbox = leaked(format);
        let before = prove(&sandbox, &[]).code(1);
        let (state, faults) = told(&before, "P1");
        assert_eq!(state, "still-here");
        let holds = |text: &str| faults.iter().any(|fault| fault.starts_with(text));
        assert!(holds("blob ") && holds("commit ") && holds("dev/dir/leak.env: plain"), "{faults:?}");
        assert!(holds("dev/.git/logs/HEAD"), "{faults:?}");
        rewrite_with(&sandbox, &|_, text| text);
        assert_eq!(told(&prove(&sandbox, &[]).code(1), "P1").0, "still-here", "old objects are still there");
        purge(&sandbox, "dev");
        let after = prove(&sandbox, &["--maps", "maps", "--before", "before.git"]).code(0);
        assert_eq!(told(&after, "P1"), ("gone".into(), vec![]));
        assert_eq!(told(&after, "P2"), ("unchanged".into(), vec![]));
        assert_eq!(told(&after, "P3").0, "not-checked");
        let facts = &after.json()["proofs"][1]["facts"];
        assert_eq!((&facts["commits_rewritten"], &facts["paths_changed"]), (&3.into(), &1.into()));
        // The old objects are gone here, so without a backup nothing can be compared.
        assert_eq!(told(&prove(&sandbox, &["--maps", "maps"]).code(3), "P2").0, "not-checked");
        sandbox.git(["-C", "before.git", "bundle", "create", "-q", "../before.bundle", "--all"]);
        drop(prove(&sandbox, &["--maps", "maps", "--before", "before.bundle"]).code(0));
    }
}

#[test]
fn one_line_for_each_proof_words_first() {
    let sandbox = rewritten(SHA1);
    let run = sandbox.kbsec(["rewrite", "prove", "dev", "--value-file", "value"]).run().code(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("P1 gone         0 places · "), "{run:?}");
    assert!(lines[1].starts_with("P2 not-checked  not asked for; --maps"), "{run:?}");
    assert!(lines[2].starts_with("P3 not-checked  not asked for; --maps"), "{run:?}");
    drop(
        sandbox
            .kbsec(["rewrite", "prove", "dev", "--stdin"])
            .stdin("zqx")
            .run()
            .code(2)
            .complains("fewer than"),
    );
    drop(sandbox.kbsec(["rewrite", "prove", "dev"]).run().code(2).complains("--value-file"));
}

/// Puts the value somewhere into `dev`; what must be told of it.
type Plant = (&'static str, fn(&Sandbox), &'static str);

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn blob(sandbox: &Sandbox, bytes: impl Into<Vec<u8>>) -> String {
    let run = sandbox.program("git", ["-C", "dev", "hash-object", "-w", "--stdin"]).stdin(bytes);
    run.run().code(0).stdout.trim().to_owned()
}

const PLANTS: &[Plant] = &[
    ("a loose object that nothing names", |dev| drop(blob(dev, value())), "blob "),
    (
        "UTF-16",
        |dev| drop(blob(dev, value().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())),
        "utf-16",
    ),
    ("a packed file", |dev| drop(blob(dev, gzip(&value()))), "gzip"),
    (
        "a large object, after the first window",
        |dev| drop(blob(dev, "x".repeat(9 << 20) + &value())),
        "blob ",
    ),
    (
        "a large object, between two windows",
        |dev| drop(blob(dev, "x".repeat((8 << 20) - 5) + &value())),
        "blob ",
    ),
    (
        "a kept pack",
        |dev| {
            let id = blob(dev, value() + "kept");
            let run = dev.program("git", ["-C", "dev", "pack-objects", "-q", ".git/objects/pack/pack"]);
            let name = run.stdin(id).run().code(0).stdout.trim().to_owned();
            dev.write(format!("dev/.git/objects/pack/pack-{name}.keep"), "");
            dev.git(["-C", "dev", "prune-packed"]);
        },
        "blob ",
    ),
    (
        "a stash",
        |dev| {
            dev.write("dev/a", value());
            dev.git(["-C", "dev", "stash", "-q"]);
        },
        "blob ",
    ),
    (
        "a name in a tree",
        |dev| {
            let empty = blob(dev, "");
            let line = format!("100644 blob {empty}\t{}\n", value());
            drop(dev.program("git", ["-C", "dev", "mktree"]).stdin(line).run().code(0));
        },
        "tree ",
    ),
    (
        "a packed reference",
        |dev| {
            dev.git(["-C", "dev", "branch", &value()]);
            dev.git(["-C", "dev", "pack-refs", "--all"]);
        },
        "dev/.git/packed-refs",
    ),
    (
        "a loose reference",
        |dev| drop(dev.git(["-C", "dev", "branch", &value()])),
        "dev/.git/refs/heads/[redacted]: its name",
    ),
    (
        "a side file",
        |dev| drop(dev.write("dev/.git/rr-cache/1/preimage", value())),
        "dev/.git/rr-cache/1/preimage",
    ),
    (
        "an ignored file",
        |dev| {
            dev.write("dev/.gitignore", "*.tmp\n");
            dev.write("dev/x.tmp", value());
        },
        "dev/x.tmp: plain",
    ),
    (
        "the name of a directory",
        |dev| drop(dev.write(format!("dev/{}/x", value()), "")),
        "dev/[redacted]: its name",
    ),
    (
        "an index of version 4",
        |dev| {
            dev.write("dev/zqxv-9911-abc-one", "");
            dev.write(format!("dev/{}", value()), "");
            dev.git(["-C", "dev", "update-index", "--index-version=4"]);
            dev.git(["-C", "dev", "add", "-A"]);
            std::fs::remove_file(dev.path(format!("dev/{}", value()))).unwrap();
        },
        "dev/.git/index: a path in it",
    ),
    (
        "a linked work tree",
        |dev| {
            dev.git(["-C", "dev", "worktree", "add", "-q", "../linked"]);
            dev.write("linked/x", value());
        },
        "linked/x",
    ),
    (
        "a repository inside",
        |dev| {
            dev.git(["init", "-q", "dev/inner"]);
            drop(
                dev.program("git", ["-C", "dev/inner", "hash-object", "-w", "--stdin"])
                    .stdin(value())
                    .run()
                    .code(0),
            );
        },
        "blob ",
    ),
    (
        "an object that was left behind",
        |dev| {
            let id = blob(dev, value());
            let loose = dev.path(format!("dev/.git/objects/{}/{}", &id[..2], &id[2..]));
            std::fs::rename(loose, dev.path("dev/.git/objects/tmp_obj_1")).unwrap();
        },
        "dev/.git/objects/tmp_obj_1: compressed, plain",
    ),
];

#[test]
fn the_value_is_found_wherever_it_hides() {
    for (name, plant, expected) in PLANTS {
        let sandbox = rewritten(SHA1);
        plant(&sandbox);
        let run = prove(&sandbox, &[]).code(1);
        let (state, faults) = told(&run, "P1");
        let found = faults.iter().any(|fault| fault.contains(expected));
        assert!(state == "still-here" && found, "{name}: {faults:?}");
        let text = sandbox.kbsec(["rewrite", "prove", "dev", "--value-file", "value"]).run().code(1);
        drop(text.keeps(&value()).says("P1 still-here"));
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_searched_and_not_followed() {
    let sandbox = rewritten(SHA1);
    sandbox.write("outside", value());
    std::os::unix::fs::symlink("../outside", sandbox.path("dev/link")).unwrap();
    drop(prove(&sandbox, &[]).code(0));
    std::os::unix::fs::symlink(value(), sandbox.path("dev/other")).unwrap();
    let (_, faults) = told(&prove(&sandbox, &[]).code(1), "P1");
    assert_eq!(faults, ["dev/other: the target of the link"]);
}

#[test]
fn what_cannot_be_read_is_named_and_proves_nothing() {
    let damage: [(&str, fn(&Sandbox)); 4] = [
        ("object ", |dev| {
            let id = blob(dev, "damaged");
            let path = dev.path(format!("dev/.git/objects/{}/{}", &id[..2], &id[2..]));
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, "nonsense").unwrap();
        }),
        ("dev/x.bundle", |dev| drop(dev.git(["-C", "dev", "bundle", "create", "-q", "x.bundle", "main"]))),
        ("dev/x.gz", |dev| {
            let packed = gzip(&"0123456789".repeat(9999));
            dev.write("dev/x.gz", &packed[..packed.len() - 9]);
        }),
        ("dev/.git/objects/pack/tmp_pack_1", |dev| {
            dev.write("dev/.git/objects/pack/tmp_pack_1", b"PACK\0\0\0\x02\0\0\0\x01rest");
        }),
    ];
    for (expected, damage) in damage {
        let sandbox = rewritten(SHA1);
        damage(&sandbox);
        let run = prove(&sandbox, &[]).code(3);
        assert_eq!(told(&run, "P1").0, "not-checked", "{expected}");
        let report = run.json();
        let gaps = report["proofs"][0]["not_read"].as_array().unwrap();
        assert!(gaps.iter().any(|gap| gap["subject"].as_str().unwrap().starts_with(expected)), "{gaps:?}");
    }
}

#[test]
fn every_change_too_many_is_seen() {
    let author = |kind: &str, text: String| match kind {
        "commit" => text.replace("author Ada", "author Eve"),
        _ => text,
    };
    let date = |kind: &str, text: String| match kind {
        "commit" => text.replacen("1767323045 +0000\ncommitter", "1767323046 +0000\ncommitter", 1),
        _ => text,
    };
    let mode =
        |kind: &str, text: String| if kind == "tree" { text.replace("100644", "100755") } else { text };
    let more =
        |kind: &str, text: String| if kind == "blob" { text.replace("other", "another") } else { text };
    let message = |kind: &str, text: String| text + if kind == "commit" { "more\n" } else { "" };
    let edits: [(&dyn Fn(&str, String) -> String, &str); 5] = [
        (&author, "its author or date is another"),
        (&date, "its author or date is another"),
        (&mode, "its mode is another"),
        (&more, "more than the value was replaced"),
        (&message, "its message is another"),
    ];
    for (edit, expected) in edits {
        let sandbox = leaked(SHA1);
        rewrite_with(&sandbox, edit);
        purge(&sandbox, "dev");
        let run = prove(&sandbox, &["--maps", "maps", "--before", "before.git"]).code(1);
        let (state, faults) = told(&run, "P2");
        assert_eq!((state.as_str(), told(&run, "P1").0.as_str()), ("collateral", "gone"));
        assert!(faults.iter().any(|fault| fault.ends_with(expected)), "{expected}: {faults:?}");
    }
    let sandbox = rewritten(SHA1);
    sandbox.git(["-C", "dev", "branch", "-f", "old", "HEAD~4"]);
    commit(&sandbox, "dev", ("b", "new\n"), "afterwards");
    let run = prove(&sandbox, &["--maps", "maps", "--before", "before.git"]).code(1);
    let (_, faults) = told(&run, "P2");
    for expected in ["refs/heads/old: it points to", "refs/heads/main: it points to", "commit "] {
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:?}");
    }
}

#[test]
fn a_submodule_may_have_a_new_commit_where_a_map_says_so() {
    let sandbox = leaked(SHA1);
    let [old, new] = ["1", "2"].map(|digit| digit.repeat(40));
    let link = format!("160000,{old},module");
    sandbox.git(["-C", "dev", "update-index", "--add", "--cacheinfo", &link]);
    sandbox.git(["-C", "dev", "commit", "-qm", "module"]);
    sandbox.git(["-C", "before.git", "fetch", "-q", "../dev", "+main:main"]);
    rewrite_with(&sandbox, &|kind, text| if kind == "tree" { text.replace(&old, &new) } else { text });
    sandbox.git(["-C", "dev", "reflog", "expire", "--expire=now", "--all"]);
    let arguments = ["--maps", "maps", "--before", "before.git"];
    let (_, faults) = told(&prove(&sandbox, &arguments).code(1), "P2");
    assert_eq!(faults, ["module: the commit of a submodule is another"]);
    sandbox.write("modules", format!("old new\n{old} {new}\n"));
    let run = prove(&sandbox, &[&arguments[..], &["--submodule-map", "modules"]].concat());
    assert_eq!(told(&run, "P2"), ("unchanged".into(), vec![]));
}

fn ask_server(sandbox: &Sandbox, remote: &str) -> Run {
    prove(sandbox, &["--maps", "maps", "--before", "before.git", "--remote", remote])
}

/// Lets the server have the new history, by a plain push.
pub(crate) fn publish(sandbox: &Sandbox) {
    sandbox.git(["-C", "dev", "push", "-q", "--force", "origin", "--all"]);
    sandbox.git(["-C", "dev", "push", "-q", "--force", "origin", "--tags"]);
}

#[test]
fn a_server_is_followed_from_the_old_history_to_nothing_left() {
    for format in [SHA1, SHA256] {
        let sandbox = rewritten(format);
        let (state, faults) = told(&ask_server(&sandbox, "origin").code(1), "P3");
        assert_eq!(state, "still-on-ref");
        assert!(faults.contains(&"refs/heads/main: it points to the old history".to_owned()), "{faults:?}");
        publish(&sandbox);
        let (state, faults) = told(&ask_server(&sandbox, "origin").code(1), "P3");
        assert_eq!(state, "still-on-ref");
        assert!(faults.iter().any(|fault| fault.starts_with("refs/pull/7/head: ")), "{faults:?}");
        assert!(!faults.iter().any(|fault| fault.starts_with("refs/heads/")), "{faults:?}");
        // A request with work on top of the old history.
        let tip = sandbox.git(["-C", "before.git", "rev-parse", "main"]);
        let tree = format!("{tip}^{{tree}}");
        let top = sandbox.git(["-C", "origin.git", "commit-tree", "-p", &tip, "-m", "on top", &tree]);
        sandbox.git(["-C", "origin.git", "update-ref", "refs/pull/7/head", &top]);
        let (_, faults) = told(&ask_server(&sandbox, "origin").code(1), "P3");
        assert!(
            faults.iter().any(|fault| fault.starts_with("refs/pull/7/head: it leads to old")),
            "{faults:?}"
        );
        sandbox.git(["-C", "origin.git", "update-ref", "-d", "refs/pull/7/head"]);
        let address = format!("file://{}", sandbox.path("origin.git").display());
        let (state, faults) = told(&ask_server(&sandbox, &address).code(1), "P3");
        assert_eq!(state, "still-served");
        for expected in ["commit or tag ", "file "] {
            assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:?}");
        }
        purge(&sandbox, "origin.git");
        assert_eq!(told(&ask_server(&sandbox, "origin").code(0), "P3"), ("gone".into(), vec![]));
    }
}

#[test]
fn a_server_that_does_not_answer_proves_nothing() {
    let sandbox = rewritten(SHA1);
    let run = ask_server(&sandbox, "file:///nonexistent/user.git").code(3);
    assert_eq!(told(&run, "P3").0, "not-checked");
    let run =
        prove(&sandbox, &["--maps", "maps", "--before", "before.git", "--remote", "origin", "--probes", "0"]);
    assert_eq!(told(&run.code(1), "P3").0, "still-on-ref");
}

#[test]
fn maps_that_are_missing_or_cut_are_refused() {
    let sandbox = rewritten(SHA1);
    drop(prove(&sandbox, &["--maps", "nowhere"]).code(2).complains("nowhere/commit-map"));
    sandbox.write("maps/commit-map", "old new\nabc def\n");
    drop(prove(&sandbox, &["--maps", "maps"]).code(2).complains("commit-map:2 is not `OLD NEW`"));
}

/// A `git` before the real one that writes down the arguments of every call.
#[cfg(unix)]
pub(crate) fn spy(sandbox: &Sandbox) -> (std::ffi::OsString, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH").unwrap();
    let real =
        std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).unwrap();
    let log = sandbox.path("calls.log");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{}'\nexec '{}' \"$@\"\n",
        log.display(),
        real.display()
    );
    let spy = sandbox.write("spy/git", script);
    std::fs::set_permissions(&spy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folders = std::iter::once(sandbox.path("spy")).chain(std::env::split_paths(&path));
    (std::env::join_paths(folders).unwrap(), log)
}

#[cfg(unix)]
#[test]
fn the_value_is_in_no_argument_and_nothing_is_left_behind() {
    let sandbox = rewritten(SHA1);
    let (path, log) = spy(&sandbox);
    sandbox.write("tmp/x", "");
    let arguments = [
        "rewrite",
        "prove",
        "dev",
        "--value-file",
        "value",
        "--maps",
        "maps",
        "--before",
        "before.git",
        "--remote",
        "origin",
    ];
    let run = sandbox.kbsec(arguments).env("PATH", path).env("TMPDIR", sandbox.path("tmp")).run();
    drop(run.code(1).keeps(&value()));
    let calls = std::fs::read_to_string(log).unwrap();
    assert!(calls.contains("cat-file") && calls.contains("fetch") && !calls.contains(&value()));
    let left: Vec<_> = std::fs::read_dir(sandbox.path("tmp")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(Path::new(&sandbox.path("tmp/x")).exists());
}
