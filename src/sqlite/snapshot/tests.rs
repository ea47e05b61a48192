//! Tests of snapshots: whole, private, proved, and without a trace in the source.

use std::fs;

use super::super::witness::{Other, database, names, state};
use super::*;

fn options(database: &Path, folder: &Path) -> Options {
    Options {
        database: database.to_owned(),
        folder: folder.to_owned(),
        attempts: 3,
        version: "1.2.3".into(),
        time: 1_740_787_200,
        proc_folder: "/proc".into(),
    }
}

#[test]
fn everything_is_copied_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let _open = database(&path, "WAL", 100);
    fs::write(folder.path().join("a.db-journal"), "old").unwrap();
    let before = state(folder.path());
    let target = out.path().join("copy");
    let outcome = snapshot(&options(&path, &target)).unwrap();
    assert!(before == state(folder.path()));
    assert!(!outcome.moving && outcome.attempts == 1);
    let copied: Vec<_> = state(&target).into_iter().filter(|(name, ..)| name != MANIFEST).collect();
    assert!(copied == before);
    assert_eq!(names(out.path()), ["copy"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(target.join(MANIFEST)).unwrap()).unwrap();
    assert_eq!(manifest["time"], "2025-03-01T00:00:00Z");
    assert_eq!(manifest["version"], "1.2.3");
    assert_eq!(manifest["moving_target"], false);
    assert_eq!(manifest["files"].as_array().unwrap().len(), 4);
    let sum = crate::digest::hex(&digest::of_bytes(&before[0].2));
    assert_eq!(manifest["files"][0]["sha256"], sum);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&target), mode(&target.join("a.db-wal")), mode(&target.join(MANIFEST))),
            (0o700, 0o600, 0o600)
        );
    }
}

#[test]
fn a_super_journal_is_copied_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(database(&path, "DELETE", 1));
    let other = tempfile::tempdir().unwrap();
    // It has the name of another file of the snapshot.
    let super_journal = other.path().join("a.db");
    fs::write(&super_journal, "names").unwrap();
    let name = super_journal.to_str().unwrap().as_bytes();
    let sum: u32 = name.iter().map(|byte| u32::from(*byte)).sum();
    let magic = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let journal = [b"....", name, &(name.len() as u32).to_be_bytes(), &sum.to_be_bytes(), &magic].concat();
    fs::write(folder.path().join("a.db-journal"), journal).unwrap();
    let target = other.path().join("copy");
    let outcome = snapshot(&options(&path, &target)).unwrap();
    assert_eq!(
        outcome.files.last().map(|file| (file.role, &*file.name)),
        Some((Role::SuperJournal, "a.db_"))
    );
    assert_eq!(fs::read(target.join("a.db_")).unwrap(), b"names");
}

#[test]
fn what_cannot_be_done_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(database(&path, "DELETE", 1));
    let before = state(folder.path());
    let failed = |database: &Path, target: &Path| snapshot(&options(database, target)).unwrap_err();
    let write = |error| matches!(error, SnapshotError::Write(WriteError { cause, .. }) if cause.kind() == io::ErrorKind::AlreadyExists);
    assert!(write(failed(&path, &path)));
    assert!(write(failed(&path, folder.path())));
    assert!(matches!(failed(&folder.path().join("b"), &folder.path().join("c")), SnapshotError::Evidence(_)));
    assert!(matches!(failed(folder.path(), &folder.path().join("c")), SnapshotError::Evidence(_)));
    assert!(matches!(failed(&path, &folder.path().join("none/c")), SnapshotError::Write(_)));
    assert!(before == state(folder.path()));
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(database(&path, "DELETE", 2000));
    let target = out.path().join("copy");
    let (one, two) =
        rayon::join(|| snapshot(&options(&path, &target)), || snapshot(&options(&path, &target)));
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(names(out.path()), ["copy"]);
    assert_eq!(names(&target), ["a.db", MANIFEST]);
}

#[test]
fn every_change_during_the_copy_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection = database(&path, "WAL", 100);
    let late = folder.path().join("a.db-journal");
    let changes: [&dyn Fn(); 4] = [
        &|| {},
        &|| connection.execute_batch("UPDATE t SET b = 'x' WHERE a = 1").unwrap(),
        &|| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap(),
        &|| fs::write(&late, "new").unwrap(),
    ];
    for (number, change) in changes.iter().enumerate() {
        let target = out.path().join(number.to_string());
        fs::create_dir(&target).unwrap();
        let sources = open_all(&path).unwrap();
        let (files, changed) = copy_all(&sources, &target).unwrap();
        change();
        assert_eq!((changed, has_moved(&sources, &files, &target).unwrap()), (false, number > 0), "{number}");
    }
}

#[test]
fn what_is_not_labelled_is_consistent() {
    let folder = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(database(&path, "DELETE", 20_000));
    let _other = Other::start(&path, "---UPDATE t SET b = b || 'x' WHERE a % 1000 = 0;");
    for number in 0..5 {
        let target = out.path().join(number.to_string());
        let outcome = snapshot(&Options { attempts: 2, ..options(&path, &target) }).unwrap();
        if outcome.moving {
            continue;
        }
        let copy = rusqlite::Connection::open(target.join("a.db")).unwrap();
        let verdict: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
    }
}
