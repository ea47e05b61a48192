//! Tests of carving: databases whose deleted rows are known.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{CarvedRow, Confidence, Method, Options, Outcome, Part, carve};
use crate::sqlite::evidence::Evidence;
use crate::sqlite::files::Files;
use crate::sqlite::fixture::{Deleted, Key, Rows, Sample, TruthRow, samples};

mod corpus;

fn files(database: &[u8], log: Option<&[u8]>, journal: Option<&[u8]>) -> Files {
    let file = |name: &str, bytes: &[u8]| Arc::new(Evidence::of_bytes(name, bytes));
    Files {
        database: file("a", database),
        log: log.map(|bytes| file("a-wal", bytes)),
        journal: journal.map(|bytes| file("a-journal", bytes)),
    }
}

/// The files that these statements leave, while the database is still open.
fn made(sql: &str) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA page_size = 1024; PRAGMA secure_delete = OFF").unwrap();
    connection.execute_batch(sql).unwrap();
    let read = |end: &str| std::fs::read(folder.path().join(format!("a.db{end}"))).ok();
    let (database, log, journal) = (read("").unwrap(), read("-wal"), read("-journal"));
    files(&database, log.as_deref(), journal.as_deref())
}

fn carved(files: &Files) -> Outcome {
    let outcome = carve(files, Options::default());
    assert!(outcome.unreadable.is_empty(), "{:?}", outcome.unreadable);
    outcome
}

/// Rows of the user's tables: the table, what is sure, the first value.
fn told(outcome: &Outcome) -> Vec<String> {
    let users = outcome.rows.iter().filter(|row| row.tables.iter().all(|one| &*one.name != "sqlite_schema"));
    let mut told: Vec<String> = users
        .map(|row| {
            let tables: Vec<String> = row
                .tables
                .iter()
                .map(|table| format!("{}{}", table.name, if table.is_dropped { "†" } else { "" }))
                .collect();
            let sure = (row.confidence.name(), row.table_confidence.name());
            format!("{} {} {} {:?}", tables.join("|"), sure.0, sure.1, row.values.first().unwrap())
        })
        .collect();
    told.sort();
    told
}

/// Rows `first` to `last` of a table with columns (a, b, c).
fn rows(table: &str, first: u32, last: u32) -> String {
    format!(
        "INSERT INTO {table} SELECT value, 'text of ' || value, value * 1000 FROM
         (WITH RECURSIVE n(value) AS (SELECT {first} UNION ALL SELECT value + 1 FROM n LIMIT {}) SELECT value FROM n);",
        last - first + 1
    )
}

const COLUMNS: &str = "(a INT NOT NULL, b TEXT, c INT)";

#[test]
fn neighbours_that_were_freed_are_all_found() {
    // In every order, so that blocks grow to both sides.
    for order in [[3, 4, 5], [5, 4, 3], [3, 5, 4], [4, 3, 5]] {
        let delete: String = order.map(|a| format!("DELETE FROM t WHERE a = 1000 + {a};")).concat();
        let outcome = carved(&made(&format!("CREATE TABLE t{COLUMNS}; {} {delete}", rows("t", 1001, 1009))));
        let mut values: Vec<&Value> = outcome.rows.iter().map(|row| &row.values[0]).collect();
        values.sort_by_key(|value| format!("{value:?}"));
        assert_eq!(values, [1003, 1004, 1005].map(Value::Integer).iter().collect::<Vec<_>>(), "{order:?}");
        for row in &outcome.rows {
            assert_eq!((row.method, row.table_confidence), (Method::Freeblock, Confidence::High), "{row:?}");
            assert!(row.confidence >= Confidence::Medium && row.page == 2, "{row:?}");
        }
    }
}

#[test]
fn a_table_that_was_dropped_is_named_and_a_doubt_is_told() {
    let sql = |other: &str| {
        format!(
            "CREATE TABLE gone{COLUMNS}; CREATE TABLE alive{other}; {} INSERT INTO alive(a) VALUES (7); DROP TABLE gone;",
            rows("gone", 1001, 1005)
        )
    };
    // The page that the rows are on was the root of the table that was dropped.
    for other in ["(a TEXT, z REAL)", COLUMNS] {
        let found = told(&carved(&made(&sql(other))));
        assert_eq!(found.len(), 5, "{found:?}");
        for row in &found {
            let is_likely = row.contains(" medium Integer(");
            assert!(row.starts_with("gone† ") && !row.starts_with("gone† low") && is_likely, "{row}");
        }
    }
}

#[test]
fn free_bytes_that_are_older_than_the_table_are_not_surely_its_own() {
    // The new table gets the page of the old one; its statement lies where that of the old one was, or does not.
    for kept in ["", "CREATE TABLE long_enough_to_stay_where_it_is(x);"] {
        let sql = format!(
            "CREATE TABLE gone{COLUMNS}; {} DROP TABLE gone; {kept} CREATE TABLE t{COLUMNS}; INSERT INTO t VALUES (1, 'x', 2);",
            rows("gone", 1001, 1005)
        );
        let outcome = carved(&made(&sql));
        let old: Vec<&CarvedRow> = outcome
            .rows
            .iter()
            .filter(|row| row.values.get(1) != Some(&Value::Null) && row.columns.len() == 3)
            .collect();
        assert!(old.len() >= 3, "{:?}", told(&outcome));
        assert!(old.iter().all(|row| row.table_confidence < Confidence::High), "{:?}", told(&outcome));
    }
}

#[test]
fn older_versions_in_the_log_are_found_and_rows_that_live_are_not() {
    let files = made(&format!(
        "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t{COLUMNS}; {}
         UPDATE t SET b = 'another text' WHERE a = 1002; DELETE FROM t WHERE a = 1004;",
        rows("t", 1001, 1005)
    ));
    let outcome = carved(&files);
    assert_eq!(told(&outcome), ["t high high Integer(1002)", "t high high Integer(1004)"]);
    assert!(outcome.rows.iter().all(|row| row.part == Part::Log && row.method == Method::OlderPage));
    let old = Value::Text("text of 1002".to_owned());
    assert!(outcome.rows.iter().any(|row| row.values[1] == old), "{:?}", outcome.rows);
}

#[test]
fn the_log_of_another_database_says_nothing_of_this_one() {
    let own =
        made(&format!("CREATE TABLE t{COLUMNS}; {} DELETE FROM t WHERE a = 1003", rows("t", 1001, 1005)));
    let other = made(&format!(
        "PRAGMA journal_mode = wal; CREATE TABLE red{COLUMNS}; {} DELETE FROM red WHERE a = 5002",
        rows("red", 5001, 5030)
    ));
    let both = Files { log: other.log, ..own.clone() };
    let outcome = carved(&both);
    assert_eq!(told(&outcome), told(&carved(&own)));
    assert!(outcome.notes.iter().any(|note| note.contains("another database")), "{:?}", outcome.notes);
}

#[test]
fn a_journal_that_was_left_over_has_what_was_deleted() {
    let files = made(&format!(
        "PRAGMA journal_mode = persist; PRAGMA secure_delete = ON; CREATE TABLE t{COLUMNS}; {}
         DELETE FROM t WHERE a = 1003",
        rows("t", 1001, 1005)
    ));
    let journal = files.journal.clone().unwrap();
    let mut start = [1; 28];
    journal.read_at(0, &mut start).unwrap();
    assert_eq!(start, [0; 28], "SQLite wipes the header when a transaction ends");
    let outcome = carved(&files);
    assert_eq!(told(&outcome), ["t high high Integer(1003)"]);
    assert_eq!(outcome.rows[0].part, Part::Journal);
    assert!(told(&carved(&Files { journal: None, ..files })).is_empty());
}

#[test]
fn whole_rows_of_tables_without_rowids_are_found() {
    let files = made(&format!(
        "CREATE TABLE t(a INT, b TEXT PRIMARY KEY, c INT) WITHOUT ROWID; {} DELETE FROM t WHERE a = 1005",
        rows("t", 1001, 1005)
    ));
    let found = carved(&files);
    let values = [Value::Integer(1005), Value::Text("text of 1005".to_owned()), Value::Integer(1_005_000)];
    assert!(found.rows.iter().any(|row| row.values == values), "{:?}", found.rows);
}

#[test]
fn long_texts_that_were_deleted_are_not_taken_for_many_rows() {
    // In UTF-16 every second byte is zero, and any four bytes look like the header of a free block.
    for (encoding, size) in [("UTF-16be", 32768), ("UTF-16le", 4096), ("UTF-8", 65536)] {
        let files = made(&format!(
            "PRAGMA encoding = '{encoding}'; PRAGMA page_size = {size}; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
             CREATE TABLE loose(x, y, z); INSERT INTO loose VALUES (1, 2, 3);
             WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 8)
             INSERT INTO t SELECT value, replace(hex(zeroblob(9000)), '00', 'some words ' || value || ' ') FROM n;
             DELETE FROM t WHERE a BETWEEN 3 AND 6"
        ));
        let outcome = carved(&files);
        let found = told(&outcome);
        assert!((3..=4).contains(&found.len()), "{encoding}: {} {:?}", found.len(), found.get(..20));
        let texts = outcome
            .rows
            .iter()
            .filter(|row| matches!(&row.values[1], Value::Text(text) if text.len() > 100_000));
        assert!(texts.count() >= 3, "{encoding}");
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let files = made(&format!("CREATE TABLE t{COLUMNS}; {} DELETE FROM t", rows("t", 1001, 1100)));
    let all = carved(&files).rows.len();
    let outcome = carve(&files, Options { rows: 10, ..Options::default() });
    assert!(
        all > 50 && (outcome.rows.len(), outcome.left_out) == (10, all - 10),
        "{all} {}",
        outcome.left_out
    );
    let outcome = carve(&files, Options { bytes: 2000, ..Options::default() });
    assert!(outcome.rows.len() < 10 && outcome.left_out > 0);
}

#[test]
fn lists_that_run_in_circles_and_absurd_counts_end() {
    let files = made(&format!("CREATE TABLE t{COLUMNS}; {} DELETE FROM t", rows("t", 1, 2000)));
    let mut bytes = vec![0; files.database.len() as usize];
    files.database.read_at(0, &mut bytes).unwrap();
    let trunk = u32::from_be_bytes(bytes[32..36].try_into().unwrap()) as usize;
    let start = (trunk - 1) * 1024;
    for (at, value) in [(start, trunk as u32), (start + 4, u32::MAX), (28, u32::MAX), (36, u32::MAX)] {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let outcome = carve(&self::files(&bytes, None, None), Options::default());
        assert!(outcome.rows.len() > 1000, "byte {at}: {}", outcome.rows.len());
    }
}

/// Whether all stored values are those of the truth; a carved row does not know what is computed, and has the columns
/// that its table got later.
fn agrees(found: &CarvedRow, truth: &TruthRow) -> bool {
    let same_key = match (&truth.key, found.rowid) {
        (Key::Rowid(key), Some(rowid)) => *key == rowid,
        _ => true,
    };
    let known = found.values.iter().filter(|value| **value != Value::Null).count();
    same_key && known > 0 && found.values.iter().zip(&truth.values).all(|(one, other)| is_equal(one, other))
}

/// A table that is not known does not tell that its integers are floating-point numbers.
fn is_equal(found: &Value, truth: &Value) -> bool {
    match (found, truth) {
        (Value::Null, _) => true,
        (Value::Integer(one), Value::Real(other)) => *one as f64 == *other,
        _ => found == truth,
    }
}

/// What was lost, reported though it lives, or given to a wrong table for certain; and how many of the deleted rows
/// were found, by what remains of them.
#[derive(Default)]
struct Account {
    last: Rows,
    lost: Vec<String>,
    alive: Vec<String>,
    misplaced: Vec<String>,
    sums: BTreeMap<String, (usize, usize)>,
    /// Rows that never were, as far as the sample tells, and all that were found.
    strange: Vec<String>,
    rows: usize,
}

impl Account {
    fn of(sample: &Sample) -> Self {
        let outcome = carve(&files(&sample.db, sample.wal.as_deref(), None), Options::default());
        let was: Vec<Rows> =
            (0..=sample.recipe.wal_commits).map(|commit| sample.rows_after(commit)).collect();
        let was = || was.iter().flat_map(|rows| rows.values().flatten());
        let is_known = |row: &CarvedRow| {
            was().chain(sample.deleted.iter().map(|deleted| &deleted.row)).any(|truth| agrees(row, truth))
        };
        let is_internal = |name: &str| {
            name.starts_with("sqlite_") || name.starts_with("search_") || name.starts_with("notes_")
        };
        let of_user = |row: &&CarvedRow| row.tables.iter().all(|table| !is_internal(&table.name));
        let strange = outcome.rows.iter().filter(of_user).filter(|row| !is_known(row));
        let strange = strange.map(|row| format!("{row:?}").chars().take(700).collect()).collect();
        let mut account =
            Self { strange, rows: outcome.rows.len(), last: sample.final_rows(), ..Self::default() };
        outcome.rows.iter().for_each(|row| account.add_found(row, sample));
        sample.deleted.iter().for_each(|deleted| account.add_deleted(deleted, &outcome, sample));
        account
    }

    fn add_found(&mut self, row: &CarvedRow, sample: &Sample) {
        let [table] = &row.tables[..] else { return };
        let short = || format!("{row:?}").chars().take(300).collect();
        let lives = |live: &TruthRow| {
            matches!(live.key, Key::Rowid(key) if Some(key) == row.rowid) && agrees(row, live)
        };
        let is_whole = row.confidence == Confidence::High && !row.values.contains(&Value::Null);
        if is_whole && self.last.get(&*table.name).is_some_and(|rows| rows.iter().any(lives)) {
            self.alive.push(short());
        }
        let mut owners = sample.deleted.iter().filter(|deleted| agrees(row, &deleted.row)).peekable();
        let is_sure = is_whole && row.rowid.is_some() && row.table_confidence == Confidence::High;
        if is_sure && owners.peek().is_some() && owners.all(|deleted| *deleted.table != *table.name) {
            self.misplaced.push(short());
        }
    }

    fn add_deleted(&mut self, deleted: &Deleted, outcome: &Outcome, sample: &Sample) {
        let remains = format!("{:?}", deleted.remains(&sample.db));
        let is_dropped = !self.last.contains_key(&deleted.table);
        let may_be = |row: &CarvedRow| {
            row.tables.is_empty()
                || is_dropped
                || row.tables.iter().any(|table| *table.name == *deleted.table)
        };
        let is_found = outcome.rows.iter().any(|row| may_be(row) && agrees(row, &deleted.row));
        // Without its table, a row WITHOUT ROWID looks like an entry of an index.
        let is_excused = is_found || is_dropped && matches!(deleted.row.key, Key::Primary(_));
        let sum = self.sums.entry(remains.clone()).or_default();
        *sum = (sum.0 + usize::from(is_found), sum.1 + 1);
        if remains == "Whole" && !is_excused {
            self.lost.push(format!("{} {}", deleted.table, deleted.row).chars().take(200).collect());
        }
    }
}

#[test]
fn whole_rows_are_found_and_live_ones_are_not() {
    let accounts: Vec<Account> = samples().par_iter().map(Account::of).collect();
    let mut all = Account::default();
    for account in accounts {
        all.lost.extend(account.lost);
        all.alive.extend(account.alive);
        all.misplaced.extend(account.misplaced);
        all.strange.extend(account.strange);
        all.rows += account.rows;
        for (remains, (found, count)) in account.sums {
            let sum = all.sums.entry(remains).or_default();
            *sum = (sum.0 + found, sum.1 + count);
        }
    }
    println!("{:?}; {} rows, {} strange", all.sums, all.rows, all.strange.len());
    assert!(all.alive.is_empty(), "{:#?}", all.alive);
    assert!(all.misplaced.is_empty(), "{:#?}", all.misplaced);
    // Three rows WITHOUT ROWID on free pages look like entries of an index.
    assert!(all.lost.len() <= 3, "{} lost: {:#?}", all.lost.len(), all.lost);
    // The samples do not know the older versions of rows that they changed, nor those of full-text indexes.
    assert!(all.strange.len() * 10 <= all.rows, "{} strange: {:#?}", all.strange.len(), all.strange);
}

/// A database with everything in it: deleted rows, a dropped table, free pages, overflow pages, a log and a journal.
fn everything() -> &'static (Vec<u8>, Vec<u8>, Vec<u8>) {
    static MADE: std::sync::LazyLock<(Vec<u8>, Vec<u8>, Vec<u8>)> = std::sync::LazyLock::new(|| {
        let bytes = |file: &Arc<Evidence>| {
            let mut bytes = vec![0; file.len() as usize];
            file.read_at(0, &mut bytes).unwrap();
            bytes
        };
        let sql = format!(
            "CREATE TABLE t{COLUMNS}; CREATE TABLE u{COLUMNS}; CREATE INDEX i ON t(b); {} {}
             CREATE TABLE w(a INT, b TEXT PRIMARY KEY, c INT) WITHOUT ROWID; {}
             INSERT INTO t VALUES (1, hex(zeroblob(2000)), 2); DELETE FROM t WHERE a % 3 = 0; DROP TABLE u;",
            rows("t", 1, 60),
            rows("u", 1, 40),
            rows("w", 1, 20)
        );
        let persist = made(&format!("PRAGMA journal_mode = persist; {sql} DELETE FROM w WHERE a < 9"));
        let wal = made(&format!("PRAGMA journal_mode = wal; {sql} DELETE FROM w WHERE a < 9"));
        (bytes(&persist.database), bytes(&wal.log.unwrap()), bytes(&persist.journal.unwrap()))
    });
    &MADE
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn changed_bytes_do_no_harm(
        changes in proptest::collection::vec((0usize..3, 0usize..1 << 20, proptest::num::u8::ANY), 1..40),
        cut in 0usize..1 << 20,
    ) {
        let (mut database, mut log, mut journal) = everything().clone();
        for (file, at, byte) in changes {
            let bytes = [&mut database, &mut log, &mut journal][file].as_mut_slice();
            // The first kilobyte has what everything hangs on.
            let at = if at % 4 == 0 { at / 4 % 1024 } else { at } % bytes.len();
            bytes[at] = byte;
        }
        if cut % 3 == 0 {
            database.truncate(cut % database.len());
        }
        let outcome = carve(&files(&database, Some(&log), Some(&journal)), Options::default());
        proptest::prop_assert!(outcome.rows.len() < 5000);
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(0u8.., 0..5000), log in proptest::collection::vec(0u8.., 0..3000)) {
        let (mut database, ..) = everything().clone();
        // The header and the schema stay, so that the other pages are read.
        let room = database.len() - 1024;
        let count = bytes.len().min(room);
        database[1024..1024 + count].copy_from_slice(&bytes[..count]);
        let _ = carve(&files(&database, Some(&log), Some(&log)), Options::default());
        let _ = carve(&files(&bytes, Some(&log), Some(&log)), Options::default());
    }
}

/// `KBSEC_SQLITE_CORPUS=FOLDER cargo test --lib answer_keys -- --ignored --nocapture`.
#[test]
#[ignore = "wants the corpus"]
fn the_answer_keys_are_met() {
    let folder = std::env::var_os("KBSEC_SQLITE_CORPUS").expect("KBSEC_SQLITE_CORPUS names a folder");
    let scores = corpus::scores(Path::new(&folder));
    for (group, score) in &scores {
        println!("{group}: {score:?}");
    }
    for score in scores.values() {
        assert_eq!((score.wrong.len(), score.alive, score.misplaced), (0, 0, 0), "{score:?}");
    }
    let is_goal =
        |group: &str| group.contains("v1.0") && ["0C", "0D", "0E"].iter().any(|end| group.ends_with(end));
    let goal = scores.iter().filter(|(group, _)| is_goal(group));
    let (found, deleted) = goal.fold((0, 0), |sum, (_, score)| (sum.0 + score.found, sum.1 + score.deleted));
    assert!(deleted == 158 && found >= 115, "{found} of {deleted}");
}
