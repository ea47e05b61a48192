//! The removal of old backups: only of what a manifest of ours names, and never of the last good one.

use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;

/// Longer files are no manifests.
const LONGEST: u64 = 16 << 20;

/// Keeps the newest verified backups of the same source, and removes everything of that source that is older. Returns
/// the copies that were removed, and those that could not be.
pub(super) fn prune(folder: &Path, newest: &Manifest, keep: usize) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut found: Vec<Manifest> = manifests(folder)
        .filter(|other| other.source == newest.source && other.file != newest.file)
        // A clock that was set back must not make the backup of today the oldest one.
        .filter(|other| other.time <= newest.time)
        .collect();
    found.sort_by(|a, b| (&b.time, &b.file).cmp(&(&a.time, &a.file)));
    // The one that was made just now is the first to be kept.
    let mut verified = 1;
    let mut old = Vec::new();
    for manifest in found {
        if verified >= keep.max(1) {
            old.push(manifest);
        } else {
            verified += usize::from(manifest.verified && is_whole(folder, &manifest));
        }
    }
    old.reverse();
    let (gone, left): (Vec<_>, Vec<_>) = old.into_iter().partition(|manifest| remove(folder, manifest));
    let copies = |manifests: Vec<Manifest>| -> Vec<PathBuf> {
        manifests.iter().map(|manifest| folder.join(&manifest.file)).collect()
    };
    (copies(gone), copies(left))
}

/// The manifests in a folder that name the files beside them as we do.
fn manifests(folder: &Path) -> impl Iterator<Item = Manifest> {
    fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let stem = name.strip_suffix(".json")?;
        let about = entry.metadata().ok().filter(|about| about.is_file() && about.len() <= LONGEST);
        let manifest = Manifest::parse(&fs::read(about.map(|_| entry.path())?).ok()?)?;
        // A name from a file must not lead to another folder or to another file.
        (manifest.file == stem && manifest.seal == format!("{stem}.seal")).then_some(manifest)
    })
}

fn is_whole(folder: &Path, manifest: &Manifest) -> bool {
    folder.join(&manifest.file).metadata().is_ok_and(|about| about.len() == manifest.size)
}

/// The manifest goes last, so that a removal that was cut off is finished the next time.
fn remove(folder: &Path, manifest: &Manifest) -> bool {
    [manifest.file.clone(), manifest.seal.clone(), format!("{}.json", manifest.file)].iter().all(|name| {
        match fs::remove_file(folder.join(name)) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(()) => true,
        }
    })
}
