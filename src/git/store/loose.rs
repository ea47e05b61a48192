//! A loose object: a file of its own, compressed, that begins with kind and size.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use super::super::object::{ObjectError, ObjectId, ObjectKind};
use super::buffer::Buffer;
use super::inflate::Inflater;
use super::names::Numbers;
use super::window::damaged;

/// Bytes of a file that hold kind and size for sure.
const BEGINNING: usize = 4096;
/// Bytes that kind and size take at most.
const HEADER: usize = 32;

/// The loose objects of one directory.
pub(super) struct Loose {
    directory: PathBuf,
    numbers: Numbers,
    /// In the order of names; known of a directory in scope.
    kinds: Vec<Option<ObjectKind>>,
}

impl Loose {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, numbers: Numbers::Listed(Vec::new()), kinds: Vec::new() }
    }

    pub(super) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Tells the directory which numbers its objects have.
    pub(super) fn set_numbers(&mut self, numbers: Numbers) {
        self.numbers = numbers;
    }

    pub(super) fn set_kinds(&mut self, kinds: Vec<Option<ObjectKind>>) {
        self.kinds = kinds;
    }

    pub(super) fn known_kind(&self, number: u32) -> Option<ObjectKind> {
        self.kinds.get(self.numbers.position(number)? as usize).copied().flatten()
    }

    fn path(&self, id: ObjectId) -> PathBuf {
        let digits = id.to_string();
        self.directory.join(&digits[..2]).join(&digits[2..])
    }

    /// The kind of an object.
    pub(super) fn kind(&self, id: ObjectId, inflater: &mut Inflater) -> Result<ObjectKind, ObjectError> {
        let mut file = File::open(self.path(id)).map_err(unreadable)?;
        match beginning(&mut file, inflater)? {
            Some((kind, _)) => Ok(kind),
            None => self.read(id, u64::MAX, inflater).map(|(kind, _)| kind),
        }
    }

    /// An object of at most `limit` bytes.
    pub(super) fn read(
        &self,
        id: ObjectId,
        limit: u64,
        inflater: &mut Inflater,
    ) -> Result<(ObjectKind, Buffer), ObjectError> {
        let path = self.path(id);
        let mut file = File::open(&path).map_err(unreadable)?;
        let expected = beginning(&mut file, inflater)?.map(|(_, size)| size);
        if let Some(bytes) = expected.filter(|size| *size > limit) {
            return Err(ObjectError::TooLarge { bytes });
        }
        let length = file.metadata().map_err(unreadable)?.len();
        // Deflate never makes anything much longer, so a file that is longer than the limit has a larger object.
        if length > limit.saturating_add(limit / 64).saturating_add(1024) {
            return Err(ObjectError::TooLarge { bytes: length });
        }
        let packed = fs::read(&path).map_err(unreadable)?;
        let mut room = expected.map_or(packed.len() as u64 * 4 + 64, |size| size + HEADER as u64);
        let most = (packed.len() as u64 * 1040 + 64).min(limit.saturating_add(HEADER as u64));
        loop {
            room = room.min(most);
            let mut content = Buffer::default();
            let out = content.room(usize::try_from(room).map_err(|_| ObjectError::TooLarge { bytes: room })?);
            match inflater.inflate_at_most(&packed, out) {
                Ok(Some(length)) => {
                    let out = &mut out[..length];
                    let (kind, size, header) = header(out).ok_or_else(|| damaged("it has no header"))?;
                    if size != (length - header) as u64 {
                        return Err(damaged("it has another size than its header says"));
                    }
                    out.copy_within(header.., 0);
                    content.shorten(length - header);
                    return Ok((kind, content));
                }
                Ok(None) if room < most => room = room.saturating_mul(4),
                Ok(None) if most > limit => return Err(ObjectError::TooLarge { bytes: room }),
                Ok(None) => return Err(damaged("it has more bytes than is possible")),
                Err(what) => return Err(damaged(what)),
            }
        }
    }
}

fn unreadable(cause: io::Error) -> ObjectError {
    match cause.kind() {
        io::ErrorKind::NotFound => ObjectError::Missing,
        kind => ObjectError::Damaged(format!("its file cannot be read: {kind}")),
    }
}

/// Kind and size from the beginning of a file; `None` when they cannot be had without all of it.
fn beginning(file: &mut File, inflater: &mut Inflater) -> Result<Option<(ObjectKind, u64)>, ObjectError> {
    let mut packed = Vec::with_capacity(BEGINNING);
    file.take(BEGINNING as u64).read_to_end(&mut packed).map_err(unreadable)?;
    // The end of the output is not reached by a small object; what stands before it is right in either case, and if it
    // should not be, the size is found to be wrong later.
    let mut out = [0; 2 * HEADER];
    let _ = inflater.inflate_at_most(&packed, &mut out);
    Ok(header(&out).map(|(kind, size, _)| (kind, size)))
}

/// `blob 12` and a zero byte: kind, size, and the length of that.
fn header(bytes: &[u8]) -> Option<(ObjectKind, u64, usize)> {
    let end = memchr::memchr(0, &bytes[..bytes.len().min(HEADER)])?;
    let (kind, size) = std::str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
    let kind = match kind {
        "commit" => ObjectKind::Commit,
        "tree" => ObjectKind::Tree,
        "blob" => ObjectKind::Blob,
        "tag" => ObjectKind::Tag,
        _ => return None,
    };
    let digits = size.bytes().all(|byte| byte.is_ascii_digit());
    Some((kind, size.parse().ok().filter(|_| digits)?, end + 1))
}
