//! `kbsec scan --history` that remembers: when it does, what it writes, and that nobody can tell from the report.

use kbsec::report::Format;

use crate::common::{Run, Sandbox};
use crate::secrets;

/// A repository whose history has a secret in a file, in a message and in the git directory.
fn repository() -> Sandbox {
    let sandbox = Sandbox::repository();
    sandbox.stage("deploy/prod.env", format!("A=1\nTOKEN={}\n", secrets::github(1)));
    sandbox.git(["commit", "-qm", "first"]);
    sandbox.git(["rm", "-q", "deploy/prod.env"]);
    sandbox.git(["commit", "-qm", &format!("no {}", secrets::slack(2))]);
    sandbox.git(["config", "remote.origin.url", &format!("https://x:{}@example.com/", secrets::github(3))]);
    sandbox
}

fn scan(sandbox: &Sandbox, format: &str, option: &str) -> Run {
    sandbox.kbsec(["scan", "--history", "-f", format, option]).run().code(1)
}

/// A report without the lines that tell when it was made.
fn timeless(report: &str) -> String {
    let times = regex::Regex::new("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z").unwrap();
    times.replace_all(report, "[moment]").into_owned()
}

fn remembers(sandbox: &Sandbox) -> bool {
    sandbox.path(".git/kbsec/history.cache").exists()
}

#[test]
fn no_report_tells_whether_it_was_recalled() {
    let sandbox = repository();
    let fresh: Vec<_> =
        Format::ALL.iter().map(|format| scan(&sandbox, format.name(), "--no-cache").stdout).collect();
    assert!(!remembers(&sandbox));
    drop(scan(&sandbox, "json", "--cache"));
    assert!(remembers(&sandbox));
    let written = std::fs::metadata(sandbox.path(".git/kbsec/history.cache")).unwrap().modified().unwrap();
    for (format, fresh) in Format::ALL.iter().zip(fresh) {
        let recalled = scan(&sandbox, format.name(), "--cache").stdout;
        assert_eq!(timeless(&fresh), timeless(&recalled), "{}", format.name());
    }
    let later = std::fs::metadata(sandbox.path(".git/kbsec/history.cache")).unwrap().modified().unwrap();
    assert_eq!(written, later, "it was written once and then read");
    assert_eq!(scan(&sandbox, "json", "--no-cache").findings(), scan(&sandbox, "json", "--cache").findings());
}

#[test]
fn the_floor_and_waivers_are_those_of_today() {
    let sandbox = repository();
    let before = scan(&sandbox, "json", "--cache");
    let finding = &before.json()["findings"][0];
    let waiver = format!(
        "[[waiver]]\nfingerprint = {}\nreason = \"a test\"\n",
        finding["fingerprint"].as_str().map(|digits| format!("\"{digits}\"")).unwrap()
    );
    sandbox.write("kbsec.toml", waiver);
    let after = scan(&sandbox, "json", "--cache");
    let count = |run: &Run| run.json()["findings"].as_array().unwrap().len();
    assert_eq!(count(&after) + 1, count(&before));
}

#[test]
fn it_is_the_default_where_others_build_and_nowhere_else() {
    for (variable, expected) in
        [(None, false), (Some(""), false), (Some("false"), false), (Some("true"), true)]
    {
        let sandbox = repository();
        let mut run = sandbox.kbsec(["scan", "--history"]);
        if let Some(value) = variable {
            run = run.env("CI", value);
        }
        drop(run.run().code(1));
        assert_eq!(remembers(&sandbox), expected, "CI={variable:?}");
    }
    let sandbox = repository();
    drop(sandbox.kbsec(["scan", "--history", "--no-cache"]).env("CI", "1").run().code(1));
    drop(sandbox.kbsec(["scan", "--history", "--max-count", "1"]).env("CI", "1").run().code(1));
    drop(sandbox.kbsec(["scan"]).env("CI", "1").run().code(3));
    assert!(!remembers(&sandbox));
    drop(sandbox.kbsec(["scan", "--cache"]).run().code(2));
    drop(sandbox.kbsec(["scan", "--history", "--cache", "--no-cache"]).run().code(2));
}

#[test]
fn what_cannot_be_remembered_is_a_note_to_those_who_asked() {
    let sandbox = repository();
    sandbox.write(".git/kbsec", "in the way");
    drop(scan(&sandbox, "text", "--cache").complains("this scan is not remembered: "));
    let silent = sandbox.kbsec(["scan", "--history"]).env("CI", "1").run().code(1);
    assert_eq!(silent.stderr, "");
}

#[test]
fn mirrors_and_work_trees_share_what_is_theirs() {
    let sandbox = repository();
    sandbox.git(["clone", "-q", "--mirror", ".", "mirror.git"]);
    let mirror = || sandbox.kbsec(["scan", "--history", "--cache", "-f", "json", "mirror.git"]).run().code(1);
    assert_eq!(timeless(&mirror().stdout), timeless(&mirror().stdout));
    assert!(sandbox.path("mirror.git/kbsec/history.cache").exists());
    drop(sandbox.git_unchecked(["-C", "mirror.git", "fsck"]).code(0));
    drop(sandbox.git_unchecked(["-C", "mirror.git", "gc", "-q"]).code(0));
    sandbox.git(["worktree", "add", "-q", "--detach", "linked"]);
    let linked = |option| {
        let run = sandbox.kbsec(["scan", "--history", option, "-f", "json", "linked"]).run().code(1);
        timeless(&run.stdout)
    };
    assert_eq!((linked("--cache"), linked("--cache")), (linked("--no-cache"), linked("--no-cache")));
    assert!(remembers(&sandbox));
}
