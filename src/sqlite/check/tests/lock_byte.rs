//! The lock-byte page of databases of more than 1 GiB: it belongs to SQLite, and a pointer map steps aside for it.
#![cfg(unix)]

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::*;
use crate::sqlite::fixture::{read_rows, sparse};
use crate::sqlite::recover::{Options, WalUse, recover};

/// Which pages SQLite keeps for itself, of those beside the lock-byte page.
fn kept(files: &Files, lock: u32) -> Vec<u32> {
    let uses = pages(files);
    let is_kept = |page: &u32| uses[*page as usize - 1].owner.as_deref() == Some("SQLite itself");
    assert!(uses.iter().all(|page| page.owner.is_some() && !page.is_damaged));
    (lock - 2..=lock + 2).filter(is_kept).collect()
}

#[track_caller]
fn assert_sound(path: &Path, lock: u32, own: &[u32], sample: &Sample) {
    let files = Files::open(path).unwrap();
    assert_eq!(found(&files), [""; 0]);
    assert_eq!(kept(&files, lock), own);
    let target = path.with_extension("new");
    recover(&files, &Options { target: target.clone(), schema: None, log: WalUse::Auto }).unwrap();
    let connection = rusqlite::Connection::open(target).unwrap();
    let mut rows = read_rows(&connection).unwrap();
    assert!(rows.remove("kbsec_quarantine").is_some_and(|rows| rows.is_empty()));
    assert!(rows == sample.rows);
}

/// The list of free pages must not name it: SQLite refuses such a list.
#[track_caller]
fn assert_not_free(path: &Path, lock: u32) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut first = [0; 4];
    file.read_exact_at(&mut first, 32).unwrap();
    let size = (1 << 30) / u64::from(lock - 1);
    let trunk = u64::from(u32::from_be_bytes(first) - 1) * size;
    file.write_all_at(&lock.to_be_bytes(), trunk + 8).unwrap();
    let found = found(&Files::open(path).unwrap());
    assert!(found.iter().any(|found| found.starts_with("sqlite/freelist")), "{found:?}");
}

#[test]
fn the_lock_byte_page_is_nobody_s() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let sample = sparse::write(&path).unwrap();
    let lock = sparse::LOCK_BYTE_PAGE;
    assert_sound(&path, lock, &[lock], &sample);
    assert_not_free(&path, lock);
}

/// A million pages: `cargo test --release --lib steps_aside -- --ignored`.
#[test]
#[ignore = "takes half a minute without optimisation"]
fn a_pointer_map_steps_aside_for_the_lock_byte_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let sample = sparse::write_with_maps(&path).unwrap();
    let lock = sparse::LOCK_BYTE_PAGE_OF_MAP;
    let connection = rusqlite::Connection::open(&path).unwrap();
    let told: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(told, "ok");
    drop(connection);
    assert_sound(&path, lock, &[lock, lock + 1], &sample);
    assert_not_free(&path, lock);
}
