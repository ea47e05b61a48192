//! A workspace: the plugins below a folder, read and put together as the hosts of the platform do it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::check::Plugin;
use super::checks;
use super::manifest::{self, Manifest, Schema, Unread};
use super::marketplace::Marketplace;
use super::modules::Modules;
use super::package::{Package, Packages};
use super::usage;
use crate::coverage::{Coverage, Gap};
use crate::finding::Finding;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; nothing outside of it is read.
    pub root: PathBuf,
    /// How its path begins in the report.
    pub base: PathBuf,
}

/// What was read.
pub(crate) struct Workspace {
    /// The texts of its files, and what they mean.
    pub(crate) modules: Modules,
    /// The plugins of today's schema, by folder.
    pub(crate) plugins: Vec<Plugin>,
    /// How paths begin in a report.
    pub(crate) base: PathBuf,
    /// What was examined, and what could not be.
    pub(crate) coverage: Coverage,
}

impl Workspace {
    /// Reads every plugin below the folder; what cannot be read is a gap.
    ///
    /// # Errors
    /// When the folder itself cannot be read.
    pub(crate) fn read(options: &Options) -> std::io::Result<Self> {
        let root = options.root.canonicalize()?;
        let mut packages = Packages::find(&root);
        let modules = Modules::new(root.clone(), packages.all.clone());
        let base = options.base.clone();
        let mut read = Self { modules, plugins: Vec::new(), base, coverage: Coverage::default() };
        let marketplace = Marketplace::read(&read.modules);
        // Installed packages are not walked; those that the platform loads are looked at all the same.
        marketplace.folders().iter().for_each(|folder| packages.add(&root, folder));
        marketplace.unread.iter().for_each(|unread| read.miss(unread));
        for (file, why) in packages.unreadable {
            read.coverage.missed.push(Gap::new(shown(&read.base, &file), why));
        }
        let mut others = 0;
        for package in packages.plugins {
            match manifest::read(&package, &read.modules) {
                Ok(manifest) => {
                    read.count(&manifest);
                    match manifest.schema() {
                        Schema::Plugin3 => read.add(package, manifest, &marketplace),
                        _ => others += 1,
                    }
                }
                Err(unread) => read.miss(&unread),
            }
        }
        read.coverage.kinds = vec![("plugins", read.plugins.len() as u64), ("adapters and services", others)];
        Ok(read)
    }

    /// Looks at what the code of all plugins uses. What cannot be followed is a gap.
    pub(crate) fn examine_code(&mut self) {
        let given: Vec<_> = self.plugins.iter().map(Plugin::code).collect();
        let usages = usage::analyse(&given, &self.modules);
        let mut files: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut missed: BTreeSet<(Arc<str>, u64, String)> = BTreeSet::new();
        for (plugin, usage) in self.plugins.iter_mut().zip(usages) {
            files.extend(usage.files.iter().cloned());
            missed.extend(usage.faults.iter().cloned());
            for handler in usage.missing.iter().filter_map(|number| plugin.handlers.get(*number)) {
                let value = handler.entry.get("handler").unwrap_or(&handler.entry);
                let why = format!("the code of {} is not here", handler.name);
                missed.insert((Arc::clone(&value.at.file), value.at.span.start, why));
            }
            plugin.usage = Some(usage);
        }
        for (file, offset, why) in missed {
            let at = self.modules.position(&file, offset);
            let subject = format!("{}:{}:{}", shown(&self.base, &file), at.line, at.column);
            self.coverage.missed.push(Gap::new(subject, why));
        }
        for file in &files {
            self.coverage.examined(self.modules.text(file).map_or(0, |text| text.len() as u64));
        }
        self.coverage.kinds.push(("modules", files.len() as u64));
    }

    fn add(&mut self, package: Package, manifest: Manifest, marketplace: &Marketplace) {
        let mut copies = marketplace.cached(&package.name);
        for copy in manifest::copies(&package, &manifest.file, &self.modules) {
            match copy {
                Ok(copy) => {
                    self.count(&copy);
                    copies.push(copy);
                }
                Err(unread) => self.miss(&unread),
            }
        }
        let installed = marketplace.installed(&package, &self.modules);
        let plugin = Plugin::new(package, manifest);
        self.plugins.push(Plugin { copies, installed, ..plugin });
    }

    fn count(&mut self, manifest: &Manifest) {
        self.coverage.examined(self.modules.text(&manifest.file).map_or(0, |text| text.len() as u64));
    }

    fn miss(&mut self, unread: &Unread) {
        let at = self.modules.position(&unread.file, unread.offset);
        let file = shown(&self.base, &unread.file);
        self.coverage.missed.push(Gap::new(format!("{file}:{}:{}", at.line, at.column), &*unread.why));
    }

    /// What the checks have against its plugins, plugin by plugin.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.plugins.par_iter().flat_map_iter(|plugin| self.findings_of(plugin)).collect()
    }

    /// What they have against one of them.
    pub(crate) fn findings_of(&self, plugin: &Plugin) -> Vec<Finding> {
        checks::ALL.iter().flat_map(|check| check.findings(plugin, &self.modules, &self.base)).collect()
    }

    /// The plugin of this id, package name or folder.
    pub(crate) fn plugin(&self, name: &str) -> Option<&Plugin> {
        let folder = name.trim_end_matches('/').trim_start_matches("./");
        let is_it = |plugin: &&Plugin| {
            plugin.name() == name || &*plugin.package.name == name || plugin.package.folder == folder
        };
        self.plugins.iter().find(is_it)
    }
}

fn shown(base: &Path, file: &str) -> String {
    base.join(file).display().to_string()
}
