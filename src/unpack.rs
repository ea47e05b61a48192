//! An unpacker: what gzip, zip, zstd, xz and tar files hold, also one inside the other, within fixed bounds.

mod rebuild;
mod tar;
mod zip;

pub use rebuild::{Editor, rebuilt};

use std::io::{self, Read};

use crate::finding::Decoding;

/// How much is unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Containers in containers at most.
    pub depth: usize,
    /// Bytes that one input may expand to, all its members together.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 3, bytes: 128 << 20 }
    }
}

/// Bytes that were unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// What they were packed in, outermost first.
    pub layers: &'a [Decoding],
    /// The bytes.
    pub bytes: &'a [u8],
    /// The name that the archive gives them, where it gives one.
    pub name: &'a [u8],
}

/// Why something was not unpacked, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It expands to more than [`Limits::bytes`].
    TooLarge,
    /// More containers in containers than [`Limits::depth`].
    TooDeep,
    /// A member needs a password.
    Encrypted,
    /// A member is packed with a method that is not known.
    UnknownMethod,
    /// It ends early, or has no meaning; what could be unpacked before was.
    Damaged,
}

impl Trouble {
    /// What is wrong, as a short clause.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "a compressed file that expands to more than the limit",
            Self::TooDeep => "an archive inside too many archives",
            Self::Encrypted => "an archive that needs a password",
            Self::UnknownMethod => "an archive with a compression that kbsec does not know",
            Self::Damaged => "a damaged archive, examined up to the damage",
        }
    }
}

/// Whether the bytes look like something that [`each`] takes apart; cheap.
#[must_use]
pub fn is_packed(bytes: &[u8]) -> bool {
    kind(bytes).is_some()
}

/// Hands everything that `bytes` hold to `visit`, outer members before inner ones; what went wrong, each once.
pub fn each(bytes: &[u8], limits: Limits, visit: &mut dyn FnMut(Member<'_>)) -> Vec<Trouble> {
    let mut run = Run { left: limits.bytes, depth: limits.depth, troubles: Vec::new(), visit };
    run.open(bytes, &mut Vec::new());
    run.troubles.sort_unstable();
    run.troubles.dedup();
    run.troubles
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gzip,
    Zip,
    Zstd,
    Xz,
    Tar,
}

/// The kind of container, by its first bytes.
fn kind(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [0x1F, 0x8B, 8, ..] => Some(Kind::Gzip),
        [b'P', b'K', 3, 4, ..] => Some(Kind::Zip),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Kind::Zstd),
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Some(Kind::Xz),
        _ => tar::is_tar(bytes).then_some(Kind::Tar),
    }
}

struct Run<'a> {
    left: u64,
    depth: usize,
    troubles: Vec<Trouble>,
    visit: &'a mut dyn FnMut(Member<'_>),
}

impl Run<'_> {
    /// Takes a container apart.
    fn open(&mut self, bytes: &[u8], layers: &mut Vec<Decoding>) {
        let Some(kind) = kind(bytes) else { return };
        if layers.len() >= self.depth {
            self.troubles.push(Trouble::TooDeep);
            return;
        }
        match kind {
            Kind::Gzip => self.stream(flate2::bufread::MultiGzDecoder::new(bytes), Decoding::Gzip, layers),
            Kind::Zstd => match ruzstd::decoding::StreamingDecoder::new(bytes) {
                Ok(decoder) => self.stream(decoder, Decoding::Zstd, layers),
                Err(_) => self.troubles.push(Trouble::Damaged),
            },
            Kind::Xz => {
                // The dictionary is allocated at once; `xz -9` needs 64 MiB.
                let decoder = lzma_rust2::XzReader::new_mem_limit(bytes, true, 80 << 10);
                self.stream(decoder, Decoding::Xz, layers);
            }
            Kind::Zip => zip::each(bytes, &mut |entry| self.zip_member(entry, layers)),
            // A tar file stores its members as they are: they were examined with it, unless they are packed.
            Kind::Tar => tar::each(bytes, &mut |_, member| self.open(member, layers)),
        }
    }

    fn zip_member(&mut self, entry: Result<zip::Entry<'_>, Trouble>, layers: &mut Vec<Decoding>) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(trouble) => return self.troubles.push(trouble),
        };
        match entry.method {
            _ if entry.encrypted => self.troubles.push(Trouble::Encrypted),
            zip::Method::Stored => {
                // Entries may overlap: these bytes count like unpacked ones.
                let bytes = self.allowed(entry.bytes);
                self.member(bytes, entry.name, Decoding::Zip, layers);
            }
            zip::Method::Deflated => {
                let decoder = flate2::bufread::DeflateDecoder::new(entry.bytes);
                let unpacked = self.read(decoder);
                self.member(&unpacked, entry.name, Decoding::Zip, layers);
            }
            zip::Method::Other => self.troubles.push(Trouble::UnknownMethod),
        }
    }

    fn stream(&mut self, decoder: impl Read, layer: Decoding, layers: &mut Vec<Decoding>) {
        let unpacked = self.read(decoder);
        self.member(&unpacked, b"", layer, layers);
    }

    fn member(&mut self, bytes: &[u8], name: &[u8], layer: Decoding, layers: &mut Vec<Decoding>) {
        layers.push(layer);
        if !bytes.is_empty() || !name.is_empty() {
            (self.visit)(Member { layers, bytes, name });
        }
        self.open(bytes, layers);
        layers.pop();
    }

    /// As many of the bytes as are allowed.
    fn allowed<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let allowed = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if allowed < bytes.len() {
            self.troubles.push(Trouble::TooLarge);
        }
        self.left -= allowed as u64;
        &bytes[..allowed]
    }

    /// Unpacks as much as is allowed and possible.
    fn read(&mut self, decoder: impl Read) -> Vec<u8> {
        let mut unpacked = Vec::new();
        let result = decoder.take(self.left + 1).read_to_end(&mut unpacked);
        let length = unpacked.len() as u64;
        if length > self.left {
            self.troubles.push(Trouble::TooLarge);
            unpacked.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        } else if let Err(error) = result {
            let too_large = error.kind() == io::ErrorKind::OutOfMemory;
            self.troubles.push(if too_large { Trouble::TooLarge } else { Trouble::Damaged });
        }
        self.left = self.left.saturating_sub(length);
        unpacked
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    type Copied = (Vec<Decoding>, Vec<u8>);

    fn unpack(bytes: &[u8], limits: Limits) -> (Vec<Copied>, Vec<Trouble>) {
        let mut found = Vec::new();
        let troubles =
            each(bytes, limits, &mut |member| found.push((member.layers.to_vec(), member.bytes.to_vec())));
        (found, troubles)
    }

    #[test]
    fn containers_in_containers_are_opened_to_the_limit() {
        let text = b"some text".to_vec();
        let nested = gzip(&gzip(&gzip(&gzip(&text))));
        let (found, troubles) = unpack(&nested, Limits::default());
        assert_eq!((found.len(), troubles), (3, vec![Trouble::TooDeep]));
        let (found, troubles) = unpack(&gzip(&gzip(&text)), Limits::default());
        assert_eq!(found[1], (vec![Decoding::Gzip, Decoding::Gzip], text));
        assert!(troubles.is_empty());
    }

    #[test]
    fn a_bomb_is_given_up_and_a_damaged_file_examined_as_far_as_it_goes() {
        let limits = Limits { bytes: 1000, ..Limits::default() };
        let (found, troubles) = unpack(&gzip(&[b'x'; 5000]), limits);
        assert_eq!((found[0].1.len(), troubles), (1000, vec![Trouble::TooLarge]));
        let mut cut = gzip(&b"0123456789".repeat(5000));
        cut.truncate(cut.len() - 12);
        let (found, troubles) = unpack(&cut, Limits::default());
        assert_eq!(troubles, [Trouble::Damaged]);
        assert!(!found.is_empty());
    }

    /// What the programs `xz`, `zstd` and `zip` make of the text, where they are installed.
    #[test]
    fn files_of_the_usual_programs_are_unpacked() {
        let directory = tempfile::tempdir().unwrap();
        let text = b"the quick brown fox\n".repeat(500);
        for (program, arguments, layer) in [
            ("xz", &["-9", "-k", "file"][..], Decoding::Xz),
            ("zstd", &["-q", "file", "-o", "file.zstd"], Decoding::Zstd),
            ("gzip", &["-k", "file"], Decoding::Gzip),
            ("zip", &["-q", "file.zip", "file"], Decoding::Zip),
        ] {
            std::fs::write(directory.path().join("file"), &text).unwrap();
            let mut command = std::process::Command::new(program);
            let Ok(status) = command.args(arguments).current_dir(directory.path()).status() else { continue };
            assert!(status.success());
            let mut made = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
            let made = made.find(|path| !path.ends_with("file")).unwrap();
            let (found, troubles) = unpack(&std::fs::read(&made).unwrap(), Limits::default());
            assert_eq!((found, troubles), (vec![(vec![layer], text.clone())], vec![]), "{program}");
            std::fs::remove_file(made).unwrap();
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(kind in 0usize..5, tail: Vec<u8>, flip in 0usize..200) {
            let magic: [&[u8]; 5] =
                [&[0x1F, 0x8B, 8, 0], b"PK\x03\x04", &[0x28, 0xB5, 0x2F, 0xFD], b"\xFD7zXZ\0", b""];
            unpack(&[magic[kind], &tail].concat(), Limits { depth: 3, bytes: 1 << 20 });
            let mut packed = gzip(&tail);
            let at = flip % packed.len();
            packed[at] ^= 1 << (flip % 8);
            unpack(&packed, Limits { depth: 3, bytes: 1 << 20 });
        }
    }
}
