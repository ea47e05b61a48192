//! Pairs of objects, one from before a rewrite and one from after it, read through one child of git in the order asked.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};

use crate::git::{GitError, ObjectId, ObjectKind, child};

/// A larger object is not compared, and said not to be.
const LARGEST: u64 = 128 << 20;

/// One object, or why there is none.
#[derive(Debug)]
pub(super) enum Side {
    Object(ObjectKind, Vec<u8>),
    Missing,
    TooLarge,
}

/// Where the objects are.
pub(super) struct Store<'a> {
    /// The git directory after the rewrite.
    pub(super) after: &'a Path,
    /// The object directory from before it, where that is another one.
    pub(super) before: Option<PathBuf>,
}

impl Store<'_> {
    /// A command that sees the objects of both sides.
    pub(super) fn command(&self) -> std::process::Command {
        let mut command = child::offline(self.after);
        if let Some(before) = &self.before {
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", before);
        }
        command
    }

    /// Reads every pair and hands it to `visit` with its number.
    ///
    /// # Errors
    /// When git cannot be started, or ends early.
    pub(super) fn each(
        &self,
        pairs: &[(ObjectId, ObjectId)],
        visit: &mut dyn FnMut(usize, [Side; 2]),
    ) -> Result<(), GitError> {
        if pairs.is_empty() {
            return Ok(());
        }
        let mut command = self.command();
        command.args(["cat-file", "--batch", "--buffer"]).stdin(Stdio::piped());
        let mut git = command.spawn().map_err(|cause| GitError::NoProgram { cause })?;
        let (requests, answers) = git.stdin.take().zip(git.stdout.take()).ok_or_else(child::no_pipe)?;
        let read = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A git that ends early closes the pipe; the reading side tells that.
                let mut requests = BufWriter::with_capacity(64 << 10, requests);
                let _ = pairs.iter().try_for_each(|(old, new)| writeln!(requests, "{old}\n{new}"));
            });
            let mut answers = BufReader::with_capacity(256 << 10, answers);
            for number in 0..pairs.len() {
                let sides = [side(&mut answers), side(&mut answers)];
                let [Some(old), Some(new)] = sides else { return None };
                visit(number, [old, new]);
            }
            Some(())
        });
        let _ = git.kill();
        let _ = git.wait();
        let command = "cat-file --batch".to_owned();
        read.ok_or(GitError::Failed { command, git_dir: self.after.to_path_buf() })
    }
}

/// The next answer; `None` where it makes no sense.
fn side(answers: &mut BufReader<ChildStdout>) -> Option<Side> {
    let mut line = String::new();
    answers.by_ref().take(256).read_line(&mut line).ok()?;
    let mut words = line.split_ascii_whitespace().skip(1);
    let kind = match words.next()? {
        "commit" => ObjectKind::Commit,
        "tree" => ObjectKind::Tree,
        "blob" => ObjectKind::Blob,
        "tag" => ObjectKind::Tag,
        "missing" => return Some(Side::Missing),
        _ => return None,
    };
    let size: u64 = words.next()?.parse().ok()?;
    let mut content = answers.take(size.checked_add(1)?);
    if size > LARGEST {
        let passed = std::io::copy(&mut content, &mut std::io::sink()).ok()?;
        return (passed == size + 1).then_some(Side::TooLarge);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size + 1).ok()?);
    content.read_to_end(&mut bytes).ok()?;
    (bytes.pop() == Some(b'\n') && bytes.len() as u64 == size).then_some(Side::Object(kind, bytes))
}
