//! The purge: reflogs, leftovers and every object that nothing reaches any more leave the repository.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::RewriteError;
use super::side_files;
use super::values::Values;
use crate::git::Repository;
use crate::git::edit::GitEdit;

/// Takes away what is old.
pub(super) fn purge(repository: &Repository, git: &GitEdit, values: &Values) -> Result<(), RewriteError> {
    let common = repository.common_dir();
    let failed = |cause| RewriteError::io("remove what is old from the git directory", cause);
    let has_info_refs = common.join("info/refs").exists();
    let has_graph =
        ["commit-graph", "commit-graphs"].iter().any(|name| common.join("objects/info").join(name).exists());
    expire_reflogs(common, git, values)?;
    side_files::purge(common, values).map_err(failed)?;
    drop_indexes_of_objects(&common.join("objects")).map_err(failed)?;
    let repack = [
        "-c",
        "repack.writeBitmaps=false",
        "-c",
        "pack.writeBitmapLookupTable=false",
        "repack",
        "-a",
        "-d",
        "-q",
    ];
    git.run(&repack, b"")?;
    git.run(&["prune", "--expire=now"], b"")?;
    if has_graph {
        git.run(&["commit-graph", "write", "--reachable", "--no-progress"], b"")?;
    }
    if has_info_refs {
        git.run(&["update-server-info"], b"")?;
    }
    Ok(())
}

/// Empties all reflogs but that of the stash, which is the list of stashes.
fn expire_reflogs(common: &Path, git: &GitEdit, values: &Values) -> Result<(), RewriteError> {
    let settings = [
        "gc.reflogExpire=now",
        "gc.reflogExpireUnreachable=now",
        "gc.refs/stash.reflogExpire=never",
        "gc.refs/stash.reflogExpireUnreachable=never",
    ];
    let mut arguments: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting]).collect();
    arguments.extend(["reflog", "expire", "--all"]);
    git.run(&arguments, b"")?;
    // Logs of references that are gone, and those whose lines git does not understand.
    let mut logs = Vec::new();
    list(&common.join("logs"), &mut logs);
    for log in logs.iter().filter(|log| !log.ends_with("logs/refs/stash")) {
        let is_filled = fs::metadata(log).is_ok_and(|found| found.len() > 0);
        if is_filled || values.are_in(log.as_os_str().as_encoded_bytes()) {
            fs::remove_file(log).map_err(|cause| RewriteError::io("remove an old reflog", cause))?;
        }
    }
    Ok(())
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), found),
            Ok(_) => found.push(entry.path()),
            Err(_) => {}
        }
    }
}

/// Removes what lists old objects, and the marks of packs that are to be kept: git would not repack these. That the user
/// agrees to it was checked before anything changed.
fn drop_indexes_of_objects(objects: &Path) -> io::Result<()> {
    for entry in fs::read_dir(objects.join("pack"))?.flatten() {
        let path = entry.path();
        let is_listed = path.extension().is_some_and(|end| end == "bitmap" || end == "keep");
        if is_listed || entry.file_name().as_encoded_bytes().starts_with(b"multi-pack-index") {
            if entry.file_type()?.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
    }
    for name in ["info/commit-graph", "info/commit-graphs"] {
        let path = objects.join(name);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}
