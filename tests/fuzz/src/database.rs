//! What must hold for any bytes that are taken for a database, or for the files beside one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kbsec::finding::Severity;
use kbsec::sqlite::btree::BtreePage;
use kbsec::sqlite::check;
use kbsec::sqlite::evidence::Evidence;
use kbsec::sqlite::files::Files;
use kbsec::sqlite::header::{Geometry, Header};
use kbsec::sqlite::record::{Record, Value};
use kbsec::sqlite::recover::{self, Options, RecoverError, WalUse, fuzzing};
use kbsec::sqlite::wal::{FrameState, Wal};
use rusqlite::{Connection, MAIN_DB};

/// Bytes of a file that is given to SQLite at most.
const LARGEST: usize = 256 << 10;

/// The first bytes of a file.
pub fn database_header(data: &[u8]) {
    let header = Header::new(data);
    assert_eq!(header.has_magic(), data.len() >= 16 && data.starts_with(b"SQLite format 3\0"));
    let _ = (header.page_count_counts(), header.encoding().name(), header.expansion());
    let Some(geometry) = header.geometry() else { return };
    assert!((480..=65536).contains(&geometry.usable()));
    let rest = data.get(100..).unwrap_or_default();
    for total in rest.chunks_exact(4).map(|part| u64::from(word(part, 0))) {
        for index in [false, true] {
            assert_eq!(geometry.local(total, index), local(geometry, total, index));
        }
    }
    let map = geometry.pointer_map_of(word(rest, 0).max(2));
    assert!(map >= 2 && map != geometry.lock_page());
}

/// Bytes of a payload on its page, in the words of section 1.6.
fn local(geometry: Geometry, total: u64, index: bool) -> usize {
    let (p, u) = (total as usize, geometry.usable());
    let x = if index { ((u - 12) * 64 / 255) - 23 } else { u - 35 };
    let m = ((u - 12) * 32 / 255) - 23;
    if p <= x {
        return p;
    }
    let k = m + ((p - m) % (u - 4));
    if k <= x { k } else { m }
}

/// A page: the first byte tells its size and whether it is page 1, the second one what is reserved.
pub fn btree_page(data: &[u8]) {
    let [first, reserved, bytes @ ..] = data else { return };
    let (size, number) = (512 << (first % 8), 1 + u32::from(first >> 7));
    let Some(geometry) = Geometry::new(size, *reserved) else { return };
    let mut page = bytes.to_vec();
    page.resize(size as usize, 0);
    let Ok(parsed) = BtreePage::parse(&page, number, geometry) else { return };
    assert_eq!(parsed.right_child().is_none(), parsed.kind().is_leaf());
    let _ = (parsed.content_start(), parsed.first_freeblock(), parsed.fragments());
    assert_eq!(parsed.iter().count(), parsed.cells());
    for cell in parsed.iter().flatten() {
        assert!(cell.offset >= parsed.pointers_end() && cell.offset + cell.size <= geometry.usable());
        assert_eq!(cell.child.is_none(), parsed.kind().is_leaf());
        assert_eq!(cell.rowid.is_some(), parsed.kind().is_table());
        let Some(payload) = cell.payload else { continue };
        assert_eq!(payload.local.len(), local(geometry, payload.total, !parsed.kind().is_table()));
        assert_eq!(payload.overflow.is_none(), payload.local.len() as u64 == payload.total);
    }
}

/// A record, compared with what a slow reader makes of it.
pub fn record(data: &[u8]) {
    let parsed = Record::parse(data).ok();
    let told = parsed.filter(|record| record.check().is_ok()).map(|record| {
        assert!(record.values().all(|value| value.is_ok()));
        record.values().flatten().map(|value| spelled(&value)).collect::<Vec<_>>()
    });
    assert_eq!(told, slow_record(data));
    if let Some(record) = parsed {
        assert!(record.values().count() <= record.len().max(1) && record.len() <= data.len());
    }
}

fn spelled(value: &Value<'_>) -> String {
    match value {
        Value::Real(real) => format!("real {:x}", real.to_bits()),
        value => format!("{value:?}"),
    }
}

/// The values of a record, by section 2.1; `None` unless they take all of its bytes.
fn slow_record(data: &[u8]) -> Option<Vec<String>> {
    let (length, mut at) = number(data, 0)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= data.len() && *length >= at)?;
    let (header, mut body) = data.split_at(length);
    let mut values = Vec::new();
    while at < length {
        let (kind, next) = number(header, at)?;
        at = next;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        let (own, rest) = body.split_at_checked(usize::try_from(size).ok()?)?;
        body = rest;
        let integer = || {
            let negative = own.first().is_some_and(|byte| *byte > 127);
            let mut wide = [if negative { 255 } else { 0 }; 8];
            wide[8 - own.len()..].copy_from_slice(own);
            i64::from_be_bytes(wide)
        };
        values.push(spelled(&match kind {
            0 => Value::Null,
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            1..=6 => Value::Integer(integer()),
            7 => Value::Real(f64::from_bits(integer().cast_unsigned())),
            _ if kind % 2 == 0 => Value::Blob(own),
            _ => Value::Text(own),
        }));
    }
    body.is_empty().then_some(values)
}

/// A varint, and where it ends.
fn number(data: &[u8], start: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for step in 0..9 {
        let byte = *data.get(start + step)?;
        if step == 8 {
            return Some((value << 8 | u64::from(byte), start + 9));
        }
        value = value << 7 | u64::from(byte & 127);
        if byte < 128 {
            return Some((value, start + step + 1));
        }
    }
    None
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |part| u32::from_be_bytes([part[0], part[1], part[2], part[3]]))
}

/// The checksum of a log, by section 4.2; the lowest bit of its magic number tells the order of bytes.
pub(crate) fn log_checksum(seed: (u32, u32), bytes: &[u8], magic: u32) -> (u32, u32) {
    let (mut s0, mut s1) = seed;
    let word = |at| if magic & 1 == 1 { word(bytes, at) } else { word(bytes, at).swap_bytes() };
    for at in (0..bytes.len()).step_by(8) {
        s0 = s0.wrapping_add(word(at)).wrapping_add(s1);
        s1 = s1.wrapping_add(word(at + 4)).wrapping_add(s0);
    }
    (s0, s1)
}

/// Writes the checksums of the header and of the frames whose bits are set, so that a fuzzer need not guess them.
pub(crate) fn mend_log(log: &mut [u8], page_size: usize, frames: u8) {
    let magic = word(log, 0);
    let put = |log: &mut [u8], at: usize, sum: (u32, u32)| {
        log[at..at + 4].copy_from_slice(&sum.0.to_be_bytes());
        log[at + 4..at + 8].copy_from_slice(&sum.1.to_be_bytes());
    };
    if log.len() < 32 || frames == 0 {
        return;
    }
    let mut sum = log_checksum((0, 0), &log[..24], magic);
    put(log, 24, sum);
    for number in 0..8 {
        let start = 32 + number * (24 + page_size);
        if log.len() < start + 24 + page_size {
            return;
        }
        if frames >> number & 1 == 1 {
            sum = log_checksum(sum, &log[start..start + 8], magic);
            sum = log_checksum(sum, &log[start + 24..start + 24 + page_size], magic);
            put(log, start + 16, sum);
        }
        sum = (word(log, start + 16), word(log, start + 20));
    }
}

/// A write-ahead log of pages of 512 bytes; the first byte tells which checksums are mended.
pub fn write_ahead_log(data: &[u8]) {
    let Some((&mended, log)) = data.split_first() else { return };
    let mut log = log.to_vec();
    mend_log(&mut log, 512, mended);
    let length = log.len() as u64;
    let Ok(wal) = Wal::read(&Evidence::of_bytes("a-wal", log.clone()), 512) else {
        panic!("it is in memory")
    };
    assert!(wal.frames.iter().all(|frame| frame.content() + u64::from(wal.page_size) <= length));
    let chained = wal.frames.iter().take_while(|frame| frame.state == FrameState::Chained).count();
    assert!(wal.frames[chained..].iter().all(|frame| frame.state != FrameState::Chained));
    let (seen, all) = (wal.chained(), wal.resynchronised());
    assert_eq!(
        seen.as_ref().map(|seen| (seen.pages, &seen.frames)),
        slow_log(&log).as_ref().map(|(pages, frames)| (*pages, frames))
    );
    assert!(seen.as_ref().map(|seen| seen.commits) <= all.as_ref().map(|all| all.commits));
    for overlay in [seen, all].into_iter().flatten() {
        assert!(overlay.frames.keys().all(|page| (1..=overlay.pages).contains(page)));
    }
    assert!(wal.stale_pages().is_sorted());
}

/// The pages that SQLite takes from a log: how many the database has, and where each begins.
fn slow_log(log: &[u8]) -> Option<(u32, HashMap<u32, u64>)> {
    let magic = word(log, 0);
    let size = match word(log, 8) {
        1 => 65536,
        size => size as usize,
    };
    let header = log.get(..32)?;
    let sum = log_checksum((0, 0), &header[..24], magic);
    let sane = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536].contains(&size);
    if magic & !1 != 0x377f_0682
        || word(log, 4) != 3_007_000
        || !sane
        || sum != (word(log, 24), word(log, 28))
    {
        return None;
    }
    let (mut sum, mut pending, mut shown) = (sum, HashMap::new(), None);
    let mut start = 32;
    while let Some(frame) = log.get(start..start + 24 + size) {
        sum = log_checksum(log_checksum(sum, &frame[..8], magic), &frame[24..], magic);
        if word(frame, 0) == 0 || frame[8..16] != header[16..24] || sum != (word(frame, 16), word(frame, 20))
        {
            break;
        }
        pending.insert(word(frame, 0), start as u64 + 24);
        let pages = word(frame, 4);
        if pages != 0 {
            let mut frames = pending.clone();
            frames.retain(|page, _| *page <= pages);
            shown = Some((pages, frames));
        }
        start += 24 + size;
    }
    shown
}

/// A rollback journal of pages of 512 bytes.
pub fn rollback_journal(data: &[u8]) {
    let Some(journal) = fuzzing::journal(data, 512) else { return };
    assert!(!journal.pages.is_empty());
    for (page, start) in journal.pages {
        assert!((1..=journal.count).contains(&page));
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        assert_eq!(word(data, start - 4), page);
        assert!(start + 512 + 4 <= data.len());
    }
}

/// A database, and in front of it a file that stands beside it: the first byte tells whether it is a log (1) or a journal
/// (2), the next one which checksums of the log are mended, then come two bytes with its length in units of 8 bytes.
pub fn database(data: &[u8]) {
    let [kind, mended, high, low, rest @ ..] = data else { return };
    if rest.len() > LARGEST {
        return;
    }
    let length = 8 * usize::from(u16::from_be_bytes([*high, *low]));
    let (beside, main) = rest.split_at(length.min(rest.len()));
    let mut beside = beside.to_vec();
    let page_size = Header::new(main).geometry().map_or(4096, |geometry| geometry.page_size);
    mend_log(&mut beside, page_size as usize, *mended);
    let file = |name: &str, bytes: &[u8]| Arc::new(Evidence::of_bytes(name, bytes));
    let files = Files {
        database: file("a.db", main),
        log: (*kind == 1).then(|| file("a.db-wal", &beside)),
        journal: (*kind == 2).then(|| file("a.db-journal", &beside)),
    };
    let outcome = check::check(&files, Path::new("a.db"));
    let is_silent = !outcome.findings.iter().any(|finding| finding.severity() > Severity::Low);
    if files.log.is_none() && is_silent {
        assert_eq!(verdict(main), "ok", "and kbsec says nothing");
    }
    let _ = check::pages(&files);
    recovered(&files);
}

/// What SQLite says of a copy.
fn verdict(main: &[u8]) -> String {
    let mut copy = main.to_vec();
    // A database in memory cannot have a log.
    if copy.get(18..20) == Some(&[2, 2]) {
        copy[18..20].fill(1);
    }
    let ask = || -> rusqlite::Result<String> {
        let mut connection = Connection::open_in_memory()?;
        if !copy.is_empty() {
            connection.deserialize_read_exact(MAIN_DB, copy.as_slice(), copy.len(), false)?;
        }
        connection.query_row("PRAGMA integrity_check(1)", [], |row| {
            Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned())
        })
    };
    ask().unwrap_or_else(|error| error.to_string())
}

/// A name that nothing has yet.
fn place() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // A file that is never written to a disk.
    let folder = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir());
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    folder.join(format!("kbsec-fuzz-{}-{number}.db", std::process::id()))
}

/// What is recovered makes a database that SQLite has nothing against.
fn recovered(files: &Files) {
    let target = place();
    let options = Options { target: target.clone(), schema: None, log: WalUse::Auto };
    let outcome = recover::recover(files, &options);
    let is_there = target.exists();
    let _ = std::fs::remove_file(&target);
    match outcome {
        Ok(outcome) => {
            assert!(is_there);
            // A schema that refers to what is no key was as wrong before.
            let is_old = |line: &String| line.starts_with("foreign key mismatch");
            assert!(outcome.check.iter().all(is_old), "{:?}", outcome.check);
        }
        Err(RecoverError::NothingFound | RecoverError::Write(_)) => assert!(!is_there),
        Err(error) => panic!("{error}"),
    }
}
