//! A stream of objects from one child of git, handed to all threads in batches.

use std::io::{BufRead, BufReader, BufWriter, Read, Write as _};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Sender, channel};

use crate::coverage::Gap;
use crate::git::{ObjectKind, child};
use crate::unpack;

use super::super::search::{Found, Search};
use super::{Shared, conclude, examine, note};

/// Bytes that a thread gets at a time.
const BATCH: usize = 1 << 20;
/// Batches of one stream that wait or are looked at; they bound the memory.
const BATCHES: usize = 4;
/// An object above this size is looked at in windows, unless it is packed.
const WINDOWED: u64 = 8 << 20;
/// A packed object above this size is not unpacked, and said not to be.
const LARGEST_PACKED: u64 = 64 << 20;

/// Some objects, one after the other.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) objects: Vec<(ObjectKind, String, Range<usize>)>,
}

/// Why a stream ended before its objects did.
pub(super) enum Ended {
    /// The next object cannot be read, with what git says.
    Unreadable(String),
    Stopped,
}

/// The reading of one child.
pub(super) struct Stream<'a> {
    search: &'a Search<'a>,
    shared: &'a Shared,
    /// Objects that git answered for, read or not.
    pub(super) answered: u64,
    /// Objects that were read.
    pub(super) count: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// An answer of git that makes no sense or is cut off.
struct Cut;

impl<'a> Stream<'a> {
    pub(super) fn new(search: &'a Search<'a>, shared: &'a Shared) -> Self {
        Self { search, shared, answered: 0, count: 0, bytes: 0 }
    }

    /// Looks at the objects whose ids are the lines of `ids`.
    pub(super) fn run(
        &mut self,
        git_dir: &Path,
        ids: &[u8],
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), Ended> {
        let mut command = child::offline(git_dir);
        command.args(["cat-file", "--batch", "--buffer"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut git =
            command.spawn().map_err(|error| Ended::Unreadable(format!("git cannot be started: {error}")))?;
        let ended = std::thread::scope(|scope| {
            let requests = git.stdin.take();
            scope.spawn(move || {
                // A git that ends early closes the pipe; the reading side tells that.
                let mut requests = requests.map(|pipe| BufWriter::with_capacity(64 << 10, pipe));
                let _ = requests.as_mut().map(|pipe| pipe.write_all(ids));
            });
            let complaints = git.stderr.take().map(|pipe| scope.spawn(move || first_line(pipe)));
            let ended = git.stdout.take().map_or(Ok(Err(Cut)), |pipe| self.read(pipe, is_over));
            finish(&mut git, matches!(ended, Ok(Ok(()))));
            let said = complaints.and_then(|thread| thread.join().ok()).unwrap_or_default();
            ended.map(|read| read.map_err(|Cut| said))
        });
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(said)) => Err(Ended::Unreadable(said)),
            Err(Stopped) => Err(Ended::Stopped),
        }
    }

    /// Reads the pipe, while other threads look at what was read.
    fn read(&mut self, pipe: ChildStdout, is_over: &dyn Fn() -> bool) -> Result<Result<(), Cut>, Stopped> {
        let (free, buffers) = channel();
        for _ in 0..BATCHES {
            let _ = free.send(Batch::default());
        }
        let mut pipe = BufReader::with_capacity(256 << 10, pipe);
        let (search, shared) = (self.search, self.shared);
        rayon::in_place_scope(|scope| {
            while let Ok(mut batch) = buffers.recv() {
                let more = self.fill(&mut batch, &mut pipe);
                let free: Sender<Batch> = free.clone();
                scope.spawn(move |_| {
                    examine(&batch, search, shared);
                    batch.bytes.clear();
                    batch.objects.clear();
                    // Nobody waits for it when the reading is over.
                    let _ = free.send(batch);
                });
                match more {
                    Ok(true) if is_over() => return Err(Stopped),
                    Ok(true) => {}
                    Ok(false) => return Ok(Ok(())),
                    Err(cut) => return Ok(Err(cut)),
                }
            }
            Ok(Err(Cut))
        })
    }

    /// Fills a batch; whether there is more.
    fn fill(&mut self, batch: &mut Batch, pipe: &mut BufReader<ChildStdout>) -> Result<bool, Cut> {
        while batch.bytes.len() < BATCH {
            let Some((kind, id, size)) = self.header(pipe)? else { return Ok(false) };
            if size > WINDOWED {
                self.large(kind, (&id, size), pipe)?;
            } else {
                let start = batch.bytes.len();
                let got = pipe.by_ref().take(size + 1).read_to_end(&mut batch.bytes).map_err(|_| Cut)?;
                if got as u64 != size + 1 || batch.bytes.pop() != Some(b'\n') {
                    batch.bytes.truncate(start);
                    return Err(Cut);
                }
                batch.objects.push((kind, id, start..batch.bytes.len()));
            }
            self.answered += 1;
            self.count += 1;
            self.bytes += size;
        }
        Ok(true)
    }

    /// The line before an object, `ID KIND SIZE`; `None` at the end. An object that is not there is noted.
    fn header(
        &mut self,
        pipe: &mut BufReader<ChildStdout>,
    ) -> Result<Option<(ObjectKind, String, u64)>, Cut> {
        loop {
            let mut line = String::new();
            pipe.by_ref().take(256).read_line(&mut line).map_err(|_| Cut)?;
            if line.is_empty() {
                return Ok(None);
            }
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let (kind, id, size) = match words[..] {
                [id, "missing"] => {
                    let gap = Gap::new(format!("object {id}"), "git cannot read it");
                    note(self.shared, None, vec![gap.hint(super::FSCK)]);
                    self.answered += 1;
                    continue;
                }
                [id, "commit", size] => (ObjectKind::Commit, id, size),
                [id, "tree", size] => (ObjectKind::Tree, id, size),
                [id, "blob", size] => (ObjectKind::Blob, id, size),
                [id, "tag", size] => (ObjectKind::Tag, id, size),
                _ => return Err(Cut),
            };
            return Ok(Some((kind, id.to_owned(), size.parse().map_err(|_| Cut)?)));
        }
    }

    /// Looks at one large object in windows, or as a whole where it is packed.
    fn large(
        &self,
        kind: ObjectKind,
        (id, size): (&str, u64),
        pipe: &mut BufReader<ChildStdout>,
    ) -> Result<(), Cut> {
        let (mut window, mut found, mut left) = (Vec::new(), Found::default(), size);
        while left > 0 {
            let got = pipe.by_ref().take(left.min(WINDOWED)).read_to_end(&mut window).unwrap_or(0) as u64;
            if got == 0 {
                return Err(Cut);
            }
            let is_packed = left == size && unpack::is_packed(&window);
            left -= got;
            if is_packed && size <= LARGEST_PACKED {
                let rest = pipe.by_ref().take(left).read_to_end(&mut window).map_err(|_| Cut)?;
                if rest as u64 != left {
                    return Err(Cut);
                }
                found = self.search.all(&window);
                break;
            }
            if is_packed {
                let gap = Gap::new(format!("blob {id}"), format!("a packed file of {size} bytes"));
                note(self.shared, None, vec![gap.hint("write it to a file, unpack it and search that")]);
            }
            found.ways.extend(self.search.plain(&window, |_| true).ways);
            window.drain(..window.len().saturating_sub(self.search.overlap()));
        }
        let mut end = [0];
        pipe.read_exact(&mut end).map_err(|_| Cut)?;
        conclude(self.shared, (kind, id), &found);
        Ok(())
    }
}

/// Somebody asked to end.
struct Stopped;

/// Waits for a child that has said everything, and ends another one.
fn finish(git: &mut Child, is_done: bool) {
    if !is_done {
        let _ = git.kill();
    }
    let _ = git.wait();
}

/// The first thing that git complains about.
fn first_line(mut pipe: impl Read) -> String {
    let mut text = Vec::new();
    let _ = pipe.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or("git ended early").to_owned()
}
