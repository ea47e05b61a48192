//! A child: another program, run to its end, whose words are collected and which Ctrl-C does not cut off.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kbsec::secret::Secret;

use super::super::environment::Environment;

/// How long a program may take; services that hang at a restart are killed by their own manager long before.
const PATIENCE: Duration = Duration::from_secs(300);
/// Bytes of output that are kept.
const LARGEST: u64 = 16 << 20;

/// What a child said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The exit code; none after a signal, or when it could not be started.
    pub(crate) code: Option<i32>,
    /// Its data.
    pub(crate) stdout: Vec<u8>,
    /// Its words.
    pub(crate) stderr: Vec<u8>,
    /// Why it could not be run to its end.
    pub(crate) error: String,
}

/// Where a program is, by the folders of `$PATH`. `kbsec` is this program itself.
pub(crate) fn locate(program: &str, path: &[PathBuf]) -> Option<PathBuf> {
    if program == "kbsec" {
        return Some(Environment::program());
    }
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    path.iter().map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// Runs a program with these arguments in a folder; `input` is what it reads.
pub(crate) fn run(program: &Path, arguments: &[String], folder: &Path, input: Option<&Secret>) -> Said {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    // In a group of its own, Ctrl-C at the terminal does not end it in the middle. sudo has to ask at the terminal.
    #[cfg(unix)]
    if !program.ends_with("sudo") {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Said { error: error.to_string(), ..Said::default() },
    };
    let feeder = child
        .stdin
        .take()
        .zip(input.cloned())
        .map(|(mut pipe, value)| std::thread::spawn(move || drop(pipe.write_all(value.expose()))));
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let (code, error) = wait(&mut child);
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    drop(feeder.map(std::thread::JoinHandle::join));
    Said { code, stdout, stderr, error }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(LARGEST).read_to_end(&mut bytes);
            // What is more than that is read, so that the child does not wait, and dropped.
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        bytes
    })
}

fn wait(child: &mut Child) -> (Option<i32>, String) {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let error = if status.code().is_none() { "a signal ended it" } else { "" };
                return (status.code(), error.to_owned());
            }
            Ok(None) if started.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return (None, format!("it did not end within {} s and was killed", PATIENCE.as_secs()));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return (None, error.to_string()),
        }
    }
}
