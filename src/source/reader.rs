//! A reader: hands one input out in chunks that fit into memory, and says exactly why when it cannot.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Stop;
use crate::chunk::{CHUNK_BYTES, CHUNK_OVERLAP, Chunk};
use crate::coverage::Gap;
use crate::finding::Origin;
use crate::span::Position;

/// What receives the chunks.
pub(super) type Sink<'a> = &'a (dyn Fn(Chunk<'_>) + Sync);

/// The buffer of one thread, used for one input after the other.
///
/// It is one byte longer than a chunk: the byte that tells whether more follows. Memory that no input has filled yet
/// is never touched, so a thread that reads small files only costs their size.
pub(super) struct Reader<'a> {
    buffer: Vec<u8>,
    sink: Sink<'a>,
    stop: &'a Stop,
}

/// Why an input was not read to its end.
#[derive(Debug)]
pub(super) enum Unread {
    /// The operating system refuses.
    Io(io::Error),
    /// It is larger than the user wants to wait for.
    TooLarge,
    /// It became shorter or longer, or was written to, while it was read.
    Changed,
    /// The run was asked to end.
    Stopped,
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Unread {
    /// The account of it, where `limit` is the size above which files are left out.
    pub(super) fn gap(&self, subject: impl Into<String>, limit: u64) -> Gap {
        match self {
            Self::Io(error) => io_gap(subject, error),
            Self::TooLarge => Gap::new(subject, format!("larger than the limit of {}", size(limit)))
                .hint("raise the limit with --max-file-size, or max-file-size in kbsec.toml"),
            Self::Changed => {
                Gap::new(subject, "it changed while it was read").hint("scan again when nothing writes to it")
            }
            Self::Stopped => Gap::new(subject, "interrupted"),
        }
    }
}

/// The account of an input that the operating system refuses.
pub(super) fn io_gap(subject: impl Into<String>, error: &io::Error) -> Gap {
    let (reason, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ("permission denied".into(), "make it readable for this user, or exclude it in kbsec.toml")
        }
        io::ErrorKind::NotFound => {
            ("no such file or directory".into(), "check the spelling, and where a link points")
        }
        io::ErrorKind::InvalidFilename => {
            ("the path is too long".into(), "go into one of its folders and scan from there")
        }
        _ => {
            let reason = error.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default();
            (reason.to_lowercase(), "scan again; if it stays, exclude it in kbsec.toml")
        }
    };
    Gap::new(subject, reason).hint(hint)
}

/// A size in words: `256 MiB`, `1000 bytes`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0 => "0 bytes".into(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(sink: Sink<'a>, stop: &'a Stop) -> Self {
        Self { buffer: vec![0; CHUNK_BYTES + 1], sink, stop }
    }

    /// Whether the run was asked to end.
    pub(super) fn stopped(&self) -> bool {
        self.stop.requested()
    }

    /// Reads a file of at most `limit` bytes; its size.
    pub(super) fn file(&mut self, path: &Path, origin: &Origin, limit: u64) -> Result<u64, Unread> {
        let mut file = File::open(path)?;
        // Most files fit into one chunk: then this is the only read, and nobody has to ask for the size.
        let filled = self.fill(&mut file, 0)?;
        if filled <= CHUNK_BYTES {
            if filled as u64 > limit {
                return Err(Unread::TooLarge);
            }
            self.emit_whole(filled, origin);
            return Ok(filled as u64);
        }
        let before = file.metadata()?;
        if before.len() > limit {
            return Err(Unread::TooLarge);
        }
        let total = self.rest(&mut file, filled, origin, limit)?;
        let after = file.metadata()?;
        if total != after.len() || total != before.len() || before.modified().ok() != after.modified().ok() {
            return Err(Unread::Changed);
        }
        Ok(total)
    }

    /// Reads a stream to its end; its size.
    pub(super) fn stream(&mut self, input: &mut dyn Read, origin: &Origin) -> Result<u64, Unread> {
        let filled = self.fill(input, 0)?;
        if filled <= CHUNK_BYTES {
            self.emit_whole(filled, origin);
            return Ok(filled as u64);
        }
        self.rest(input, filled, origin, u64::MAX)
    }

    /// Hands out bytes that are in memory already.
    pub(super) fn bytes(&mut self, bytes: &[u8], origin: &Origin) -> Result<u64, Unread> {
        if bytes.len() <= CHUNK_BYTES {
            if !bytes.is_empty() {
                (self.sink)(Chunk::whole(bytes, origin));
            }
            return Ok(bytes.len() as u64);
        }
        let mut window = Window::new(origin);
        loop {
            let rest = &bytes[usize::try_from(window.offset).unwrap_or(bytes.len())..];
            if rest.len() <= CHUNK_BYTES {
                window.emit(rest, true, self.sink);
                return Ok(bytes.len() as u64);
            }
            window.emit(&rest[..CHUNK_BYTES], false, self.sink);
            if self.stopped() {
                return Err(Unread::Stopped);
            }
            window.slide(&rest[..CHUNK_BYTES - CHUNK_OVERLAP]);
        }
    }

    fn emit_whole(&self, filled: usize, origin: &Origin) {
        if filled > 0 {
            (self.sink)(Chunk::whole(&self.buffer[..filled], origin));
        }
    }

    /// Reads on after the buffer was filled for the first time.
    fn rest(
        &mut self,
        input: &mut dyn Read,
        mut filled: usize,
        origin: &Origin,
        limit: u64,
    ) -> Result<u64, Unread> {
        let mut window = Window::new(origin);
        while filled > CHUNK_BYTES {
            window.emit(&self.buffer[..CHUNK_BYTES], false, self.sink);
            if self.stopped() {
                return Err(Unread::Stopped);
            }
            let step = CHUNK_BYTES - CHUNK_OVERLAP;
            window.slide(&self.buffer[..step]);
            self.buffer.copy_within(step..filled, 0);
            filled = self.fill(input, filled - step)?;
            if window.offset + filled as u64 > limit {
                return Err(Unread::Changed);
            }
        }
        window.emit(&self.buffer[..filled], true, self.sink);
        Ok(window.offset + filled as u64)
    }

    /// Reads until the buffer is full or the input ends; how much of the buffer is filled then.
    fn fill(&mut self, input: &mut dyn Read, mut filled: usize) -> Result<usize, Unread> {
        while filled < self.buffer.len() {
            match input.read(&mut self.buffer[filled..]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if self.stopped() {
                return Err(Unread::Stopped);
            }
        }
        Ok(filled)
    }
}

/// Where the next chunk of a long input begins.
struct Window<'a> {
    origin: &'a Origin,
    offset: u64,
    position: Position,
}

impl<'a> Window<'a> {
    fn new(origin: &'a Origin) -> Self {
        Self { origin, offset: 0, position: Position::START }
    }

    fn emit(&self, bytes: &[u8], last: bool, sink: Sink<'_>) {
        sink(Chunk { bytes, origin: self.origin, offset: self.offset, position: self.position, last });
    }

    /// Moves past `bytes`.
    fn slide(&mut self, bytes: &[u8]) {
        self.position = self.position.advance(bytes);
        self.offset += bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Hands out at most `step` bytes at once, as pipes do.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(out.len());
            self.0.read(&mut out[..length])
        }
    }

    type Copied = (u64, Vec<u8>, Position, bool);

    /// All chunks of `content`, however it is read.
    fn chunks(read: impl FnOnce(&mut Reader<'_>, &Origin) -> Result<u64, Unread>) -> (u64, Vec<Copied>) {
        let seen = Mutex::new(Vec::new());
        let sink = |chunk: Chunk<'_>| {
            seen.lock().unwrap().push((chunk.offset, chunk.bytes.to_vec(), chunk.position, chunk.is_whole()));
        };
        let stop = Stop::default();
        let total = read(&mut Reader::new(&sink, &stop), &Origin::Stdin).unwrap();
        (total, seen.into_inner().unwrap())
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|i| if i % 4093 == 0 { b'\n' } else { (i % 251) as u8 }).collect()
    }

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn chunks_cover_everything_overlap_and_know_their_place() {
        let step = CHUNK_BYTES - CHUNK_OVERLAP;
        for length in
            [1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, step + CHUNK_BYTES, 3 * CHUNK_BYTES + 7]
        {
            let content = content(length);
            let on_disk = file(&content);
            let ways = [
                chunks(|reader, origin| reader.file(on_disk.path(), origin, u64::MAX)),
                chunks(|reader, origin| reader.stream(&mut Slow(&content, 100_001), origin)),
                chunks(|reader, origin| reader.bytes(&content, origin)),
            ];
            assert!(ways[0] == ways[1] && ways[1] == ways[2], "{length}");
            let (total, chunks) = &ways[0];
            assert_eq!(*total, length as u64);
            let mut end = 0;
            for (offset, bytes, position, whole) in chunks {
                let at = usize::try_from(*offset).unwrap();
                assert_eq!(bytes[..], content[at..at + bytes.len()]);
                assert_eq!(*position, Position::START.advance(&content[..at]));
                assert_eq!(*whole, length <= CHUNK_BYTES);
                assert!(bytes.len() <= CHUNK_BYTES);
                assert_eq!(at, if at == 0 { 0 } else { end - CHUNK_OVERLAP });
                assert!(at + bytes.len() > end, "every chunk has something new");
                end = at + bytes.len();
            }
            assert_eq!(end, length);
        }
    }

    #[test]
    fn nothing_is_handed_out_of_an_empty_input() {
        assert_eq!(chunks(|reader, origin| reader.stream(&mut io::empty(), origin)), (0, Vec::new()));
    }

    #[test]
    fn a_file_over_the_limit_costs_nothing_even_with_four_gigabytes() {
        let sparse = tempfile::NamedTempFile::new().unwrap();
        sparse.as_file().set_len(4 << 30).unwrap();
        let nobody = |_: Chunk<'_>| panic!("nothing may be handed out");
        let stop = Stop::default();
        let mut reader = Reader::new(&nobody, &stop);
        let began = std::time::Instant::now();
        let error = reader.file(sparse.path(), &Origin::Stdin, 256 << 20).unwrap_err();
        assert_eq!(error.gap("big", 256 << 20).reason, "larger than the limit of 256 MiB");
        assert!(began.elapsed().as_millis() < 500);
        let small = file(b"12345");
        assert!(matches!(reader.file(small.path(), &Origin::Stdin, 4), Err(Unread::TooLarge)));
    }

    #[test]
    fn a_file_that_shrinks_grows_or_is_rewritten_while_it_is_read_is_not_complete() {
        for change in 0..3 {
            let file = file(&content(2 * CHUNK_BYTES));
            let path = file.path().to_path_buf();
            let sink = |chunk: Chunk<'_>| {
                if chunk.offset > 0 {
                    return;
                }
                let open = File::options().write(true).open(&path).unwrap();
                match change {
                    0 => open.set_len(CHUNK_BYTES as u64).unwrap(),
                    1 => open.set_len(3 * CHUNK_BYTES as u64).unwrap(),
                    _ => open.set_modified(std::time::UNIX_EPOCH).unwrap(),
                }
            };
            let stop = Stop::default();
            let result = Reader::new(&sink, &stop).file(&path, &Origin::Stdin, 1 << 30);
            assert!(matches!(result, Err(Unread::Changed)), "{change}: {result:?}");
        }
    }

    #[test]
    fn a_request_to_stop_ends_between_chunks() {
        let stop = Stop::default();
        let sink = |_: Chunk<'_>| stop.request();
        let result = Reader::new(&sink, &stop).bytes(&content(2 * CHUNK_BYTES), &Origin::Stdin);
        assert!(matches!(result, Err(Unread::Stopped)));
    }

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        assert_eq!([size(256 << 20), size(3 << 10), size(1000)], ["256 MiB", "3 KiB", "1000 bytes"]);
    }
}
