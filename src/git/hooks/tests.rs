//! Hooks in real repositories, run by the real git.

use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::*;

/// A repository with one commit, and a stand-in for kbsec whose exit code the test chooses.
struct Sandbox {
    folder: TempDir,
    top: PathBuf,
}

impl Sandbox {
    fn new() -> Self {
        Self::with(&["init", "--quiet", "work"])
    }

    fn with(init: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let top = folder.path().canonicalize().unwrap().join("work");
        let sandbox = Self { folder, top };
        sandbox.must(sandbox.folder.path(), init);
        sandbox.kbsec_exits(0);
        sandbox.must(&sandbox.top, &["commit", "--quiet", "--allow-empty", "--message", "first"]);
        sandbox
    }

    /// From now on `kbsec` notes its arguments in the file `ran` and ends with this code.
    fn kbsec_exits(&self, code: u8) {
        let ran = self.ran();
        self.script(&self.kbsec(), &format!("echo \"kbsec $*\" >> '{}'\nexit {code}", ran.display()));
    }

    fn kbsec(&self) -> PathBuf {
        self.folder.path().join("kbsec")
    }

    fn ran(&self) -> PathBuf {
        self.folder.path().join("ran")
    }

    /// What ran since the last question, in order.
    fn history(&self) -> String {
        let lines = fs::read_to_string(self.ran()).unwrap_or_default();
        let _ = fs::remove_file(self.ran());
        lines
    }

    /// Writes an executable script; returns its bytes.
    fn script(&self, path: &Path, body: &str) -> Vec<u8> {
        let text = format!("#!/bin/sh\n{body}\n");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(path);
        fill(path, &text).unwrap();
        text.into_bytes()
    }

    /// A hook of the user's own that notes that it ran.
    fn own_hook(&self, code: u8) -> Vec<u8> {
        let body = format!("echo \"own $# $(cat)\" >> '{}'\nexit {code}", self.ran().display());
        self.script(&self.hook(), &body)
    }

    fn hook(&self) -> PathBuf {
        self.top.join(".git/hooks/pre-commit")
    }

    fn environment(&self) -> Vec<(OsString, Option<OsString>)> {
        let home = self.folder.path().as_os_str().to_owned();
        let mut environment: Vec<(OsString, Option<OsString>)> = [
            ("HOME", home),
            ("LC_ALL", "C".into()),
            ("GIT_CONFIG_GLOBAL", self.folder.path().join("global").into_os_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_AUTHOR_NAME", "Ada".into()),
            ("GIT_AUTHOR_EMAIL", "ada@example.com".into()),
            ("GIT_COMMITTER_NAME", "Ada".into()),
            ("GIT_COMMITTER_EMAIL", "ada@example.com".into()),
            ("KBSEC", self.kbsec().into_os_string()),
        ]
        .map(|(name, value)| (name.into(), Some(value)))
        .into();
        let inherited =
            ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "CARGO_HOME"];
        environment.extend(inherited.map(|name| (name.into(), None)));
        environment
    }

    fn options(&self) -> Options {
        Options { folder: self.top.clone(), environment: self.environment(), ..Options::default() }
    }

    /// Runs git, again when another test's child process held a script open that this thread had just written:
    /// the kernel executes no file that anybody can write to.
    fn git(&self, folder: &Path, arguments: &[&str]) -> Output {
        let before = fs::read(self.ran());
        loop {
            let output = self.command(folder, arguments).output().unwrap();
            if !String::from_utf8_lossy(&output.stderr).contains("Text file busy") {
                return output;
            }
            let _ = match &before {
                Ok(lines) => fs::write(self.ran(), lines),
                Err(_) => fs::remove_file(self.ran()),
            };
        }
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        for (name, value) in self.environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    fn must(&self, folder: &Path, arguments: &[&str]) {
        let output = self.git(folder, arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Tries to commit; the error output tells why it was stopped.
    fn commit(&self, folder: &Path) -> Result<(), String> {
        let output = self.git(folder, &["commit", "--quiet", "--allow-empty", "--message", "try"]);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
    }
}

/// Bytes, permission bits, and where a link leads.
fn picture(path: &Path) -> (Vec<u8>, u32, Option<PathBuf>) {
    #[cfg(unix)]
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::symlink_metadata(path).unwrap());
    #[cfg(not(unix))]
    let mode = 0;
    (fs::read(path).unwrap(), mode, fs::read_link(path).ok())
}

fn listing(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_commit_goes_through_when_the_scan_is_clean() {
    let sandbox = Sandbox::new();
    let installed = install(&sandbox.options()).unwrap();
    assert_eq!(installed, Installed { hook: sandbox.hook(), change: Change::Added, kept: None });
    assert_eq!(sandbox.commit(&sandbox.top), Ok(()));
    assert_eq!(sandbox.history(), "kbsec scan --staged\n");
}

#[test]
fn a_commit_is_stopped_by_findings_and_by_every_failure() {
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    for (code, says) in [(1, "kbsec:allow"), (2, "exit code 2"), (3, "exit code 3"), (130, "exit code 130")] {
        sandbox.kbsec_exits(code);
        let said = sandbox.commit(&sandbox.top).unwrap_err();
        assert!(said.contains(says) && said.contains("--no-verify"), "{said}");
        assert_eq!(said.contains("could not finish"), code != 1, "{said}");
    }
    let count = sandbox.git(&sandbox.top, &["rev-list", "--count", "HEAD"]);
    assert_eq!(count.stdout, b"1\n");
}

#[test]
fn a_commit_is_stopped_when_kbsec_is_not_there() {
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    fs::remove_file(sandbox.kbsec()).unwrap();
    let said = sandbox.commit(&sandbox.top).unwrap_err();
    assert!(said.contains("nothing was examined") && said.contains("cargo install"), "{said}");
}

#[test]
#[cfg(unix)]
fn kbsec_is_found_in_the_cargo_folder() {
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    sandbox
        .script(&sandbox.folder.path().join(".cargo/bin/only-here"), &format!("echo '{}'; exit 1", "found"));
    let output =
        sandbox.git(&sandbox.top, &["-c", "alias.try=!KBSEC=only-here git commit --allow-empty -m x", "try"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("found\n") && said.contains("Take the secret out"), "{said}");
}

#[test]
fn the_hook_sees_the_index_that_git_is_about_to_commit() {
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    let body = format!("git diff --cached --name-only >> '{}'", sandbox.ran().display());
    sandbox.script(&sandbox.kbsec(), &body);
    for name in ["in", "out"] {
        fs::write(sandbox.top.join(name), "1").unwrap();
        sandbox.must(&sandbox.top, &["add", name]);
    }
    sandbox.must(&sandbox.top, &["commit", "--quiet", "--message", "only one of them", "--", "in"]);
    assert_eq!(sandbox.history(), "in\n");
}

#[test]
fn an_existing_hook_runs_first_and_can_stop() {
    let sandbox = Sandbox::new();
    sandbox.own_hook(0);
    let kept = sandbox.hook().with_file_name(Hook::PreCommit.kept());
    let installed = install(&sandbox.options()).unwrap();
    assert_eq!(
        installed,
        Installed { hook: sandbox.hook(), change: Change::Added, kept: Some(kept.clone()) }
    );
    assert_eq!(sandbox.commit(&sandbox.top), Ok(()));
    assert_eq!(sandbox.history(), "own 0 \nkbsec scan --staged\n");

    sandbox.script(&kept, "exit 7");
    assert!(sandbox.commit(&sandbox.top).is_err());
    assert_eq!(sandbox.history(), "", "kbsec must not run after a hook that failed");
}

#[test]
fn an_existing_hook_gets_arguments_and_input() {
    let sandbox = Sandbox::new();
    sandbox.own_hook(0);
    install(&sandbox.options()).unwrap();
    let input = sandbox.folder.path().join("input");
    fs::write(&input, "piped").unwrap();
    let line = format!("alias.try=!.git/hooks/pre-commit a 'b c' < '{}'", input.display());
    sandbox.must(&sandbox.top, &["-c", &line, "try"]);
    assert_eq!(sandbox.history(), "own 2 piped\nkbsec scan --staged\n");
}

#[test]
fn uninstalling_restores_every_byte_and_bit() {
    let sandbox = Sandbox::new();
    sandbox.own_hook(0);
    fs::write(sandbox.hook(), b"#!/bin/sh\r\n\xff\x00 exit 0").unwrap();
    let folder = sandbox.hook().parent().unwrap().to_path_buf();
    let before = (picture(&sandbox.hook()), listing(&folder));
    install(&sandbox.options()).unwrap();
    assert_ne!(picture(&sandbox.hook()), before.0);
    assert_eq!(uninstall(&sandbox.options()).unwrap(), Removed::Restored(sandbox.hook()));
    assert_eq!((picture(&sandbox.hook()), listing(&folder)), before);
    assert_eq!(uninstall(&sandbox.options()).unwrap(), Removed::Nothing);
    assert_eq!((picture(&sandbox.hook()), listing(&folder)), before);
}

#[test]
fn uninstalling_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let folder = sandbox.hook().parent().unwrap().to_path_buf();
    let before = listing(&folder);
    install(&sandbox.options()).unwrap();
    assert_eq!(uninstall(&sandbox.options()).unwrap(), Removed::Hook(sandbox.hook()));
    assert_eq!(listing(&folder), before);
}

#[test]
#[cfg(unix)]
fn a_linked_hook_stays_a_link_and_one_that_git_skips_stays_skipped() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let sandbox = Sandbox::new();
    let target = sandbox.hook().with_file_name("shared-hook");
    sandbox.script(&target, &format!("echo linked >> '{}'", sandbox.ran().display()));
    symlink("shared-hook", sandbox.hook()).unwrap();
    let before = picture(&sandbox.hook());
    install(&sandbox.options()).unwrap();
    assert_eq!(sandbox.commit(&sandbox.top), Ok(()));
    assert_eq!(sandbox.history(), "linked\nkbsec scan --staged\n");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(sandbox.commit(&sandbox.top), Ok(()));
    assert_eq!(sandbox.history(), "kbsec scan --staged\n");
    uninstall(&sandbox.options()).unwrap();
    assert_eq!(picture(&sandbox.hook()), before);

    fs::remove_file(&target).unwrap();
    install(&sandbox.options()).unwrap();
    assert_eq!(
        sandbox.commit(&sandbox.top),
        Ok(()),
        "git skips a link that leads nowhere, so the hook does too"
    );
    uninstall(&sandbox.options()).unwrap();
    assert_eq!(fs::read_link(sandbox.hook()).unwrap(), Path::new("shared-hook"));
}

#[test]
fn installing_twice_changes_nothing_more() {
    let sandbox = Sandbox::new();
    sandbox.own_hook(0);
    install(&sandbox.options()).unwrap();
    let folder = sandbox.hook().parent().unwrap().to_path_buf();
    let once = (
        picture(&sandbox.hook()),
        picture(&sandbox.hook().with_file_name(Hook::PreCommit.kept())),
        listing(&folder),
    );
    let again = install(&sandbox.options()).unwrap();
    assert_eq!(again.change, Change::Nothing);
    assert!(again.kept.is_some());
    assert_eq!(
        (
            picture(&sandbox.hook()),
            picture(&sandbox.hook().with_file_name(Hook::PreCommit.kept())),
            listing(&folder)
        ),
        once
    );
}

#[test]
fn a_changed_hook_of_ours_is_left_alone() {
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    let changed = fs::read_to_string(sandbox.hook()).unwrap().replace("--staged", "--staged --exit-zero");
    fs::write(sandbox.hook(), &changed).unwrap();
    assert_eq!(status(&sandbox.options()).unwrap().state, State::Changed);
    assert!(matches!(install(&sandbox.options()), Err(Error::Changed { .. })));
    assert!(matches!(uninstall(&sandbox.options()), Err(Error::Changed { .. })));
    assert_eq!(fs::read_to_string(sandbox.hook()).unwrap(), changed);
}

#[test]
fn a_hook_in_the_way_of_keeping_is_not_overwritten() {
    let sandbox = Sandbox::new();
    let own = sandbox.own_hook(0);
    let kept = sandbox.hook().with_file_name(Hook::PreCommit.kept());
    let other = sandbox.script(&kept, "exit 0");
    assert!(matches!(install(&sandbox.options()), Err(Error::Occupied { .. })));
    assert_eq!((fs::read(sandbox.hook()).unwrap(), fs::read(&kept).unwrap()), (own, other));
}

#[test]
fn a_hook_that_asks_for_its_name_is_not_renamed() {
    let sandbox = Sandbox::new();
    let own = sandbox.script(&sandbox.hook(), "exec runner \"$(basename \"$0\")\"");
    assert!(matches!(install(&sandbox.options()), Err(Error::Unmovable { .. })));
    assert_eq!(fs::read(sandbox.hook()).unwrap(), own);
}

#[test]
#[cfg(unix)]
fn a_failed_installation_changes_nothing() {
    let sandbox = Sandbox::new();
    let own = sandbox.own_hook(0);
    let draft = sandbox.hook().with_extension(format!("kbsec-{}", std::process::id()));
    fs::create_dir(&draft).unwrap();
    let error = install(&sandbox.options()).unwrap_err();
    assert!(matches!(error, Error::Io { deed: "write", .. }), "{error}");
    assert_eq!(fs::read(sandbox.hook()).unwrap(), own);
    assert!(!sandbox.hook().with_file_name(Hook::PreCommit.kept()).exists());
}

#[test]
fn status_names_every_state() {
    let sandbox = Sandbox::new();
    let state = || status(&sandbox.options()).unwrap().state;
    let kept = sandbox.hook().with_file_name(Hook::PreCommit.kept());
    assert_eq!(state(), State::Absent);
    sandbox.own_hook(0);
    assert_eq!(state(), State::Foreign);
    install(&sandbox.options()).unwrap();
    assert_eq!(state(), State::Installed { version: 1, chained: true });
    fs::remove_file(sandbox.hook()).unwrap();
    assert_eq!(state(), State::Unfinished);
    assert_eq!(install(&sandbox.options()).unwrap().kept.as_deref(), Some(&*kept));
    fs::remove_file(&kept).unwrap();
    assert_eq!(state(), State::EarlierLost);
    assert!(sandbox.commit(&sandbox.top).unwrap_err().contains("is gone"));
    assert!(matches!(install(&sandbox.options()), Err(Error::EarlierLost { .. })));
    assert_eq!(uninstall(&sandbox.options()).unwrap(), Removed::EarlierLost(sandbox.hook()));
    assert_eq!(state(), State::Absent);
    install(&sandbox.options()).unwrap();
    assert_eq!(state(), State::Installed { version: 1, chained: false });
}

#[test]
#[cfg(unix)]
fn a_hook_that_may_not_run_is_seen_and_repaired() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    fs::set_permissions(sandbox.hook(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(status(&sandbox.options()).unwrap().state, State::NotExecutable);
    assert_eq!(install(&sandbox.options()).unwrap().change, Change::Renewed);
    assert!(status(&sandbox.options()).unwrap().state.in_force());
}

#[test]
fn a_hook_moved_aside_by_the_framework_counts_as_installed() {
    let sandbox = Sandbox::new();
    sandbox.own_hook(0);
    install(&sandbox.options()).unwrap();
    let legacy = sandbox.hook().with_file_name(Hook::PreCommit.wrapped());
    fs::rename(sandbox.hook(), &legacy).unwrap();
    sandbox.script(&sandbox.hook(), "exec \"$(dirname \"$0\")/pre-commit.legacy\" \"$@\"");
    assert_eq!(status(&sandbox.options()).unwrap().state, State::Wrapped);
    assert_eq!(install(&sandbox.options()).unwrap().change, Change::Nothing);
    assert!(matches!(uninstall(&sandbox.options()), Err(Error::Wrapped { .. })));
    assert_eq!(sandbox.commit(&sandbox.top), Ok(()));
    assert_eq!(sandbox.history(), "own 0 \nkbsec scan --staged\n");
}

#[test]
fn linked_worktrees_share_the_hook() {
    let sandbox = Sandbox::new();
    let linked = sandbox.top.with_file_name("linked");
    sandbox.must(&sandbox.top, &["worktree", "add", "--quiet", "../linked"]);
    fs::create_dir(linked.join("deep")).unwrap();
    let options = Options { folder: linked.join("deep"), ..sandbox.options() };
    assert_eq!(install(&options).unwrap().hook, sandbox.hook());
    for folder in [&linked, &sandbox.top] {
        sandbox.kbsec_exits(1);
        assert!(sandbox.commit(folder).is_err());
        sandbox.kbsec_exits(0);
        assert_eq!(sandbox.commit(folder), Ok(()));
    }
    assert_eq!(uninstall(&options).unwrap(), Removed::Hook(sandbox.hook()));
}

#[test]
fn a_hooks_path_of_one_worktree_holds_only_there() {
    let sandbox = Sandbox::new();
    let linked = sandbox.top.with_file_name("linked");
    sandbox.must(&sandbox.top, &["worktree", "add", "--quiet", "../linked"]);
    sandbox.must(&sandbox.top, &["config", "extensions.worktreeConfig", "true"]);
    let own = sandbox.top.join(".git/linked-hooks");
    sandbox.must(&linked, &["config", "--worktree", "core.hooksPath", own.to_str().unwrap()]);
    let options = Options { folder: linked.clone(), ..sandbox.options() };
    assert_eq!(
        install(&options).unwrap().hook,
        own.join(Hook::PreCommit.name()),
        "inside the git directory nobody needs to be asked"
    );
    sandbox.kbsec_exits(1);
    assert!(sandbox.commit(&linked).is_err());
    assert_eq!(sandbox.commit(&sandbox.top), Ok(()));
    assert_eq!(status(&sandbox.options()).unwrap().state, State::Absent);
}

#[test]
fn a_hooks_path_in_the_work_tree_needs_consent() {
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    sandbox.must(&sandbox.top, &["config", "core.hooksPath", ".githooks"]);
    let found = status(&sandbox.options()).unwrap();
    assert_eq!(found.state, State::Shadowed(sandbox.hook()));
    assert_eq!(found.hook, sandbox.top.join(".githooks/pre-commit"));
    assert_eq!(found.redirect.unwrap().reach, Reach::Team);
    let error = install(&sandbox.options()).unwrap_err().to_string();
    assert!(error.contains(".git/config") && error.contains("--force-hooks-path"), "{error}");
    assert!(!sandbox.top.join(".githooks").exists());

    let consent = Options { sharing: Sharing::Accept, ..sandbox.options() };
    assert_eq!(install(&consent).unwrap().hook, sandbox.top.join(".githooks/pre-commit"));
    sandbox.kbsec_exits(1);
    assert!(sandbox.commit(&sandbox.top).is_err());
    assert!(matches!(uninstall(&sandbox.options()).unwrap(), Removed::Hook(hook) if hook != sandbox.hook()));
    assert_eq!(
        uninstall(&sandbox.options()).unwrap(),
        Removed::Hook(sandbox.hook()),
        "the shadowed one goes too"
    );
}

#[test]
fn a_global_hooks_path_is_named_with_its_origin() {
    let sandbox = Sandbox::new();
    let global = sandbox.folder.path().canonicalize().unwrap().join("my hooks");
    sandbox.must(&sandbox.top, &["config", "--global", "core.hooksPath", "~/my hooks"]);
    let Err(Error::Shared { redirect, .. }) = install(&sandbox.options()) else { panic!("must be refused") };
    assert_eq!((redirect.folder, redirect.reach), (global.clone(), Reach::Elsewhere));
    assert!(redirect.origin.ends_with("/global"), "{}", redirect.origin);
    let consent = Options { sharing: Sharing::Accept, ..sandbox.options() };
    assert_eq!(install(&consent).unwrap().hook, global.join(Hook::PreCommit.name()));
    sandbox.kbsec_exits(1);
    assert!(sandbox.commit(&sandbox.top).is_err());
}

#[test]
fn husky_is_never_touched() {
    let sandbox = Sandbox::new();
    let own = sandbox.script(&sandbox.top.join(".husky/_/pre-commit"), ". \"$(dirname \"$0\")/h\"");
    sandbox.must(&sandbox.top, &["config", "core.hooksPath", ".husky/_"]);
    let consent = Options { sharing: Sharing::Accept, ..sandbox.options() };
    let error = install(&consent).unwrap_err().to_string();
    assert!(error.contains("to .husky/pre-commit"), "{error}");
    assert_eq!(fs::read(sandbox.top.join(".husky/_/pre-commit")).unwrap(), own);
}

#[test]
fn hooks_switched_off_by_configuration_are_reported() {
    let sandbox = Sandbox::new();
    install(&sandbox.options()).unwrap();
    sandbox.must(&sandbox.top, &["config", "core.hooksPath", "/dev/null"]);
    assert_eq!(status(&sandbox.options()).unwrap().state, State::Shadowed(sandbox.hook()));
    let consent = Options { sharing: Sharing::Accept, ..sandbox.options() };
    assert!(matches!(install(&consent), Err(Error::Io { .. })));
}

#[test]
fn repositories_that_libgit2_cannot_open_work_too() {
    for format in
        [&["--object-format=sha256"][..], &["--ref-format=reftable"], &["--separate-git-dir=elsewhere"]]
    {
        let sandbox = Sandbox::with(&[&["init", "--quiet"], format, &["work"]].concat());
        let hook = install(&sandbox.options()).unwrap().hook;
        sandbox.kbsec_exits(1);
        assert!(sandbox.commit(&sandbox.top).is_err(), "{format:?}");
        assert_eq!(uninstall(&sandbox.options()).unwrap(), Removed::Hook(hook));
    }
}

#[test]
fn places_without_a_work_tree_are_refused() {
    let sandbox = Sandbox::new();
    let outside = sandbox.folder.path().to_path_buf();
    let bare = outside.join("bare");
    sandbox.must(&outside, &["init", "--quiet", "--bare", "bare"]);
    let at = |folder: PathBuf| install(&Options { folder, ..sandbox.options() }).unwrap_err();
    assert!(matches!(at(bare), Error::Bare { .. }));
    assert!(matches!(at(sandbox.top.join(".git")), Error::NoWorkTree { .. }));
    assert!(matches!(at(outside.clone()), Error::Refused { .. }));
    assert!(matches!(at(outside.join("missing")), Error::NoFolder { .. }));
}

#[test]
fn a_repository_without_a_hooks_folder_gets_one() {
    let sandbox = Sandbox::with(&["init", "--quiet", "--template=", "work"]);
    assert!(!sandbox.top.join(".git/hooks").exists());
    install(&sandbox.options()).unwrap();
    sandbox.kbsec_exits(1);
    assert!(sandbox.commit(&sandbox.top).is_err());
}
