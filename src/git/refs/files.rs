//! References in files: loose ones below `refs/`, `packed-refs`, and those that lie beside HEAD.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io::{self, Read};
use std::path::Path;

use super::{Place, Reference, References, head, reach};
use crate::coverage::Gap;
use crate::finding::Reach;
use crate::git::object::ObjectId;

/// A file of references or a reflog that is larger was not written by git.
const MAX_BYTES: u64 = 256 << 20;
/// Directories below `refs/` deeper than this are not git's; the file system would refuse them soon anyway.
const MAX_DEPTH: usize = 256;

/// Reads HEAD and the loose references of one git directory.
pub(super) fn loose(place: &Place, found: &mut References) {
    add_symbolic(place, "HEAD", found);
    let mut folders = vec![("refs".to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for (entry, kind) in list(&place.git_dir.join(&folder), &mut found.gaps) {
            let path = place.git_dir.join(&folder).join(&entry);
            let Some(name) = entry.to_str().map(|entry| format!("{folder}/{entry}")) else {
                add_loose(place, &path, &[folder.as_bytes(), b"/", &bytes(&entry)].concat(), found);
                continue;
            };
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((name, depth + 1));
            } else if !name.ends_with(".lock") {
                add_loose(place, &path, name.as_bytes(), found);
            }
        }
    }
}

/// Takes the loose reference in one file.
fn add_loose(place: &Place, path: &Path, name: &[u8], found: &mut References) {
    let Some(content) = read(path, &mut found.gaps) else { return };
    let content = content.trim_ascii();
    if content.starts_with(b"ref:") {
        // Only git itself makes these, and their names are text.
        return add_symbolic(place, &String::from_utf8_lossy(name), found);
    }
    match ObjectId::from_hex(content) {
        Some(target) => {
            let name = place.name(name);
            found.refs.push(Reference { reach: reach(&name), name, target });
        }
        None => found.gaps.push(malformed(path, "it holds no object id")),
    }
}

fn add_symbolic(place: &Place, name: &str, found: &mut References) {
    match head::resolve(&place.git_dir, &place.common_dir, name) {
        Ok(resolved) => {
            let name = place.name(name.as_bytes());
            // A branch that has no commit yet, or no longer: nothing is lost.
            found.refs.extend(resolved.commit.map(|target| Reference { reach: reach(&name), name, target }));
        }
        Err(error) => {
            let subject = place.git_dir.join(name).display().to_string();
            found.gaps.push(Gap::new(subject, error.to_string()).hint(error.hint()));
        }
    }
}

/// Reads `packed-refs`. A loose reference of the same name wins.
pub(super) fn packed(common_dir: &Path, found: &mut References) {
    let path = common_dir.join("packed-refs");
    let Some(content) = read_if_there(&path, &mut found.gaps) else { return };
    let loose: HashSet<Vec<u8>> = found.refs.iter().map(|reference| reference.name.clone()).collect();
    let mut malformed_lines = 0;
    for line in content.split(|&byte| byte == b'\n') {
        // `^` tells what the tag before it points to in the end; the tag tells it, too.
        if line.is_empty() || line[0] == b'#' || line[0] == b'^' {
            continue;
        }
        let space = memchr::memchr(b' ', line).unwrap_or(line.len());
        match (ObjectId::from_hex(&line[..space]), line.get(space + 1..).unwrap_or_default()) {
            (Some(_), name) if loose.contains(name) => {}
            (Some(target), name) if !name.is_empty() => {
                found.refs.push(Reference { name: name.to_vec(), target, reach: reach(name) });
            }
            _ => malformed_lines += 1,
        }
    }
    if malformed_lines > 0 {
        found.gaps.push(malformed(&path, &format!("{malformed_lines} of its lines are no references")));
    }
}

/// Reads what lies beside HEAD: `ORIG_HEAD`, `FETCH_HEAD` and their like, and the state of an unfinished rebase.
pub(super) fn pseudo(place: &Place, found: &mut References) {
    const ODD: &[&str] = &["AUTO_MERGE", "MERGE_AUTOSTASH", "NOTES_MERGE_PARTIAL", "BISECT_EXPECTED_REV"];
    const UNFINISHED: &[&str] = &[
        "rebase-merge/amend",
        "rebase-merge/autostash",
        "rebase-merge/onto",
        "rebase-merge/orig-head",
        "rebase-merge/stopped-sha",
        "rebase-apply/abort-safety",
        "rebase-apply/autostash",
        "rebase-apply/onto",
        "rebase-apply/orig-head",
        "rebase-apply/original-commit",
        "sequencer/abort-safety",
        "sequencer/head",
    ];
    let mut names: Vec<String> = list(&place.git_dir, &mut found.gaps)
        .into_iter()
        .filter_map(|(name, kind)| name.into_string().ok().filter(|_| kind.is_file()))
        .filter(|name| name.ends_with("_HEAD") || ODD.contains(&name.as_str()))
        .collect();
    names.extend(UNFINISHED.iter().map(|&name| name.to_owned()));
    for name in names {
        for target in ids(&place.git_dir.join(&name), &mut found.gaps) {
            let name = [&place.prefix, name.as_bytes()].concat();
            found.refs.push(Reference { name, target, reach: Reach::Other });
        }
    }
}

/// The ids at the beginnings of the lines of a file that need not be there.
pub(super) fn ids(path: &Path, gaps: &mut Vec<Gap>) -> Vec<ObjectId> {
    let content = read_if_there(path, gaps).unwrap_or_default();
    let words = content.split(|&byte| byte == b'\n').map(|line| {
        let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
        &line[..end]
    });
    words.filter_map(ObjectId::from_hex).filter(|id| !id.is_null()).collect()
}

/// The entries of a directory that need not be there, sorted.
pub(super) fn list(path: &Path, gaps: &mut Vec<Gap>) -> Vec<(OsString, FileType)> {
    let mut all = Vec::new();
    let listed = fs::read_dir(path).and_then(|entries| {
        for entry in entries {
            let entry = entry?;
            all.push((entry.file_name(), entry.file_type()?));
        }
        Ok(())
    });
    if let Err(cause) = listed
        && !is_absent(&cause)
    {
        gaps.push(unreadable(path, &cause));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The content of a file that should be there.
pub(super) fn read(path: &Path, gaps: &mut Vec<Gap>) -> Option<Vec<u8>> {
    let content = content(path);
    content.map_err(|cause| gaps.push(unreadable(path, &cause))).ok()
}

/// The content of a file that need not be there.
fn read_if_there(path: &Path, gaps: &mut Vec<Gap>) -> Option<Vec<u8>> {
    match content(path) {
        Err(cause) if is_absent(&cause) => None,
        other => other.map_err(|cause| gaps.push(unreadable(path, &cause))).ok(),
    }
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe or a device would never end.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a file"));
    }
    if about.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large for what it is"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut content)?;
    Ok(content)
}

fn is_absent(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, cause: &io::Error) -> Gap {
    let reason = match cause.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::InvalidData => cause.to_string(),
        _ => cause.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    };
    Gap::new(path.display().to_string(), reason)
        .hint("every file of the git directory must be readable; run `git fsck` to see what is wrong")
}

fn malformed(path: &Path, reason: &str) -> Gap {
    Gap::new(path.display().to_string(), reason).hint("run `git fsck` to see what is wrong")
}

/// A name of the file system as git has it.
#[cfg(unix)]
pub(super) fn bytes(name: &OsStr) -> Cow<'_, [u8]> {
    Cow::Borrowed(std::os::unix::ffi::OsStrExt::as_bytes(name))
}

/// A name of the file system as git has it.
#[cfg(not(unix))]
pub(super) fn bytes(name: &OsStr) -> Cow<'_, [u8]> {
    Cow::Owned(name.to_string_lossy().into_owned().into_bytes())
}
