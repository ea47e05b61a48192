//! A lock: the hash of every file of every plugin, as it was when somebody looked at it.
//!
//! The platform's own lock file vouches for package.json alone. This one covers what runs: all files below the folder of a
//! plugin, ignored ones too, but for `node_modules` and `.git`. Links are written down and not followed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use ignore::WalkBuilder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::audit::Outcome;
use super::check::{self, Plugin};
use super::modules::join;
use super::workspace::{Options, Workspace};
use crate::coverage::{Coverage, Gap};
use crate::digest::hex;
use crate::finding::{Finding, FindingBuilder, Location, Origin, RuleMeta, Severity};
use crate::secret::FingerprintKey;

/// The name that the file has at the root of a workspace.
pub const NAME: &str = "kbsec.lock";

/// All plugins of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// `kbsec.lock/1`.
    schema: String,
    /// Plugins by id.
    plugins: BTreeMap<String, Locked>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    /// Its folder, relative to the root.
    folder: String,
    version: String,
    /// Files below the folder, each with the SHA-256 of its content, or `-> target` for a link.
    files: BTreeMap<String, String>,
}

const SCHEMA: &str = "kbsec.lock/1";

/// The three rules: files changed, a plugin that is not locked, one that is gone.
static RULES: LazyLock<Option<[Arc<RuleMeta>; 3]>> = LazyLock::new(|| {
    let steps = [
        "Compare the files with the version that was reviewed",
        "If all is well, write the lock anew with `kbsec audit lock`, and commit it",
    ];
    Some([
        check::rule(
            "lock-changed",
            "Files of a plugin are others than when it was locked",
            Severity::High,
            ("What runs is not what was reviewed", &steps),
        )?,
        check::rule(
            "lock-unknown",
            "A plugin is not locked",
            Severity::Medium,
            ("It came after the lock was written, and nobody vouched for it", &steps),
        )?,
        check::rule(
            "lock-gone",
            "A locked plugin is not there",
            Severity::Low,
            ("Something that was reviewed was removed or moved", &steps),
        )?,
    ])
});

/// The rules of the lock.
#[must_use]
pub fn rules() -> Vec<Arc<RuleMeta>> {
    RULES.iter().flatten().cloned().collect()
}

impl Lock {
    /// Reads a lock; the error is a sentence with line and column.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match lock.schema == SCHEMA {
            true => Ok(lock),
            false => Err(format!("its schema is {:?}, and this program knows {SCHEMA:?}", lock.schema)),
        }
    }

    /// Hashes every plugin below the folder. What could not be read is a gap, and not in the lock.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn make(options: &Options) -> io::Result<(Self, Coverage)> {
        let workspace = Workspace::read(options)?;
        let mut coverage = workspace.coverage;
        let mut plugins = BTreeMap::new();
        for plugin in &workspace.plugins {
            let files = files(&options.root, &plugin.package.folder, &mut coverage);
            let version = plugin.manifest.value.get("version").map(super::value::Value::shown);
            let folder = plugin.package.folder.clone();
            let locked = Locked { folder, version: version.unwrap_or_default(), files };
            plugins.insert(plugin.name().to_owned(), locked);
        }
        Ok((Self { schema: SCHEMA.to_owned(), plugins }, coverage))
    }

    /// How many plugins and files it covers.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.plugins.len(), self.plugins.values().map(|plugin| plugin.files.len()).sum())
    }

    /// What is otherwise now, plugin by plugin.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn verify(&self, options: &Options) -> io::Result<Outcome> {
        let workspace = Workspace::read(options)?;
        let mut outcome = Outcome::default();
        let Some([_, unknown, gone]) = &*RULES else { return Ok(outcome) };
        let mut coverage = Coverage::default();
        for plugin in &workspace.plugins {
            outcome.findings.extend(match self.plugins.get(plugin.name()) {
                Some(locked) => {
                    let now = files(&options.root, &plugin.package.folder, &mut coverage);
                    locked.compare(&now, plugin, options)
                }
                None => {
                    let package = join(&plugin.package.folder, "package.json");
                    found(unknown, &[format!("plugin {}", plugin.name())], &[package], options)
                }
            });
        }
        let is_there = |name: &String| workspace.plugins.iter().any(|plugin| plugin.name() == name);
        for (name, locked) in self.plugins.iter().filter(|(name, _)| !is_there(name)) {
            let why = [format!("plugin {name}, in {}", locked.folder)];
            outcome.findings.extend(found(gone, &why, &[NAME.to_owned()], options));
        }
        outcome.coverage = workspace.coverage;
        outcome.coverage.missed.extend(coverage.missed);
        Ok(outcome)
    }
}

impl Locked {
    fn compare(&self, now: &BTreeMap<String, String>, plugin: &Plugin, options: &Options) -> Option<Finding> {
        let Some([rule, _, _]) = &*RULES else { return None };
        let is_other =
            |file: &&String| self.files.get(*file).is_some_and(|hash| Some(hash) != now.get(*file));
        let changed: Vec<&String> = now.keys().filter(is_other).collect();
        let added: Vec<&String> = now.keys().filter(|file| !self.files.contains_key(*file)).collect();
        let removed: Vec<&String> = self.files.keys().filter(|file| !now.contains_key(*file)).collect();
        let told = |files: &[&String], what: &str| {
            let first = files.first()?;
            let more =
                if files.len() == 1 { String::new() } else { format!(" and {} more", files.len() - 1) };
            Some(format!("{what}: {first}{more}"))
        };
        let kinds = [(&changed, "changed"), (&added, "new"), (&removed, "gone")];
        let mut why: Vec<String> = kinds.iter().filter_map(|(files, what)| told(files, what)).collect();
        if why.is_empty() {
            return None;
        }
        why.push(format!("plugin {}", plugin.name()));
        let places: Vec<String> =
            changed.iter().chain(&added).map(|file| join(&plugin.package.folder, file)).collect();
        let places =
            if places.is_empty() { vec![join(&plugin.package.folder, "package.json")] } else { places };
        found(rule, &why, &places, options)
    }
}

fn found(rule: &Arc<RuleMeta>, why: &[String], files: &[String], options: &Options) -> Option<Finding> {
    let builder = why.iter().fold(FindingBuilder::new(Arc::clone(rule)), FindingBuilder::reason);
    let place = |file: &String| Location::of_input(Origin::File { path: options.base.join(file) }, &[]);
    let builder = files.iter().map(place).fold(builder, FindingBuilder::location);
    builder.build(&FingerprintKey::default()).ok()
}

/// The files below a folder, each with what it holds.
fn files(root: &Path, folder: &str, coverage: &mut Coverage) -> BTreeMap<String, String> {
    let top = root.join(folder);
    let is_own = |name: &std::ffi::OsStr| name != "node_modules" && name != ".git";
    let walk = WalkBuilder::new(&top)
        .standard_filters(false)
        .follow_links(false)
        .filter_entry(move |entry| is_own(entry.file_name()))
        .build();
    let mut paths = Vec::new();
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| !kind.is_dir()) => {
                paths.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => coverage.missed.push(Gap::new(join(folder, ""), error.to_string())),
        }
    }
    let read: Vec<_> = paths.par_iter().map(|path| (path, digest(path))).collect();
    let mut files = BTreeMap::new();
    for (path, digest) in read {
        let name = path.strip_prefix(&top).unwrap_or(path).to_string_lossy().replace('\\', "/");
        match digest {
            // The lock does not vouch for itself.
            Ok(_) if name == NAME => {}
            Ok(digest) => drop(files.insert(name, digest)),
            Err(error) => coverage.missed.push(Gap::new(join(folder, &name), error.to_string())),
        }
    }
    files
}

fn digest(path: &Path) -> io::Result<String> {
    if path.symlink_metadata()?.is_symlink() {
        return Ok(format!("-> {}", fs::read_link(path)?.display()));
    }
    let mut hash = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::plugin::sample;

    #[test]
    fn any_change_of_any_file_is_found() {
        let folder = sample::folder("permissions: {}");
        let options = Options { root: folder.path().to_owned(), base: PathBuf::new() };
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("dist/run.js", "1");
        write("node_modules/x/index.js", "1");
        let (lock, _) = Lock::make(&options).unwrap();
        assert_eq!(lock.size(), (1, 3));
        let text = serde_json::to_string(&lock).unwrap();
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        let told = |lock: &Lock| {
            let findings = lock.verify(&options).unwrap().findings;
            findings
                .iter()
                .map(|found| (found.rule().id.to_string(), found.reasons()[0].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&lock), []);
        write("dist/run.js", "2");
        let changed = |what: &str| [("plugin/lock-changed".to_owned(), what.to_owned())];
        assert_eq!(told(&lock), changed("changed: dist/run.js"));
        fs::remove_file(folder.path().join("dist/run.js")).unwrap();
        assert_eq!(told(&lock), changed("gone: dist/run.js"));
        write("dist/run.js", "1");
        write(".hidden", "1");
        assert_eq!(told(&lock), changed("new: .hidden"));
        let empty = Lock { schema: SCHEMA.to_owned(), plugins: BTreeMap::new() };
        assert_eq!(told(&empty)[0].0, "plugin/lock-unknown");
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        for bad in ["", "{}", r#"{ "schema": "kbsec.lock/2", "plugins": {} }"#, "[]"] {
            assert!(Lock::parse(bad).is_err(), "{bad}");
        }
    }
}
