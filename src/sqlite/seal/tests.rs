//! Tests of seals: every bit of a database counts, and every bit of a seal too.

use std::fs;

use proptest::prelude::*;

use super::super::witness::{Other, database, names, state};
use super::*;

fn of_bytes(bytes: &[u8]) -> Evidence {
    Evidence::of_bytes("a.db", bytes)
}

fn nobody(_: u32) -> Option<String> {
    None
}

fn small() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA page_size=512; CREATE TABLE t(a); INSERT INTO t VALUES('x');").unwrap();
    drop(connection);
    fs::read(path).unwrap()
}

#[test]
fn every_single_bit_of_a_database_counts() {
    let mut bytes = small();
    let seal = Seal::of(&of_bytes(&bytes), 0).unwrap();
    assert_eq!(seal.compare(&of_bytes(&bytes), &nobody).unwrap(), []);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let page = (bit / 8 / 512) as u32 + 1;
        let expected = Change {
            kind: ChangeKind::Changed,
            first: page,
            last: page,
            offset: u64::from(page - 1) * 512,
            owner: None,
        };
        assert_eq!(seal.compare(&of_bytes(&bytes), &nobody).unwrap(), [expected], "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_single_bit_of_a_seal_counts() {
    let seal = Seal::of(&of_bytes(&small()), 3).unwrap();
    let mut bytes = seal.to_bytes();
    assert_eq!(Seal::parse(&bytes).unwrap(), seal);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Seal::parse(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    for cut in 0..bytes.len() {
        assert!(Seal::parse(&bytes[..cut]).is_err());
    }
    assert_eq!(Seal::parse(b"kbsec seal 2\n"), Err(SealFault::Version));
}

#[test]
fn runs_of_pages_are_grouped_by_fate_and_owner() {
    let mut bytes = small();
    bytes.resize(512 * 300 + 100, 1);
    let seal = Seal::of(&of_bytes(&bytes), 0).unwrap();
    assert_eq!(seal.page_count(), 301);
    let owner = |page: u32| (page < 6).then(|| "t".to_owned());
    let told = |bytes: &[u8]| {
        let changes = seal.compare(&of_bytes(bytes), &owner).unwrap();
        let told = changes.into_iter().map(|run| (run.kind, run.first, run.last, run.owner.is_some()));
        told.collect::<Vec<_>>()
    };
    let (changed, added, missing) = (ChangeKind::Changed, ChangeKind::Added, ChangeKind::Missing);
    let mut damaged = bytes.clone();
    damaged[512 * 3..512 * 8].fill(9);
    assert_eq!(told(&damaged), [(changed, 4, 5, true), (changed, 6, 8, false)]);
    assert_eq!(told(&bytes[..512 * 200]), [(missing, 201, 301, false)]);
    // The piece that is cut from the last page, and a byte that is added to it.
    assert_eq!(told(&bytes[..512 * 300 + 99]), [(changed, 301, 301, false)]);
    let longer = [&bytes[..], &[0; 1000]].concat();
    assert_eq!(told(&longer), [(changed, 301, 301, false), (added, 302, 303, false)]);
    assert_eq!(told(&[]), [(missing, 1, 5, true), (missing, 6, 301, false)]);
}

#[test]
fn sealing_and_verifying_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let _open = database(&path, "WAL", 100);
    let options = Options { database: path.clone(), seal: out.path().join("a.seal") };
    let before = state(folder.path());
    let made = seal(&options).unwrap();
    assert!(made.wal_frames > 0);
    let verdict = verify(&options, &nobody).unwrap();
    assert_eq!((verdict.changes, verdict.wal_frames, verdict.moving), (Vec::new(), made.wal_frames, false));
    assert!(before == state(folder.path()));
    assert!(matches!(seal(&options), Err(SealError::Write(_))));
    assert_eq!(names(out.path()), ["a.seal"]);
    let wrong = Options { seal: path.clone(), ..options };
    assert!(matches!(verify(&wrong, &nobody), Err(SealError::BadSeal { cause: SealFault::Foreign, .. })));
}

#[test]
fn what_is_no_database_is_not_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { database: folder.path().join("a"), seal: folder.path().join("b") };
    for bytes in [&b""[..], b"text", &[0; 4096]] {
        fs::write(&options.database, bytes).unwrap();
        assert!(matches!(seal(&options), Err(SealError::NotADatabase(_))));
        assert_eq!(names(folder.path()), ["a"]);
    }
}

#[test]
fn a_database_that_is_being_written_gets_no_wrong_seal() {
    let folder = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(database(&path, "DELETE", 5000));
    let _other = Other::start(&path, "---UPDATE t SET b = b || 'x' WHERE a % 100 = 0;");
    for number in 0..10 {
        let options = Options { database: path.clone(), seal: out.path().join(number.to_string()) };
        match seal(&options) {
            Ok(_) => {}
            Err(error) => assert!(matches!(error, SealError::Moving(_)), "{error:?}"),
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Seal::parse(&tail);
        let mut bytes = [b"kbsec seal 1\n", &tail[..]].concat();
        let _ = Seal::parse(&bytes);
        // With a checksum that is right the numbers themselves are looked at.
        bytes.extend(digest::of_bytes(&bytes));
        if let Ok(seal) = Seal::parse(&bytes) {
            prop_assert_eq!(seal.to_bytes(), bytes);
        }
    }
}
