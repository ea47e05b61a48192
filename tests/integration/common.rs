//! A sandbox: one throw-away directory in which git and kbsec see nothing of the machine, and what they said there.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No test may hang the run: far above what any of them needs, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A directory with a home, an empty git configuration and a fixed person, date and time zone.
pub(crate) struct Sandbox {
    /// Deletes everything when the test ends.
    _guard: tempfile::TempDir,
    home: PathBuf,
    work: PathBuf,
}

impl Sandbox {
    /// A sandbox whose work directory is empty and belongs to no repository.
    pub(crate) fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = guard.path().canonicalize().unwrap();
        let (home, work) = (root.join("home"), root.join("work"));
        std::fs::create_dir(&home).unwrap();
        std::fs::create_dir(&work).unwrap();
        std::fs::write(home.join(".gitconfig"), "").unwrap();
        Self { _guard: guard, home, work }
    }

    /// A sandbox whose work directory is a repository without a commit.
    pub(crate) fn repository() -> Self {
        let sandbox = Self::new();
        sandbox.git(["init", "--quiet", "--initial-branch=main"]);
        sandbox
    }

    /// A path inside the work directory.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.work.join(relative)
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a file and puts it into the index.
    pub(crate) fn stage(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        self.write(relative, bytes);
        self.git(["add", "--force", "--", relative]);
    }

    /// Runs git, which must succeed, and returns what it printed without the last line end.
    pub(crate) fn git<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let run = self.git_unchecked(arguments);
        let run = run.code(0);
        run.stdout.trim_end().to_owned()
    }

    /// Runs git and leaves the judgement to the caller.
    pub(crate) fn git_unchecked<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        self.program("git", arguments).run()
    }

    /// Prepares a run of kbsec.
    pub(crate) fn kbsec<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Invocation<'_> {
        self.program(env!("CARGO_BIN_EXE_kbsec"), arguments)
    }

    /// Prepares a run of any program.
    pub(crate) fn program<A: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Invocation<'_> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.work).env_clear();
        command.env("PATH", search_path()).env("HOME", &self.home);
        command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_CONFIG_GLOBAL", self.home.join(".gitconfig")).env("GIT_TERMINAL_PROMPT", "0");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada Example");
            command.env(format!("GIT_{who}_EMAIL"), "ada@example.org");
            command.env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z");
        }
        Invocation { sandbox: self, command, stdin: None }
    }

    /// Replaces what differs from run to run: the work directory, the version, durations.
    fn steady(&self, text: &str) -> String {
        let text = text.replace(&*self.work.to_string_lossy(), "[dir]");
        let text = text.replace(env!("CARGO_PKG_VERSION"), "[version]");
        let durations = regex::Regex::new(r"\b[0-9]+(\.[0-9]+)? ?(ns|µs|us|ms|s|min)\b").unwrap();
        durations.replace_all(&text, "[time]").into_owned()
    }
}

/// The `PATH` of this test run, with the folder of the program under test before it, as hooks need it.
pub(crate) fn search_path() -> OsString {
    let program = Path::new(env!("CARGO_BIN_EXE_kbsec"));
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(program.parent().unwrap().to_owned());
    std::env::join_paths(folders.chain(std::env::split_paths(&inherited))).unwrap()
}

/// A program about to run.
pub(crate) struct Invocation<'a> {
    sandbox: &'a Sandbox,
    command: Command,
    stdin: Option<Vec<u8>>,
}

impl Invocation<'_> {
    /// What the program reads on its standard input; otherwise that is empty.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it in another directory, relative to the work directory.
    pub(crate) fn current_dir(mut self, relative: impl AsRef<Path>) -> Self {
        self.command.current_dir(self.sandbox.path(relative));
        self
    }

    /// The bare command, for tests that need pipes or signals of their own.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to the end.
    pub(crate) fn run(mut self) -> Run {
        self.command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let feeder = self.stdin.take().zip(child.stdin.take()).map(|(bytes, mut pipe)| {
            // A program that stops reading early closes the pipe; its exit code tells the rest.
            thread::spawn(move || drop(pipe.write_all(&bytes)))
        });
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        let code = wait(&mut child, &format!("{:?}", self.command));
        if let Some(feeder) = feeder {
            feeder.join().unwrap();
        }
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        Run {
            code,
            shown: self.sandbox.steady(&String::from_utf8_lossy(&stdout)),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// Waits for the end of a process; `None` means that a signal ended it.
pub(crate) fn wait(child: &mut Child, what: &str) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what} did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// What a program said and how it ended. Every assertion shows both streams when it fails.
#[must_use = "look at the exit code at least"]
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Its data.
    pub(crate) stdout: String,
    /// Its words to the user.
    pub(crate) stderr: String,
    /// Its data with `[dir]`, `[version]` and `[time]` in place of what changes.
    pub(crate) shown: String,
}

impl Run {
    /// It ended with this exit code, and without a panic.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        let panicked = ["panicked at", "internal error"].iter().any(|text| self.stderr.contains(text));
        self.check(self.code == Some(expected) && !panicked, &format!("exit code {expected}"));
        self
    }

    /// Standard output holds this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        self.check(self.stdout.contains(text), &format!("{text:?} on standard output"));
        self
    }

    /// Standard error holds this text.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        self.check(self.stderr.contains(text), &format!("{text:?} on standard error"));
        self
    }

    /// One of the two streams holds this text.
    #[track_caller]
    pub(crate) fn mentions(self, text: &str) -> Self {
        let found = self.stdout.contains(text) || self.stderr.contains(text);
        self.check(found, &format!("{text:?} on either stream"));
        self
    }

    /// Neither stream holds this secret.
    #[track_caller]
    pub(crate) fn keeps(self, secret: &str) -> Self {
        let leaked = self.stdout.contains(secret) || self.stderr.contains(secret);
        self.check(!leaked, "a report without the secret itself");
        self
    }

    /// The findings of a JSON report, one line each: `github-classic-token app.env:3:7`, then `via base64, hex` where
    /// it was hidden; sorted.
    #[track_caller]
    pub(crate) fn findings(&self) -> Vec<String> {
        let report = self.json();
        let mut lines = Vec::new();
        for finding in report["findings"].as_array().unwrap() {
            let rule = finding["rule_id"].as_str().unwrap().trim_start_matches("secret/");
            for place in finding["locations"].as_array().unwrap() {
                let path = place["path"].as_str().unwrap_or("<stdin>");
                let mut line =
                    format!("{rule} {path}:{}:{}", place["start"]["line"], place["start"]["column"]);
                let decoders: Vec<_> =
                    place["decoded"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
                if !decoders.is_empty() {
                    line += &format!(" via {}", decoders.join(", "));
                }
                lines.push(line);
            }
        }
        lines.sort();
        lines
    }

    /// What a JSON report says was missed (`missed`) or left out (`skipped`): `subject: reason`, sorted.
    #[track_caller]
    pub(crate) fn gaps(&self, kind: &str) -> Vec<String> {
        let report = self.json();
        let text = |gap: &serde_json::Value, key: &str| gap[key].as_str().unwrap().to_owned();
        let gaps = report["coverage"][kind].as_array().unwrap().iter();
        let mut lines: Vec<_> =
            gaps.map(|gap| format!("{}: {}", text(gap, "subject"), text(gap, "reason"))).collect();
        lines.sort();
        lines
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let parsed = serde_json::from_str(&self.stdout);
        self.check(parsed.is_ok(), "one JSON document on standard output");
        parsed.unwrap()
    }

    /// Standard output, with placeholders, is this text; see [`assert_shows`].
    #[track_caller]
    pub(crate) fn shows(self, expected: &str) -> Self {
        assert_shows(&self.shown, expected);
        self
    }

    #[track_caller]
    fn check(&self, holds: bool, expected: &str) {
        assert!(
            holds,
            "expected {expected}; exit code was {:?}\n--- standard output\n{}\n--- standard error\n{}\n---",
            self.code, self.stdout, self.stderr
        );
    }
}

/// Compares two texts line by line and shows where they part. `expected` may start with a line end and be indented:
/// the indentation that all its lines share is taken off.
#[track_caller]
pub(crate) fn assert_shows(actual: &str, expected: &str) {
    let expected = flush_left(expected);
    let (wanted, got): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.trim_end().lines().collect());
    assert!(wanted == got, "the text differs (- expected, + actual):\n{}", difference(&wanted, &got));
}

fn flush_left(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text).trim_end();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let shared = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    text.lines().map(|line| line.get(shared..).unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The longest common subsequence, as every diff shows it; the texts of tests are short.
fn difference(wanted: &[&str], got: &[&str]) -> String {
    let mut common = vec![vec![0; got.len() + 1]; wanted.len() + 1];
    for i in (0..wanted.len()).rev() {
        for j in (0..got.len()).rev() {
            common[i][j] = if wanted[i] == got[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut shown) = (0, 0, String::new());
    while i < wanted.len() || j < got.len() {
        let (mark, line) = if i < wanted.len() && j < got.len() && wanted[i] == got[j] {
            (i, j) = (i + 1, j + 1);
            (' ', wanted[i - 1])
        } else if j == got.len() || (i < wanted.len() && common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', wanted[i - 1])
        } else {
            j += 1;
            ('+', got[j - 1])
        };
        shown.extend([mark, ' ']);
        shown.push_str(line);
        shown.push('\n');
    }
    shown
}

#[test]
fn a_sandbox_sees_nothing_of_the_machine() {
    let sandbox = Sandbox::repository();
    sandbox.stage("a", "1");
    sandbox.git(["commit", "--quiet", "--message=one"]);
    assert_eq!(
        sandbox.git(["log", "--format=%an <%ae> %cI"]),
        "Ada Example <ada@example.org> 2026-01-02T03:04:05Z"
    );
    let environment = sandbox.program("env", [""; 0]).run().code(0).stdout;
    for line in environment.lines() {
        assert!(
            !line.starts_with("CI=") && !line.starts_with("GITHUB_") && !line.starts_with("KBSEC_"),
            "{line}"
        );
    }
}

#[test]
fn a_difference_is_shown_line_by_line() {
    assert_shows("one\n  two\n", "\n    one\n      two\n");
    assert_eq!(difference(&["a", "b", "c"], &["a", "x", "c"]), "  a\n- b\n+ x\n  c\n");
}

#[test]
#[should_panic(expected = "- b\n+ x")]
fn a_different_text_fails() {
    assert_shows("a\nx", "a\nb");
}

#[test]
#[should_panic(expected = "--- standard error\nwhy\n")]
fn a_wrong_exit_code_shows_both_streams() {
    let sandbox = Sandbox::new();
    drop(sandbox.program("sh", ["-c", "echo why >&2; exit 4"]).run().code(0));
}

#[test]
fn what_changes_from_run_to_run_becomes_a_placeholder() {
    let sandbox = Sandbox::new();
    let here = sandbox.path("a.txt").display().to_string();
    let text = format!("{here}: read in 12 ms and 0.3 s by kbsec {}\n", env!("CARGO_PKG_VERSION"));
    let run = sandbox.program("cat", [""; 0]).stdin(text).run().code(0);
    drop(run.shows("[dir]/a.txt: read in [time] and [time] by kbsec [version]"));
}
