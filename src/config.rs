//! The configuration: `kbsec.toml`, which can add rules and lower noise, and can never run or contact anything.

use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

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
    /// Files larger than this many bytes are not read, and reported; written as a number or as `64M`.
    #[serde(deserialize_with = "size")]
    pub max_file_size: Option<u64>,
    /// Key of the fingerprints; see `secret::FingerprintKey`.
    pub fingerprint_key: Option<String>,
    /// Findings that somebody decided to accept.
    pub waiver: Vec<Waiver>,
    /// Grants of plugins that somebody decided to accept.
    pub grant_waiver: Vec<GrantWaiver>,
}

/// Grants of one plugin that are accepted up to a pattern, by whom, why, and until when.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GrantWaiver {
    /// The rule, such as `control-plane`.
    pub rule: String,
    /// The id of the plugin.
    pub plugin: String,
    /// What may be granted: this, or anything narrower.
    pub grant: String,
    /// Why it is no danger; never empty.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
    /// Who says so.
    pub owner: Option<String>,
    /// The last day on which it counts, as `2027-01-31`.
    #[serde(deserialize_with = "day", default)]
    pub expires: Option<String>,
}

/// A finding that is accepted, by whom, why, and until when.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waiver {
    /// Fingerprint of the finding.
    #[serde(deserialize_with = "fingerprint")]
    pub fingerprint: Fingerprint,
    /// Why it is no danger; never empty.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
    /// Who says so.
    pub owner: Option<String>,
    /// The last day on which it counts, as `2027-01-31`.
    #[serde(deserialize_with = "day", default)]
    pub expires: Option<String>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {}; mend it, or scan with --no-config", path.display())]
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
    ///
    /// A folder or a broken link of that name is found too: that it cannot be read must not pass for having none.
    #[must_use]
    pub fn find(start: &Path, root: &Path) -> Option<PathBuf> {
        let inside = |directory: &&Path| directory.starts_with(root);
        start
            .ancestors()
            .take_while(inside)
            .flat_map(|directory| NAMES.map(|name| directory.join(name)))
            .find(|path| path.metadata().map_or(path.is_symlink(), |found| found.is_file() || found.is_dir()))
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
        let folder = path.parent().unwrap_or(Path::new(""));
        config.rules.iter_mut().for_each(|rules| *rules = folder.join(&rules));
        Ok(config)
    }

    /// The waivers for the finding, also those that have expired.
    pub fn waivers_of(&self, finding: &Finding) -> impl Iterator<Item = &Waiver> {
        self.waiver.iter().filter(move |waiver| waiver.fingerprint == finding.fingerprint())
    }
}

/// Bytes from a text such as `1024`, `64K`, `64M` or `2G`.
///
/// # Errors
/// When the text is no such size, as a sentence.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        _ => return Err("write a size as 64K, 64M or 2G".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "write a size as 64K, 64M or 2G".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is more than any file has".to_owned())
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::Integer(bytes) => bytes.to_string(),
        toml::Value::String(text) => text,
        _ => String::new(),
    };
    parse_size(&text).map(Some).map_err(Error::custom)
}

fn fingerprint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(Error::custom)
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(Error::custom("the reason is empty; say why the finding is no danger"));
    }
    Ok(text)
}

/// A day of the calendar, in quotes or as a date of TOML.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let date = text.parse::<toml::value::Datetime>();
    let is_day = date.is_ok_and(|date| date.date.is_some() && date.time.is_none());
    let bad = || Error::custom(format!("expires = {text:?} is no day; write it as \"2027-01-31\""));
    if is_day { Ok(Some(text)) } else { Err(bad()) }
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
            format!("[[waiver]]\nfingerprint = '{fingerprint}'\nreason = ' '\n"),
            format!("[[waiver]]\nfingerprint = '{fingerprint}'\nreason = 'x'\nexpires = 'soon'\n"),
            format!("[[waiver]]\nfingerprint = '{fingerprint}'\nreason = 'x'\nexpires = '2027-02-31'\n"),
            format!(
                "[[waiver]]\nfingerprint = '{fingerprint}'\nreason = 'x'\nexpires = 2027-01-31T12:00:00Z\n"
            ),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        for day in ["'2027-01-31'", "2027-01-31"] {
            let good = format!("[[waiver]]\nfingerprint = '{fingerprint}'\nreason = 'x'\nexpires = {day}\n");
            assert_eq!(read(&good).unwrap().waiver[0].expires.as_deref(), Some("2027-01-31"));
        }
    }

    #[test]
    fn sizes_are_numbers_or_have_a_unit() {
        assert_eq!(read("").unwrap().max_file_size, None);
        for (size, bytes) in [("1024", 1024), ("'64K'", 65_536), ("'2G'", 2 << 30)] {
            assert_eq!(read(&format!("max-file-size = {size}\n")).unwrap().max_file_size, Some(bytes));
        }
        for bad in ["-1", "'64X'", "''", "1.5", "'99999999999G'"] {
            assert!(read(&format!("max-file-size = {bad}\n")).is_err(), "{bad}");
        }
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
