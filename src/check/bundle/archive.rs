//! An archive: files in the ustar form of tar (POSIX.1-1988), packed with zstd.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Bytes of a block.
const BLOCK: usize = 512;
/// The longest name of the field for it; longer ones are cut at a folder.
const NAME: usize = 100;
const PREFIX: usize = 155;

/// All files in an archive, made at a second of Unix time.
pub(super) fn packed(files: &[(String, Vec<u8>)], time: u64) -> Vec<u8> {
    compress_to_vec(&*tar(files, time), CompressionLevel::Fastest)
}

fn tar(files: &[(String, Vec<u8>)], time: u64) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in files {
        archive.extend_from_slice(&header(name, bytes.len(), time));
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end it.
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

fn header(name: &str, length: usize, time: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let (prefix, name) = split(name);
    put(&mut block, 0, name.as_bytes());
    put(&mut block, 100, b"0000600\0");
    put(&mut block, 108, b"0000000\0");
    put(&mut block, 116, b"0000000\0");
    put(&mut block, 124, format!("{length:011o}\0").as_bytes());
    put(&mut block, 136, format!("{time:011o}\0").as_bytes());
    // The checksum is made with blanks in its place.
    put(&mut block, 148, b"        ");
    put(&mut block, 156, b"0");
    put(&mut block, 257, b"ustar\x0000");
    put(&mut block, 345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A name in two parts where it is too long for one.
fn split(name: &str) -> (&str, &str) {
    if name.len() <= NAME {
        return ("", name);
    }
    let fits = |&(at, _): &(usize, &str)| at <= PREFIX && name.len() - at - 1 <= NAME;
    let found =
        name.match_indices('/').find(fits).and_then(|(at, _)| Some((name.get(..at)?, name.get(at + 1..)?)));
    found.unwrap_or_else(|| ("", name.get(name.len() - NAME..).unwrap_or(name)))
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    if let Some(field) = block.get_mut(at..at + bytes.len()) {
        field.copy_from_slice(bytes);
    }
}
