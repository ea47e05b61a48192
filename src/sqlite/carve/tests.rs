//! Tests of carving: every sample has deleted rows that are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value;

use super::{CarvedRow, Confidence, Options, carve};
use crate::sqlite::evidence::Evidence;
use crate::sqlite::files::Files;
use crate::sqlite::fixture::{Deleted, Key, Sample, TruthRow, samples};

fn files(sample: &Sample) -> Files {
    Files {
        database: Arc::new(Evidence::of_bytes("a", &sample.db[..])),
        log: sample.wal.as_ref().map(|log| Arc::new(Evidence::of_bytes("a-wal", &log[..]))),
        journal: None,
    }
}

/// Whether all stored values are those of the truth; a carved row does not know what is computed.
fn agrees(found: &CarvedRow, truth: &TruthRow) -> bool {
    let same_key = match (&truth.key, found.rowid) {
        (Key::Rowid(key), Some(rowid)) => *key == rowid,
        _ => true,
    };
    let known = found.values.iter().filter(|value| **value != Value::Null).count();
    same_key
        && known > 0
        && found.values.len() <= truth.values.len()
        && found.values.iter().zip(&truth.values).all(|(one, other)| is_equal(one, other))
}

fn is_same(found: &CarvedRow, deleted: &Deleted, is_dropped: bool) -> bool {
    // A dropped table has no name any more, and its rows may look like those of another.
    (found.tables.is_empty() || is_dropped || found.tables.iter().any(|table| *table.name == *deleted.table))
        && agrees(found, &deleted.row)
}

/// A table that is not known does not tell that its integers are floating-point numbers.
fn is_equal(found: &Value, truth: &Value) -> bool {
    match (found, truth) {
        (Value::Null, _) => true,
        (Value::Integer(one), Value::Real(other)) => *one as f64 == *other,
        _ => found == truth,
    }
}

#[test]
fn whole_rows_are_found_and_live_ones_are_not() {
    let (mut lost, mut alive): (Vec<String>, Vec<String>) = Default::default();
    let mut sums: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    // All of them take minutes, and those between have the same options in other combinations.
    for (number, sample) in samples().iter().enumerate().step_by(7) {
        let outcome = carve(&files(sample), Options::default());
        let last = sample.final_rows();
        for row in &outcome.rows {
            let [table] = &row.tables[..] else { continue };
            let Some(rows) = last.get(&*table.name) else { continue };
            if row.confidence == Confidence::High && row.rowid.is_some() {
                let live = rows.iter().find(|live| {
                    matches!(live.key, Key::Rowid(key) if Some(key) == row.rowid) && agrees(row, live)
                });
                if live.is_some() && !row.values.contains(&Value::Null) {
                    alive.push(format!("{number}: live {row:?}").chars().take(300).collect());
                }
            }
        }
        for deleted in &sample.deleted {
            let remains = deleted.remains(&sample.db);
            let is_dropped = !last.contains_key(&deleted.table);
            let is_found = outcome.rows.iter().any(|row| is_same(row, deleted, is_dropped));
            // Without its table, a row WITHOUT ROWID looks like an entry of an index.
            let is_excused = is_found || is_dropped && matches!(deleted.row.key, Key::Primary(_));
            let sum = sums.entry(format!("{remains:?}")).or_default();
            sum.0 += usize::from(is_found);
            sum.1 += 1;
            if format!("{remains:?}") == "Whole" && !is_excused {
                lost.push(format!("{number}: {} {}", deleted.table, deleted.row).chars().take(200).collect());
            }
        }
    }
    println!("{sums:?}");
    assert!(alive.is_empty(), "{alive:?}");
    assert!(lost.is_empty(), "{} lost\n{}", lost.len(), lost[..lost.len().min(40)].join("\n"));
}

/// A small database with deleted rows, a dropped table, and a log.
fn small() -> Files {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let user = rusqlite::Connection::open(&path).unwrap();
    user.execute_batch(
        "PRAGMA page_size = 512; PRAGMA secure_delete = off; PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
         CREATE TABLE one(a INTEGER PRIMARY KEY, b TEXT, c REAL); CREATE TABLE two(x TEXT PRIMARY KEY, y) WITHOUT ROWID;
         CREATE TABLE gone(text TEXT);
         WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 40)
         INSERT INTO one SELECT v, 'number ' || v || hex(zeroblob(v * 8)), v / 2.0 FROM n;
         INSERT INTO two SELECT b, a FROM one; INSERT INTO gone SELECT b FROM one;
         PRAGMA wal_checkpoint(TRUNCATE);
         DELETE FROM one WHERE a % 3 = 0; DROP TABLE gone; UPDATE two SET y = 'new' WHERE y > 20;",
    )
    .unwrap();
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    Files {
        database: Arc::new(Evidence::of_bytes("a", bytes("a.db"))),
        log: Some(Arc::new(Evidence::of_bytes("a-wal", bytes("a.db-wal")))),
        journal: None,
    }
}

fn harmed(file: &Evidence, harm: &[(u16, u8)]) -> Arc<Evidence> {
    let mut bytes = vec![0; file.len() as usize];
    file.read_at(0, &mut bytes).unwrap();
    for (at, byte) in harm {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
    }
    Arc::new(Evidence::of_bytes("a", bytes))
}

#[test]
fn an_older_row_in_the_log_is_told_with_its_place() {
    let outcome = carve(&small(), Options::default());
    let gone = |row: &&CarvedRow| row.tables.iter().any(|table| &*table.name == "gone" && table.is_dropped);
    assert!(outcome.rows.iter().filter(gone).count() >= 20, "{:?}", outcome.rows.len());
    let three =
        outcome.rows.iter().find(|row| row.rowid == Some(3) && &*row.tables[0].name == "one").unwrap();
    assert_eq!((three.confidence, three.table_confidence), (Confidence::High, Confidence::High));
    assert_eq!(three.values[2], Value::Real(1.5));
    assert!(!outcome.rows.iter().any(|row| row.rowid == Some(4) && &*row.tables[0].name == "one"));
}

#[test]
fn what_does_not_fit_into_memory_is_counted() {
    let all = carve(&small(), Options::default());
    let few = carve(&small(), Options { rows: 5, ..Options::default() });
    assert_eq!(few.rows.len(), 5);
    assert!(few.left_out > 0 && all.left_out == 0);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    #[test]
    fn no_harm_makes_it_panic(harm: Vec<(u16, u8)>, in_log: Vec<(u16, u8)>, head: [u8; 100], keep: bool) {
        let files = small();
        let mut harm = harm;
        if !keep {
            // The header of the file, with its list of free pages, as chance has it; the page size stays.
            harm.extend((18..100).zip(&head[18..]).map(|(at, byte)| (at, *byte)));
        }
        let log = files.log.as_ref().map(|log| harmed(log, &in_log));
        let outcome = carve(&Files { database: harmed(&files.database, &harm), log, journal: None }, Options::default());
        proptest::prop_assert!(outcome.rows.len() < 2000);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes: Vec<u8>, journal: Vec<u8>) {
        let mut database = b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20".to_vec();
        database.extend(bytes.iter().cycle().take(if bytes.is_empty() { 0 } else { 4096 }));
        let file = |bytes: Vec<u8>| Arc::new(Evidence::of_bytes("a", bytes));
        let journal = Some(file(journal));
        let outcome = carve(&Files { database: file(database), log: None, journal }, Options::default());
        proptest::prop_assert!(outcome.rows.len() < 1000);
    }
}
