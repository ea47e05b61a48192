//! An audit: every plugin below a folder, examined by every check.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::Plugin;
use super::checks;
use super::manifest::{self, Schema};
use super::modules::Modules;
use super::package::Packages;
use crate::coverage::{Coverage, Gap};
use crate::finding::{Finding, RuleMeta};
use crate::span::Position;

/// What to audit.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; nothing outside of it is read.
    pub root: PathBuf,
    /// How its path begins in the report.
    pub base: PathBuf,
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What was read.
    pub coverage: Coverage,
}

/// Every check as a rule, sorted by id.
#[must_use]
pub fn rules() -> Vec<Arc<RuleMeta>> {
    let mut rules: Vec<_> = checks::ALL.iter().filter_map(|check| check.meta()).collect();
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    rules
}

/// Audits every plugin below a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn audit(options: &Options) -> std::io::Result<Outcome> {
    let root = options.root.canonicalize()?;
    let packages = Packages::find(&root);
    let modules = Modules::new(root, packages.all.clone());
    let mut outcome = Outcome::default();
    for (file, why) in packages.unreadable {
        outcome.coverage.missed.push(Gap::new(shown(options, &file), why));
    }
    let (mut plugins, mut others) = (0, 0);
    for package in packages.plugins {
        match manifest::read(&package, &modules) {
            Ok(manifest) => {
                outcome.coverage.examined(modules.text(&manifest.file).map_or(0, |text| text.len() as u64));
                if manifest.schema() != Schema::Plugin3 {
                    others += 1;
                    continue;
                }
                plugins += 1;
                let plugin = Plugin::new(package, manifest);
                for check in checks::ALL {
                    outcome.findings.extend(check.findings(&plugin, &modules, &options.base));
                }
            }
            Err(unread) => {
                let text = modules.text(&unread.file).unwrap_or_default();
                let end = usize::try_from(unread.offset).unwrap_or(usize::MAX).min(text.len());
                let at = Position::START.advance(text.as_bytes().get(..end).unwrap_or_default());
                let file = shown(options, &unread.file);
                let subject = format!("{file}:{}:{}", at.line, at.column);
                outcome.coverage.missed.push(Gap::new(subject, unread.why));
            }
        }
    }
    outcome.coverage.kinds = vec![("plugins", plugins), ("adapters and services", others)];
    outcome.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    Ok(outcome)
}

fn shown(options: &Options, file: &str) -> String {
    Path::new(&options.base).join(file).display().to_string()
}
