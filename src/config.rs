//! The configuration: `kbsec.toml`, which can add rules and lower noise, and can never run or contact anything.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::finding::Finding;
use crate::secret::Fingerprint;

/// The settings of a project.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Rule files and directories, relative to the configuration file.
    pub rules: Vec<PathBuf>,
    /// Names of rules that are not used.
    pub disable: Vec<String>,
    /// Globs of paths that are not scanned, relative to the root.
    pub exclude: Vec<String>,
    /// Files larger than this many bytes are not read, and reported.
    pub max_file_size: Option<u64>,
    /// Key of the fingerprints; see `secret::FingerprintKey`.
    pub fingerprint_key: Option<String>,
    /// Findings that somebody decided to accept.
    pub waiver: Vec<Waiver>,
}

/// A finding that is accepted, by whom, why, and until when.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waiver {
    /// Fingerprint of the finding.
    #[serde(deserialize_with = "fingerprint")]
    pub fingerprint: Fingerprint,
    /// Why it is no danger.
    pub reason: String,
    /// Who says so.
    pub owner: Option<String>,
    /// The last day on which it counts, as `2027-01-31`.
    pub expires: Option<String>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not what it should be; the message has line and column.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
}

/// Names that the file may have, in the directory of the project's root or below the one that is scanned.
const NAMES: [&str; 2] = ["kbsec.toml", ".github/kbsec.toml"];

impl Config {
    /// Looks for the file from `start` upward, not above `root`.
    #[must_use]
    pub fn find(start: &Path, root: &Path) -> Option<PathBuf> {
        let inside = |directory: &&Path| directory.starts_with(root);
        start
            .ancestors()
            .take_while(inside)
            .flat_map(|directory| NAMES.map(|name| directory.join(name)))
            .find(|path| path.is_file())
    }

    /// Reads the file; relative paths in it become relative to the file.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown key, or a value of the wrong kind.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let syntax = |message| ConfigError::Syntax { path: path.to_owned(), message };
        let mut config: Self = crate::toml_text::parse(&text).map_err(syntax)?;
        if let Some(bad) =
            config.waiver.iter().filter_map(|waiver| waiver.expires.as_ref()).find(|day| !is_day(day))
        {
            return Err(syntax(format!("expires = {bad:?} is no day; write it as 2027-01-31")));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        config.rules.iter_mut().for_each(|rules| *rules = folder.join(&rules));
        Ok(config)
    }

    /// The waiver that accepts the finding on the day `today` (`2026-11-23`).
    #[must_use]
    pub fn waiver_of(&self, finding: &Finding, today: &str) -> Option<&Waiver> {
        self.waiver.iter().find(|waiver| {
            waiver.fingerprint == finding.fingerprint()
                && waiver.expires.as_deref().is_none_or(|last_day| today <= last_day)
        })
    }
}

fn fingerprint<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kbsec.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_nearest_one() {
        let message = read("exclude = []\nwaivr = []\n").unwrap_err().to_string();
        assert!(
            message.contains("line 2, column 1") && message.contains("did you mean `waiver`?"),
            "{message}"
        );
    }

    #[test]
    fn a_waiver_needs_a_fingerprint_a_reason_and_a_real_day() {
        let fingerprint = "0123456789abcdef0123456789abcdef";
        for bad in [
            "[[waiver]]\nfingerprint = 'short'\nreason = 'x'\n".to_owned(),
            format!("[[waiver]]\nfingerprint = '{fingerprint}'\n"),
            format!("[[waiver]]\nfingerprint = '{fingerprint}'\nreason = 'x'\nexpires = 'soon'\n"),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        let good =
            format!("[[waiver]]\nfingerprint = '{fingerprint}'\nreason = 'x'\nexpires = '2027-01-31'\n");
        assert_eq!(read(&good).unwrap().waiver.len(), 1);
    }

    #[test]
    fn the_file_is_looked_for_upward_but_not_above_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        let deep = root.join("a/b");
        std::fs::create_dir_all(root.join(".github")).unwrap();
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(folder.path().join("kbsec.toml"), "").unwrap();
        assert_eq!(Config::find(&deep, &root), None);
        std::fs::write(root.join(".github/kbsec.toml"), "").unwrap();
        assert_eq!(Config::find(&deep, &root), Some(root.join(".github/kbsec.toml")));
    }
}
