//! An object directory: its packs, its loose objects, and the directories whose objects it borrows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::super::GitError;
use super::super::object::{ObjectDirectories, ObjectFormat, ObjectId, path_from_git};
use super::index::{self, PackIndex};
use super::midx::MultiPackIndex;
use crate::coverage::Gap;

/// How often a directory may borrow from one that borrows itself; git's own limit.
const DEEPEST: usize = 5;

/// What one directory has.
pub(super) struct ObjectDirectory {
    pub(super) path: PathBuf,
    /// Pack files and what is known about their objects, by name.
    pub(super) packs: Vec<(PathBuf, PackIndex)>,
    /// Names of the loose objects, ascending.
    pub(super) loose: Vec<u8>,
}

/// What every directory has, the main one first.
pub(super) fn all(
    directories: &ObjectDirectories,
    format: ObjectFormat,
    gaps: &mut Vec<Gap>,
) -> Result<Vec<ObjectDirectory>, GitError> {
    let paths = paths(directories, gaps)?;
    let found = paths.into_iter().map(|path| ObjectDirectory {
        packs: packs(&path.join("pack"), format, gaps),
        loose: loose(&path, format, gaps),
        path,
    });
    Ok(found.collect())
}

/// Every directory once, the main one first.
pub(in crate::git) fn paths(
    directories: &ObjectDirectories,
    gaps: &mut Vec<Gap>,
) -> Result<Vec<PathBuf>, GitError> {
    let main = directories.main.clone();
    if let Err(cause) = fs::read_dir(&main) {
        return Err(GitError::Unreadable { path: main, cause });
    }
    // In reverse, because the last one is taken first.
    let mut open: Vec<(PathBuf, usize)> =
        directories.alternates.iter().rev().map(|path| (path.clone(), 1)).collect();
    open.push((main, 0));
    let (mut seen, mut found) = (Vec::new(), Vec::new());
    while let Some((path, depth)) = open.pop() {
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(cause) => {
                gaps.push(
                    unreadable(&path, &cause).hint("mend or delete its line in objects/info/alternates"),
                );
                continue;
            }
        };
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        let borrowed = borrowed(&path, gaps);
        if depth >= DEEPEST && !borrowed.is_empty() {
            gaps.push(Gap::new(
                path.join("info/alternates").display().to_string(),
                "alternates are nested too deep",
            ));
        } else {
            open.extend(borrowed.into_iter().rev().map(|path| (path, depth + 1)));
        }
        found.push(path);
    }
    Ok(found)
}

fn unreadable(path: &Path, cause: &io::Error) -> Gap {
    Gap::new(path.display().to_string(), cause.kind().to_string())
}

/// The file's content; `None` when there is no such file.
fn read(path: &Path, gaps: &mut Vec<Gap>) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(cause) => {
            if cause.kind() != io::ErrorKind::NotFound {
                gaps.push(unreadable(path, &cause));
            }
            None
        }
    }
}

/// Names in a directory, in order; none when there is no such directory.
fn list(path: &Path, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let mut names = Vec::new();
    match fs::read_dir(path) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => names.push(PathBuf::from(entry.file_name())),
                    Err(cause) => gaps.push(unreadable(path, &cause)),
                }
            }
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => gaps.push(unreadable(path, &cause)),
    }
    names.sort();
    names
}

/// The directories in `info/alternates`.
fn borrowed(directory: &Path, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let text = read(&directory.join("info/alternates"), gaps).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
    lines.map(|line| directory.join(path_from_git(&unquoted(line)))).collect()
}

/// A line that git wrote in quotes because of unusual bytes, without them.
fn unquoted(line: &[u8]) -> Vec<u8> {
    let Some(inner) = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")) else {
        return line.to_vec();
    };
    let mut plain = Vec::new();
    let mut bytes = inner.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { None };
        plain.push(match escaped {
            None => byte,
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'a') => 7,
            Some(b'b') => 8,
            Some(b'v') => 11,
            Some(b'f') => 12,
            Some(digit @ b'0'..=b'3') => {
                let mut value = digit - b'0';
                for _ in 0..2 {
                    let next = bytes.next_if(|next| matches!(next, b'0'..=b'7'));
                    value = next.map_or(value, |next| value << 3 | (next - b'0'));
                }
                value
            }
            Some(other) => other,
        });
    }
    plain
}

/// The packs of a directory, with their indexes.
fn packs(directory: &Path, format: ObjectFormat, gaps: &mut Vec<Gap>) -> Vec<(PathBuf, PackIndex)> {
    let names = list(directory, gaps);
    let ends = |ending: &'static str| {
        names.iter().filter(move |name| name.extension().is_some_and(|found| found == ending))
    };
    for index in ends("idx").filter(|name| !names.contains(&name.with_extension("pack"))) {
        gaps.push(
            Gap::new(directory.join(index).display().to_string(), "its pack file is missing")
                .hint("restore the .pack file beside it, or delete this file and run `git fsck`"),
        );
    }
    let packs: Vec<_> = ends("pack").map(|name| directory.join(name)).collect();
    let indexes: Vec<_> = packs.par_iter().map(|pack| own_index(pack, format)).collect();
    let mut shared = None;
    let mut found = Vec::new();
    for (pack, (index, more)) in packs.into_iter().zip(indexes) {
        gaps.extend(more);
        let index = index.or_else(|| {
            let midx = shared.get_or_insert_with(|| shared_index(directory, format, gaps));
            midx.as_ref()?.pack(pack.file_stem()?.as_encoded_bytes())
        });
        match index {
            Some(index) => found.push((pack, index)),
            None => gaps.push(
                Gap::new(pack.display().to_string(), "it has no index")
                    .hint(format!("run `git index-pack {}`", pack.display())),
            ),
        }
    }
    found
}

/// The index beside a pack. One that does not match its own checksum is used as far as it makes sense.
fn own_index(pack: &Path, format: ObjectFormat) -> (Option<PackIndex>, Vec<Gap>) {
    let path = pack.with_extension("idx");
    let mut gaps = Vec::new();
    let damaged = |what: &str| {
        Gap::new(path.display().to_string(), format!("the index is damaged: {what}"))
            .hint(format!("delete it and run `git index-pack {}`", pack.display()))
    };
    let Some(bytes) = read(&path, &mut gaps) else { return (None, gaps) };
    let (index, intact) =
        rayon::join(|| PackIndex::parse(&bytes, format), || index::is_intact(&bytes, format));
    match index {
        Ok(index) => {
            if !intact {
                gaps.push(damaged("its checksum is wrong"));
            }
            (Some(index), gaps)
        }
        Err(what) => {
            gaps.push(damaged(what));
            (None, gaps)
        }
    }
}

fn shared_index(directory: &Path, format: ObjectFormat, gaps: &mut Vec<Gap>) -> Option<MultiPackIndex> {
    let path = directory.join("multi-pack-index");
    let bytes = read(&path, gaps)?;
    let damaged = |what: &str| {
        Gap::new(path.display().to_string(), format!("the multi-pack-index is damaged: {what}"))
            .hint("run `git multi-pack-index write`")
    };
    if !index::is_intact(&bytes, format) {
        gaps.push(damaged("its checksum is wrong"));
    }
    MultiPackIndex::parse(&bytes, format).map_err(|what| gaps.push(damaged(what))).ok()
}

/// The loose objects: a directory for the first byte of the name, in it a file named by the other bytes.
fn loose(directory: &Path, format: ObjectFormat, gaps: &mut Vec<Gap>) -> Vec<u8> {
    let mut ids = Vec::new();
    for fan in list(directory, gaps) {
        let Some(first) = fan.to_str().filter(|name| name.len() == 2 && is_hex(name)) else { continue };
        for rest in list(&directory.join(&fan), gaps) {
            let Some(rest) = rest.to_str().filter(|name| is_hex(name)) else { continue };
            let id = ObjectId::from_hex(format!("{first}{rest}").as_bytes());
            if let Some(id) = id.filter(|id| id.as_bytes().len() == format.id_bytes()) {
                ids.push(id);
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids.iter().flat_map(|id| id.as_bytes()).copied().collect()
}

/// Whether it is written as git writes names.
fn is_hex(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_taken_off() {
        assert_eq!(unquoted(b"/a b"), b"/a b");
        assert_eq!(unquoted(br#""/a\"\\\n\303\2744""#), b"/a\"\\\n\xC3\xBC4");
        assert_eq!(unquoted(br#""""#), b"");
        assert_eq!(unquoted(b"\""), b"\"");
    }
}
