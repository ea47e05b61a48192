//! Tests of the check: silent on what SQLite calls sound, and never silent where SQLite is not.

#[cfg(test)]
mod bit_flips;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod lock_byte;
#[cfg(test)]
mod shrinking;

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::finding::Severity;
use crate::sqlite::discover;
use crate::sqlite::evidence::Evidence;
use crate::sqlite::fixture::{Case, Damaged, Recipe, Sample, oracle, samples};

fn files(db: &[u8], log: Option<&[u8]>, journal: Option<&[u8]>) -> Files {
    let file = |name: &str, bytes: &[u8]| Arc::new(Evidence::of_bytes(name, bytes));
    Files {
        database: file("a.db", db),
        log: log.map(|bytes| file("a.db-wal", bytes)),
        journal: journal.map(|bytes| file("a.db-journal", bytes)),
    }
}

fn found(files: &Files) -> Vec<String> {
    let outcome = check(files, Path::new("a.db"));
    let findings = outcome.findings.iter().filter(|finding| finding.severity() > Severity::Low);
    findings
        .map(|finding| {
            format!("{} {:?} {:?}", finding.rule().id, finding.reasons(), finding.locations()[0].database)
        })
        .collect()
}

#[test]
fn sound_databases_are_sound() {
    for sample in samples() {
        let alone = found(&files(&sample.db, None, None));
        assert!(alone.is_empty(), "{:?}: {alone:#?}", sample.recipe);
        let whole = found(&files(&sample.db, sample.wal.as_deref(), None));
        assert!(whole.is_empty(), "{:?}: {whole:#?}", sample.recipe);
    }
}

#[test]
fn rows_are_counted() {
    let sample = &samples()[0];
    let outcome = check(&files(&sample.db, None, None), Path::new("a.db"));
    for (name, count) in outcome.rows {
        if let Some(rows) = sample.rows.get(&*name) {
            assert_eq!(rows.len() as u64, count, "{name}");
        }
    }
}

/// Where SQLite says something, so does the check; what it says if not.
fn unnoticed(damaged: &Damaged) -> Option<String> {
    let told = oracle::integrity_check(&damaged.db);
    let silent = !told.is_empty() && found(&files(&damaged.db, None, None)).is_empty();
    silent.then(|| format!("{}: SQLite says {:?}", damaged.name, &told[..told.len().min(3)]))
}

#[test]
fn whatever_sqlite_notices_is_noticed() {
    let of_sample = |sample: &Sample| {
        let all = Case::ALL.iter().chain(Case::MUTATIONS).filter_map(|case| case.apply(sample, 1));
        let silent = all.filter_map(|damaged| unnoticed(&damaged));
        silent.map(|silent| format!("{:?} {silent}", sample.recipe)).collect::<Vec<_>>()
    };
    let missed: Vec<String> = samples().par_iter().flat_map(of_sample).collect();
    assert!(missed.is_empty(), "{} missed: {missed:#?}", missed.len());
}

#[test]
fn damages_of_the_log_are_noticed() {
    let sample = Recipe::with_wal().build();
    for name in ["w01", "w02", "w03", "w05"] {
        let damaged = Case::named(name).apply(&sample, 1).unwrap();
        let found = found(&files(&damaged.db, damaged.wal.as_deref(), None));
        // A log that was cut between frames looks like one that was never longer.
        assert!(
            name == "w01" || found.iter().any(|found| found.contains("sqlite/wal-")),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn what_is_no_database_is_named() {
    for bytes in [&b"PK\x03\x04 and so on"[..], &[0; 4096], &[7; 50]] {
        let found = found(&files(bytes, None, None));
        assert!(found.len() == 1 && found[0].starts_with("sqlite/not-a-database"), "{found:?}");
    }
    assert!(found(&files(&[], None, None)).is_empty());
}

/// Real databases and those of fuzzers: `KBSEC_SQLITE_CORPUS=FOLDER cargo test corpus -- --ignored --nocapture`.
#[test]
#[ignore = "wants a folder of databases"]
fn the_corpus_is_judged_as_sqlite_judges_it() {
    let Some(folder) = std::env::var_os("KBSEC_SQLITE_CORPUS") else { return };
    let paths = discover::discover(Path::new(&folder)).databases;
    let judge = |path: &PathBuf| {
        let db = std::fs::read(path).unwrap();
        let (told, found) = (oracle::integrity_check(&db), found(&files(&db, None, None)));
        let verdict = match (told.is_empty(), found.is_empty()) {
            (false, true) => format!("missed {:?}", &told[..told.len().min(2)]),
            (true, false) => format!("alarm {:?}", &found[..found.len().min(2)]),
            _ => return None,
        };
        Some(format!("{}: {verdict}", path.display()))
    };
    let wrong: Vec<String> = paths.par_iter().filter_map(judge).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), paths.len());
}

/// The ids of rules, and what is said of each first place.
fn told(files: &Files) -> Vec<(String, String)> {
    let outcome = check(files, Path::new("a.db"));
    let first = |finding: &Finding| finding.locations()[0].database.clone().unwrap().what;
    outcome.findings.iter().map(|finding| (finding.rule().id.to_string(), first(finding))).collect()
}

#[test]
fn a_log_of_another_database_is_named_and_the_file_is_judged_alone() {
    for recipe in [Recipe::with_wal(), Recipe { page_size: 512, rows: 300, ..Recipe::with_wal() }] {
        let sample = recipe.build();
        let damaged = Case::named("w06").apply(&sample, 1).unwrap();
        let files = files(&damaged.db, damaged.wal.as_deref(), None);
        let told = told(&files);
        assert_eq!(told.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ["sqlite/wal-foreign"], "{told:?}");
        let about = check(&files, Path::new("a.db")).about;
        let reported: Vec<_> =
            about.views.iter().filter(|view| view.is_reported).map(|view| view.id).collect();
        assert_eq!(reported, ["file"]);
        assert!(about.advice[0].contains("another database's"));
    }
}

#[test]
fn a_log_after_a_vacuum_or_a_refill_is_no_other_database_s() {
    for statements in [
        "DELETE FROM t WHERE a % 3 = 0; VACUUM",
        "DELETE FROM t; INSERT INTO t(b) SELECT 'new ' || value FROM generate",
        "DROP TABLE t; CREATE TABLE t(z, y, x); INSERT INTO t SELECT value, value, 'z' || value FROM generate",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = crate::sqlite::witness::database(&path, "WAL", 3000);
        connection
            .execute_batch(&format!(
                "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0;
                 CREATE TEMP TABLE generate AS WITH RECURSIVE n(value) AS
                   (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 2000) SELECT value FROM n;
                 {statements}"
            ))
            .unwrap();
        let found = found(&Files::open(&path).unwrap());
        assert!(found.is_empty(), "{statements}: {found:?}");
    }
}

#[test]
fn views_tell_what_the_file_lacks_and_what_sqlite_would_drop() {
    let sample = Recipe::with_wal().build();
    let alone = check(&files(&sample.db, None, None), Path::new("a.db")).about;
    assert!(alone.views.is_empty() && alone.advice.is_empty());
    let healthy = check(&files(&sample.db, sample.wal.as_deref(), None), Path::new("a.db"));
    let ids = |about: &DatabaseAccount| about.views.iter().map(|view| view.id).collect::<Vec<_>>();
    assert_eq!(ids(&healthy.about), ["file", "sqlite"]);
    assert!(healthy.findings.iter().all(|finding| finding.severity() <= Severity::Low));
    assert!(healthy.about.views.iter().all(|view| view.problems == 0));
    let (file, sqlite) = (healthy.about.views[0].rows, healthy.about.views[1].rows);
    assert!(
        file < sqlite && healthy.about.advice[0].starts_with(&format!("{} rows are only", sqlite - file))
    );
    let damaged = Case::named("w02").apply(&sample, 1).unwrap();
    let cut = check(&files(&damaged.db, damaged.wal.as_deref(), None), Path::new("a.db")).about;
    assert_eq!(ids(&cut), ["file", "sqlite", "resynchronised"]);
    assert_eq!(cut.views[2].rows, sqlite);
    let saved = format!("SQLite will drop {} rows that can be saved", sqlite - cut.views[1].rows);
    assert!(cut.advice.iter().any(|told| told.starts_with(&saved)), "{:?}", cut.advice);
}

#[test]
fn torn_pages_are_told_from_other_damage() {
    let sample = Recipe { page_size: 4096, rows: 2000, ..Recipe::platform() }.build();
    let leaf = sample.map.leaves("events")[3] as usize;
    let torn = |sectors: std::ops::Range<usize>| {
        let mut db = sample.db.clone();
        db[(leaf - 1) * 4096 + sectors.start * 512..][..sectors.len() * 512].fill(0);
        let told = told(&files(&db, None, None));
        told.into_iter().find(|(id, _)| id == "sqlite/torn-page").map(|(_, what)| what)
    };
    assert_eq!(torn(2..4).unwrap(), "sectors 3-4 of 8 are zero: a torn write");
    assert!(torn(0..1).unwrap().starts_with("sector 1 of 8"));
    assert_eq!(torn(0..8), None);
    let mut db = sample.db.clone();
    db[(leaf - 1) * 4096 + 3] ^= 0x40;
    assert!(told(&files(&db, None, None)).iter().all(|(id, _)| id != "sqlite/torn-page"));
}

#[test]
fn journals_of_other_databases_are_named() {
    let sample = Recipe::platform().build();
    let journal = |page_size: u32, pages: u32| {
        let mut journal = vec![0; 512];
        journal[..8].copy_from_slice(&crate::sqlite::sidecar::JOURNAL_MAGIC);
        journal[8..12].copy_from_slice(&1_u32.to_be_bytes());
        journal[16..20].copy_from_slice(&pages.to_be_bytes());
        journal[20..24].copy_from_slice(&512_u32.to_be_bytes());
        journal[24..28].copy_from_slice(&page_size.to_be_bytes());
        // One page, as it is in the file; its checksum sums every two hundredth byte.
        let page = &sample.db[1024..2048];
        let sum: u32 = (1..6).map(|step| u32::from(page[1024 - 200 * step])).sum();
        [&journal[..], &2_u32.to_be_bytes(), page, &sum.to_be_bytes()].concat()
    };
    let pages = u32::try_from(sample.db.len() / 1024).unwrap();
    let ids = |journal: &[u8]| -> Vec<String> {
        told(&files(&sample.db, None, Some(journal))).into_iter().map(|(id, _)| id).collect()
    };
    assert_eq!(ids(&journal(1024, pages)), ["sqlite/hot-journal"]);
    assert_eq!(ids(&journal(4096, pages)), ["sqlite/journal-foreign"]);
    assert_eq!(ids(&journal(1024, pages * 3)), ["sqlite/journal-foreign"]);
}

#[test]
fn the_platform_is_known_and_a_stale_search_index_is_named_with_its_repair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kb.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE incidents(id TEXT PRIMARY KEY, type TEXT, severity TEXT, title TEXT);
             CREATE TABLE host_tokens(token TEXT PRIMARY KEY, host_id TEXT, namespace_id TEXT, created_at INTEGER);
             CREATE VIRTUAL TABLE incidents_fts USING fts5(id, title, content='incidents');
             CREATE TRIGGER added AFTER INSERT ON incidents BEGIN
               INSERT INTO incidents_fts(rowid, id, title) VALUES (new.rowid, new.id, new.title); END;
             INSERT INTO incidents VALUES ('1', 'error', 'high', 'alpha'), ('2', 'error', 'low', 'beta');",
        )
        .unwrap();
    let look = || check(&Files::open(&path).unwrap(), &path);
    let sound = look();
    assert!(sound.findings.is_empty(), "{:?}", sound.findings);
    let shape = sound.about.shape.unwrap();
    assert!(shape.name.contains("KB Labs"));
    assert_eq!(
        shape.tables.iter().map(|(name, rows, _)| (&**name, *rows)).collect::<Vec<_>>(),
        [("incidents", 2), ("host_tokens", 0)]
    );
    connection.execute("UPDATE incidents SET title = 'gamma' WHERE id = '1'", []).unwrap();
    let stale = look();
    let [finding] = &stale.findings[..] else { panic!("{:?}", stale.findings) };
    assert_eq!(finding.rule().id.as_str(), "sqlite/search-index");
    let what = finding.locations()[0].database.clone().unwrap().what;
    assert!(what.contains("INSERT INTO incidents_fts(incidents_fts) VALUES('rebuild')"), "{what}");
    assert!(stale.coverage.missed.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_stopped_process_that_keeps_the_lock_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(crate::sqlite::witness::database(&path, "WAL", 10));
    let other = crate::sqlite::witness::Other::start(&path, "BEGIN IMMEDIATE; DELETE FROM t WHERE a = 1;");
    let look = || {
        let options =
            crate::sqlite::holders::Options { database: path.clone(), proc_folder: PathBuf::from("/proc") };
        holders(&crate::sqlite::holders::holders(&options).unwrap())
    };
    assert!(stopped(&look(), &path).is_none());
    let pid = other.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    let found = (0..200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        stopped(&look(), &path)
    });
    let place = found.unwrap().locations()[0].database.clone().unwrap();
    assert!(place.what.contains(&pid) && place.what.contains("WAL_WRITE"), "{}", place.what);
}

#[test]
fn a_page_that_was_torn_in_a_transaction_is_told_by_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 4096; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
             WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 60)
             INSERT INTO t SELECT value, 'old ' || hex(zeroblob(25)) FROM n;",
        )
        .unwrap();
    let old = std::fs::read(&path).unwrap();
    connection.execute_batch("UPDATE t SET b = 'newer ' || hex(zeroblob(20)) || a").unwrap();
    let mut db = std::fs::read(&path).unwrap();
    assert_eq!((old.len(), db.len()), (8192, 8192));
    // The disk wrote the first half of page 2 and not the second one.
    db[4096 + 2048..].copy_from_slice(&old[4096 + 2048..]);
    let (page, mut journal) = (&old[4096..], vec![0; 512]);
    journal[..8].copy_from_slice(&crate::sqlite::sidecar::JOURNAL_MAGIC);
    for (at, number) in [(8, 1_u32), (16, 2), (20, 512), (24, 4096)] {
        journal[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }
    let sum: u32 = (1..=20).map(|step| u32::from(page[4096 - 200 * step])).sum();
    let journal = [&journal[..], &2_u32.to_be_bytes(), page, &sum.to_be_bytes()].concat();
    let files = files(&db, None, Some(&journal));
    let told = told(&files);
    let torn = told.iter().find(|(id, _)| id == "sqlite/torn-page").map(|(_, what)| what.as_str());
    assert_eq!(torn, Some("sectors 5-8 of 8 are from another time than the rest of the page: a torn write"));
    let about = check(&files, Path::new("a.db")).about;
    let view = about.views.iter().find(|view| view.id == "rolled_back").unwrap();
    assert_eq!((view.problems, view.rows), (0, 60));
    assert!(
        about.advice.iter().any(|told| told.contains("sound once SQLite has undone")),
        "{:?}",
        about.advice
    );
}
