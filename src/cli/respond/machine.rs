//! The machine: what the engine reaches of this computer, with the filter between it and everything that is written.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use kbsec::digest;
use kbsec::playbook::Piece;
use kbsec::secret::Secret;
use kbsec::source::Stop;

use super::super::Context;
use super::child;
use super::filter::Filter;
use super::leaked::Leak;

/// This computer, seen from the project that the incident is about.
pub(crate) struct Machine<'a> {
    pub(crate) context: &'a Context,
    /// The folder of the platform: the nearest one with `.kb`, else the work tree, else where the user is.
    pub(crate) root: PathBuf,
    pub(crate) filter: Filter,
    pub(crate) stop: Arc<Stop>,
    /// The value that has leaked, where the incident is about one.
    pub(crate) leak: Option<Leak>,
    /// Where else logs, databases and exports lie.
    pub(crate) places: Vec<PathBuf>,
    /// Where services listen, `NAME=URL`, where not at their usual ports.
    pub(crate) bases: Vec<String>,
    /// The directory of the incident.
    pub(crate) incident: PathBuf,
    /// The hash of the plan that somebody agreed to.
    pub(crate) planned: RefCell<Option<String>>,
    /// Whether records go to standard output as they are made.
    pub(crate) events: bool,
    /// Whether a person is at the terminal.
    pub(crate) by_person: bool,
    pub(crate) started: Instant,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(context: &'a Context, root: PathBuf, filter: Filter, stop: Arc<Stop>) -> Self {
        Self {
            context,
            root,
            filter,
            stop,
            leak: None,
            places: Vec::new(),
            bases: Vec::new(),
            incident: PathBuf::new(),
            planned: RefCell::new(None),
            events: false,
            by_person: false,
            started: Instant::now(),
        }
    }

    /// A file of the platform.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A path as it is shown: relative to the root where it lies in there.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Runs a program by its name.
    pub(crate) fn child(&self, command: &[String]) -> child::Said {
        self.fed(command, None)
    }

    /// The same, with something on its standard input.
    pub(crate) fn fed(&self, command: &[String], input: Option<&Secret>) -> child::Said {
        let Some((program, arguments)) = command.split_first() else { return child::Said::default() };
        match child::locate(program, &self.context.environment.responder.path) {
            Some(path) => child::run(&path, &self.with_config(program, arguments), &self.root, input),
            None => {
                child::Said { error: format!("{program} is not installed here"), ..child::Said::default() }
            }
        }
    }

    /// kb-dev looks for its configuration under names that a checkout of the platform does not have.
    fn with_config(&self, program: &str, arguments: &[String]) -> Vec<String> {
        let mut arguments = arguments.to_vec();
        let usual = [".kb/devservices.yaml", "devservices.yaml", "devservices.yml"];
        let other = ".kb/devservices.dev.yaml";
        if program == "kb-dev"
            && !usual.iter().any(|name| self.path(name).is_file())
            && self.path(other).is_file()
        {
            arguments.extend(["--config".to_owned(), other.to_owned()]);
        }
        arguments
    }

    /// A piece of evidence without secrets.
    pub(crate) fn piece(&self, name: &str, source: &str, bytes: &[u8]) -> Piece {
        let (clean, masked) = self.filter.bytes(bytes);
        Piece {
            name: self.filter.text(name),
            source: self.filter.text(source),
            bytes: clean,
            original_sha256: digest::sha256(bytes),
            masked,
            modified: None,
            problem: String::new(),
        }
    }
}
