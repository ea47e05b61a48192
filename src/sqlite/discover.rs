//! Databases in folders: by their first bytes, and by names that promise one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::evidence::Evidence;
use super::header::MAGIC;
use crate::coverage::Gap;

/// Names of files that should be databases.
const ENDINGS: [&str; 4] = ["db", "sqlite", "sqlite3", "db3"];
/// Files beside a database that are looked at with it.
const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// Folders are not nested deeper by people.
const DEEPEST: usize = 64;

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Found {
    /// The databases, sorted.
    pub databases: Vec<PathBuf>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
}

/// Every database at or below `path`; a file that is named itself counts as one. Links are not followed.
#[must_use]
pub fn discover(path: &Path) -> Found {
    let mut found = Found::default();
    if path.is_dir() {
        look(path, 0, &mut found);
        found.databases.sort();
    } else {
        found.databases.push(path.to_owned());
    }
    found
}

fn look(folder: &Path, depth: usize, found: &mut Found) {
    let gap = |path: &Path, cause: &io::Error| Gap::new(path.display().to_string(), cause.kind().to_string());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) => return found.gaps.push(gap(folder, &cause)),
    };
    for entry in entries {
        let (path, kind) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok(known) => known,
            Err(cause) => {
                found.gaps.push(gap(folder, &cause));
                continue;
            }
        };
        if kind.is_dir() && depth < DEEPEST {
            look(&path, depth + 1, found);
        } else if kind.is_file() && !is_sidecar(&path) {
            match is_database(&path) {
                Ok(true) => found.databases.push(path),
                Ok(false) => {}
                Err(error) => found.gaps.push(Gap::new(path.display().to_string(), error.to_string())),
            }
        }
    }
}

fn is_sidecar(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    SIDECARS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

fn is_database(path: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))) {
        return Ok(true);
    }
    let mut start = [0; MAGIC.len()];
    Evidence::open(path)?.read_at(0, &mut start)?;
    Ok(start == *MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_found_by_content_and_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("plain"), [&MAGIC[..], &[0; 100]].concat()).unwrap();
        fs::write(inner.join("empty.DB"), "").unwrap();
        fs::write(inner.join("empty.DB-wal"), "").unwrap();
        fs::write(folder.path().join("notes.txt"), "SQLite").unwrap();
        let found = discover(folder.path());
        let names: Vec<_> = found.databases.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!((names, found.gaps.len()), (vec!["empty.DB".into(), "plain".into()], 0));
    }
}
