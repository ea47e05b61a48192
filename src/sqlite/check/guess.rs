//! A guess at what a file is that does not begin like a database.

use crate::sqlite::evidence::Evidence;
use crate::sqlite::header::MAGIC;
use crate::sqlite::sidecar::JOURNAL_MAGIC;

/// Beginnings of files that people mistake for databases.
const KNOWN: [(&[u8], &str); 22] = [
    (b"\x1f\x8b", "gzip; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd; unpack it first"),
    (b"\xfd7zXZ\0", "xz; unpack it first"),
    (b"BZh", "bzip2; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"\x37\x7f\x06\x82", "a write-ahead log, which belongs beside its database as FILE-wal"),
    (b"\x37\x7f\x06\x83", "a write-ahead log, which belongs beside its database as FILE-wal"),
    (&JOURNAL_MAGIC, "a rollback journal, which belongs beside its database as FILE-journal"),
    (b"** This file contains an SQLite 2", "a database of SQLite 2, which SQLite 3 cannot read"),
    (b"version https://git-lfs", "a pointer of git LFS; `git lfs pull` brings the file"),
    (b"<!doctype", "a web page, perhaps an error that was saved instead of the file"),
    (b"<html", "a web page, perhaps an error that was saved instead of the file"),
    (b"<?xml", "XML, perhaps an error that was saved instead of the file"),
    (b"create ", "SQL text; `sqlite3 NEW.db < FILE` makes a database of it"),
    (b"pragma ", "SQL text; `sqlite3 NEW.db < FILE` makes a database of it"),
    (b"begin transaction", "SQL text; `sqlite3 NEW.db < FILE` makes a database of it"),
];

/// Bytes of a part whose randomness is measured.
const PART: usize = 4096;
/// How many parts are looked at.
const PARTS: u64 = 64;
/// Bits of information in each byte of a random part, at least. Text has about 5, records of databases up to 7.
const RANDOM: f64 = 7.8;

/// What the file may be, as a clause; `start` is how it begins.
pub(super) fn guess(file: &Evidence, start: &[u8]) -> String {
    if let Some(what) = known(start) {
        return format!("it looks like {what}");
    }
    let right = start.iter().zip(MAGIC).filter(|(one, other)| one == other).count();
    if right >= MAGIC.len() / 2 {
        return "its first 16 bytes are damaged; `kbsec sqlite recover` reads it all the same".to_owned();
    }
    let parts = parts(file);
    let is_zero = |part: &Vec<u8>| part.iter().all(|byte| *byte == 0);
    if parts.iter().all(is_zero) {
        return "it is nothing but zeros, or almost: it was never written, or lost in a crash or on a full disk"
            .to_owned();
    }
    if start.iter().all(|byte| *byte == 0) {
        return "its header is nothing but zeros; `kbsec sqlite recover` may still find its tables"
            .to_owned();
    }
    let random = parts.iter().filter(|part| part.len() == PART && bits(part) >= RANDOM).count();
    if random > 0 && random == parts.iter().filter(|part| part.len() == PART).count() {
        return encrypted(file.len());
    }
    if random > 0 && parts.first().is_some_and(|part| bits(part) >= RANDOM) {
        return "it begins with random bytes, and other parts of it are not random: it was overwritten in part; \
                `kbsec sqlite recover` may still find tables"
            .to_owned();
    }
    "it does not begin like a database".to_owned()
}

/// A format that is known by its beginning.
pub(super) fn known(start: &[u8]) -> Option<&'static str> {
    let mark = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins = |begin: &[u8]| mark.get(..begin.len()).is_some_and(|mark| mark.eq_ignore_ascii_case(begin));
    if let Some((_, what)) = KNOWN.iter().find(|(begin, _)| begins(begin)) {
        return Some(what);
    }
    if start.get(8..12) == Some(b"DUCK") {
        return Some("a DuckDB database, which is not SQLite");
    }
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    if mark.is_empty()
        || !mark.iter().all(is_text)
        || mark.iter().filter(|byte| **byte >= 0x80).count() > mark.len() / 4
    {
        return None;
    }
    Some(match mark.first() {
        Some(b'{' | b'[') => "JSON text, perhaps an answer of a server that was saved instead of the file",
        _ => "plain text, perhaps an error message that was saved instead of the file",
    })
}

/// What is random everywhere.
fn encrypted(length: u64) -> String {
    let page = (9..=16).rev().map(|bits| 1_u64 << bits).find(|size| length.is_multiple_of(*size));
    match page {
        Some(page) => format!(
            "all of it is random: it is encrypted, or overwritten with random bytes. Its length is a multiple of \
             {page}, as that of a database encrypted by SQLCipher or SEE: open it with the key of its program, for \
             instance `sqlcipher FILE` and then `PRAGMA key = '…'; PRAGMA cipher_integrity_check`. Without the key \
             nothing of it can be read"
        ),
        None => "all of it is random, and its length fits no page size: it is encrypted or packed as a file, as by \
                 gpg, age or openssl; undo that first"
            .to_owned(),
    }
}

/// Parts from everywhere in the file, the first one first.
fn parts(file: &Evidence) -> Vec<Vec<u8>> {
    let all = file.len().div_ceil(PART as u64).max(1);
    let step = all.div_ceil(PARTS);
    let read = |number: u64| {
        let mut part = vec![0; PART];
        let count = file.read_at(number * step * PART as u64, &mut part).unwrap_or(0);
        part.truncate(count);
        part
    };
    (0..all.div_ceil(step)).map(read).collect()
}

/// Bits of information in each byte.
fn bits(part: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    part.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let share = |count: &u32| f64::from(*count) / part.len().max(1) as f64;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: Vec<u8>) -> String {
        let start = bytes[..bytes.len().min(100)].to_vec();
        guess(&Evidence::of_bytes("a", bytes), &start)
    }

    fn random(length: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn formats_are_named() {
        for (bytes, name) in [
            (&b"PK\x03\x04"[..], "zip"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"\n<!DOCTYPE html><title>502</title>", "a web page"),
            (b"{\"error\":\"not found\"}", "JSON"),
            (b"Not Found", "plain text"),
            (b"version https://git-lfs.github.com/spec/v1", "git LFS"),
            (b"\x37\x7f\x06\x82\0\x2d\xe2\x18", "write-ahead log"),
            (b"PRAGMA foreign_keys=OFF;", "SQL"),
            (b"12345678DUCK\x40\0", "DuckDB"),
        ] {
            assert!(known(bytes).is_some_and(|what| what.contains(name)), "{name}");
        }
        assert_eq!(known(b"\x01\x02 binary"), None);
        assert_eq!(known(&[0; 50]), None);
    }

    #[test]
    fn random_zeroed_and_half_overwritten_files_are_told_apart() {
        assert!(told(random(65536)).contains("a multiple of 65536"));
        assert!(told(random(65536 + 4096)).contains("a multiple of 4096"));
        assert!(told(random(65536 + 77)).contains("fits no page size"));
        assert!(told(vec![0; 20000]).contains("nothing but zeros"));
        let rest: Vec<u8> = b"a row of a table with some text ".repeat(500);
        assert!(told([random(8192), rest.clone()].concat()).contains("overwritten in part"));
        assert!(told([vec![0; 4096], rest].concat()).contains("its header is nothing but zeros"));
    }
}
