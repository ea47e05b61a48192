//! The databases of an installation: where they lie, who holds them, and which services use them.

use std::path::{Path, PathBuf};

use super::context::Context;
use crate::sqlite::holders::{self, Holder, Outcome};
use crate::sqlite::sidecar::Role;

/// Folders in which databases of the platform lie.
const FOLDERS: [&str; 3] = [".kb/database", ".kb/analytics", ".kb/storage"];
/// Endings of their names.
const ENDINGS: [&str; 4] = ["sqlite", "sqlite3", "db", "db3"];

/// Every database of the installation, by path.
pub(super) fn all(context: &Context) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(context.path(folder)).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_one = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
            if is_one && path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Bytes of a file that lies beside a database; 0 if there is none.
pub(super) fn size(database: &Path, role: Role) -> u64 {
    role.beside(database).metadata().map_or(0, |about| about.len())
}

/// Who holds a database, as far as the system tells.
pub(super) fn held(context: &Context, database: &Path) -> Option<Outcome> {
    let options =
        holders::Options { database: database.to_owned(), proc_folder: context.proc_folder.clone() };
    holders::holders(&options).ok()
}

/// `pid 812 (node)`.
pub(super) fn name(context: &Context, holder: &Holder) -> String {
    format!("pid {} ({})", holder.pid, context.shorten(&holder.command, 30))
}

/// Why there is nothing to look at.
pub(super) const NONE: &str = "there is no database in .kb/database, .kb/analytics or .kb/storage";
