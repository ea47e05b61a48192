//! Logs and other loose files without the secret: it is overwritten where it stands, byte for byte.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use kbsec::playbook::{Applied, Outcome, Plan};

use super::super::deed::needless;
use super::super::leaked::Leak;
use super::super::machine::Machine;
use super::copies;

/// Bytes of a file that is read as a whole.
const LARGEST: u64 = 512 << 20;
/// Files that are shown.
const SHOWN: usize = 12;

/// What masking would change.
pub(super) fn plan(machine: &Machine<'_>, leak: &Leak) -> Plan {
    let (files, by_hand) = files(machine, leak);
    if files.is_empty() && by_hand.is_empty() {
        return needless("no loose file holds it");
    }
    let shown = |path: &PathBuf| format!(" {}", machine.shown(path));
    let mut lines = Vec::new();
    if !files.is_empty() {
        lines.push("overwrite the key with asterisks, in place, in:".to_owned());
        lines.extend(files.iter().take(SHOWN).map(shown));
        lines.push("Masked copies of the logs are in the evidence.".to_owned());
    }
    let mut plan = Plan { lines, ..Plan::default() };
    if files.is_empty() {
        let names: Vec<String> = by_hand.iter().map(|path| machine.shown(path)).collect();
        plan.manual = Some(format!(
            "A database cannot be overwritten blindly. Delete the rows and VACUUM: {}",
            names.join(", ")
        ));
    }
    plan
}

/// Overwrites.
pub(super) fn mask(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let (files, by_hand) = files(machine, leak);
    let mut applied = Applied::default();
    for path in &files {
        match overwrite(path, leak) {
            Ok(count) => applied.lines.push(format!("{}: {count} times", machine.shown(path))),
            Err(error) => {
                applied.outcome = Outcome::Failed(format!("{}: {error}", machine.shown(path)));
                return applied;
            }
        }
    }
    if !by_hand.is_empty() {
        let names: Vec<String> = by_hand.iter().map(|path| machine.shown(path)).collect();
        applied.outcome = Outcome::Open(format!("delete it from {} and VACUUM", names.join(", ")));
    }
    applied
}

/// Files that git does not track and that hold the secret; databases apart.
fn files(machine: &Machine<'_>, leak: &Leak) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let tracked = machine.child(&["git", "ls-files", "-z"].map(str::to_owned));
    let tracked: Vec<PathBuf> = tracked
        .stdout
        .split(|byte| *byte == 0)
        .map(|name| machine.path(String::from_utf8_lossy(name).as_ref()))
        .collect();
    let found = copies::loose(machine, leak).into_iter().filter(|path| !tracked.contains(path));
    found.partition(|path| !is_database(path))
}

fn is_database(path: &Path) -> bool {
    let mut magic = [0; 15];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    let name = path.to_string_lossy();
    // The beginning of every database, https://sqlite.org/fileformat.html section 1.3; a log of one has no such word.
    (read.is_ok() && &magic == b"SQLite format 3")
        || ["-wal", "-journal", "-shm"].iter().any(|end| name.ends_with(end))
}

/// Overwrites each occurrence, so that a program that writes into the file goes on doing so.
fn overwrite(path: &Path, leak: &Leak) -> io::Result<usize> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() > LARGEST {
        return Err(io::Error::other("it is larger than 512 MiB; delete it or cut it by hand"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let hits = leak.needle.search(&bytes);
    for hit in &hits {
        file.seek(SeekFrom::Start(hit.start() as u64))?;
        file.write_all(&vec![b'*'; hit.length()])?;
    }
    file.sync_all()?;
    Ok(hits.len())
}
