//! A program of the system that a check asks: its output, cut at a limit, or why there is none.

use std::ffi::OsStr;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::context::Context;

/// What a program said.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// `None` after a signal.
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Output {
    /// Its data as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last line of its complaints.
    pub(super) fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
    }
}

/// Why a program said nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProgramError {
    /// It is in no folder of `PATH`.
    #[error("{0} is not installed")]
    NotInstalled(String),
    /// It did not end in time.
    #[error("{0} did not end within {1} ms")]
    Timeout(String, u128),
    /// It could not be started.
    #[error("{0} cannot be started: {1}")]
    NotStarted(String, String),
}

/// The most bytes of each stream that are kept.
const MOST_BYTES: u64 = 8 << 20;

/// Runs a program in the folder of the installation, with the environment of the context and in English.
pub(super) fn run<A: AsRef<OsStr>>(
    context: &Context,
    name: &str,
    arguments: impl IntoIterator<Item = A>,
    limit: Duration,
) -> Result<Output, ProgramError> {
    let program = find(context, name).ok_or_else(|| ProgramError::NotInstalled(name.to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&context.root).env_clear().envs(&context.variables);
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let refused = |error: std::io::Error| ProgramError::NotStarted(name.to_owned(), error.to_string());
    let mut child = command.spawn().map_err(refused)?;
    let streams = (collect(child.stdout.take()), collect(child.stderr.take()));
    let Some(code) = wait(&mut child, limit) else {
        // Its own children may keep the pipes open, so nobody waits for the readers.
        return Err(ProgramError::Timeout(name.to_owned(), limit.as_millis()));
    };
    let joined = |stream: JoinHandle<Vec<u8>>| stream.join().unwrap_or_default();
    Ok(Output { code, stdout: joined(streams.0), stderr: joined(streams.1) })
}

/// The file of a program, by the `PATH` of the context.
pub(super) fn find(context: &Context, name: &str) -> Option<PathBuf> {
    let path = context.variables.get("PATH")?;
    let mut files = std::env::split_paths(path).map(|folder| folder.join(name));
    files.find(|file| file.is_absolute() && is_program(file))
}

#[cfg(unix)]
fn is_program(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &std::path::Path) -> bool {
    file.is_file()
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(MOST_BYTES).read_to_end(&mut kept);
            // The program must not be stopped by a full pipe.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        kept
    })
}

/// Its exit code, or `None` when it had to be ended.
fn wait(child: &mut Child, limit: Duration) -> Option<Option<i32>> {
    let started = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status.code());
        }
        if started.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::context;

    #[test]
    fn a_program_is_found_heard_and_ended_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path());
        let limit = Duration::from_secs(20);
        let output = run(&context, "sh", ["-c", "echo out; echo err >&2; exit 3"], limit).unwrap();
        assert_eq!((output.code, output.text().as_str()), (Some(3), "out\n"));
        assert_eq!(output.complaint(), "err");
        let started = Instant::now();
        let late = run(&context, "sleep", ["20"], Duration::from_millis(50));
        assert_eq!(late.unwrap_err(), ProgramError::Timeout("sleep".into(), 50));
        assert!(started.elapsed() < Duration::from_secs(10));
        let missing = run(&context, "no-such-program", [""; 0], limit).unwrap_err();
        assert_eq!(missing.to_string(), "no-such-program is not installed");
    }
}
