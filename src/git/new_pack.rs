//! A new pack: objects written one after the other into a file that no repository knows yet.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::Digest;

use super::object::{ObjectFormat, ObjectId, ObjectKind};

/// The bytes of a pack before its first object: `PACK`, the version, and how many objects there are.
const HEADER: u64 = 12;

/// Writes objects in full, each once; or only names them, where there is no file.
pub struct NewPack {
    format: ObjectFormat,
    known: HashSet<ObjectId>,
    out: Option<BufWriter<File>>,
    bytes: u64,
}

impl fmt::Debug for NewPack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "NewPack({} objects)", self.known.len())
    }
}

impl NewPack {
    /// A pack that is only thought of: objects get their names, and nothing is written.
    #[must_use]
    pub fn imagined(format: ObjectFormat) -> Self {
        Self { format, known: HashSet::new(), out: None, bytes: 0 }
    }

    /// A pack in a file that must not exist yet.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, format: ObjectFormat) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let mut out = BufWriter::with_capacity(256 << 10, file);
        out.write_all(b"PACK\0\0\0\x02\0\0\0\0")?;
        Ok(Self { out: Some(out), ..Self::imagined(format) })
    }

    /// Adds an object; its name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, kind: ObjectKind, bytes: &[u8]) -> io::Result<ObjectId> {
        let id = self.format.name(kind, bytes);
        if !self.known.insert(id) {
            return Ok(id);
        }
        self.bytes += bytes.len() as u64;
        if let Some(out) = &mut self.out {
            out.write_all(&entry_header(kind, bytes.len() as u64))?;
            let mut deflate = ZlibEncoder::new(out, Compression::fast());
            deflate.write_all(bytes)?;
            deflate.finish()?;
        }
        Ok(id)
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Their bytes, unpacked.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Completes the file and waits until it is on disk.
    ///
    /// # Errors
    /// When it cannot be written or read again.
    pub fn finish(self) -> io::Result<()> {
        let Some(out) = self.out else { return Ok(()) };
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let count = u32::try_from(self.known.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        file.seek(SeekFrom::Start(HEADER - 4))?;
        file.write_all(&count.to_be_bytes())?;
        file.rewind()?;
        let checksum = match self.format {
            ObjectFormat::Sha1 => checksum::<sha1::Sha1>(&mut file)?,
            ObjectFormat::Sha256 => checksum::<sha2::Sha256>(&mut file)?,
        };
        file.write_all(&checksum)?;
        file.sync_all()
    }
}

impl ObjectFormat {
    /// The name of an object with these bytes.
    #[must_use]
    pub fn name(self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        let header = format!("{} {}\0", kind.word(), bytes.len());
        let digest = match self {
            Self::Sha1 => digest::<sha1::Sha1>(header.as_bytes(), bytes),
            Self::Sha256 => digest::<sha2::Sha256>(header.as_bytes(), bytes),
        };
        match ObjectId::from_bytes(&digest) {
            Some(id) => id,
            None => unreachable!("both hash functions give ids"),
        }
    }
}

fn digest<D: Digest>(header: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut hash = D::new();
    hash.update(header);
    hash.update(bytes);
    hash.finalize().to_vec()
}

/// The hash of everything from here to the end of the file.
fn checksum<D: Digest>(file: &mut File) -> io::Result<Vec<u8>> {
    let mut hash = D::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().to_vec());
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Kind and size before an object: four bits of the size, then seven in each byte (gitformat-pack).
fn entry_header(kind: ObjectKind, size: u64) -> Vec<u8> {
    let kind: u8 = match kind {
        ObjectKind::Commit => 1,
        ObjectKind::Tree => 2,
        ObjectKind::Blob => 3,
        ObjectKind::Tag => 4,
    };
    let mut rest = size >> 4;
    let mut header = vec![kind << 4 | (size & 15) as u8];
    while rest > 0 {
        if let Some(last) = header.last_mut() {
            *last |= 0x80;
        }
        header.push((rest & 0x7F) as u8);
        rest >>= 7;
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn git_reads_what_was_written_and_calls_it_the_same() {
        for arguments in [&[][..], &["--object-format=sha256"]] {
            let Some(repo) = Fixture::with_init(arguments) else { continue };
            let format = if arguments.is_empty() { ObjectFormat::Sha1 } else { ObjectFormat::Sha256 };
            let path = repo.path("new.pack");
            let mut pack = NewPack::create(&path, format).unwrap();
            let contents = [Vec::new(), b"some text\n".to_vec(), vec![7; 100_000]];
            for content in contents.iter().chain(&contents) {
                let id = pack.add(ObjectKind::Blob, content).unwrap();
                repo.write("content", content);
                assert_eq!(repo.git(&["hash-object", "content"]).trim(), id.to_string());
            }
            assert_eq!((pack.len(), pack.bytes()), (3, 100_010));
            pack.finish().unwrap();
            repo.git(&["index-pack", "--fsck-objects", "new.pack"]);
        }
    }

    #[test]
    fn nothing_is_written_where_the_pack_is_only_thought_of() {
        let mut pack = NewPack::imagined(ObjectFormat::Sha1);
        let id = pack.add(ObjectKind::Blob, b"").unwrap();
        assert_eq!(id.to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        pack.finish().unwrap();
    }
}
