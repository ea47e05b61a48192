//! Writing suggestions into manifests: a copy of the old file first, then the new one in one step.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Block, Suggestion};
use crate::plugin::syntax::{Dialect, Module};

/// A file that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub file: PathBuf,
    /// Where its old text is.
    pub backup: PathBuf,
}

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// Its text is not what was audited.
    #[error("{0} has changed since it was audited")]
    Changed(PathBuf),
    /// It would not be readable.
    #[error("{0} would not be readable afterwards: {1}")]
    Unreadable(PathBuf, String),
    /// The system refused.
    #[error("cannot write {0}: {1}")]
    Io(PathBuf, std::io::Error),
}

/// Names of functions that nothing but a block of permissions needs.
const HELPERS: [&str; 10] = [
    "combinePermissions",
    "combinePresets",
    "minimalPreset",
    "gitWorkflowPreset",
    "npmPublishPreset",
    "fullEnvPreset",
    "kbPlatformPreset",
    "llmAccessPreset",
    "vectorStorePreset",
    "ciEnvironmentPreset",
];

/// Writes all blocks of a suggestion.
///
/// # Errors
/// When a file has changed meanwhile, would not be readable afterwards, or cannot be written. Files that were written
/// before keep their backups.
pub fn write(root: &Path, suggestion: &Suggestion) -> Result<Vec<Written>, Unwritten> {
    let mut done = Vec::new();
    for file in super::files(&suggestion.blocks) {
        let path = root.join(&*file);
        let blocks: Vec<&Block> = suggestion.blocks.iter().filter(|block| block.file == *file).collect();
        let io = |error| Unwritten::Io(path.clone(), error);
        let text = fs::read_to_string(&path).map_err(io)?;
        let changed = changed(&text, &blocks).ok_or_else(|| Unwritten::Changed(path.clone()))?;
        if let Some(dialect) = Dialect::of(&file)
            && let Some(fault) = Module::parse(&changed, dialect).faults.first()
        {
            return Err(Unwritten::Unreadable(path, fault.what.clone()));
        }
        let backup = free_name(&path);
        fs::copy(&path, &backup).map_err(io)?;
        replace(&path, &changed).map_err(io)?;
        done.push(Written { file: path, backup });
    }
    Ok(done)
}

/// The text with the blocks in it; `None` if it is not the one that they were made for.
pub(super) fn changed(text: &str, blocks: &[&Block]) -> Option<String> {
    let mut blocks = blocks.to_vec();
    blocks.sort_by_key(|block| std::cmp::Reverse(block.span.start));
    let mut changed = text.to_owned();
    for block in blocks {
        let range = usize::try_from(block.span.start).ok()?..usize::try_from(block.span.end).ok()?;
        if changed.get(range.clone())? != block.old {
            return None;
        }
        changed.replace_range(range, &block.new);
    }
    Some(without_unused(&changed))
}

/// The text without imports of helpers that nothing in it needs any more.
fn without_unused(text: &str) -> String {
    let mut text = text.to_owned();
    for helper in HELPERS {
        let mut places = text.match_indices(helper).filter(|(at, _)| is_word(&text, *at, helper.len()));
        let (Some((at, _)), None) = (places.next(), places.next()) else { continue };
        let line_start = text.get(..at).and_then(|before| before.rfind("import")).unwrap_or(at);
        let is_import = text
            .get(line_start..at)
            .is_some_and(|between| between.contains('{') && !between.contains('}') && !between.contains(';'));
        if !is_import {
            continue;
        }
        let (before, after) = text.split_at(at);
        let after = after.get(helper.len()..).unwrap_or_default();
        let trimmed = after.trim_start_matches([' ', '\n', '\r', '\t']);
        // The last name of a list of lines leaves its line end to the bracket.
        let gap = |skipped: &str| if skipped.contains('\n') { "\n" } else { " " };
        let skipped =
            |from: &str, rest: &str| from.get(..from.len() - rest.len()).unwrap_or_default().to_owned();
        text = match trimmed.strip_prefix(',') {
            Some(behind) => {
                let rest = behind.trim_start_matches([' ', '\n', '\r', '\t']);
                match rest.starts_with('}') {
                    true => format!("{}{}{rest}", before.trim_end(), gap(&skipped(behind, rest))),
                    false => format!("{before}{rest}"),
                }
            }
            None => {
                let before = before.trim_end().trim_end_matches(',');
                format!("{before}{}{trimmed}", gap(&skipped(after, trimmed)))
            }
        };
    }
    text
}

fn is_word(text: &str, at: usize, length: usize) -> bool {
    let is_part = |one: char| one.is_alphanumeric() || matches!(one, '_' | '$');
    let before = text.get(..at).and_then(|before| before.chars().next_back());
    let after = text.get(at + length..).and_then(|after| after.chars().next());
    !before.is_some_and(is_part) && !after.is_some_and(is_part)
}

/// A name beside a file that nothing has yet.
fn free_name(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("manifest");
    let named = |number: usize| {
        let number = if number == 0 { String::new() } else { format!(".{number}") };
        path.with_file_name(format!("{name}.before-kbsec{number}"))
    };
    (0..).map(named).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| named(0))
}

/// Writes a file beside another and puts it in its place, with its permissions.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = free_name(&path.with_extension("new"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| fs::set_permissions(&beside, fs::metadata(path)?.permissions()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What was written so far is of no use.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::without_unused;

    #[test]
    fn imports_that_nothing_needs_are_taken_out() {
        for (text, expected) in [
            ("import { combinePermissions, a } from 'x';\na();", "import { a } from 'x';\na();"),
            ("import { a, kbPlatformPreset } from 'x';\na();", "import { a } from 'x';\na();"),
            ("import {\n  a,\n  kbPlatformPreset,\n} from 'x';\na();", "import {\n  a,\n} from 'x';\na();"),
            (
                "import { kbPlatformPreset } from 'x';\nkbPlatformPreset;",
                "import { kbPlatformPreset } from 'x';\nkbPlatformPreset;",
            ),
            ("const kbPlatformPreset = 1;", "const kbPlatformPreset = 1;"),
        ] {
            assert_eq!(without_unused(text), expected, "{text}");
        }
    }
}
