//! The collectors: each brings one kind of evidence, and says what it could not get.

mod files;
mod system;
mod told;

use std::path::Path;

use super::Status;
use crate::check::context::Context;
use crate::check::program::{self, Output};

/// Brings one kind of evidence.
pub(super) struct Collector {
    pub(super) id: &'static str,
    pub(super) about: &'static str,
    pub(super) collect: fn(&Context) -> Collected,
}

/// What a collector brought, before anything was taken out of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    pub(super) pieces: Vec<Piece>,
    pub(super) errors: Vec<String>,
}

/// A file to be.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Its path in the bundle.
    pub(super) name: String,
    pub(super) text: String,
    /// Where it is from.
    pub(super) source: String,
    pub(super) is_cut: bool,
}

/// The most characters of one file.
const MOST: usize = 8 << 20;

impl Collected {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self { pieces: Vec::new(), errors: vec![why.into()] }
    }

    pub(super) fn status(&self) -> Status {
        match (self.pieces.is_empty(), self.errors.is_empty()) {
            (false, true) => Status::Complete,
            (false, false) => Status::Partial,
            (true, false) => Status::Failed,
            (true, true) => Status::Absent,
        }
    }

    /// Adds a file, cut at a line where it is too long.
    fn add(&mut self, name: impl Into<String>, source: impl Into<String>, text: impl Into<String>) {
        let mut text = text.into();
        let is_cut = text.len() > MOST;
        if is_cut {
            // Half a line may hold half a secret.
            let end = text.as_bytes().get(..MOST).and_then(|kept| memchr::memrchr(b'\n', kept));
            text.truncate(end.map_or(0, |at| at + 1));
        }
        self.pieces.push(Piece { name: name.into(), source: source.into(), text, is_cut });
    }

    /// Adds what a program said, its complaints included, or why it said nothing.
    fn add_program(&mut self, context: &Context, name: &str, words: &[&str]) {
        let Some((program, arguments)) = words.split_first() else { return };
        let shown = words.join(" ");
        match program::run(context, program, arguments, context.timeout * 5) {
            Ok(output) => self.add(name, shown.clone(), spoken(&shown, &output)),
            Err(error) => self.errors.push(error.to_string()),
        }
    }

    /// Adds a file as it is; one that is not there is no error.
    fn add_file(&mut self, context: &Context, name: &str, path: &Path) {
        if path.symlink_metadata().is_err() {
            return;
        }
        match crate::check::config_file::text(path) {
            Ok(text) => self.add(name, context.name_of(path), text),
            Err(why) => self.errors.push(format!("{}: {why}", context.name_of(path))),
        }
    }
}

/// Both streams of a program, one after the other, with how it ended.
fn spoken(shown: &str, output: &Output) -> String {
    let code = output.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    let complaints = String::from_utf8_lossy(&output.stderr);
    format!(
        "$ {shown}\nexit code: {code}\n--- standard output\n{}\n--- standard error\n{complaints}\n",
        output.text()
    )
}

/// Every collector, in the order of the manifest.
pub(super) static COLLECTORS: &[Collector] = &[
    Collector { id: "status", about: "what kb-dev says of the services", collect: told::status },
    Collector { id: "doctor", about: "what kb-dev doctor finds", collect: told::doctor },
    Collector { id: "health", about: "the health documents of the services", collect: told::health },
    Collector { id: "checks", about: "the verdict of every check", collect: told::checks },
    Collector { id: "logs", about: "logs of services, standard output and error", collect: files::logs },
    Collector { id: "journal", about: "journals of the units", collect: files::journals },
    Collector { id: "config", about: "configuration, masked", collect: files::configuration },
    Collector { id: "services", about: "the list of services", collect: files::services },
    Collector { id: "lock", about: "the lock of the marketplace", collect: files::lock },
    Collector {
        id: "variables",
        about: "names of variables, and what their values look like",
        collect: files::variables,
    },
    Collector { id: "versions", about: "versions of programs", collect: system::versions },
    Collector { id: "units", about: "units of systemd", collect: system::units },
    Collector { id: "ports", about: "ports and who holds them", collect: system::ports },
    Collector {
        id: "processes",
        about: "processes of services, their limits and open files",
        collect: system::processes,
    },
    Collector { id: "memory", about: "memory of the machine", collect: system::memory },
    Collector { id: "oom", about: "processes that the kernel killed for memory", collect: system::killed },
    Collector { id: "disk", about: "room on disks, and mounts", collect: system::disk },
    Collector { id: "time", about: "clock, boot and load", collect: system::time },
    Collector { id: "git", about: "head, branch and what is not committed", collect: system::git },
    Collector { id: "changes", about: "commits of the last days", collect: system::changes },
    Collector { id: "metrics", about: "metrics that services show", collect: told::metrics },
    Collector {
        id: "prometheus",
        about: "targets, alerts and rules of Prometheus",
        collect: told::prometheus,
    },
    Collector { id: "databases", about: "databases, their sidecars and holders", collect: system::databases },
];
