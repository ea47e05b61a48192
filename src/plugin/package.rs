//! A plugin package: a folder whose package.json names a manifest, and the files that may hold it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ignore::WalkBuilder;

/// A package that the platform would load as a plugin, an adapter or a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// The name in package.json.
    pub(crate) name: Arc<str>,
    /// The folder, relative to the root, with `/`; empty for the root itself.
    pub(crate) folder: String,
    /// The manifest that package.json names, as written.
    pub(crate) declared: Option<String>,
    /// Whether there is a `kb.plugin.json`.
    pub(crate) has_json: bool,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    /// Those with a manifest, by folder.
    pub(crate) plugins: Vec<Package>,
    /// Folder of every package by its name.
    pub(crate) all: HashMap<String, String>,
    /// What could not be read: a file and why.
    pub(crate) unreadable: Vec<(String, String)>,
}

impl Packages {
    /// Every package below `root`, but for installed ones and hidden folders.
    pub(crate) fn find(root: &Path) -> Self {
        let mut found = Self::default();
        let walk = WalkBuilder::new(root)
            .follow_links(false)
            .filter_entry(|entry| entry.file_name() != "node_modules")
            .sort_by_file_path(Ord::cmp)
            .build();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_name() == "package.json" => found.take(root, entry.path()),
                Ok(_) => {}
                Err(error) => found.unreadable.push((root.display().to_string(), error.to_string())),
            }
        }
        found
    }

    /// Takes the package in a folder too, unless it is there already.
    pub(crate) fn add(&mut self, root: &Path, folder: &str) {
        let path = root.join(folder).join("package.json");
        if path.is_file() && self.plugins.iter().all(|known| known.folder != folder) {
            self.take(root, &path);
        }
    }

    fn take(&mut self, root: &Path, path: &Path) {
        let folder = path.parent().and_then(|folder| folder.strip_prefix(root).ok());
        let Some(folder) = folder.and_then(Path::to_str) else { return };
        let file = path.strip_prefix(root).unwrap_or(path).display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.unreadable.push((file, error.to_string())),
        };
        let told: serde_json::Value = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(told) => told,
            Err(error) => return self.unreadable.push((file, error.to_string())),
        };
        let Some(name) = told.get("name").and_then(serde_json::Value::as_str) else { return };
        self.all.entry(name.to_owned()).or_insert_with(|| folder.to_owned());
        // The platform asks in this order.
        let declared =
            ["/kbLabs/manifest", "/kb/manifest"].iter().find_map(|key| told.pointer(key)?.as_str());
        let has_json = path.with_file_name("kb.plugin.json").is_file();
        if declared.is_some() || has_json {
            let declared = declared.map(ToOwned::to_owned);
            self.plugins.push(Package { name: name.into(), folder: folder.to_owned(), declared, has_json });
        }
    }
}
