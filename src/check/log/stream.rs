//! A log file as lines: its last part where it is large, unpacked where it is packed, long lines cut.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// What was read of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    /// Whether its beginning (packed: its end) was left out.
    pub(super) is_cut: bool,
}

/// Bytes of a line that are kept.
const LONGEST: u64 = 64 << 10;

/// Calls with every line and its number: from 1, or from the first one that was read of a file that is cut.
pub(super) fn lines(path: &Path, budget: u64, visit: &mut dyn FnMut(u64, &[u8])) -> io::Result<Extent> {
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut start = [0; 2];
    let is_packed = file.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    if is_packed {
        file.seek(SeekFrom::Start(0))?;
        let unpacked = BufReader::new(MultiGzDecoder::new(BufReader::new(file)));
        let mut limited = unpacked.take(budget);
        let bytes = each(&mut limited, visit)?;
        return Ok(Extent { bytes, is_cut: limited.limit() == 0 });
    }
    let skipped = about.len().saturating_sub(budget);
    file.seek(SeekFrom::Start(skipped))?;
    let mut reader = BufReader::with_capacity(128 << 10, file).take(budget);
    if skipped > 0 {
        // The rest of a line that began before.
        skip_line(&mut reader)?;
    }
    Ok(Extent { bytes: each(&mut reader, visit)?, is_cut: skipped > 0 })
}

fn each(reader: &mut impl BufRead, visit: &mut dyn FnMut(u64, &[u8])) -> io::Result<u64> {
    let (mut line, mut number, mut bytes) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(bytes);
        }
        number += 1;
        bytes += read as u64;
        let is_whole = line.ends_with(b"\n");
        while line.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
            line.pop();
        }
        if !line.is_empty() {
            visit(number, &line);
        }
        if !is_whole && read as u64 == LONGEST {
            bytes += skip_line(reader)?;
        }
    }
}

/// Passes over the rest of a line without keeping it.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let end = memchr::memchr(b'\n', buffer);
        let length = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(length);
        skipped += length as u64;
        if end.is_some() {
            return Ok(skipped);
        }
    }
}
