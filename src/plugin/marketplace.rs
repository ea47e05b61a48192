//! The marketplace: what the platform has written down of installed plugins, in its lock file and its caches.
//!
//! None of it decides what a plugin is. Any plugin that may write `.kb/**` can change it, so it is compared with the files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::manifest::{self, Manifest, Unread};
use super::modules::{Modules, join};
use super::package::Package;
use super::value::{Kind, Value};

/// The lock file, relative to the root of a workspace.
pub(crate) const LOCK: &str = ".kb/marketplace.lock";
/// The caches of manifests, each with the keys to its packages, and to the manifests of one.
const CACHES: [(&str, &str); 2] =
    [(".kb/marketplace.manifests.json", "entries"), (".kb/cache/cli-manifests.json", "packages")];

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Marketplace {
    lock: Option<Value>,
    caches: Vec<(Value, &'static str)>,
    /// What is there and cannot be read.
    pub(crate) unread: Vec<Unread>,
}

/// A plugin as the lock file has it.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// Its entry.
    pub(crate) entry: Value,
    /// What the platform would compute as its integrity now: the hash of its package.json alone.
    pub(crate) integrity: String,
}

impl Marketplace {
    /// Reads what is there.
    pub(crate) fn read(modules: &Modules) -> Self {
        let mut read = Self::default();
        let mut load = |file: &str| {
            modules.text(file)?;
            manifest::evaluate(file, modules).map_err(|unread| read.unread.push(unread)).ok()
        };
        let lock = load(LOCK).map(|lock| lock.value);
        let caches: Vec<(Value, &'static str)> =
            CACHES.iter().filter_map(|(file, key)| Some((load(file)?.value, *key))).collect();
        Self { lock, caches, unread: read.unread }
    }

    /// The folders that the lock file names, relative to the root; those outside of it are left out.
    pub(crate) fn folders(&self) -> Vec<&str> {
        let entries = self.entries().iter();
        let folders = entries.filter_map(|(_, entry)| entry.get("resolvedPath")?.text());
        folders.filter_map(inside).collect()
    }

    /// The entry of a package.
    pub(crate) fn installed(&self, package: &Package, modules: &Modules) -> Option<Installed> {
        let entries = self.entries();
        let named = entries.iter().find(|(name, _)| **name == *package.name);
        let by_folder = || {
            let folder =
                |entry: &Value| entry.get("resolvedPath")?.text().and_then(inside).map(ToOwned::to_owned);
            entries.iter().find(|(_, entry)| folder(entry).is_some_and(|folder| folder == package.folder))
        };
        let (_, entry) = named.or_else(by_folder)?;
        let text = modules.text(&join(&package.folder, "package.json"))?;
        let integrity = format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())));
        Some(Installed { entry: entry.clone(), integrity })
    }

    /// The manifests of a package in the caches.
    pub(crate) fn cached(&self, name: &str) -> Vec<Manifest> {
        let mut found = Vec::new();
        for (cache, key) in &self.caches {
            let Some(entry) = cache.get(key).and_then(|all| all.get(name)) else { continue };
            let alone = entry.get("manifest").into_iter();
            let listed = entry.path(&["result", "manifests"]).map(Value::list).unwrap_or_default();
            // The cache of the command line repeats the manifest for each command.
            let of_commands = listed.iter().filter_map(|one| one.get("manifestV2")).take(1);
            found.extend(alone.chain(of_commands).filter(|value| matches!(value.kind, Kind::Object(_))).map(
                |value| Manifest {
                    file: value.at.file.to_string(),
                    value: value.clone(),
                    repeated: Vec::new(),
                },
            ));
        }
        found
    }

    fn entries(&self) -> &[(std::sync::Arc<str>, Value)] {
        match self.lock.as_ref().and_then(|lock| lock.get("installed")).map(|installed| &installed.kind) {
            Some(Kind::Object(entries)) => entries,
            _ => &[],
        }
    }
}

/// A path below the root, without `./` before it.
fn inside(path: &str) -> Option<&str> {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let is_inside = !path.starts_with('/') && path.split(['/', '\\']).all(|part| part != "..");
    is_inside.then_some(path)
}
