//! Claims: logs and journals that say a small database had millions of pages.

use std::time::{Duration, Instant};

use super::*;
use crate::sqlite::fixture::{Recipe, log};
use crate::sqlite::recover::{Options, WalUse, recover};

/// What a claim may cost; believed, it took minutes and gigabytes.
const SOON: Duration = Duration::from_secs(40);

#[track_caller]
fn assert_ends_soon(files: &Files, what: &str) {
    let start = Instant::now();
    let outcome = check(files, Path::new("a.db"));
    assert!(!outcome.findings.is_empty(), "{what}");
    let pages = pages(files).len();
    assert!(pages < 1 << 18, "{what}: {pages} pages");
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new.db");
    let saved = recover(files, &Options { target, schema: None, log: WalUse::Auto });
    assert!(saved.is_ok(), "{what}: {saved:?}");
    assert!(start.elapsed() < SOON, "{what}: {:?}", start.elapsed());
}

/// A journal with one page of the database, which says that there were so many pages before.
fn journal(db: &[u8], pages: u32) -> Vec<u8> {
    let mut journal = vec![0; 512];
    journal[..8].copy_from_slice(&crate::sqlite::sidecar::JOURNAL_MAGIC);
    for (at, number) in [(8, 1), (16, pages), (20, 512), (24, 1024)] {
        journal[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }
    let page = &db[1024..2048];
    let sum: u32 = (1..6).map(|step| u32::from(page[1024 - 200 * step])).sum();
    [&journal[..], &2_u32.to_be_bytes(), page, &sum.to_be_bytes()].concat()
}

#[test]
fn a_journal_is_not_believed_to_have_millions_of_pages() {
    let sample = Recipe { rows: 60, ..Recipe::platform() }.build();
    let files = files(&sample.db, None, Some(&journal(&sample.db, 16_700_000)));
    assert_ends_soon(&files, "journal");
}

#[test]
fn a_log_is_not_believed_to_have_millions_of_pages() {
    let sample = Recipe { rows: 60, wal_commits: 2, ..Recipe::platform() }.build();
    let whole = sample.wal.unwrap();
    let last = log::frames(&whole).last().unwrap().start;
    // The number of pages after the commit, alone and with a frame that stands so far out.
    for (what, numbers) in [("commit", &[4][..]), ("commit and frame", &[0, 4])] {
        let mut wal = whole.clone();
        for at in numbers {
            wal[last + at..last + at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        }
        log::seal(&mut wal);
        assert_ends_soon(&files(&sample.db, Some(&wal), None), what);
    }
}
