//! Evidence: copies of what a restart would destroy, named by their hash, with a manifest that says where each is from.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::disk::{private_folder, replace};
use crate::digest::sha256;

/// The folder of the evidence of one incident.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    entries: Vec<Entry>,
}

/// Something that was collected, before it is kept. The bytes must be free of secrets.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// What it is, such as `log of gateway`.
    pub name: String,
    /// The path or command that it is from.
    pub source: String,
    /// What is kept.
    pub bytes: Vec<u8>,
    /// SHA-256 of what was read, before secrets were masked.
    pub original_sha256: String,
    /// How many secrets were masked in it.
    pub masked: usize,
    /// When the source was last changed, in seconds since the Unix epoch.
    pub modified: Option<u64>,
    /// Why it could not be collected, or not wholly; empty when all is well.
    pub problem: String,
}

/// One line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub name: String,
    /// The path or command that it is from.
    pub source: String,
    /// SHA-256 of what is kept, which is the name of its file; empty when nothing is.
    pub sha256: String,
    /// SHA-256 of what was read.
    pub original_sha256: String,
    /// Bytes that are kept.
    pub size: u64,
    /// How many secrets were masked.
    pub masked: usize,
    /// When the source was last changed, in seconds since the Unix epoch.
    pub modified: Option<u64>,
    /// When it was collected, in milliseconds since the Unix epoch.
    pub collected: u64,
    /// `kept`, `partly` or `missing`.
    pub status: String,
    /// Why it is not `kept`.
    pub problem: String,
    /// The step that wanted it.
    pub step: String,
    /// The version of kbsec.
    pub collector: String,
}

impl Store {
    /// The store in that folder, which is made when it is not there.
    ///
    /// # Errors
    /// When the folder or its manifest cannot be used.
    pub fn open(folder: &Path) -> io::Result<Self> {
        private_folder(folder)?;
        let entries = match fs::read(folder.join("manifest.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { folder: folder.to_owned(), entries })
    }

    /// Keeps a piece. The same bytes from the same source for the same step are kept once.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn keep(&mut self, piece: &Piece, step: &str, unix_ms: u64) -> io::Result<Entry> {
        let is_missing = piece.bytes.is_empty() && !piece.problem.is_empty();
        let sha256 = if is_missing { String::new() } else { sha256(&piece.bytes) };
        let status = match (is_missing, piece.problem.is_empty()) {
            (true, _) => "missing",
            (false, false) => "partly",
            (false, true) => "kept",
        };
        let entry = Entry {
            name: piece.name.clone(),
            source: piece.source.clone(),
            sha256,
            original_sha256: piece.original_sha256.clone(),
            size: piece.bytes.len() as u64,
            masked: piece.masked,
            modified: piece.modified,
            collected: unix_ms,
            status: status.into(),
            problem: piece.problem.clone(),
            step: step.to_owned(),
            collector: concat!("kbsec ", env!("CARGO_PKG_VERSION")).into(),
        };
        let is_same = |known: &&Entry| {
            (&known.sha256, &known.source, &known.step) == (&entry.sha256, &entry.source, &entry.step)
        };
        if let Some(known) = self.entries.iter().find(is_same) {
            return Ok(known.clone());
        }
        if !entry.sha256.is_empty() {
            write_once(&self.folder.join(&entry.sha256), &piece.bytes)?;
        }
        self.entries.push(entry.clone());
        let text = serde_json::to_vec_pretty(&self.entries)?;
        replace(&self.folder.join("manifest.json"), &text)?;
        Ok(entry)
    }

    /// What is kept, in the order of collection.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The bytes of an entry.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(&entry.sha256))
    }

    /// What does not fit: pieces that are missing or changed, and files that nobody knows. `known` are the hashes that
    /// the log names.
    #[must_use]
    pub fn faults(&self, known: &BTreeSet<String>) -> Vec<String> {
        let mut faults = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.sha256.is_empty()) {
            match self.read(entry) {
                Ok(bytes) if sha256(&bytes) == entry.sha256 => {}
                Ok(_) => faults.push(format!("evidence {} ({}) was altered", entry.sha256, entry.name)),
                Err(error) => faults.push(format!("evidence {} ({}): {error}", entry.sha256, entry.name)),
            }
        }
        let listed: BTreeSet<&String> = self.entries.iter().map(|entry| &entry.sha256).collect();
        let lost = known.iter().filter(|hash| !listed.contains(hash));
        faults.extend(lost.map(|hash| format!("evidence {hash} is in the log and not in the manifest")));
        faults
    }
}

/// Writes a file that is named by its content; one that is there already is complete.
fn write_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    replace(path, bytes)
}
