//! Loading rules: the embedded set, and files and directories of the user's own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::format::{RawFile, Rule};
use crate::toml_text;

/// Bytes that a rule file may have; ours stay below a thousandth of it.
const LARGEST: u64 = 16 << 20;

/// Rules with unique ids, sorted by id.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

/// A rule file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The file cannot be read.
    #[error("cannot read rule file {}; check its name and who may read it", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is larger than any list of rules.
    #[error("rule file {} is larger than {} MiB; split it or check that it is a rule file", path.display(), limit >> 20)]
    Size {
        /// The file.
        path: PathBuf,
        /// Bytes that it may have.
        limit: u64,
    },
    /// The file is not UTF-8 text.
    #[error("rule file {} is not UTF-8: line {line} has byte 0x{byte:02x}; save it as UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Line of the first byte that is wrong, from 1.
        line: usize,
        /// That byte.
        byte: u8,
    },
    /// The file is not a list of rules; the message has line, column and the nearest key.
    #[error("{origin}: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// Line, column, what is wrong.
        message: String,
    },
    /// A file without rules, or a directory without rule files: surely not the one that was meant.
    #[error("{} holds no rules; rules stand in files named *.toml, each below a line [[rule]]", path.display())]
    Empty {
        /// The file or directory.
        path: PathBuf,
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
        let origin = || Rule::BUILT_IN.to_owned();
        let files: Vec<(String, RawFile)> = serde_json::from_str(BUILT_IN)
            .map_err(|error| RuleError::Syntax { origin: origin(), message: error.to_string() })?;
        let mut set = Self::default();
        for (provider, file) in files {
            set.add(file, &provider, &origin(), |_| String::new())?;
        }
        Ok(set)
    }

    /// Adds the rules of a `.toml` file, or of all of them in a directory, in the order of their names.
    ///
    /// # Errors
    /// When a file cannot be read or used, or holds no rule.
    pub fn load(&mut self, path: &Path) -> Result<(), RuleError> {
        let before = self.rules.len();
        let loaded = if path.is_dir() { self.load_directory(path) } else { self.load_file(path) };
        loaded?;
        if self.rules.len() == before {
            return Err(RuleError::Empty { path: path.to_owned() });
        }
        Ok(())
    }

    fn load_file(&mut self, path: &Path) -> Result<(), RuleError> {
        let text = read_text(path)?;
        let provider = path.file_stem().unwrap_or_default().to_string_lossy();
        self.parse(&text, &provider, &path.display().to_string())
    }

    fn load_directory(&mut self, path: &Path) -> Result<(), RuleError> {
        let read = |source| RuleError::Read { path: path.to_owned(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(read)? {
            let file = entry.map_err(read)?.path();
            if file.extension().is_some_and(|extension| extension == "toml") {
                files.push(file);
            }
        }
        files.sort();
        files.iter().try_for_each(|file| self.load_file(file))
    }

    /// Adds the rules of one file's text.
    ///
    /// # Errors
    /// When the text cannot be used; `origin` names it in the message.
    pub fn parse(&mut self, text: &str, provider: &str, origin: &str) -> Result<(), RuleError> {
        let file: RawFile = toml_text::parse(text)
            .map_err(|message| RuleError::Syntax { origin: origin.to_owned(), message })?;
        self.add(file, provider, origin, |id| {
            text.rfind(&format!("\"{id}\"")).map_or_else(String::new, |offset| toml_text::place(text, offset))
        })
    }

    /// A hash of everything that the rules say: others have another one.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for rule in &self.rules {
            hash.update(format!("{rule:?}\n"));
        }
        hash.finalize().into()
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

    /// Checks the rules of a file and takes them in; `place` tells where in the file an id stands.
    fn add(
        &mut self,
        file: RawFile,
        provider: &str,
        origin: &str,
        place: impl Fn(&str) -> String,
    ) -> Result<(), RuleError> {
        for raw in file.rule {
            let id = raw.id().to_owned();
            let place = place(&id);
            // What only the detector finds wrong is told with the place, too.
            let whence = format!("{origin}: {place}").trim_end_matches(": ").to_owned();
            if self.get(&id).is_some() {
                return Err(RuleError::Duplicate { origin: whence, id });
            }
            let syntax = |message: String| RuleError::Syntax {
                origin: origin.to_owned(),
                message: format!("{place}{message}"),
            };
            self.rules.push(raw.check(provider, &whence).map_err(syntax)?);
        }
        self.rules.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
        Ok(())
    }
}

/// The text of a rule file.
fn read_text(path: &Path) -> Result<String, RuleError> {
    let read = |source| RuleError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(read)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > LARGEST {
        return Err(RuleError::Size { path: path.to_owned(), limit: LARGEST });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let (text, rest) = error.as_bytes().split_at(valid);
        let line = 1 + text.iter().filter(|byte| **byte == b'\n').count();
        RuleError::Encoding { path: path.to_owned(), line, byte: rest.first().copied().unwrap_or_default() }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{LARGEST, RuleError, RuleSet};

    const GOOD: &str = r#"
[[rule]]
id = "corp-token"
title = "Corp token"
severity = "high"
confidence = "high"
token = { format = ["corp_{alnum:20}"] }
"#;

    fn message(text: &str) -> String {
        RuleSet::default().parse(text, "corp", "corp.toml").unwrap_err().to_string()
    }

    #[test]
    fn built_in_rules_are_complete() {
        let set = RuleSet::built_in().unwrap();
        let providers: BTreeSet<&str> = set.iter().map(|rule| rule.provider.as_str()).collect();
        assert!(providers.len() >= 40, "only {} providers", providers.len());
        for rule in set.iter() {
            let id = rule.meta.id.as_str();
            assert!(rule.examples.len() >= 2, "{id}: examples");
            assert!(rule.non_examples.len() >= 2, "{id}: non-examples");
            assert!(rule.respond.impact.len() > 20, "{id}: impact");
            assert!(rule.respond.revoke.len() >= 2, "{id}: revoke");
            assert!(!rule.meta.title.ends_with('.'), "{id}: title");
            if let Some(console) = &rule.respond.console {
                assert!(console.starts_with("https://"), "{id}: console");
            }
            for step in &rule.respond.revoke {
                assert!(step.ends_with('.'), "{id}: {step}");
            }
        }
    }

    #[test]
    fn built_in_rules_are_unique_and_sorted() {
        let set = RuleSet::built_in().unwrap();
        let ids: Vec<&str> = set.iter().map(|rule| rule.meta.id.as_str()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn halves_of_pairs_name_each_other() {
        let set = RuleSet::built_in().unwrap();
        for rule in set.iter() {
            let Some(pair) = &rule.pair else { continue };
            let other = set
                .get(&pair.with)
                .unwrap_or_else(|| panic!("{}: no rule {}", rule.meta.id.name(), pair.with));
            let back = other.pair.as_ref().map(|pair| pair.with.as_str());
            assert_eq!(back, Some(rule.meta.id.name()));
            assert!(pair.confidence > rule.meta.confidence, "{}", rule.meta.id.name());
        }
    }

    #[test]
    fn no_rule_file_names_a_thing_twice() {
        let set = RuleSet::built_in().unwrap();
        for rule in set.iter() {
            let texts: Vec<&str> =
                rule.examples.iter().chain(&rule.non_examples).map(|example| example.0.as_str()).collect();
            let unique: BTreeSet<&str> = texts.iter().copied().collect();
            assert_eq!(unique.len(), texts.len(), "{}", rule.meta.id.name());
        }
    }

    #[test]
    fn unknown_key_gets_line_column_and_nearest_key() {
        let text = GOOD.replace("confidence", "confidense");
        let message = message(&text);
        assert!(message.starts_with("corp.toml: line 6, column 1: unknown field `confidense`"), "{message}");
        assert!(message.ends_with("did you mean `confidence`?"), "{message}");
    }

    #[test]
    fn unknown_key_inside_a_shape_gets_the_nearest_key() {
        let message = message(&GOOD.replace("{ format", "{ formats"));
        assert!(message.contains("line 7, column 11: unknown field `formats`"), "{message}");
        assert!(message.ends_with("did you mean `format`?"), "{message}");
    }

    #[test]
    fn unknown_value_gets_the_nearest_value() {
        let message = message(&GOOD.replacen("\"high\"", "\"hgih\"", 1));
        assert!(message.contains("line 5, column 12: unknown variant `hgih`"), "{message}");
        assert!(message.ends_with("did you mean `high`?"), "{message}");
    }

    #[test]
    fn far_names_get_no_guess() {
        let message = message(&GOOD.replace("confidence", "zzzzzz"));
        assert!(!message.contains("did you mean"), "{message}");
    }

    #[test]
    fn broken_syntax_and_missing_shape_have_a_place() {
        assert!(message("[[rule]]\nid = \n").starts_with("corp.toml: line 2, column 6: "));
        let without = GOOD.replace("token = { format = [\"corp_{alnum:20}\"] }\n", "");
        let message = message(&without);
        assert!(
            message.starts_with("corp.toml: line 3, column 6: rule corp-token needs exactly one of"),
            "{message}"
        );
    }

    #[test]
    fn a_second_rule_with_the_same_id_is_refused() {
        let mut set = RuleSet::default();
        set.parse(GOOD, "corp", "a.toml").unwrap();
        let error = set.parse(GOOD, "corp", "b.toml").unwrap_err();
        assert!(
            matches!(error, RuleError::Duplicate { ref origin, ref id } if origin.starts_with("b.toml: line 3") && id == "corp-token")
        );
    }

    #[test]
    fn a_folder_is_loaded_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.toml"), GOOD.replace("corp-token", "b-token")).unwrap();
        fs::write(folder.path().join("a.toml"), GOOD).unwrap();
        fs::write(folder.path().join("notes.txt"), "no rules").unwrap();
        let mut set = RuleSet::default();
        set.load(folder.path()).unwrap();
        let names: Vec<&str> = set.iter().map(|rule| rule.meta.id.name()).collect();
        assert_eq!(names, ["b-token", "corp-token"]);
        assert_eq!(set.get("corp-token").unwrap().provider, "a");
    }

    #[test]
    fn a_file_that_is_not_utf8_or_too_large_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latin.toml");
        fs::write(&path, b"[[rule]]\ntitle = \"caf\xe9\"\n").unwrap();
        let message = RuleSet::default().load(&path).unwrap_err().to_string();
        assert!(
            message.ends_with("latin.toml is not UTF-8: line 2 has byte 0xe9; save it as UTF-8"),
            "{message}"
        );
        fs::File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        let message = RuleSet::default().load(&path).unwrap_err().to_string();
        assert!(message.contains("is larger than 16 MiB"), "{message}");
    }
}
