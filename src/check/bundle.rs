//! A bundle: the state of an installation for whoever has to find out what is wrong, with a manifest and no secrets.
//!
//! Every collector has a status and, where it failed, an error. What it brings is scrubbed before it is kept, and what
//! is kept is scanned once more at the end, the manifest too: a file in which the scanner still finds something is left
//! out, and the manifest says so.

mod archive;
mod collector;
mod masked;
mod scrub;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::context::Context;
use crate::digest::hex;
use crate::sqlite::draft::{Draft, WriteError};
use collector::{COLLECTORS, Collected, Collector};
use scrub::Scrubber;

/// Where a bundle goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder that does not exist yet.
    Folder(PathBuf),
    /// A file that does not exist yet: a tar archive packed with zstd.
    Archive(PathBuf),
}

impl Target {
    /// A file for names that end with `.tar.zst`, else a folder.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let is_archive = path.to_string_lossy().ends_with(".tar.zst");
        if is_archive { Self::Archive(path.to_owned()) } else { Self::Folder(path.to_owned()) }
    }
}

/// How a collector ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All that there was.
    Complete,
    /// Some of it; the errors say what is missing.
    Partial,
    /// Nothing, though there should have been something.
    Failed,
    /// There is nothing of the kind here.
    Absent,
}

/// What one collector did.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Such as `logs`.
    pub collector: &'static str,
    /// What it collects.
    pub about: &'static str,
    /// How it ended.
    pub status: Status,
    /// What went wrong or is missing.
    pub errors: Vec<String>,
    /// How long it took.
    pub milliseconds: u64,
    /// What it brought.
    pub files: Vec<FileAccount>,
    /// Names of what it brought and what was left out, because the scanner still found something in it.
    pub withheld: Vec<String>,
}

/// A file of the bundle.
#[derive(Clone, Debug, Serialize)]
pub struct FileAccount {
    /// Its path in the bundle.
    pub name: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Where it is from.
    pub source: String,
    /// How many values were taken out.
    pub redacted: u64,
    /// Whether it was longer.
    pub cut: bool,
}

/// What the bundle says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// `kbsec.bundle/1`.
    pub schema: &'static str,
    /// The version of the program.
    pub version: String,
    /// When it was made: RFC 3339.
    pub made: String,
    /// The time that was looked at: RFC 3339.
    pub since: String,
    /// One for each collector, in their order.
    pub collectors: Vec<Account>,
    /// What the scanner found in the finished files: none, as those with a finding are left out.
    pub secrets_found: u64,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The folder or file.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Bytes of all files before packing.
    pub size: u64,
}

/// The most bytes of all files together.
const MOST_BYTES: u64 = 128 << 20;
/// How long one collector may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Collects everything and writes the bundle; it appears under its name only when it is complete.
///
/// # Errors
/// When nothing can be written there, or something has that name.
pub fn collect(context: &Context, target: &Target, version: &str) -> Result<Outcome, WriteError> {
    let scrubber = Scrubber::new(context);
    let mut kept = Kept::default();
    let collectors = run_all(context).into_iter().map(|ran| kept.take(context, &scrubber, ran)).collect();
    let manifest = Manifest {
        schema: "kbsec.bundle/1",
        version: version.to_owned(),
        made: super::show::moment(context.now),
        since: super::show::moment(context.since()),
        collectors,
        secrets_found: 0,
    };
    kept.files.push(("manifest.json".to_owned(), written(&manifest, &scrubber)));
    let path = publish(target, &kept.files, context.now / 1000)?;
    Ok(Outcome { path, manifest, size: kept.size })
}

/// The files of a bundle in the making.
#[derive(Default)]
struct Kept {
    files: Vec<(String, Vec<u8>)>,
    size: u64,
}

impl Kept {
    /// Takes what a collector brought, scrubbed, and gives its account.
    fn take(&mut self, context: &Context, scrubber: &Scrubber<'_>, ran: Ran) -> Account {
        let (collector, collected, milliseconds) = ran;
        let shown = |text: &str, most| context.shorten(&scrubber.scrub(text).0, most);
        let mut account = Account {
            collector: collector.id,
            about: collector.about,
            status: collected.status(),
            errors: collected.errors.iter().map(|error| shown(error, 300)).collect(),
            milliseconds,
            files: Vec::new(),
            withheld: Vec::new(),
        };
        for piece in collected.pieces {
            let (text, redacted) = scrubber.scrub(&piece.text);
            let name = unique(&self.files, &file_name(&scrubber.scrub(&piece.name).0));
            let bytes = text.into_bytes();
            let size = bytes.len() as u64;
            if scrubber.still_finds(&bytes) {
                account.withheld.push(name);
                account.status = Status::Partial;
            } else if self.size + size > MOST_BYTES {
                let most = MOST_BYTES >> 20;
                account
                    .errors
                    .push(format!("{name} was left out: the bundle would be larger than {most} MiB"));
                account.status = Status::Partial;
            } else {
                let (sha256, source) = (hex(&Sha256::digest(&bytes)), shown(&piece.source, 200));
                account.files.push(FileAccount {
                    name: name.clone(),
                    sha256,
                    size,
                    source,
                    redacted,
                    cut: piece.is_cut,
                });
                self.size += size;
                self.files.push((name, bytes));
            }
        }
        account
    }
}

/// The manifest as a file. Should the scanner find something in it, the texts of others go, and names and hashes stay.
fn written(manifest: &Manifest, scrubber: &Scrubber<'_>) -> Vec<u8> {
    let text = |manifest: &Manifest| serde_json::to_vec_pretty(manifest).unwrap_or_default();
    let bytes = text(manifest);
    if !scrubber.still_finds(&bytes) {
        return bytes;
    }
    let mut bare = manifest.clone();
    for account in &mut bare.collectors {
        account
            .errors
            .iter_mut()
            .for_each(|error| "left out: the scanner found something in it".clone_into(error));
        account.files.iter_mut().for_each(|file| file.source.clear());
    }
    text(&bare)
}

type Ran = (&'static Collector, Collected, u64);

/// Runs every collector in a thread of its own; one that takes too long is left behind.
fn run_all(context: &Context) -> Vec<Ran> {
    let context = Arc::new(context.clone());
    let started = Instant::now();
    let (tell, told) = mpsc::channel();
    for (at, collector) in COLLECTORS.iter().enumerate() {
        let (tell, context) = (tell.clone(), Arc::clone(&context));
        thread::spawn(move || {
            let begun = Instant::now();
            let collected = (collector.collect)(&context);
            // Nobody listens any more if it took too long.
            let _ = tell.send((at, collected, milliseconds(begun.elapsed())));
        });
    }
    drop(tell);
    let mut results: Vec<Option<(Collected, u64)>> = COLLECTORS.iter().map(|_| None).collect();
    while let Ok((at, collected, took)) = told.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
        if let Some(slot) = results.get_mut(at) {
            *slot = Some((collected, took));
        }
    }
    let late = || {
        (Collected::failed(format!("it did not end within {} s", PATIENCE.as_secs())), milliseconds(PATIENCE))
    };
    COLLECTORS
        .iter()
        .zip(results)
        .map(|(collector, result)| {
            let (collected, took) = result.unwrap_or_else(late);
            (collector, collected, took)
        })
        .collect()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A name that every system can have, with no step upward.
fn file_name(name: &str) -> String {
    let part = |part: &str| -> String {
        let kept = part
            .chars()
            .map(|one| if one.is_ascii_alphanumeric() || "._-@".contains(one) { one } else { '_' });
        kept.take(100).collect()
    };
    let parts: Vec<String> = name
        .split('/')
        .map(part)
        .filter(|part| !part.is_empty() && part.chars().any(|one| one != '.'))
        .collect();
    if parts.is_empty() { "unnamed".to_owned() } else { parts.join("/") }
}

/// The name, with a number where it is taken.
fn unique(files: &[(String, Vec<u8>)], name: &str) -> String {
    let is_taken = |name: &str| files.iter().any(|(known, _)| known == name);
    let mut numbered = (2..).map(|number| format!("{name}.{number}"));
    if is_taken(name) { numbered.find(|name| !is_taken(name)).unwrap_or_default() } else { name.to_owned() }
}

fn publish(target: &Target, files: &[(String, Vec<u8>)], time: u64) -> Result<PathBuf, WriteError> {
    match target {
        Target::Archive(path) => {
            let draft = Draft::with_content(path, &archive::packed(files, time))?;
            draft.publish()?;
            Ok(path.clone())
        }
        Target::Folder(path) => {
            let draft = Draft::folder(path)?;
            let fail = |cause| WriteError { path: path.clone(), cause };
            for (name, bytes) in files {
                store(draft.path(), name, bytes).map_err(fail)?;
            }
            draft.publish()?;
            Ok(path.clone())
        }
    }
}

/// Writes one file of the bundle, which only its owner may read.
fn store(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

/// Every collector, with what it collects, in the order of the manifest.
#[must_use]
pub fn collectors() -> Vec<(&'static str, &'static str)> {
    COLLECTORS.iter().map(|collector| (collector.id, collector.about)).collect()
}

#[cfg(test)]
mod tests;
