//! Tests of recovery: the whole matrix of damages, and databases that were changed at random.

use rusqlite::Connection;

use super::super::fixture::{Case, Damaged, Encoding, Recipe, Rows, Sample, read_rows};
use super::*;
use crate::sqlite::evidence::Evidence;

/// The schema without the places of its tables, and the numbers that an application keeps in the header.
fn frame_of(connection: &Connection) -> Vec<String> {
    let sql = "SELECT type || name || tbl_name || ifnull(sql, '') FROM sqlite_schema
               UNION ALL SELECT user_version FROM pragma_user_version
               UNION ALL SELECT application_id FROM pragma_application_id
               UNION ALL SELECT name || seq FROM sqlite_sequence ORDER BY 1";
    let sql = match connection.prepare("SELECT 1 FROM sqlite_sequence") {
        Ok(_) => sql.to_owned(),
        Err(_) => sql.replace("SELECT name || seq FROM sqlite_sequence", "SELECT 1"),
    };
    let mut statement = connection.prepare(&sql).unwrap();
    let text = |row: &rusqlite::Row<'_>| Ok(format!("{:?}", row.get::<_, rusqlite::types::Value>(0)?));
    statement.query_map([], text).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn an_export_makes_the_database_anew() {
    for sample in super::super::fixture::samples() {
        let folder = tempfile::tempdir().unwrap();
        let (source, copy) = (folder.path().join("a.db"), folder.path().join("b.db"));
        std::fs::write(&source, &sample.db).unwrap();
        let before = Connection::open(&source).unwrap();
        before.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
        let mut sql = Vec::new();
        export_sql(&source, &mut sql).unwrap();
        let sql = String::from_utf8(sql).unwrap();
        Connection::open(&copy).unwrap().execute_batch(&sql).unwrap();
        let after = Connection::open(&copy).unwrap();
        let (rows, expected) = (read_rows(&after).unwrap(), read_rows(&before).unwrap());
        for (table, expected) in &expected {
            for (row, expected) in rows[table].iter().zip(expected) {
                assert_eq!(row, expected, "{table} {:?}", sample.recipe);
            }
            assert_eq!(rows[table].len(), expected.len());
        }
        assert_eq!(frame_of(&after), frame_of(&before));
        let check: String = after.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let mut lines = Vec::new();
        export_json_lines(&source, &mut lines).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let lines: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (table, expected) in expected {
            assert_eq!(lines.iter().filter(|line| line["table"] == table.as_str()).count(), expected.len());
        }
    }
}

#[test]
fn an_export_keeps_what_text_cannot_say() {
    let folder = tempfile::tempdir().unwrap();
    let (source, copy) = (folder.path().join("a.db"), folder.path().join("b.db"));
    let connection = Connection::open(&source).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t(a); INSERT INTO t VALUES (CAST(x'61ff62' AS TEXT)), (9.0e999), (-9.0e999), (-0.0),
               (5e-324), (1.7976931348623157e308), (0.30000000000000004), (1e16), (-9223372036854775808), ('a''b'),
               (CAST(x'610062' AS TEXT)), (x''), (''), (NULL), (123456789012345678.0), (2.2250738585072011e-308);",
        )
        .unwrap();
    let mut sql = Vec::new();
    export_sql(&source, &mut sql).unwrap();
    let other = Connection::open(&copy).unwrap();
    other.execute_batch(std::str::from_utf8(&sql).unwrap()).unwrap();
    let all = |connection: &Connection| -> Vec<String> {
        let mut statement = connection.prepare("SELECT a FROM t").unwrap();
        let one = |row: &rusqlite::Row<'_>| {
            Ok(match row.get_ref(0)? {
                rusqlite::types::ValueRef::Real(real) => format!("{:x}", real.to_bits()),
                value => format!("{value:?}"),
            })
        };
        statement.query_map([], one).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(all(&other), all(&connection));
    let mut lines = Vec::new();
    export_json_lines(&source, &mut lines).unwrap();
    let first = std::str::from_utf8(&lines).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(first, r#"{"table":"t","rowid":1,"values":{"a":{"text_hex":"61ff62"}}}"#);
}

fn run(
    damaged: &Damaged,
    schema: Option<SchemaSource>,
) -> Result<(Outcome, Rows, Vec<String>), RecoverError> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new.db");
    let log = damaged.wal.clone().map(|log| Arc::new(Evidence::of_bytes("a.db-wal", log)));
    let journal = damaged.journal.clone().map(|file| Arc::new(Evidence::of_bytes("a.db-journal", file)));
    let database = Arc::new(Evidence::of_bytes("a.db", damaged.db.clone()));
    let input = Files { database, log, journal };
    let options = Options { target: target.clone(), schema, log: WalUse::Auto };
    let outcome = recover(&input, &options)?;
    let connection = Connection::open(&target).unwrap();
    let mut rows = read_rows(&connection).unwrap();
    rows.remove(quarantine::QUARANTINE);
    let aside = "SELECT count(*) || ' of ' || ifnull(table_name, 'no table') || ': ' || reason
                 FROM kbsec_quarantine GROUP BY table_name, reason ORDER BY table_name, reason";
    let mut aside = connection.prepare(aside).unwrap();
    let doubtful = aside.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    drop(aside);
    Ok((outcome, rows, doubtful))
}

fn schema_of(sample: &Sample) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::write(&path, &sample.db).unwrap();
    let connection = Connection::open(&path).unwrap();
    let sql = "SELECT group_concat(sql, ';') FROM sqlite_schema
               WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND type = 'table'
                 AND name NOT LIKE 'notes\\_%' ESCAPE '\\' AND name NOT LIKE 'search\\_%' ESCAPE '\\'";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Damage, rows lost, rows wrong.
type Scores = [(&'static str, usize, usize)];

/// Rows that may be lost or wrong, by recipe and damage; all others are none.
///
/// d13 to d15: the rows whose chains lost a link, and those that a chain went astray into, are set aside. d04: a flipped
/// bit of an inner page of a table WITHOUT ROWID leads a chain into that of another row. d05: the schema was cut off,
/// and a table of two rows fits several tables of the given one. d22: one letter of a text that no index has.
const ALLOWED: &[(&str, &Scores)] = &[
    ("log", &[("d13", 10, 0), ("d14", 10, 0), ("d15", 11, 0), ("d22", 0, 1)]),
    ("utf-16le", &[("d13", 10, 0), ("d14", 9, 0), ("d15", 5, 0), ("d22", 0, 1)]),
    ("utf-16be", &[("d13", 10, 0), ("d14", 9, 0), ("d15", 5, 0), ("d22", 0, 1)]),
    ("v00", &[("d04", 1, 0), ("d13", 10, 0), ("d14", 9, 0), ("d15", 5, 0), ("d22", 0, 1)]),
    ("v01", &[("d22", 0, 1)]),
    ("v02", &[("d13", 10, 0), ("d14", 10, 0), ("d15", 15, 0), ("d22", 0, 1)]),
    ("v03", &[("d13", 10, 0), ("d14", 9, 0), ("d15", 4, 0), ("d22", 0, 1)]),
    ("v04", &[("d22", 0, 1)]),
    ("v05", &[("d04", 2, 0), ("d13", 10, 0), ("d14", 10, 0), ("d15", 16, 0), ("d22", 0, 1)]),
    ("v06", &[("d05", 7, 0), ("d22", 0, 1)]),
    ("v07", &[("d13", 10, 0), ("d14", 10, 0), ("d15", 16, 0), ("d22", 0, 1)]),
    ("v08", &[("d13", 10, 0), ("d14", 9, 0), ("d15", 5, 0), ("d22", 0, 1)]),
    ("v09", &[("d04", 3, 0), ("d13", 10, 0), ("d14", 10, 0), ("d15", 16, 0), ("d22", 0, 1)]),
    ("v10", &[("d13", 10, 0), ("d14", 9, 0), ("d15", 5, 0), ("d22", 0, 1)]),
];

#[test]
fn every_damage() {
    let mut recipes = vec![
        ("log", Recipe::with_wal()),
        ("utf-16le", Recipe { rows: 300, encoding: Encoding::Utf16Le, ..Recipe::with_wal() }),
        ("utf-16be", Recipe { rows: 300, encoding: Encoding::Utf16Be, ..Recipe::with_wal() }),
    ];
    let names = ["v00", "v01", "v02", "v03", "v04", "v05", "v06", "v07", "v08", "v09", "v10"];
    let variety = Recipe::variety().into_iter().map(|recipe| Recipe { rows: 300, ..recipe });
    recipes.extend(names.into_iter().zip(variety));
    let (mut found, mut text) = (Vec::new(), String::new());
    for (name, recipe) in recipes {
        let (scores, about) = matrix(&recipe, 1);
        found.push((name, scores));
        text += &format!("{recipe:?}\n{about}");
    }
    let found: Vec<(&str, &Scores)> = found.iter().map(|(name, scores)| (*name, &scores[..])).collect();
    assert_eq!(found, ALLOWED, "{text}");
}

#[test]
fn lost_rows_are_estimated() {
    let sample = Recipe::platform().build();
    let mut text = String::new();
    for (name, most_off) in [("d01", 4), ("d05", 60), ("d24", 30), ("d02", 0)] {
        let damaged = Case::named(name).apply(&sample, 1).unwrap();
        let (outcome, ..) = run(&damaged, None).unwrap();
        let events = outcome.tables.iter().find(|table| table.name == "events").unwrap();
        let lost = damaged.truth["events"].len() - damaged.ideal["events"].len();
        let estimate = events.lost_rows_estimate.unwrap();
        text += &format!("{name} {lost} {estimate} {:?}\n", events.lost_ranges());
        assert!(estimate.abs_diff(lost as u64) <= most_off, "{text}");
    }
    let table = TableOutcome { lost_pages: vec![9, 4, 5, 6, 5, 1], ..TableOutcome::default() };
    assert_eq!(table.lost_ranges(), [1..=1, 4..=6, 9..=9]);
}

#[test]
fn rows_that_a_page_has_lost_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let sql = "PRAGMA page_size = 4096; CREATE TABLE t(a INTEGER PRIMARY KEY, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
               SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT i, 'row ' || i FROM n;";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let leaf = (1..bytes.len() / 4096).map(|page| page * 4096).find(|at| bytes[*at] == 13).unwrap();
    // All of its pointers, and the first of its cells.
    bytes[leaf + 8..leaf + 2500].fill(0xEE);
    std::fs::write(&path, bytes).unwrap();
    let input = Files::open(&path).unwrap();
    let options = Options { target: folder.path().join("new"), schema: None, log: WalUse::Auto };
    let outcome = recover(&input, &options).unwrap();
    let table = outcome.tables.iter().find(|table| table.name == "t").unwrap();
    assert_eq!(table.recovered + table.doubtful + table.missing_rows, 500);
    assert!(table.missing_rows > 10, "{table:?}");
    assert_eq!(table.partial_ranges().len(), 1);
}

#[test]
fn a_sound_database_loses_no_row() {
    for encoding in [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be] {
        let sample = Recipe { encoding, ..Recipe::platform() }.build();
        let (outcome, rows, aside) = run(&Case::named("d00").apply(&sample, 1).unwrap(), None).unwrap();
        assert_eq!((rows, aside), (sample.rows, vec![]));
        assert_eq!((outcome.check, outcome.not_done), (vec![], vec![]));
    }
}

/// Recovers every damage of a recipe, and tells of which ones rows are missing or wrong.
fn matrix(recipe: &Recipe, seed: u64) -> (Vec<(&'static str, usize, usize)>, String) {
    let sample = recipe.build();
    let (mut scores, mut text) = (Vec::new(), String::new());
    for case in Case::ALL {
        let Some(damaged) = case.apply(&sample, seed) else { continue };
        // Where the end of the file is gone, the schema may be, too.
        let schema =
            ["d05", "d06", "d09"].contains(&case.name).then(|| SchemaSource::Sql(schema_of(&sample)));
        let (outcome, rows, doubtful) = run(&damaged, schema).unwrap();
        let score = damaged.score(&rows);
        let (right, lost, wrong) = (score.right, score.lost, score.wrong.len());
        text += &format!("{} right {right} lost {lost} wrong {wrong} {}\n", case.name, case.title);
        let aside = doubtful.iter().map(|line| format!("aside {line}"));
        let wrongs = score.wrong.iter().take(2).map(|line| format!("wrong {line}"));
        let check = outcome.check.iter().map(|line| format!("check {line}"));
        for line in aside.chain(wrongs).chain(outcome.not_done.clone()).chain(check) {
            text += &format!("    {}\n", line.chars().take(170).collect::<String>());
        }
        assert!(outcome.check.is_empty(), "{recipe:?}\n{text}");
        if lost + wrong > 0 {
            scores.push((case.name, lost, wrong));
        }
    }
    (scores, text)
}

#[test]
fn an_existing_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a");
    std::fs::write(&target, b"mine").unwrap();
    let sample = Recipe::platform().build();
    let database = Arc::new(Evidence::of_bytes("a.db", sample.db));
    let input = Files { database, log: None, journal: None };
    let options = Options { target: target.clone(), schema: None, log: WalUse::Auto };
    assert!(matches!(recover(&input, &options), Err(RecoverError::Target { .. })));
    assert_eq!(std::fs::read(&target).unwrap(), b"mine");
}

#[test]
fn the_same_damage_gives_the_same_rows() {
    let dump = |damaged: &Damaged| {
        let (outcome, rows, aside) = run(damaged, None).unwrap();
        let rows: Vec<(String, Vec<Vec<u8>>)> = rows
            .iter()
            .map(|(name, rows)| (name.clone(), rows.iter().map(|row| row.bytes()).collect()))
            .collect();
        (rows, aside, outcome.tables, outcome.not_done)
    };
    let sample = Recipe { rows: 300, ..Recipe::platform() }.build();
    for name in ["d04", "d05", "d09", "d19", "d24"] {
        let damaged = Case::named(name).apply(&sample, 3).unwrap();
        assert_eq!(dump(&damaged), dump(&damaged), "{name}");
    }
}

#[test]
fn small_harm_never_stops_a_recovery() {
    let samples = super::super::fixture::samples().iter().filter(|sample| sample.recipe.page_size <= 4096);
    for (index, sample) in samples.enumerate() {
        for (at, case) in Case::MUTATIONS.iter().enumerate() {
            // One mutation of each kind for two samples in three keeps the test short.
            let seed = (index * 100 + at) as u64;
            let Some(damaged) = case.apply(sample, seed).filter(|_| (index + at) % 3 != 0) else { continue };
            let found = run(&damaged, None);
            let nothing = matches!(found, Err(RecoverError::NothingFound));
            assert!(found.is_ok() || nothing, "{} {seed} {:?}: {found:?}", case.name, sample.recipe);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]
    #[test]
    fn no_damage_does_harm(changes in proptest::collection::vec((0usize..200_000, 0u8..), 1..60), cut in 0usize..200_000) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA page_size = 512; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c);
                 CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE INDEX i ON t(c);
                 WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200)
                   INSERT INTO t SELECT x, 'text ' || x, zeroblob(x * 5) FROM n;
                 INSERT INTO w SELECT b, a FROM t; DELETE FROM t WHERE a % 7 = 1;",
            )
            .unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        if cut % 3 == 0 {
            bytes.truncate(cut % bytes.len());
        }
        let input = Files { database: Arc::new(Evidence::of_bytes("a.db", bytes)), log: None, journal: None };
        let options = Options { target: folder.path().join("new"), schema: None, log: WalUse::Auto };
        let found = recover(&input, &options);
        proptest::prop_assert!(found.is_ok() || matches!(found, Err(RecoverError::NothingFound)), "{found:?}");
    }
}

/// A database in which a row of the first leaf of `t`, which its root has lost, has a value of a later row, and in which
/// two rows of `w` have the same value.
fn with_conflicts(path: &std::path::Path) -> Vec<u8> {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 1024; CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT UNIQUE, x TEXT);
             CREATE TABLE w(k TEXT PRIMARY KEY, v TEXT UNIQUE) WITHOUT ROWID;
             CREATE UNIQUE INDEX low ON t(lower(x) DESC, code) WHERE id > 0;
             WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200)
               INSERT INTO t SELECT x, printf('text %03d', x), printf('X%d', x) FROM n;
             INSERT INTO w SELECT 'key ' || id, 'value ' || code FROM t WHERE id < 9;",
        )
        .unwrap();
    let page = |name: &str| {
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let root: u32 = connection.query_row(sql, [name], |row| row.get(0)).unwrap();
        (root as usize - 1) * 1024
    };
    let (t, w) = (page("t"), page("w"));
    let mut bytes = std::fs::read(path).unwrap();
    let number = |bytes: &[u8], at: usize| be32(bytes, at) as usize;
    let cell = t + usize::from(u16::from_be_bytes([bytes[t + 12], bytes[t + 13]]));
    let leaf = (number(&bytes, cell) - 1) * 1024;
    bytes[cell..cell + 4].copy_from_slice(&9999u32.to_be_bytes());
    let mut change = |page: usize, old: &[u8], new: &[u8]| {
        let at = memchr::memmem::find(&bytes[page..page + 1024], old).unwrap() + page;
        bytes[at..at + new.len()].copy_from_slice(new);
    };
    change(leaf, b"text 003X3", b"text 150X3");
    change(w, b"value text 005", b"value text 002");
    bytes
}

#[test]
fn of_rows_that_exclude_each_other_the_better_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = with_conflicts(&folder.path().join("a.db"));
    let input = Files { database: Arc::new(Evidence::of_bytes("a.db", bytes)), log: None, journal: None };
    let target = folder.path().join("new.db");
    let options = Options { target: target.clone(), schema: None, log: WalUse::Auto };
    let outcome = recover(&input, &options).unwrap();
    assert_eq!((&outcome.check, &outcome.not_done), (&vec![], &vec![]), "{outcome:?}");
    let connection = Connection::open(&target).unwrap();
    let ask = |sql: &str| -> String { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        ask("SELECT count(*) || ' ' || group_concat(id) FILTER (WHERE code = 'text 150') FROM t"),
        "199 150"
    );
    assert_eq!(
        ask("SELECT count(*) || ' ' || group_concat(k) FILTER (WHERE v LIKE '%002') FROM w"),
        "7 key 2"
    );
    assert_eq!(
        ask("SELECT group_concat(name) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"),
        "low"
    );
    let aside = "SELECT group_concat(table_name || ' ' || ifnull(rowid_value, '') || ' ' || method || ' ' || \"values\"
                   || ' ' || reason, '; ') FROM kbsec_quarantine";
    assert_eq!(
        ask(aside),
        "t 3 orphan page [null,\"text 150\",\"X3\"] a better row, 150, has the same values in the index \
         sqlite_autoindex_t_1; w  tree [\"key 5\",\"value text 002\"] a better row, \"key 2\", has the same values in \
         the index sqlite_autoindex_w_2"
    );
    let t = outcome.tables.iter().find(|table| table.name == "t").unwrap();
    assert_eq!((t.recovered, t.doubtful), (199, 1));
}

/// Values without the last NULLs, and numbers that are alike made the same: a type may be lost, and a default.
fn bare(values: &[rusqlite::types::Value]) -> String {
    use rusqlite::types::Value;
    let one = |value: &Value| match value {
        Value::Real(real) if *real == real.trunc() && real.abs() < 1e15 => {
            format!("{:?}", Value::Integer(*real as i64))
        }
        Value::Real(real) => format!("{:016x}", real.to_bits()),
        other => format!("{other:?}"),
    };
    let count = values.iter().rposition(|value| *value != Value::Null).map_or(0, |last| last + 1);
    let bare = values[..count].iter().map(one).collect::<Vec<_>>().join(",");
    bare.trim_end_matches(",Text(\"local\")").to_owned()
}

#[test]
fn without_a_schema_every_row_is_in_one_table() {
    // The whole schema stands on page 1.
    let sample = Recipe { rows: 600, page_size: 8192, ..Recipe::platform() }.build();
    let damaged = Case::named("d09").apply(&sample, 1).unwrap();
    let (outcome, rows, aside) = run(&damaged, None).unwrap();
    assert_eq!((&outcome.check, aside), (&vec![], vec![]));
    assert!(outcome.tables.iter().all(|table| table.name.starts_with("recovered_")));
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.values().flatten() {
        *found.entry(bare(&row.values)).or_default() += 1;
    }
    // What is computed when it is read, and what a record lacks, only the schema knows.
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for (table, rows) in &damaged.ideal {
        for row in rows {
            let known = if table == "measures" { 5 } else { row.values.len() };
            *expected.entry(bare(&row.values[..known])).or_default() += 1;
        }
    }
    let missing: Vec<_> =
        expected.iter().filter(|(row, count)| found.get(*row) != Some(*count)).take(9).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    // Of the other trees, which are those of search tables and statistics, none is an index.
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), &sample.db).unwrap();
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage > 0";
    let trees: i64 = Connection::open(path.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(outcome.tables.len() as i64, trees);
}

/// A database of twins: tables of one shape, which only the schema tells apart.
fn twins(rows: u32) -> Vec<u8> {
    let mut connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 1024; CREATE TABLE sold(id INTEGER PRIMARY KEY, what TEXT, price REAL);
             CREATE TABLE bought(id INTEGER PRIMARY KEY, what TEXT, price REAL); CREATE INDEX sold_what ON sold(what);
             CREATE TABLE tags(tag TEXT, n INT, PRIMARY KEY (tag, n)) WITHOUT ROWID;
             CREATE TABLE words(word TEXT, n INT, PRIMARY KEY (word, n)) WITHOUT ROWID;",
        )
        .unwrap();
    for (table, word) in [("sold", "apple"), ("bought", "pear")] {
        let sql = format!("INSERT INTO {table} VALUES (?1, '{word} ' || ?1, ?1 / 2.0)");
        (1..=rows).for_each(|row| assert_eq!(connection.execute(&sql, [row]).unwrap(), 1));
    }
    for (table, word) in [("tags", "red"), ("words", "blue")] {
        let sql = format!("INSERT INTO {table} VALUES ('{word} ' || (?1 % 7), ?1)");
        (1..=rows).for_each(|row| assert_eq!(connection.execute(&sql, [row]).unwrap(), 1));
    }
    connection.execute_batch("UPDATE sold SET what = what || '!' WHERE id % 10 = 0").unwrap();
    connection.serialize(rusqlite::MAIN_DB).unwrap().to_vec()
}

#[test]
fn an_older_backup_tells_which_table_is_which() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, target) = (folder.path().join("old.db"), folder.path().join("new.db"));
    std::fs::write(&backup, twins(90)).unwrap();
    let mut damaged = twins(700);
    let whole = folder.path().join("whole.db");
    std::fs::write(&whole, &damaged).unwrap();
    let expected = read_rows(&Connection::open(&whole).unwrap()).unwrap();
    damaged[..1024].fill(0);
    let database = Arc::new(Evidence::of_bytes("a.db", damaged));
    let input = Files { database, log: None, journal: None };
    let schema = Some(SchemaSource::open(&backup).unwrap());
    let outcome = recover(&input, &Options { target: target.clone(), schema, log: WalUse::Auto }).unwrap();
    assert_eq!(outcome.check, [""; 0]);
    let mut rows = read_rows(&Connection::open(&target).unwrap()).unwrap();
    assert_eq!(rows.remove(quarantine::QUARANTINE).map_or(0, |rows| rows.len()), 0, "{outcome:#?}");
    for (table, expected) in &expected {
        assert_eq!(rows[table], *expected, "{table}: {outcome:#?}");
    }
}

#[test]
fn a_backup_with_other_roots_gives_no_row_to_the_wrong_table() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("old.db");
    let connection = Connection::open(&backup).unwrap();
    // The names of the twins are exchanged, so that every root is another table's.
    connection
        .execute_batch(
            "PRAGMA page_size = 1024; CREATE TABLE bought(id INTEGER PRIMARY KEY, what TEXT, price REAL);
             CREATE TABLE sold(id INTEGER PRIMARY KEY, what TEXT, price REAL);
             INSERT INTO sold VALUES (1, 'apple 1', 0.5), (2, 'apple 2', 1.0);
             INSERT INTO bought VALUES (1, 'pear 1', 0.5), (2, 'pear 2', 1.0);",
        )
        .unwrap();
    let mut damaged = twins(300);
    damaged[..1024].fill(0);
    let input = Files { database: Arc::new(Evidence::of_bytes("a.db", damaged)), log: None, journal: None };
    let (target, schema) = (folder.path().join("new.db"), Some(SchemaSource::open(&backup).unwrap()));
    recover(&input, &Options { target: target.clone(), schema, log: WalUse::Auto }).unwrap();
    let recovered = Connection::open(&target).unwrap();
    let count = |sql: &str| -> i64 { recovered.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT count(*) FROM sold WHERE what LIKE 'pear%'"), 0);
    assert_eq!(count("SELECT count(*) FROM bought WHERE what LIKE 'apple%'"), 0);
    let aside = "SELECT count(*) FROM kbsec_quarantine";
    assert!(
        count("SELECT (SELECT count(*) FROM sold) + (SELECT count(*) FROM bought)") + count(aside) >= 600
    );
}
