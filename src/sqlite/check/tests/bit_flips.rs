//! Every single bit of small databases, turned over: where SQLite says something, so does the check, and where SQLite is
//! content and shows the same rows, the check has no error.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rusqlite::{Connection, MAIN_DB};

use super::{files, found};
use crate::sqlite::fixture::oracle;

/// The databases, of 8 to 12 KiB.
const RECIPES: [(&str, &str); 3] = [
    (
        "rowids, indexes, overflow and free pages",
        "PRAGMA page_size = 512;
         CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, n INTEGER, v);
         CREATE UNIQUE INDEX t_name ON t(name COLLATE NOCASE); CREATE INDEX t_n ON t(n DESC, v);
         CREATE TABLE gone(a, b); CREATE TABLE plain(a REAL, b BLOB);
         INSERT INTO gone SELECT value, zeroblob(200) FROM (WITH RECURSIVE n(value) AS
           (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 6) SELECT value FROM n);
         INSERT INTO t(name, n, v) SELECT 'Name ' || value, value * 1000003 % 977, CASE value % 4
           WHEN 0 THEN NULL WHEN 1 THEN value * 0.5 WHEN 2 THEN 'text ' || value ELSE x'00ff' END
           FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 45) SELECT value FROM n);
         INSERT INTO plain VALUES (1, zeroblob(1300)), (2.5, x'01'), (NULL, printf('%0700d', 7));
         DELETE FROM t WHERE id % 9 = 4; DROP TABLE gone; PRAGMA user_version = 5;",
    ),
    (
        "tables WITHOUT ROWID, rules, partial indexes and those of expressions",
        "PRAGMA page_size = 512;
         CREATE TABLE w(k TEXT, n INT, v, PRIMARY KEY (k, n DESC)) WITHOUT ROWID; CREATE INDEX w_v ON w(v);
         CREATE TABLE s(id INTEGER PRIMARY KEY, t TEXT NOT NULL CHECK (length(t) > 2), r REAL,
           g INT AS (id * 2) STORED, x TEXT AS (t || '!')) STRICT;
         CREATE INDEX s_part ON s(r) WHERE r > 3; CREATE INDEX s_expr ON s(upper(t)); CREATE INDEX s_g ON s(g);
         INSERT INTO w SELECT 'key ' || (value % 7), value, CASE value % 3 WHEN 0 THEN value WHEN 1 THEN 'v' || value END
           FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 40) SELECT value FROM n);
         INSERT INTO w VALUES ('long', 1, printf('%0600d', 3)), (printf('%0300d', 4), 2, NULL);
         INSERT INTO s(t, r) SELECT 'text ' || value, value / 4.0
           FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 30) SELECT value FROM n);
         CREATE VIEW v AS SELECT * FROM s; CREATE TRIGGER tr AFTER DELETE ON s BEGIN DELETE FROM w; END;",
    ),
    (
        "auto-vacuum, a pointer map, UTF-16 and a column that was added",
        "PRAGMA page_size = 512; PRAGMA auto_vacuum = 2; PRAGMA encoding = 'UTF-16le';
         CREATE TABLE a(id INTEGER PRIMARY KEY, t TEXT UNIQUE, b BLOB); CREATE TABLE gone(x);
         CREATE TABLE c(p INT REFERENCES a(id), t TEXT COLLATE RTRIM); CREATE INDEX c_t ON c(t);
         INSERT INTO a SELECT value, 'text ' || value, zeroblob(value * 37 % 900) FROM (WITH RECURSIVE n(value) AS
           (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 14) SELECT value FROM n);
         INSERT INTO c SELECT id, 'ref ' || id || '  ' FROM a;
         INSERT INTO gone VALUES (zeroblob(1500)), (1); DROP TABLE gone; ALTER TABLE c ADD COLUMN late DEFAULT 'x';",
    ),
];

/// Faults that go beyond what SQLite checks, with the reason why they are errors all the same.
const BEYOND: [(&str, &str); 4] = [
    (
        "sqlite/schema-row",
        "SQLite goes by the statement, and other programs by the type, the name and the table",
    ),
    ("the list of free pages", "SQLite passes the list over where a view is the first table that it meets"),
    ("it vacuums step by step and has no pointer map", "SQLite passes that over in the same case"),
    ("sqlite/foreign-key", "SQLite checks references in another pragma"),
];

/// What a bit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// SQLite and the check both have something against it.
    Noticed,
    /// SQLite has, the check has not.
    Missed,
    /// SQLite lacks a collation, which the program that made the database may have.
    Foreign,
    /// Neither has, and the rows are the same.
    Harmless,
    /// Neither has, though a value is another one.
    Silent,
    /// The check has something, and SQLite is content, but a value is another one.
    MoreNoticed,
    /// The check has something that is on the list.
    Beyond,
    /// The check has something that is not on it.
    Alarm,
}

fn make(sql: &str) -> Vec<u8> {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    connection.serialize(MAIN_DB).unwrap().to_vec()
}

/// Every value of every table, as SQLite shows them; `None` where it cannot.
fn rows(db: &[u8], queries: &[String]) -> Option<Vec<u8>> {
    let connection = oracle::open(db).ok()?;
    let mut all = Vec::new();
    for query in queries {
        let mut statement = connection.prepare(query).ok()?;
        let width = statement.column_count();
        let mut rows = statement.query([]).ok()?;
        while let Some(row) = rows.next().ok()? {
            for column in 0..width {
                all.extend(format!("{:?}", row.get_ref(column).ok()?).into_bytes());
            }
        }
    }
    Some(all)
}

fn queries(db: &[u8]) -> Vec<String> {
    let connection = oracle::open(db).unwrap();
    let sql = "SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE type = 'table'";
    let mut statement = connection.prepare(sql).unwrap();
    let query = |(name, without): (String, Option<bool>)| match without {
        Some(true) => format!("SELECT * FROM \"{name}\""),
        _ => format!("SELECT rowid, * FROM \"{name}\""),
    };
    let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    tables.map(|table| query(table.unwrap())).collect()
}

/// Turns over every `step`th bit, and tells of each verdict how often it came and a few examples.
fn sweep(db: &[u8], step: usize) -> BTreeMap<Verdict, (usize, Vec<String>)> {
    let queries = queries(db);
    let truth = rows(db, &queries).unwrap();
    let judge = |bit: usize| {
        let mut db = db.to_vec();
        db[bit / 8] ^= 1 << (bit % 8);
        let told = oracle::integrity_check(&db);
        let found = found(&files(&db, None, None));
        let is_same = || rows(&db, &queries).as_ref() == Some(&truth);
        // A fault on the list does not excuse another one beside it.
        let unlisted = |found: &&String| !BEYOND.iter().any(|(what, _)| found.contains(what));
        let unlisted: Vec<&String> = found.iter().filter(unlisted).collect();
        let verdict = match (told.is_empty(), found.is_empty()) {
            (false, false) => Verdict::Noticed,
            (false, true) if told[0].starts_with("no such collation") => Verdict::Foreign,
            (false, true) => Verdict::Missed,
            (true, true) if is_same() => Verdict::Harmless,
            (true, true) => Verdict::Silent,
            (true, false) if !is_same() => Verdict::MoreNoticed,
            (true, false) if unlisted.is_empty() => Verdict::Beyond,
            (true, false) => Verdict::Alarm,
        };
        let place = format!("page {} byte {} bit {}", bit / 8 / 512 + 1, bit / 8 % 512, bit % 8);
        let shown = if told.is_empty() { unlisted } else { told.iter().collect() };
        (verdict, format!("{place}: {:?}", &shown[..shown.len().min(2)]))
    };
    let verdicts: Vec<_> = (0..db.len() * 8).into_par_iter().step_by(step).map(judge).collect();
    let mut sorted: BTreeMap<Verdict, (usize, Vec<String>)> = BTreeMap::new();
    for (verdict, example) in verdicts {
        let (count, examples) = sorted.entry(verdict).or_default();
        *count += 1;
        examples.push(example);
    }
    sorted
}

#[track_caller]
fn assert_agreement(step: usize) {
    let mut wrong = Vec::new();
    for (what, sql) in RECIPES {
        let db = make(sql);
        assert!((8 << 10..=12 << 10).contains(&db.len()), "{what}: {}", db.len());
        assert!(
            oracle::integrity_check(&db).is_empty() && found(&files(&db, None, None)).is_empty(),
            "{what}"
        );
        let mut verdicts = sweep(&db, step);
        let counts: Vec<_> = verdicts.iter().map(|(verdict, (count, _))| (verdict, count)).collect();
        println!("{what}, {} bytes: {counts:?}", db.len());
        assert!(verdicts.contains_key(&Verdict::Noticed) && verdicts.contains_key(&Verdict::Harmless));
        for verdict in [Verdict::Missed, Verdict::Alarm] {
            let examples = verdicts.remove(&verdict).into_iter().flat_map(|(_, examples)| examples);
            wrong.extend(examples.map(|example| format!("{verdict:?}: {what}: {example}")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn single_bits_are_judged_as_sqlite_judges_them() {
    // A prime step meets every kind of byte and every bit of one.
    assert_agreement(1009);
}

/// All of them: `cargo test --release --lib every_bit -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes without optimisation"]
fn every_bit_is_judged_as_sqlite_judges_it() {
    assert_agreement(1);
}
