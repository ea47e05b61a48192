//! The objects of a proof: everything that the git program can read of an object store, handed to all threads in batches.

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use crate::coverage::Gap;
use crate::git::{ObjectKind, child};
use crate::source::Stop;
use crate::unpack;

use super::Fault;
use super::search::{Found, Search};

/// Bytes that a thread gets at a time.
const BATCH: usize = 1 << 20;
/// An object above this size is looked at in windows, unless it is packed.
const WINDOWED: u64 = 8 << 20;
/// A packed object above this size is not unpacked, and said not to be.
const LARGEST_PACKED: u64 = 64 << 20;

/// What the objects of one store came to.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) gaps: Vec<Gap>,
}

/// Some objects, one after the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    objects: Vec<(ObjectKind, String, Range<usize>)>,
}

/// Looks at every object of the store of `git_dir`, also those that it borrows; `name` says whose they are.
pub(super) fn search(git_dir: &Path, name: &str, search: &Search<'_>, stop: &Stop) -> Objects {
    let mut command = child::offline(git_dir);
    command.args(["cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"]);
    command.stderr(Stdio::piped());
    let mut found = Objects::default();
    let mut git = match command.spawn() {
        Ok(git) => git,
        Err(error) => {
            let gap = Gap::new(format!("the objects of {name}"), format!("git cannot be started: {error}"));
            found.gaps.push(gap.hint("install git, or put it on PATH"));
            return found;
        }
    };
    let complaints = git.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = pipe.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let ended = git.stdout.take().map_or(Err(Ended::Early), |pipe| read(pipe, search, stop, &mut found));
    if ended.is_err() {
        let _ = git.kill();
    }
    let is_success = git.wait().is_ok_and(|status| status.success());
    let said = complaints.and_then(|thread| thread.join().ok()).unwrap_or_default();
    if ended.is_err() || !is_success {
        let why = match ended {
            Err(Ended::Stopped) => "interrupted".to_owned(),
            _ => search.redact(said.lines().next().unwrap_or("git ended early")),
        };
        let subject = format!("the objects of {name} after the first {}", found.count);
        found.gaps.push(Gap::new(subject, why).hint("`git fsck --full` shows what is wrong"));
    }
    found
}

/// Why the reading ended before the objects did.
enum Ended {
    Early,
    Stopped,
}

/// Reads the pipe, while other threads look at what was read.
fn read(pipe: ChildStdout, search: &Search<'_>, stop: &Stop, found: &mut Objects) -> Result<(), Ended> {
    let shared = Mutex::new((Vec::new(), Vec::new()));
    // As many buffers as there are threads to use them, and one to fill.
    let (free, buffers) = channel();
    for _ in 0..rayon::current_num_threads() + 2 {
        let _ = free.send(Batch::default());
    }
    let mut reader = Reader { pipe: BufReader::with_capacity(256 << 10, pipe), search, shared: &shared };
    let ended = rayon::in_place_scope(|scope| {
        while let Some(mut batch) = next_buffer(&buffers) {
            let more = reader.fill(&mut batch, found);
            let (free, shared): (Sender<Batch>, _) = (free.clone(), &shared);
            scope.spawn(move |_| {
                examine(&batch, search, shared);
                batch.bytes.clear();
                batch.objects.clear();
                // Nobody waits for it when the reading is over.
                let _ = free.send(batch);
            });
            match more {
                Ok(true) if stop.requested() => return Err(Ended::Stopped),
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(ended) => return Err(ended),
            }
        }
        Err(Ended::Early)
    });
    let (faults, gaps) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.faults.extend(faults);
    found.gaps.extend(gaps);
    ended
}

fn next_buffer(buffers: &Receiver<Batch>) -> Option<Batch> {
    buffers.recv().ok()
}

type Shared = Mutex<(Vec<Fault>, Vec<Gap>)>;

struct Reader<'a> {
    pipe: BufReader<ChildStdout>,
    search: &'a Search<'a>,
    shared: &'a Shared,
}

impl Reader<'_> {
    /// Fills a batch; whether there is more.
    fn fill(&mut self, batch: &mut Batch, found: &mut Objects) -> Result<bool, Ended> {
        while batch.bytes.len() < BATCH {
            let Some((kind, id, size)) = self.header()? else { return Ok(false) };
            if size > WINDOWED {
                self.large(kind, id, size)?;
            } else {
                let start = batch.bytes.len();
                let wanted = size + 1;
                let got = self
                    .pipe
                    .by_ref()
                    .take(wanted)
                    .read_to_end(&mut batch.bytes)
                    .map_err(|_| Ended::Early)?;
                if got as u64 != wanted || batch.bytes.pop() != Some(b'\n') {
                    return Err(Ended::Early);
                }
                batch.objects.push((kind, id, start..batch.bytes.len()));
            }
            found.count += 1;
            found.bytes += size;
        }
        Ok(true)
    }

    /// The line before an object, `ID KIND SIZE`; `None` at the end.
    fn header(&mut self) -> Result<Option<(ObjectKind, String, u64)>, Ended> {
        let mut line = String::new();
        self.pipe.by_ref().take(256).read_line(&mut line).map_err(|_| Ended::Early)?;
        if line.is_empty() {
            return Ok(None);
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(id), Some(kind), Some(size)) = (words.next(), words.next(), words.next()) else {
            return Err(Ended::Early);
        };
        let kind = match kind {
            "commit" => ObjectKind::Commit,
            "tree" => ObjectKind::Tree,
            "blob" => ObjectKind::Blob,
            "tag" => ObjectKind::Tag,
            _ => return Err(Ended::Early),
        };
        Ok(Some((kind, id.to_owned(), size.parse().map_err(|_| Ended::Early)?)))
    }

    /// Looks at one large object in windows, or as a whole where it is packed.
    fn large(&mut self, kind: ObjectKind, id: String, size: u64) -> Result<(), Ended> {
        let mut window = Vec::new();
        let mut found = Found::default();
        let mut left = size;
        let mut is_first = true;
        while left > 0 {
            let got = self.pipe.by_ref().take(left.min(WINDOWED)).read_to_end(&mut window);
            match got {
                Ok(got) if got > 0 => left -= got as u64,
                _ => return Err(Ended::Early),
            }
            if is_first && unpack::is_packed(&window) {
                if size <= LARGEST_PACKED {
                    self.pipe.by_ref().take(left).read_to_end(&mut window).map_err(|_| Ended::Early)?;
                    left = 0;
                    found = self.search.all(&window);
                    break;
                }
                let gap = Gap::new(format!("blob {id}"), format!("a packed file of {size} bytes"));
                note(self.shared, None, vec![gap.hint("write it to a file, unpack it and search that")]);
            }
            is_first = false;
            found.ways.extend(self.search.plain(&window, |_| true).ways);
            window.drain(..window.len().saturating_sub(self.search.overlap()));
        }
        debug_assert_eq!(left, 0);
        let mut end = [0];
        self.pipe.read_exact(&mut end).map_err(|_| Ended::Early)?;
        conclude(self.shared, (kind, &id), &found);
        Ok(())
    }
}

fn examine(batch: &Batch, search: &Search<'_>, shared: &Shared) {
    for (kind, id, range) in &batch.objects {
        let bytes = batch.bytes.get(range.clone()).unwrap_or_default();
        let found = match kind {
            ObjectKind::Blob => search.all(bytes),
            ObjectKind::Tree => in_names(bytes, id.len() / 2, search),
            ObjectKind::Commit | ObjectKind::Tag => {
                let start = ids_end(bytes);
                search.plain(bytes, |hit| hit.end() > start)
            }
        };
        conclude(shared, (*kind, id), &found);
    }
}

/// The names in a tree; what its binary ids look like is chance.
fn in_names(bytes: &[u8], id_bytes: usize, search: &Search<'_>) -> Found {
    let found = search.plain(bytes, |_| true);
    if found.is_empty() {
        return found;
    }
    let (mut rest, mut names) = (bytes, Found::default());
    while let Some(end) = memchr::memchr(0, rest) {
        let name = rest.get(..end).unwrap_or_default();
        let name = name.splitn(2, |&byte| byte == b' ').nth(1).unwrap_or(name);
        names.ways.extend(search.plain(name, |_| true).ways);
        rest = rest.get(end + 1 + id_bytes..).unwrap_or_default();
    }
    names
}

/// Where the ids at the start of a commit or tag end: they are no text, whatever they look like.
fn ids_end(bytes: &[u8]) -> usize {
    let mut end = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if ![&b"tree "[..], b"parent ", b"object "].iter().any(|header| line.starts_with(header)) {
            break;
        }
        end += line.len();
    }
    end
}

fn conclude(shared: &Shared, (kind, id): (ObjectKind, &str), found: &Found) {
    let kind = match kind {
        ObjectKind::Blob => "blob",
        ObjectKind::Tree => "tree",
        ObjectKind::Commit => "commit",
        ObjectKind::Tag => "tag",
    };
    let place = || format!("{kind} {id}");
    let fault = (!found.is_empty()).then(|| Fault::new(place(), found.told()));
    let gaps: Vec<Gap> = found.troubles.iter().map(|trouble| Gap::new(place(), trouble.reason())).collect();
    if fault.is_some() || !gaps.is_empty() {
        note(shared, fault, gaps);
    }
}

fn note(shared: &Shared, fault: Option<Fault>, gaps: Vec<Gap>) {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.0.extend(fault);
    shared.1.extend(gaps);
}
