//! The files of a search: every occurrence in the chunks of a source, gathered as places.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::examine::examine;
use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::finding::{Decoding, Location, Origin, line_hashes};
use crate::needle::{Hit, Needle, Tally};
use crate::source::{Source, SourceError, Stop};
use crate::span::{ByteSpan, LineIndex};
use crate::unpack;

/// Places that are listed of each file; the others are counted.
const LISTED: usize = 100;
/// A packed file that comes in several chunks is read again as a whole, up to this size.
const LARGEST_PACKED: u64 = 256 << 20;

/// What the files hold.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) places: Vec<Location>,
    /// How many more places there are.
    pub(super) unlisted: u64,
    missed: Vec<Gap>,
}

/// Searches everything that the source hands out.
pub(super) fn search(
    source: &dyn Source,
    needle: &Needle,
    progress: &(dyn Fn(u64) + Sync),
    stop: &Stop,
) -> Result<(Files, Coverage), SourceError> {
    let files = Mutex::new(Files::default());
    let sink = |chunk: Chunk<'_>| {
        let found = one(needle, &chunk);
        progress(chunk.bytes.len() as u64);
        if found.places.is_empty() && found.missed.is_empty() {
            return;
        }
        let mut files = lock(&files);
        files.places.extend(found.places);
        files.unlisted += found.unlisted;
        files.missed.extend(found.missed);
    };
    let mut coverage = source.visit(&sink, stop)?;
    let mut files = files.into_inner().unwrap_or_else(PoisonError::into_inner);
    coverage.missed.append(&mut files.missed);
    Ok((files, coverage))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The occurrences in one chunk.
fn one(needle: &Needle, chunk: &Chunk<'_>) -> Files {
    let examined = examine(needle, chunk.bytes, None, chunk.is_whole());
    let hits: Vec<Hit> =
        examined.hits.into_iter().filter(|hit| chunk.owns(&(hit.start()..hit.end()))).collect();
    let origin = shown(needle, chunk.origin);
    let mut files = Files { places: places(needle, chunk, &hits, &origin), ..Files::default() };
    files.unlisted = (hits.len() as u64).saturating_sub(LISTED as u64);
    let (tally, troubles) = if chunk.offset == 0 && !chunk.last && unpack::is_packed(chunk.bytes) {
        match whole(chunk.origin) {
            Ok(bytes) => {
                let examined = examine(needle, &bytes, None, true);
                (examined.tally, examined.troubles)
            }
            Err(gap) => {
                files.missed.push(gap);
                return files;
            }
        }
    } else {
        (examined.tally, examined.troubles)
    };
    files.places.extend(packed_places(&tally, &origin));
    let name = chunk.origin.path().and_then(Path::file_name).filter(|_| chunk.offset == 0);
    if name.is_some_and(|name| !needle.search(name.as_encoded_bytes()).is_empty()) {
        files.places.push(Location::of_input(origin.clone(), &[]));
    }
    let subject = needle.redact(&origin.to_string());
    files.missed.extend(troubles.iter().map(|trouble| Gap::new(subject.clone(), trouble.reason())));
    files
}

/// The input without the value in its path.
pub(super) fn shown(needle: &Needle, origin: &Origin) -> Origin {
    match origin {
        Origin::File { path } => Origin::File { path: redacted_path(needle, path.clone()) },
        Origin::Staged { path } => Origin::Staged { path: redacted_path(needle, path.clone()) },
        other => other.clone(),
    }
}

/// The path without the value in it.
pub(super) fn redacted_path(needle: &Needle, path: PathBuf) -> PathBuf {
    let text = path.to_string_lossy();
    let redacted = needle.redact(&text);
    if redacted == text { path } else { PathBuf::from(redacted) }
}

/// A file that did not fit into one chunk.
fn whole(origin: &Origin) -> Result<Vec<u8>, Gap> {
    let gap = |reason: &str| Gap::new(origin.to_string(), reason);
    let Some(path) = origin.path() else { return Err(gap("a large archive that is no file")) };
    let size = std::fs::metadata(path).map_err(|error| gap(&error.to_string()))?.len();
    if size > LARGEST_PACKED {
        return Err(gap("a large archive").hint("unpack it and search what it holds"));
    }
    std::fs::read(path).map_err(|error| gap(&error.to_string()))
}

/// The first occurrences in a chunk as places.
pub(super) fn places(needle: &Needle, chunk: &Chunk<'_>, hits: &[Hit], origin: &Origin) -> Vec<Location> {
    let mut index = LineIndex::new(chunk.bytes, chunk.position);
    let mut places: Vec<Location> = hits
        .iter()
        .take(LISTED)
        .map(|hit| Location {
            origin: origin.clone(),
            span: ByteSpan { start: chunk.offset + hit.start() as u64, end: chunk.offset + hit.end() as u64 },
            start: index.position(hit.start()),
            end: index.position(hit.end()),
            decoded: needle.decoding(hit).to_vec(),
            line_hash: None,
            trail: None,
            database: None,
        })
        .collect();
    if chunk.is_whole() && !places.is_empty() {
        let lines: Vec<u64> = places.iter().map(|place| place.start.line).collect();
        for (place, hash) in places.iter_mut().zip(line_hashes(chunk.bytes, &lines)) {
            place.line_hash = hash;
        }
    }
    places
}

/// One place for each way in which the needle is packed in an input: its bytes there have no line of their own.
pub(super) fn packed_places(tally: &Tally, origin: &Origin) -> Vec<Location> {
    let mut places = BTreeMap::new();
    for (decoding, _) in tally.iter().filter(|(decoding, _)| is_packed(decoding)) {
        places.insert(decoding.to_vec(), Location::of_input(origin.clone(), decoding));
    }
    places.into_values().collect()
}

/// Whether the first decoder is that of a container.
fn is_packed(decoding: &[Decoding]) -> bool {
    matches!(decoding.first(), Some(Decoding::Gzip | Decoding::Zip | Decoding::Zstd | Decoding::Xz))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::secret::Secret;
    use crate::source::worktree::{self, Worktree};

    fn found(content: &[u8], name: &str) -> (Files, Coverage) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(name), content).unwrap();
        let source = Worktree::new([directory.path().to_path_buf()], worktree::Options::default());
        let needle = Needle::value(&Secret::new("hunter2hunter2")).unwrap();
        search(&source, &needle, &|_| {}, &Stop::default()).unwrap()
    }

    #[test]
    fn places_have_lines_and_encodings_and_paths_keep_the_secret() {
        let (files, coverage) =
            found(b"one\nx hunter2hunter2\n68756e7465723268756e74657232\n", "hunter2hunter2.txt");
        let told: Vec<_> =
            files.places.iter().map(|place| (place.start.line, place.decoded.clone())).collect();
        // The last one is the name of the file.
        assert_eq!(told, [(2, vec![]), (3, vec![Decoding::Hex]), (1, vec![])]);
        assert!(files.places[0].origin.to_string().ends_with("[redacted].txt"));
        assert_eq!((coverage.items, coverage.missed.len()), (1, 0));
    }

    #[test]
    fn a_packed_file_of_many_chunks_is_opened_too() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        let noise: Vec<u8> =
            (0..9u64 << 20).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        gzip.write_all(&noise).unwrap();
        gzip.write_all(b"68756e7465723268756e74657232").unwrap();
        let (files, _) = found(&gzip.finish().unwrap(), "file.gz");
        assert!(files.places.iter().any(|place| place.decoded == [Decoding::Gzip, Decoding::Hex]));
    }
}
