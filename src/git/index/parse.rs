//! The index file: parsed while it is read, in small pieces (gitformat-index(5), versions 2 to 4).

use std::io::{self, Read};

use memchr::memchr;
use sha1::Digest;

use super::super::object::{ObjectFormat, ObjectId};
use super::{Entry, INTENT_TO_ADD, IndexError, Packed, SKIP_WORKTREE};

/// What a file holds.
pub(super) struct Parsed {
    pub(super) entries: Packed,
    /// The extension `TREE`; empty if there is none.
    pub(super) cache_tree: Vec<u8>,
    /// The extension `link`; empty if there is none.
    pub(super) link: Vec<u8>,
    pub(super) link_offset: u64,
}

/// Why a file cannot be parsed.
#[derive(Debug)]
pub(super) enum ParseError {
    Io(io::Error),
    Bad(IndexError),
}

impl From<io::Error> for ParseError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Set in the flags of an entry that has a second word of flags (version 3 and later).
const EXTENDED: u16 = 0x4000;
/// The length of a path as the flags hold it; this value means "at least".
const NAME_MASK: u16 = 0x0FFF;
/// Times, device and inode; the mode follows, then owner and size.
const BEFORE_MODE: usize = 24;
/// Everything before the object id.
const STAT_BYTES: usize = 40;
const HEADER_BYTES: usize = 12;
/// A file can claim any length; this is enough for a million entries.
const MAX_RESERVED: usize = 64 << 20;

/// Reads a file of `length` bytes to its end and compares its checksum.
pub(super) fn parse(file: impl Read, length: u64, format: ObjectFormat) -> Result<Parsed, ParseError> {
    let Some(body) = length.checked_sub(format.id_bytes() as u64).filter(|&body| body >= HEADER_BYTES as u64)
    else {
        return Err(bad(length, "the file is too short for an index"));
    };
    let mut input = Input::new(file, body, format);
    let header = input.need(HEADER_BYTES, "the header")?;
    if !header.starts_with(b"DIRC") {
        return Err(bad(0, "the file does not begin with DIRC"));
    }
    let (version, count) = (be32(header, 4), be32(header, 8));
    if !matches!(version, 2..=4) {
        return Err(bad(4, format!("version {version} is unknown; 2, 3 and 4 are known")));
    }
    input.skip(HEADER_BYTES);
    let mut entries = Packed::new(format);
    // Address space only: what is not written to costs nothing, and growing step by step would copy.
    entries.bytes.reserve(usize::try_from(length / 2).unwrap_or_default().min(MAX_RESERVED));
    let (mut path, mut unnamed) = (Vec::new(), None);
    for _ in 0..count {
        let start = input.offset;
        let entry = entry(&mut input, version, format, &mut path)?;
        if path.is_empty() {
            unnamed = unnamed.or(Some(start));
        }
        entries.push(&Entry { path: &path, ..entry });
    }
    entries.bytes.shrink_to_fit();
    let mut parsed = Parsed { entries, cache_tree: Vec::new(), link: Vec::new(), link_offset: 0 };
    while input.left() > 0 {
        extension(&mut input, &mut parsed)?;
    }
    if let Some(at) = unnamed.filter(|_| parsed.link.is_empty()) {
        return Err(bad(at, "an entry has no path"));
    }
    input.finish()?;
    Ok(parsed)
}

/// Reads one entry; `path` holds the path of the last one before, and of this one after.
fn entry(
    input: &mut Input<impl Read>,
    version: u32,
    format: ObjectFormat,
    path: &mut Vec<u8>,
) -> Result<Entry<'static>, ParseError> {
    let start = input.offset;
    let fixed = STAT_BYTES + format.id_bytes() + 2;
    let bytes = input.need(fixed, "an entry")?;
    let mode = be32(bytes, BEFORE_MODE);
    let id = ObjectId::from_bytes(&bytes[STAT_BYTES..fixed - 2])
        .ok_or_else(|| bad(start, "an id is too short"))?;
    let flags = be16(bytes, fixed - 2);
    input.skip(fixed);
    let mut bits = (flags >> 12 & 3) as u8;
    if flags & EXTENDED != 0 {
        if version < 3 {
            return Err(bad(start, "an entry of version 2 has the flags of version 3"));
        }
        let extended = be16(input.need(2, "an entry")?, 0);
        input.skip(2);
        bits |= if extended & 0x2000 == 0 { 0 } else { INTENT_TO_ADD };
        bits |= if extended & 0x4000 == 0 { 0 } else { SKIP_WORKTREE };
    }
    if version == 4 {
        unpack(input, path)?;
    } else {
        let length = match flags & NAME_MASK {
            NAME_MASK => input.until_zero()?,
            length => usize::from(length),
        };
        // One to eight zeros fill up to a multiple of eight.
        let before = usize::try_from(input.offset - start).unwrap_or_default();
        let padded = ((before + length) / 8 + 1) * 8 - before;
        let bytes = input.need(padded, "a path")?;
        if bytes[length..].iter().any(|&byte| byte != 0) {
            return Err(bad(start, "a path is longer than its entry says"));
        }
        path.clear();
        path.extend_from_slice(&bytes[..length]);
        input.skip(padded);
    }
    Ok(Entry { path: b"", id, mode, flags: bits })
}

/// Decodes a path of version 4: how many bytes of the last path go, then what follows, up to a zero.
fn unpack(input: &mut Input<impl Read>, path: &mut Vec<u8>) -> Result<(), ParseError> {
    let start = input.offset;
    let wrong = || bad(start, "the path of an entry cannot be unpacked");
    let mut drop = 0u64;
    loop {
        let byte = input.need(1, "a path")?[0];
        input.skip(1);
        drop = drop << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
        drop = drop.checked_add(1).filter(|drop| drop >> 57 == 0).ok_or_else(wrong)?;
    }
    let keep = usize::try_from(drop).ok().and_then(|drop| path.len().checked_sub(drop)).ok_or_else(wrong)?;
    let length = input.until_zero()?;
    path.truncate(keep);
    path.extend_from_slice(input.need(length, "a path")?);
    input.skip(length + 1);
    Ok(())
}

fn extension(input: &mut Input<impl Read>, parsed: &mut Parsed) -> Result<(), ParseError> {
    let start = input.offset;
    let header = input.need(8, "an extension")?;
    let name = [header[0], header[1], header[2], header[3]];
    let size = be32(header, 4) as usize;
    input.skip(8);
    if size as u64 > input.left() {
        return Err(bad(start, "an extension ends after the file"));
    }
    match &name {
        b"TREE" => parsed.cache_tree = input.need(size, "an extension")?.to_vec(),
        b"link" => {
            parsed.link = input.need(size, "an extension")?.to_vec();
            parsed.link_offset = start;
        }
        // Says only that sparse directories may occur; they are recognised by their mode.
        b"sdir" => {}
        // An upper-case letter marks what a reader may leave out.
        [b'A'..=b'Z', ..] => {}
        _ => {
            let name = name.escape_ascii();
            return Err(bad(start, format!("the extension {name} is unknown and must not be left out")));
        }
    }
    input.pass(size)
}

fn bad(offset: u64, what: impl Into<String>) -> ParseError {
    ParseError::Bad(IndexError { offset, what: what.into() })
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from(bytes[at]) << 8 | u16::from(bytes[at + 1])
}

/// How much is read at once: it stays in the cache of the processor.
const STEP: usize = 128 << 10;

/// The file without its checksum: hands out bytes that were hashed on the way.
struct Input<R> {
    file: R,
    buffer: Vec<u8>,
    /// Where in `buffer` the next byte to hand out stands.
    at: usize,
    /// The same in the file.
    offset: u64,
    /// Bytes that are not in the buffer yet.
    unread: u64,
    hash: Hash,
}

enum Hash {
    Sha1(Box<sha1::Sha1>),
    Sha256(Box<sha2::Sha256>),
}

impl<R: Read> Input<R> {
    fn new(file: R, body: u64, format: ObjectFormat) -> Self {
        let hash = match format {
            ObjectFormat::Sha1 => Hash::Sha1(Box::default()),
            ObjectFormat::Sha256 => Hash::Sha256(Box::default()),
        };
        Self { file, buffer: Vec::new(), at: 0, offset: 0, unread: body, hash }
    }

    /// Bytes until the checksum.
    fn left(&self) -> u64 {
        self.unread + (self.buffer.len() - self.at) as u64
    }

    /// The next `count` bytes; `what` names what they belong to.
    fn need(&mut self, count: usize, what: &str) -> Result<&[u8], ParseError> {
        while self.buffer.len() - self.at < count {
            if count as u64 > self.left() {
                return Err(bad(self.offset, format!("{what} ends after the file")));
            }
            self.fill()?;
        }
        Ok(&self.buffer[self.at..self.at + count])
    }

    /// Moves past bytes that are in the buffer.
    fn skip(&mut self, count: usize) {
        self.at += count;
        self.offset += count as u64;
    }

    /// Moves past bytes that nobody wants to see.
    fn pass(&mut self, mut count: usize) -> Result<(), ParseError> {
        while count > 0 {
            self.need(1, "an extension")?;
            let step = (self.buffer.len() - self.at).min(count);
            self.skip(step);
            count -= step;
        }
        Ok(())
    }

    /// How many bytes come before the next zero.
    fn until_zero(&mut self) -> Result<usize, ParseError> {
        let mut searched = 0;
        loop {
            self.need(searched + 1, "a path")?;
            let bytes = &self.buffer[self.at..];
            if let Some(found) = memchr(0, &bytes[searched..]) {
                return Ok(searched + found);
            }
            searched = bytes.len();
        }
    }

    /// Reads on, and forgets what was handed out.
    fn fill(&mut self) -> Result<(), ParseError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        // Twice as much each time for something long, so that it is not copied over and over.
        let step = (STEP.max(kept) as u64).min(self.unread);
        let read = (&mut self.file).take(step).read_to_end(&mut self.buffer)? as u64;
        if read < step {
            return Err(bad(self.offset, "the file became shorter while it was read"));
        }
        self.unread -= read;
        match &mut self.hash {
            Hash::Sha1(hash) => hash.update(&self.buffer[kept..]),
            Hash::Sha256(hash) => hash.update(&self.buffer[kept..]),
        }
        Ok(())
    }

    /// Compares the checksum; zeros mean that git was told not to hash (`index.skipHash`).
    fn finish(mut self) -> Result<(), ParseError> {
        let computed = match self.hash {
            Hash::Sha1(hash) => hash.finalize().to_vec(),
            Hash::Sha256(hash) => hash.finalize().to_vec(),
        };
        let mut stored = vec![0; computed.len()];
        self.file.read_exact(&mut stored)?;
        if stored == computed || stored.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        Err(bad(self.offset, "the checksum does not fit the content"))
    }
}
