//! Loading rules: the embedded set, and files and directories of the user's own.

use std::path::{Path, PathBuf};

use super::format::{RawFile, Rule};

/// Rules with unique ids, sorted by id.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

/// A rule file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The file cannot be read.
    #[error("cannot read rule file {}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a list of rules; the message has line, column and the nearest key.
    #[error("{origin}: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// Line, column, what is wrong.
        message: String,
    },
    /// Two rules have the same id.
    #[error("{origin}: rule {id} exists already; give it another id")]
    Duplicate {
        /// The file of the second one.
        origin: String,
        /// The id.
        id: String,
    },
}

/// The rules under `rules/secrets`, as JSON: build.rs converts them, because JSON loads ten times faster than TOML.
const BUILT_IN: &str = include_str!(concat!(env!("OUT_DIR"), "/secrets.json"));

impl RuleSet {
    /// The rules that come with the program.
    ///
    /// # Errors
    /// Only when the program was built from broken rule files.
    pub fn built_in() -> Result<Self, RuleError> {
        let origin = || "built-in rules".to_owned();
        let files: Vec<(String, RawFile)> = serde_json::from_str(BUILT_IN)
            .map_err(|error| RuleError::Syntax { origin: origin(), message: error.to_string() })?;
        let mut set = Self::default();
        for (provider, file) in files {
            set.add(file, &provider, &origin())?;
        }
        Ok(set)
    }

    /// Adds the rules of a `.toml` file, or of all of them in a directory, in the order of their names.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub fn load(&mut self, path: &Path) -> Result<(), RuleError> {
        let read = |source| RuleError::Read { path: path.to_owned(), source };
        if !path.is_dir() {
            let text = std::fs::read_to_string(path).map_err(read)?;
            let provider = path.file_stem().unwrap_or_default().to_string_lossy();
            return self.parse(&text, &provider, &path.display().to_string());
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(read)? {
            let file = entry.map_err(read)?.path();
            if file.extension().is_some_and(|extension| extension == "toml") {
                files.push(file);
            }
        }
        files.sort();
        files.iter().try_for_each(|file| self.load(file))
    }

    /// Adds the rules of one file's text.
    ///
    /// # Errors
    /// When the text cannot be used; `origin` names it in the message.
    pub fn parse(&mut self, text: &str, provider: &str, origin: &str) -> Result<(), RuleError> {
        let file: RawFile = toml::from_str(text)
            .map_err(|error| RuleError::Syntax { origin: origin.to_owned(), message: error.to_string() })?;
        self.add(file, provider, origin)
    }

    /// All rules, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The rule with this id, with or without `secret/`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        let name = id.strip_prefix("secret/").unwrap_or(id);
        self.rules.iter().find(|rule| rule.meta.id.name() == name)
    }

    /// Keeps the rules for which `keep` is true.
    pub fn retain(&mut self, keep: impl FnMut(&Rule) -> bool) {
        self.rules.retain(keep);
    }

    fn add(&mut self, file: RawFile, provider: &str, origin: &str) -> Result<(), RuleError> {
        for raw in file.rule {
            let id = raw.id().to_owned();
            if self.get(&id).is_some() {
                return Err(RuleError::Duplicate { origin: origin.to_owned(), id });
            }
            let syntax = |message| RuleError::Syntax { origin: origin.to_owned(), message };
            self.rules.push(raw.check(provider).map_err(syntax)?);
        }
        self.rules.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
        Ok(())
    }
}
