//! The side files of a repository: what git and its helpers leave beside objects, and may hold a value as well.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::replace::{Style, replaced};
use super::values::Values;
use crate::git::is_object_file;

/// Larger files are not looked at here; the proof reads them.
const MAX_BYTES: u64 = 256 << 20;
/// Git nests its directories less deeply.
const MAX_DEPTH: usize = 64;

/// Files and directories that nothing needs once there is no operation in progress.
const LEFTOVERS: [&str; 16] = [
    "ORIG_HEAD",
    "FETCH_HEAD",
    "COMMIT_EDITMSG",
    "MERGE_MSG",
    "MERGE_MODE",
    "MERGE_RR",
    "AUTO_MERGE",
    "SQUASH_MSG",
    "TAG_EDITMSG",
    "NOTES_EDITMSG",
    "EDIT_DESCRIPTION",
    "BISECT_NAMES",
    "gitk.cache",
    "lost-found",
    "rebased-patches",
    "filter-repo",
];

/// Files that git rewrites as references, indexes and logs change.
const GITS_OWN: [&str; 4] = ["packed-refs", "index", "HEAD", "info/refs"];

/// What becomes of a side file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is deleted.
    Deleted,
    /// The value is replaced in it.
    Edited,
}

/// A side file that holds a value, in its content or its name.
#[derive(Clone, Debug)]
pub(super) struct SideFile {
    pub(super) path: PathBuf,
    pub(super) fate: Fate,
}

impl Fate {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Edited => "edited",
        }
    }
}

/// The files under the git directory that hold a value and are nothing that the rewrite changes by itself.
pub(super) fn with_values(common: &Path, values: &Values) -> Vec<SideFile> {
    let mut found = Vec::new();
    list(common, common, 0, &mut |path, relative| {
        let is_gits = GITS_OWN.contains(&relative)
            || ["refs/", "logs/", "modules/", "reftable/"].iter().any(|start| relative.starts_with(start));
        if is_gits || relative.split('/').any(|part| part.starts_with("kbsec-")) {
            return;
        }
        let in_name = values.are_in(relative.as_bytes());
        if in_name || holds(path, values) {
            let is_edited = !in_name && is_settings(relative);
            found.push(SideFile {
                path: path.to_path_buf(),
                fate: if is_edited { Fate::Edited } else { Fate::Deleted },
            });
        }
    });
    found
}

/// Files that say how the repository works, and stay.
fn is_settings(relative: &str) -> bool {
    let is_file = matches!(relative, "config" | "config.worktree" | "description");
    is_file || ["info/", "hooks/", "branches/", "remotes/"].iter().any(|start| relative.starts_with(start))
}

fn holds(path: &Path, values: &Values) -> bool {
    let is_small = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= MAX_BYTES);
    is_small && fs::read(path).is_ok_and(|bytes| super::blob::are_inside(values, &bytes))
}

/// Calls for every file but objects, with its path from the top.
fn list(top: &Path, folder: &Path, depth: usize, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        let relative = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
        if kind.is_dir() && depth < MAX_DEPTH {
            list(top, &path, depth + 1, visit);
        } else if !kind.is_dir() && !relative.strip_prefix("objects/").is_some_and(is_object_file) {
            visit(&path, &relative);
        }
    }
}

/// Deletes leftovers, and deletes or edits what holds a value.
pub(super) fn purge(common: &Path, values: &Values) -> io::Result<()> {
    for name in LEFTOVERS {
        let path = common.join(name);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    for file in with_values(common, values) {
        match file.fate {
            Fate::Deleted => fs::remove_file(&file.path)?,
            Fate::Edited => edit(&file.path, values)?,
        }
    }
    remove_named(common, common, values)
}

/// Replaces the values in a file, which keeps its permissions.
fn edit(path: &Path, values: &Values) -> io::Result<()> {
    let Some(clean) = replaced(values, &fs::read(path)?, Style::Name) else { return Ok(()) };
    let beside = path.with_extension("kbsec-new");
    fs::write(&beside, clean)?;
    fs::set_permissions(&beside, fs::metadata(path)?.permissions())?;
    fs::rename(&beside, path)
}

/// Removes empty directories whose name holds a value.
fn remove_named(top: &Path, folder: &Path, values: &Values) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if !entry.file_type()?.is_dir() || path == top.join("objects") {
            continue;
        }
        remove_named(top, &path, values)?;
        if values.are_in(entry.file_name().as_encoded_bytes()) {
            // One with files in it is not removed; the proof will tell of it.
            let _ = fs::remove_dir(&path);
        }
    }
    Ok(())
}
