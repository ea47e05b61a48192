//! A rebuilt container: the same members with some of them edited, packed again as they were.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::{Kind, kind};

/// No member is unpacked beyond this.
const MAX_BYTES: u64 = 256 << 20;
/// A header before a member of a zip archive, without its names (APPNOTE.TXT 4.3.7).
const LOCAL: usize = 30;
/// A header in the central directory, without its names (4.3.12).
const CENTRAL: usize = 46;
/// The end record, without the comment that may follow it (4.3.16).
const END: usize = 22;

/// How to edit.
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
pub struct Editor<'a> {
    /// The new content of a member; `None` where it stays.
    pub content: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
    /// The new name of a member; `None` where it stays.
    pub name: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

/// The container with edited members; `None` where it is of a kind that cannot be packed again, or damaged.
#[must_use]
pub fn rebuilt(bytes: &[u8], editor: &Editor<'_>) -> Option<Vec<u8>> {
    match kind(bytes)? {
        Kind::Gzip => gzip(bytes, editor),
        Kind::Zip => zip(bytes, editor),
        Kind::Zstd | Kind::Xz | Kind::Tar => None,
    }
}

/// RFC 1952: the header stays if it needs no edit, all members become one.
fn gzip(bytes: &[u8], editor: &Editor<'_>) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::bufread::MultiGzDecoder::new(bytes).take(MAX_BYTES).read_to_end(&mut plain).ok()?;
    if plain.len() as u64 >= MAX_BYTES {
        return None;
    }
    let header = bytes.get(..gzip_header(bytes)?)?;
    let plain = (editor.content)(&plain).unwrap_or(plain);
    let mut out = match (editor.name)(header) {
        None => header.to_vec(),
        // Without the name and comment that were to be edited, and without the flags that announce them.
        Some(_) => [&header[..3], &[0], header.get(4..10)?].concat(),
    };
    out.extend(deflated(&plain)?);
    out.extend(crc32fast::hash(&plain).to_le_bytes());
    // The length counts modulo 2^32.
    out.extend((plain.len() as u32).to_le_bytes());
    Some(out)
}

/// Length of the header with its optional fields.
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + number(bytes, at, 2)?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += bytes.get(at..)?.iter().position(|&byte| byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= bytes.len()).then_some(at)
}

fn zip(bytes: &[u8], editor: &Editor<'_>) -> Option<Vec<u8>> {
    let tail = bytes.len().saturating_sub(END + usize::from(u16::MAX));
    let end = tail + memchr::memmem::rfind(bytes.get(tail..)?, b"PK\x05\x06")?;
    let mut at = number(bytes, end + 16, 4)?;
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    while bytes.get(at..)?.starts_with(b"PK\x01\x02") {
        let central = bytes.get(at..at + CENTRAL)?;
        let lengths = (number(central, 28, 2)?, number(central, 30, 2)?, number(central, 32, 2)?);
        let next = at + CENTRAL + lengths.0 + lengths.1 + lengths.2;
        let name = bytes.get(at + CENTRAL..at + CENTRAL + lengths.0)?;
        let rest = bytes.get(at + CENTRAL + lengths.0..next)?;
        let member = Member { bytes, central, name, rest };
        let offset = u32::try_from(out.len()).ok()?;
        let (local, central) = member.edited(editor, offset)?;
        out.extend(local);
        directory.extend(central);
        at = next;
    }
    let start = u32::try_from(out.len()).ok()?;
    let size = u32::try_from(directory.len()).ok()?;
    out.extend(directory);
    out.extend_from_slice(bytes.get(end..end + 12)?);
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    let comment = bytes.get(end + END..)?;
    let comment = (editor.name)(comment).unwrap_or_else(|| comment.to_vec());
    out.extend(u16::try_from(comment.len()).ok()?.to_le_bytes());
    out.extend(comment);
    Some(out)
}

/// One member of a zip archive.
struct Member<'a> {
    bytes: &'a [u8],
    /// Its fixed header in the directory.
    central: &'a [u8],
    name: &'a [u8],
    /// Extra fields and comment in the directory.
    rest: &'a [u8],
}

impl Member<'_> {
    /// Its bytes with the header before them, and its entry in the directory; `None` for what is encrypted, needs 64 bits
    /// or is packed in another way.
    fn edited(&self, editor: &Editor<'_>, new_offset: u32) -> Option<(Vec<u8>, Vec<u8>)> {
        let (flags, method) = (number(self.central, 8, 2)?, number(self.central, 10, 2)?);
        let (size, offset) = (number(self.central, 20, 4)?, number(self.central, 42, 4)?);
        if size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF || number(self.central, 24, 4)? == 0xFFFF_FFFF {
            return None;
        }
        let local = self.bytes.get(offset..offset.checked_add(LOCAL)?)?;
        let (name_length, extra_length) = (number(local, 26, 2)?, number(local, 28, 2)?);
        let extra = self.bytes.get(offset + LOCAL + name_length..)?.get(..extra_length)?;
        let start = offset + LOCAL + name_length + extra_length;
        let packed = self.bytes.get(start..start.checked_add(size)?)?;
        let numbers = self.packed_again(editor, packed, (flags, method))?;
        let name = (editor.name)(self.name).unwrap_or_else(|| self.name.to_vec());
        let name_length = u16::try_from(name.len()).ok()?.to_le_bytes();
        // The sizes are known now, so that none follow the member.
        let flags = ((flags & !8) as u16).to_le_bytes();
        let fields = [&flags[..], local.get(8..14)?, &numbers.fields, &name_length].concat();
        let local = [local.get(..6)?, &fields, local.get(28..30)?, &name, extra, &numbers.packed].concat();
        let central = [
            self.central.get(..8)?,
            &fields,
            self.central.get(30..42)?,
            &new_offset.to_le_bytes(),
            &name,
            self.rest,
        ];
        Some((local, central.concat()))
    }

    fn packed_again(
        &self,
        editor: &Editor<'_>,
        packed: &[u8],
        (flags, method): (usize, usize),
    ) -> Option<Numbers> {
        let unchanged =
            || Some(Numbers { fields: self.central.get(16..28)?.to_vec(), packed: packed.to_vec() });
        let plain = match method {
            0 if flags & 1 == 0 => packed.to_vec(),
            8 if flags & 1 == 0 => {
                let mut plain = Vec::new();
                let decoder = flate2::bufread::DeflateDecoder::new(packed);
                decoder.take(MAX_BYTES).read_to_end(&mut plain).ok()?;
                plain
            }
            _ => return unchanged(),
        };
        if plain.len() as u64 >= MAX_BYTES {
            return None;
        }
        let Some(new) = (editor.content)(&plain) else { return unchanged() };
        let packed = if method == 0 { new.clone() } else { deflated(&new)? };
        let sizes =
            [crc32fast::hash(&new), u32::try_from(packed.len()).ok()?, u32::try_from(new.len()).ok()?];
        Some(Numbers { fields: sizes.iter().flat_map(|size| size.to_le_bytes()).collect(), packed })
    }
}

/// A packed member with its checksum and sizes, as headers have them.
struct Numbers {
    fields: Vec<u8>,
    packed: Vec<u8>,
}

fn deflated(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// A number of `length` bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    let value = bytes.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, each};
    use super::*;

    fn upper(bytes: &[u8]) -> Option<Vec<u8>> {
        bytes.windows(6).any(|part| part == b"secret").then(|| bytes.to_ascii_uppercase())
    }

    fn unpacked(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let troubles = each(bytes, Limits::default(), &mut |member| {
            found.push((member.name.to_vec(), member.bytes.to_vec()));
        });
        assert!(troubles.is_empty());
        found
    }

    #[test]
    fn what_other_programs_packed_is_edited_and_they_read_it_again() {
        let directory = tempfile::tempdir().unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let mut command = std::process::Command::new(program);
            let output = command.args(arguments).current_dir(directory.path()).output().ok()?;
            assert!(output.status.success(), "{program} {arguments:?}");
            Some(output)
        };
        let text = "a secret and more\n".repeat(40);
        std::fs::write(directory.path().join("one"), &text).unwrap();
        std::fs::write(directory.path().join("secret-name"), "nothing").unwrap();
        let editor = Editor { content: &upper, name: &upper };
        run("gzip", &["-k", "one"]).unwrap();
        let clean = rebuilt(&std::fs::read(directory.path().join("one.gz")).unwrap(), &editor).unwrap();
        assert_eq!(unpacked(&clean), [(Vec::new(), text.to_ascii_uppercase().into_bytes())]);
        std::fs::write(directory.path().join("clean.gz"), &clean).unwrap();
        run("gzip", &["-t", "clean.gz"]).unwrap();
        let python = "import zipfile as z; a = z.ZipFile('all.zip', 'w', z.ZIP_DEFLATED); a.write('one'); \
                      a.write('secret-name', compress_type=z.ZIP_STORED); a.close()";
        if run("python3", &["-c", python]).is_none() {
            return;
        }
        let packed = std::fs::read(directory.path().join("all.zip")).unwrap();
        let clean = rebuilt(&packed, &editor).unwrap();
        let expected = [
            (b"one".to_vec(), text.to_ascii_uppercase().into_bytes()),
            (b"SECRET-NAME".to_vec(), b"nothing".to_vec()),
        ];
        assert_eq!(unpacked(&clean), expected);
        std::fs::write(directory.path().join("clean.zip"), &clean).unwrap();
        run("python3", &["-m", "zipfile", "-t", "clean.zip"]).unwrap();
        let same = Editor { content: &|_| None, name: &|_| None };
        assert_eq!(unpacked(&rebuilt(&packed, &same).unwrap()), unpacked(&packed));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(kind in 0usize..2, tail: Vec<u8>, at in 0usize..60, byte: u8) {
            let magic: [&[u8]; 2] = [&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0], b"PK\x03\x04"];
            let editor = Editor { content: &upper, name: &upper };
            let end = [&b"PK\x05\x06"[..], &[0; 18]].concat();
            let mut bytes = [magic[kind], &tail, b"PK\x01\x02", &[0; 42], &end].concat();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = rebuilt(&bytes, &editor);
        }
    }
}
