//! The files of a proof: every file below some directories, ignored ones too, but for the objects that git reads.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::coverage::Gap;
use crate::git::is_object_file;
use crate::source::Stop;
use crate::unpack;

use super::Fault;
use super::search::{Found, Search};

/// Nothing nests its directories so deeply; this ends a walk that somebody wants to be endless.
const MAX_DEPTH: usize = 200;
/// A larger file is looked at in windows of this size, unless it is packed.
const WINDOW: u64 = 8 << 20;
/// A packed file above this size is not unpacked, and said not to be.
const LARGEST_PACKED: u64 = 64 << 20;
/// A loose object somewhere else than in a store is inflated to this size at most.
const LARGEST_LOOSE: u64 = 64 << 20;

/// What lies below some directories.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<PathBuf>,
    /// Symbolic links: their targets are text, too.
    pub(super) links: Vec<PathBuf>,
    /// Directories that are those of a repository.
    pub(super) stores: BTreeSet<PathBuf>,
    /// Packs that no index makes readable, and bundles.
    pub(super) sealed: Vec<PathBuf>,
    pub(super) gaps: Vec<Gap>,
    /// Names that hold a value, with the directory that they stand in.
    pub(super) faults: Vec<Fault>,
    seen: HashSet<PathBuf>,
}

/// What the files came to.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) gaps: Vec<Gap>,
    /// Files with objects in them that only git could read.
    pub(super) sealed: Vec<PathBuf>,
}

impl Files {
    fn absorb(mut self, other: Self) -> Self {
        self.count += other.count;
        self.bytes += other.bytes;
        self.faults.extend(other.faults);
        self.gaps.extend(other.gaps);
        self.sealed.extend(other.sealed);
        self
    }
}

/// How a path is called in faults: relative to where the user is, without the values.
pub(super) struct Naming<'a> {
    pub(super) search: &'a Search<'a>,
    pub(super) here: &'a Path,
}

impl Naming<'_> {
    pub(super) fn name(&self, path: &Path) -> String {
        self.search.redact(&path.strip_prefix(self.here).unwrap_or(path).to_string_lossy())
    }

    fn gap(&self, path: &Path, error: &io::Error) -> Gap {
        Gap::new(self.name(path), error.to_string()).hint("make it readable, or remove it, and prove again")
    }
}

impl Listing {
    /// Lists everything below the directories.
    pub(super) fn new(roots: &[PathBuf], naming: &Naming<'_>) -> Self {
        let mut listing = Self::default();
        for root in roots {
            listing.walk(root, 0, naming);
        }
        listing
    }

    fn walk(&mut self, directory: &Path, depth: usize, naming: &Naming<'_>) {
        if depth > MAX_DEPTH {
            self.gaps.push(Gap::new(naming.name(directory), "directories are nested too deeply"));
            return;
        }
        if !self.seen.insert(directory.to_path_buf()) {
            return;
        }
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return self.gaps.push(naming.gap(directory, &error)),
        };
        let is_store = is_store(directory);
        if is_store {
            self.stores.insert(directory.to_path_buf());
        }
        for entry in entries {
            let (entry, kind) = match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
                Ok((kind, entry)) => (entry, kind),
                Err(error) => {
                    self.gaps.push(naming.gap(directory, &error));
                    continue;
                }
            };
            let path = entry.path();
            if naming.search.is_in(entry.file_name().as_encoded_bytes()) {
                self.faults.push(Fault::new(naming.name(&path), "its name"));
            }
            if kind.is_symlink() {
                self.link(path, is_store, depth, naming);
            } else if kind.is_dir() && is_store && entry.file_name() == "objects" {
                self.objects(&path, &path, depth + 1, naming);
            } else if kind.is_dir() {
                self.walk(&path, depth + 1, naming);
            } else if kind.is_file() {
                self.files.push(path);
            }
        }
    }

    /// A link of a git directory is followed: git does so, too.
    fn link(&mut self, path: PathBuf, in_store: bool, depth: usize, naming: &Naming<'_>) {
        if in_store && path.is_dir() && !path.ends_with("objects") {
            if let Ok(target) = path.canonicalize() {
                self.walk(&target, depth + 1, naming);
            }
        } else if in_store && path.is_file() {
            self.files.push(path.clone());
        }
        self.links.push(path);
    }

    /// What lies in a directory of objects and is none that git reads.
    fn objects(&mut self, directory: &Path, objects: &Path, depth: usize, naming: &Naming<'_>) {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return self.gaps.push(naming.gap(directory, &error)),
        };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            if path.is_dir() {
                if depth < MAX_DEPTH {
                    self.objects(&path, objects, depth + 1, naming);
                }
                continue;
            }
            let name = path.strip_prefix(objects).ok().and_then(Path::to_str).unwrap_or_default();
            let is_pack = path.extension().is_some_and(|extension| extension == "pack");
            if !is_object_file(name) {
                self.files.push(path);
            } else if is_pack && !path.with_extension("idx").exists() {
                self.sealed.push(path);
            }
        }
    }
}

/// Whether a directory is that of a repository, so that git can read its objects.
fn is_store(directory: &Path) -> bool {
    directory.join("HEAD").symlink_metadata().is_ok()
        && directory.join("objects").is_dir()
        && directory.join("refs").is_dir()
}

/// Looks at all files and link targets.
pub(super) fn search(listing: &Listing, naming: &Naming<'_>, stop: &Stop) -> Files {
    let one = |path: &PathBuf| {
        let mut files = Files::default();
        if stop.requested() {
            return files;
        }
        match File::open(path).and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((length, file)) => {
                let looked = look(path, (file, length), naming, &mut files);
                if let Err(error) = looked {
                    files.gaps.push(naming.gap(path, &error));
                }
            }
            // Git replaces and removes files of its own all the time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => files.gaps.push(naming.gap(path, &error)),
        }
        files
    };
    let mut files = listing.files.par_iter().map(one).reduce(Files::default, Files::absorb);
    for link in &listing.links {
        let target = fs::read_link(link).unwrap_or_default();
        if naming.search.is_in(target.as_os_str().as_encoded_bytes()) {
            files.faults.push(Fault::new(naming.name(link), "the target of the link"));
        }
    }
    if stop.requested() {
        files.gaps.push(Gap::new("the rest of the files", "interrupted").hint("prove again"));
    }
    files
}

/// Looks at one file.
fn look(
    path: &Path,
    (mut file, length): (File, u64),
    naming: &Naming<'_>,
    files: &mut Files,
) -> io::Result<()> {
    let search = naming.search;
    let mut window = Vec::new();
    let mut read = file.by_ref().take(WINDOW).read_to_end(&mut window)?;
    files.count += 1;
    files.bytes += read as u64;
    let mut found = Found::default();
    if is_sealed(&window) {
        files.sealed.push(path.to_path_buf());
    }
    if unpack::is_packed(&window) && length <= LARGEST_PACKED {
        files.bytes += file.read_to_end(&mut window)? as u64;
        found = search.all(&window);
    } else {
        if unpack::is_packed(&window) {
            let gap = Gap::new(naming.name(path), format!("a packed file of {length} bytes"));
            files.gaps.push(gap.hint("unpack it and search what it holds, or remove it"));
        }
        if let Some(loose) = loose_object(&window) {
            found.ways.extend(search.all(&loose).ways.iter().map(|way| format!("compressed, {way}")));
        }
        while read > 0 {
            found.ways.extend(search.plain(&window, |_| true).ways);
            window.drain(..window.len().saturating_sub(search.overlap()));
            read = file.by_ref().take(WINDOW).read_to_end(&mut window)?;
            files.bytes += read as u64;
        }
    }
    let name = || naming.name(path);
    if !found.is_empty() {
        files.faults.push(Fault::new(name(), found.told()));
    }
    files.gaps.extend(found.troubles.iter().map(|trouble| Gap::new(name(), trouble.reason())));
    Ok(())
}

/// Whether the file is a pack or a bundle, which only git can read (gitformat-pack, gitformat-bundle).
fn is_sealed(bytes: &[u8]) -> bool {
    let is_pack = matches!(bytes, [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..]);
    is_pack || [&b"# v2 git bundle\n"[..], b"# v3 git bundle\n"].iter().any(|magic| bytes.starts_with(magic))
}

/// The object in a file that an interrupted git left behind; zlib, as RFC 1950 says, with a header of git in it.
fn loose_object(bytes: &[u8]) -> Option<Vec<u8>> {
    let [first @ 0x78, second, ..] = *bytes else { return None };
    if (u16::from(first) << 8 | u16::from(second)) % 31 != 0 {
        return None;
    }
    let mut object = Vec::new();
    // What can be inflated of a cut object may hold the value.
    let _ = flate2::bufread::ZlibDecoder::new(bytes).take(LARGEST_LOOSE).read_to_end(&mut object);
    let kinds = [&b"blob "[..], b"tree ", b"commit ", b"tag "];
    kinds.iter().any(|kind| object.starts_with(kind)).then_some(object)
}
