//! The objects of a proof: everything that the git program can read of an object store, looked at by all threads.

mod stream;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::coverage::Gap;
use crate::git::{ObjectKind, child};
use crate::source::Stop;

use super::Fault;
use super::search::{Found, Search};
use stream::{Batch, Ended, Stream};

/// Objects that are worth a child of git of their own.
const WORTH_A_CHILD: usize = 4000;
/// Children of git at a time; each holds a part of the packs in memory.
const MOST_CHILDREN: usize = 4;
/// Unreadable objects that are named; after that the store is given up.
const UNREADABLE: usize = 100;
const FSCK: &str = "`git fsck --full` shows what is wrong";

/// What the objects of one store came to.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) gaps: Vec<Gap>,
}

type Shared = Mutex<(Vec<Fault>, Vec<Gap>)>;

/// Looks at every object of the store of `git_dir`, also those that it borrows; `name` says whose they are.
pub(super) fn search(git_dir: &Path, name: &str, search: &Search<'_>, stop: &Stop) -> Objects {
    let mut found = Objects::default();
    let mut command = child::offline(git_dir);
    command.args([
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objectname)",
        "--unordered",
        "--buffer",
    ]);
    let listed = child::run(&mut command);
    let listing = match listed {
        Ok(answer) if answer.is_success() => answer.stdout,
        Ok(answer) => {
            let why = search.redact(answer.complaint());
            found.gaps.push(Gap::new(format!("the objects of {name}"), why).hint(FSCK));
            answer.stdout
        }
        Err(error) => {
            found.gaps.push(Gap::new(format!("the objects of {name}"), error.to_string()).hint(error.hint()));
            return found;
        }
    };
    // All ids of a store are as long as the first one.
    let width = memchr::memchr(b'\n', &listing).map_or(1, |end| end + 1);
    let count = listing.len() / width;
    let children = count.div_ceil(WORTH_A_CHILD).clamp(1, rayon::current_num_threads().min(MOST_CHILDREN));
    let shared = Shared::default();
    let parts = listing.chunks(count.div_ceil(children).max(1) * width);
    let of_part = |part| {
        let store = Store { git_dir, name, search, stop, shared: &shared };
        store.part(part, width)
    };
    let totals: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || of_part(part))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let (faults, gaps) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.count = totals.iter().map(|(count, _)| count).sum();
    found.bytes = totals.iter().map(|(_, bytes)| bytes).sum();
    found.faults.extend(faults);
    let told: u64 = gaps.iter().filter(|gap| gap.subject.starts_with("object ")).count() as u64;
    found.gaps.extend(gaps);
    if found.count + told < count as u64 && found.gaps.is_empty() {
        found.gaps.push(Gap::new(format!("some objects of {name}"), "an internal error ended the search"));
    }
    found
}

/// One store, as its threads see it.
struct Store<'a> {
    git_dir: &'a Path,
    name: &'a str,
    search: &'a Search<'a>,
    stop: &'a Stop,
    shared: &'a Shared,
}

impl Store<'_> {
    /// Looks at some objects, given as lines of `width` bytes; how many they were, and their bytes.
    fn part(&self, mut ids: &[u8], width: usize) -> (u64, u64) {
        let (mut count, mut bytes, mut unreadable) = (0, 0, 0);
        while !ids.is_empty() {
            let mut stream = Stream::new(self.search, self.shared);
            let ended = stream.run(self.git_dir, ids, &|| self.stop.requested());
            count += stream.count;
            bytes += stream.bytes;
            let done = usize::try_from(stream.answered).unwrap_or(usize::MAX).saturating_mul(width);
            ids = ids.get(done..).unwrap_or_default();
            // Where git ends without a word before it answered for all, the next object is to blame, too.
            let ended =
                if ended.is_ok() && !ids.is_empty() { Err(Ended::Unreadable(String::new())) } else { ended };
            let why = match ended {
                Ok(()) => return (count, bytes),
                Err(Ended::Stopped) => "interrupted".to_owned(),
                Err(Ended::Unreadable(why)) if unreadable < UNREADABLE => {
                    // The one after those that were answered is the reason.
                    let id = ids.get(..width.min(ids.len())).unwrap_or_default().trim_ascii_end();
                    let subject = format!("object {}", String::from_utf8_lossy(id));
                    let gap = Gap::new(subject, self.search.redact(&why)).hint(FSCK);
                    note(self.shared, None, vec![gap]);
                    ids = ids.get(width..).unwrap_or_default();
                    unreadable += 1;
                    continue;
                }
                Err(Ended::Unreadable(why)) => self.search.redact(&why),
            };
            let subject = format!("{} more objects of {}", ids.len() / width, self.name);
            note(self.shared, None, vec![Gap::new(subject, why).hint(FSCK)]);
            break;
        }
        (count, bytes)
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
