//! Inputs to begin with for the targets that read databases: SQLite makes them.

use rusqlite::{Connection, MAIN_DB};

use super::database::{log_checksum, mend_log};

/// Databases with pages of 512 bytes and little in them, each with other features.
const RECIPES: [&str; 6] = [
    "CREATE TABLE t(a, b TEXT); CREATE INDEX i ON t(b, a DESC);
     INSERT INTO t VALUES (1, 'one'), (2.5, 'two'), (NULL, x'0102'), (-70000, ''), (1 << 40, 'three');",
    "CREATE TABLE w(k TEXT, n INTEGER, v, PRIMARY KEY (k, n)) WITHOUT ROWID; CREATE INDEX w_v ON w(v);
     INSERT INTO w VALUES ('a', 1, 'x'), ('a', 2, NULL), ('b', 1, 3.5), ('c', 7, zeroblob(900));",
    "PRAGMA auto_vacuum = 2; CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v BLOB NOT NULL, UNIQUE (v));
     INSERT INTO t(v) SELECT zeroblob(value) || value FROM
       (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 97 FROM n LIMIT 14) SELECT value FROM n);
     DELETE FROM t WHERE id % 3 = 0;",
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c AS (a + 1) STORED, CHECK (b <> 7));
     CREATE INDEX p ON t(b) WHERE b > 3; CREATE INDEX e ON t(length(b));
     INSERT INTO t(b) VALUES (1), (9), ('text'), (zeroblob(1500)); CREATE VIEW v AS SELECT * FROM t;",
    "CREATE TABLE t(a); INSERT INTO t SELECT printf('%040d', value) FROM
       (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 60) SELECT value FROM n);
     DELETE FROM t WHERE rowid BETWEEN 11 AND 50; ALTER TABLE t ADD COLUMN b DEFAULT 5;",
    "PRAGMA encoding = 'UTF-16le'; CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id), t TEXT COLLATE NOCASE UNIQUE);
     INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1, 'Ab'), (2, 'cd');",
];

fn databases() -> Vec<Vec<u8>> {
    let make = |sql: &str| -> rusqlite::Result<Vec<u8>> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch(&format!("PRAGMA page_size = 512; {sql}"))?;
        Ok(connection.serialize(MAIN_DB)?.to_vec())
    };
    RECIPES.iter().map(|sql| make(sql).unwrap_or_else(|error| panic!("{error}: {sql}"))).collect()
}

/// A log with these pages, each with a frame that ends a commit.
fn log(pages: &[(u32, &[u8])], count: u32, magic: u32) -> Vec<u8> {
    let mut log: Vec<u8> =
        [magic, 3_007_000, 512, 1, 7, 9].iter().flat_map(|word| word.to_be_bytes()).collect();
    let sum = log_checksum((0, 0), &log, magic);
    log.extend([sum.0, sum.1].iter().flat_map(|word| word.to_be_bytes()));
    for (page, content) in pages {
        log.extend([*page, count, 7, 9, 0, 0].iter().flat_map(|word| word.to_be_bytes()));
        log.extend(*content);
    }
    mend_log(&mut log, 512, 255);
    log
}

/// A journal with these pages, all behind one header.
fn journal(pages: &[(u32, &[u8])], count: u32) -> Vec<u8> {
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    journal.extend([pages.len() as u32, 77, count, 512, 512].iter().flat_map(|word| word.to_be_bytes()));
    journal.resize(512, 0);
    for (page, content) in pages {
        let sum = [112usize, 312].iter().fold(77u32, |sum, at| sum.wrapping_add(content[*at].into()));
        journal.extend(page.to_be_bytes());
        journal.extend(*content);
        journal.extend(sum.to_be_bytes());
    }
    journal
}

/// The seeds of a target; none if it is not one of these.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let all = databases();
    let page = |db: &[u8], number: usize| db[(number - 1) * 512..number * 512].to_vec();
    match target {
        "database_header" => all.iter().map(|db| db[..200].to_vec()).collect(),
        "btree_page" => all.iter().flat_map(|db| pages(db)).collect(),
        "record" => records(),
        "write_ahead_log" => {
            let db = &all[0];
            let (one, two) = (page(db, 1), page(db, 2));
            let frames: [(u32, &[u8]); 4] = [(1, &one), (2, &two), (2, &one), (9, &two)];
            let logs = [0x377f_0682, 0x377f_0683].map(|magic| log(&frames, 3, magic));
            [255, 0, 5, 14]
                .iter()
                .flat_map(|bits| logs.iter().map(|log| [&[*bits][..], log].concat()))
                .collect()
        }
        "rollback_journal" => {
            let db = &all[0];
            let (one, two) = (page(db, 1), page(db, 2));
            let whole = journal(&[(1, &one), (2, &two), (2, &one)], 3);
            let mut open = whole.clone();
            open[8..12].fill(255);
            let two_parts = [&whole[..], &vec![0; 512 - whole.len() % 512], &whole].concat();
            let cut = whole[..700].to_vec();
            vec![whole, open, two_parts, cut, journal(&[], 3), journal(&[(5, &one)], 3)]
        }
        "database" => whole(&all),
        _ => Vec::new(),
    }
}

fn pages(db: &[u8]) -> Vec<Vec<u8>> {
    let page = |(number, page): (usize, &[u8])| [&[if number == 0 { 0 } else { 128 }, 0][..], page].concat();
    db.chunks(512).enumerate().map(page).collect()
}

fn records() -> Vec<Vec<u8>> {
    let types = |types: &[u8], body: &[u8]| [&[types.len() as u8 + 1], types, body].concat();
    vec![
        types(&[0, 1, 8, 9], &[200]),
        types(&[2, 3, 4], &[1, 2, 255, 0, 0, 127, 1, 2, 3]),
        types(&[5, 6, 7], &[9; 22]),
        types(&[12, 13, 14, 15, 21], b"xyabcde"),
        types(&[0x81, 0x0d], &[b'a'; 64]),
        types(&[10], &[]),
        types(&[1], &[1, 2]),
        vec![0x81, 0x00],
    ]
}

fn whole(all: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = all.iter().map(|db| [&[0; 4][..], db].concat()).collect();
    let db = &all[0];
    let with = |kind: u8, beside: Vec<u8>, db: &[u8]| {
        let mut beside = beside;
        beside.resize(beside.len().next_multiple_of(8), 0);
        let length = ((beside.len() / 8) as u16).to_be_bytes();
        [&[kind, u8::from(kind == 1), length[0], length[1]], &beside[..], db].concat()
    };
    let count = (db.len() / 512) as u32;
    let mut logged = db.clone();
    logged[18..20].fill(2);
    let last = &db[db.len() - 512..];
    seeds.push(with(1, log(&[(1, &logged[..512]), (count, last)], count, 0x377f_0682), &logged));
    seeds.push(with(2, journal(&[(1, &db[..512]), (count, last)], count), db));
    seeds.push(with(0, Vec::new(), &db[..db.len() - 100]));
    seeds
}
