//! The folder of a rewrite: backup, plan, maps and journal, outside of the repository and for its owner only.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::RewriteError;
use super::plan::Plan;
use super::values::Values;
use crate::digest::hex;
use crate::git::ObjectId;

/// A folder that exists.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// How far a rewrite has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The plan, the maps and the backup are on disk.
    Planned,
    /// The new objects are in the repository, where nothing refers to them.
    Packed,
    /// The references point to them.
    Refs,
    /// The index and the checked-out files are those of the new commit.
    Index,
    /// What is old is gone.
    Purged,
    /// It was looked for, and not found.
    Verified,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 6] =
        [Self::Planned, Self::Packed, Self::Refs, Self::Index, Self::Purged, Self::Verified];

    /// Its word in the journal.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Packed => "packed",
            Self::Refs => "refs",
            Self::Index => "index",
            Self::Purged => "purged",
            Self::Verified => "verified",
        }
    }

    /// How far the rewrite in this folder has come.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        Folder::open(folder).last_step()
    }
}

impl Folder {
    /// A new folder.
    pub(super) fn create(path: &Path) -> Result<Self, RewriteError> {
        let failed = |cause| RewriteError::io(format!("make the folder {}", path.display()), cause);
        if let Some(above) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(failed)?;
        }
        fs::DirBuilder::new().mode(0o700).create(path).map_err(failed)?;
        Ok(Self { path: path.to_path_buf() })
    }

    /// A folder of a rewrite that began before.
    pub(super) fn open(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and waits until it is on disk.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), RewriteError> {
        let path = self.path.join(name);
        let write = || {
            let mut file = private(&path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(|cause| RewriteError::io(format!("write {}", path.display()), cause))
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, RewriteError> {
        let path = self.path.join(name);
        fs::read(&path).map_err(|cause| RewriteError::io(format!("read {}", path.display()), cause))
    }

    /// Writes the plan, and the maps as git-filter-repo writes them.
    pub(super) fn write_plan(&self, plan: &Plan, values: &Values) -> Result<(), RewriteError> {
        self.write("plan.json", format!("{:#}\n", plan.json(values, true)).as_bytes())?;
        let mut map = format!("{:<40} {}\n", "old", "new");
        for (old, new) in &plan.commits {
            map += &format!("{old} {new}\n");
        }
        self.write("commit-map", map.as_bytes())?;
        let mut map = format!("{:<40} {:<40} ref\n", "old", "new");
        for change in &plan.refs {
            let name = |name: &[u8]| values.redact(&String::from_utf8_lossy(name));
            let none = "0".repeat(change.old.to_string().len());
            if change.name == change.new_name {
                map += &format!("{} {} {}\n", change.old, change.new, name(&change.name));
            } else {
                map += &format!("{} {none} {}\n", change.old, name(&change.name));
                map += &format!("{none} {} {}\n", change.new, name(&change.new_name));
            }
        }
        self.write("ref-map", map.as_bytes())?;
        let first: String = plan.first_changed.iter().map(|id| format!("{id}\n")).collect();
        self.write("first-changed-commits", first.as_bytes())?;
        let orphans: String = plan.lfs.iter().map(|(old, _)| format!("{old}\n")).collect();
        if !orphans.is_empty() {
            self.write("lfs-orphans", orphans.as_bytes())?;
        }
        if let Some(log) = &plan.stash_log {
            self.write("stash-log", log)?;
        }
        Ok(())
    }

    /// Writes which commits of submodules became which: the proof has to know.
    pub(super) fn write_submodules(&self, map: &HashMap<ObjectId, ObjectId>) -> Result<(), RewriteError> {
        if map.is_empty() {
            return Ok(());
        }
        let mut lines: Vec<String> = map.iter().map(|(old, new)| format!("{old} {new}\n")).collect();
        lines.sort_unstable();
        self.write("submodule-map", lines.concat().as_bytes())
    }

    /// Adds a line to the journal.
    pub(super) fn note(&self, step: Step, time: u64, more: &Value) -> Result<(), RewriteError> {
        let mut line = json!({ "step": step.word(), "time": time });
        if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
            line.extend(more.clone());
        }
        let path = self.path.join("journal.jsonl");
        let write = || {
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        };
        write().map_err(|cause| RewriteError::io(format!("write {}", path.display()), cause))
    }

    /// The last step that the journal has; a line that was cut off does not count.
    #[must_use]
    pub fn last_step(&self) -> Option<Step> {
        let text = fs::read_to_string(self.path.join("journal.jsonl")).ok()?;
        let steps = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let steps = steps.filter_map(|line| {
            let word = line.get("step")?.as_str()?.to_owned();
            Step::ALL.into_iter().find(|step| step.word() == word)
        });
        steps.max()
    }

    /// Copies the git directory, with a list of checksums that `sha256sum -c` reads.
    pub(super) fn back_up(&self, git_dir: &Path) -> Result<u64, RewriteError> {
        let failed = |cause| RewriteError::io(format!("write the backup to {}", self.path.display()), cause);
        let mut sums = String::new();
        let target = self.path.join("backup");
        let bytes = copy(git_dir, &target, Path::new("backup"), &mut sums).map_err(failed)?;
        self.write("backup.sha256", sums.as_bytes())?;
        // All files at once: there may be thousands of loose objects.
        let synced = File::open(&target).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced.map_err(failed)?;
        Ok(bytes)
    }
}

/// A file that only its owner reads.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Copies a directory with everything below it; the bytes copied.
fn copy(from: &Path, to: &Path, name: &Path, sums: &mut String) -> io::Result<u64> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    let mut bytes = 0;
    let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (file, kind) = (entry.file_name(), entry.file_type()?);
        let (target, name) = (to.join(&file), name.join(&file));
        if file.as_encoded_bytes().starts_with(b"kbsec-") {
            continue;
        }
        if kind.is_dir() {
            bytes += copy(&entry.path(), &target, &name, sums)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_file() {
            let (sum, length) = copy_file(&entry.path(), &target)?;
            sums.push_str(&format!("{sum}  {}\n", name.display()));
            bytes += length;
        }
    }
    Ok(bytes)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<(String, u64)> {
    let mut source = File::open(from)?;
    let mut target = BufWriter::new(private(to)?);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut length = 0;
    loop {
        let read = source.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        target.write_all(part)?;
        length += read as u64;
    }
    target.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((hex(&hash.finalize()), length))
}
