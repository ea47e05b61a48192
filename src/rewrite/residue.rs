//! The residue after a rewrite: every object as git reads it, and every file under the git directory, searched again.

use std::fs;
use std::io::{self, BufRead, Read};
use std::path::Path;

use super::RewriteError;
use super::blob::are_inside;
use super::values::Values;
use crate::git::edit::GitEdit;
use crate::git::{Repository, is_object_file};

/// Git nests its directories less deeply.
const MAX_DEPTH: usize = 64;

/// What was searched, and where a value is left.
#[derive(Debug, Default)]
pub struct Residue {
    /// Objects that were read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were read.
    pub files: u64,
    /// Objects and files that hold a value; names hold none.
    pub found: Vec<String>,
}

/// Searches all objects through the git program, and all other files of the git directory.
///
/// # Errors
/// When git cannot read its objects.
pub fn search(repository: &Repository, values: &Values) -> Result<Residue, RewriteError> {
    let mut residue = Residue::default();
    let git = GitEdit::new(repository);
    let arguments = ["cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"];
    let ok = git.stream(&arguments, &mut |output| objects(output, values, &mut residue))?;
    if !ok {
        residue.found.push("git cat-file could not read all objects".into());
    }
    let common = repository.common_dir();
    files(common, common, 0, values, &mut residue);
    Ok(residue)
}

fn objects(output: &mut dyn BufRead, values: &Values, residue: &mut Residue) -> io::Result<()> {
    let mut header = String::new();
    let mut content = Vec::new();
    loop {
        header.clear();
        if output.read_line(&mut header)? == 0 {
            return Ok(());
        }
        let mut words = header.split_ascii_whitespace();
        let (id, _) = (words.next().unwrap_or_default(), words.next());
        let length: u64 =
            words.next().and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        content.clear();
        output.take(length + 1).read_to_end(&mut content)?;
        content.pop();
        residue.objects += 1;
        residue.bytes += length;
        if are_inside(values, &content) {
            residue.found.push(format!("object {id}"));
        }
    }
}

fn files(top: &Path, folder: &Path, depth: usize, values: &Values, residue: &mut Residue) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        let relative = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
        if values.are_in(relative.as_bytes()) {
            residue.found.push(format!("the name {}", values.redact(&relative)));
        }
        if kind.is_dir() && depth < MAX_DEPTH {
            files(top, &path, depth + 1, values, residue);
        } else if kind.is_file() && !relative.strip_prefix("objects/").is_some_and(is_object_file) {
            residue.files += 1;
            if fs::read(&path).is_ok_and(|bytes| are_inside(values, &bytes)) {
                residue.found.push(format!("the file {}", values.redact(&relative)));
            }
        }
    }
}
