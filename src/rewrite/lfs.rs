//! The files of Git LFS: contents that lie beside the objects, each named by its hash in pointers that are objects.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::blob::{are_inside, cleaned};
use super::values::Values;
use crate::digest::sha256;

/// A pointer is shorter (git-lfs specification).
const MAX_POINTER: usize = 1024;
/// Larger files are not edited; the proof finds them.
const MAX_FILE: u64 = 512 << 20;

/// The files that hold a value, by their names.
#[derive(Clone, Debug, Default)]
pub struct LfsFiles(BTreeMap<String, Replacement>);

/// What a file is replaced with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The new name: the SHA-256 of the new content.
    pub name: String,
    /// Bytes of the new content.
    pub bytes: u64,
}

impl LfsFiles {
    /// Every file below the git directory that holds a value, and what it becomes.
    pub(super) fn with_values(common: &Path, values: &Values) -> Self {
        let mut found = BTreeMap::new();
        each(&common.join("lfs/objects"), &mut |name, path| {
            if let Some(clean) = edited(path, values) {
                let new = Replacement { name: sha256(&clean), bytes: clean.len() as u64 };
                found.insert(name.to_owned(), new);
            }
        });
        Self(found)
    }

    /// The files with their replacements.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Replacement)> {
        self.0.iter().map(|(name, new)| (name.as_str(), new))
    }

    /// The pointer to the new file, if these bytes are one to an old one.
    pub(super) fn new_pointer(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.0.is_empty() || bytes.len() >= MAX_POINTER || !bytes.starts_with(b"version https://") {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let (old, size) = (line("oid sha256:")?, line("size ")?);
        let new = self.0.get(old)?;
        let text = text.replace(&format!("oid sha256:{old}"), &format!("oid sha256:{}", new.name));
        Some(text.replace(&format!("size {size}"), &format!("size {}", new.bytes)).into_bytes())
    }

    /// Puts the new files beside the old ones.
    pub(super) fn place(&self, common: &Path, values: &Values) -> io::Result<()> {
        for (old, new) in &self.0 {
            let Some(clean) = edited(&place(common, old), values) else { continue };
            let target = place(common, &new.name);
            fs::create_dir_all(target.parent().unwrap_or(common))?;
            let beside = target.with_extension("kbsec-new");
            fs::write(&beside, &clean)?;
            fs::rename(&beside, &target)?;
        }
        Ok(())
    }
}

fn edited(path: &Path, values: &Values) -> Option<Vec<u8>> {
    let is_small = fs::metadata(path).is_ok_and(|found| found.len() <= MAX_FILE);
    let bytes = is_small.then(|| fs::read(path).ok()).flatten()?;
    are_inside(values, &bytes).then(|| cleaned(values, &bytes).0)
}

fn place(common: &Path, name: &str) -> PathBuf {
    let (one, two) = (name.get(..2).unwrap_or_default(), name.get(2..4).unwrap_or_default());
    common.join("lfs/objects").join(one).join(two).join(name)
}

/// Calls for every file that is named by a hash.
fn each(folder: &Path, visit: &mut dyn FnMut(&str, &Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => each(&path, visit),
            Ok(kind) if kind.is_file() => {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    visit(&name, &path);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::replace::replacements;
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn files_and_their_pointers_are_edited_together() {
        let common = tempfile::tempdir().unwrap();
        let values = Values::new(vec![Secret::new("s3cr3t-t0ken/9+8=7")], &replacements()).unwrap();
        let content = b"large s3cr3t-t0ken/9+8=7\n";
        let old = sha256(content);
        for (name, bytes) in [(old.clone(), &content[..]), (sha256(b"clean"), b"clean")] {
            let path = place(common.path(), &name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let files = LfsFiles::with_values(common.path(), &values);
        let expected = b"large ***REMOVED***\n";
        let new = Replacement { name: sha256(expected), bytes: expected.len() as u64 };
        assert_eq!(files.iter().collect::<Vec<_>>(), [(old.as_str(), &new)]);
        let pointer = |name: &str, size: u64| {
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {size}\n")
                .into_bytes()
        };
        assert_eq!(files.new_pointer(&pointer(&old, 25)), Some(pointer(&new.name, new.bytes)));
        assert_eq!(files.new_pointer(&pointer(&sha256(b"clean"), 5)), None);
        files.place(common.path(), &values).unwrap();
        assert_eq!(fs::read(place(common.path(), &new.name)).unwrap(), expected);
    }
}
