//! `kbsec sqlite`, end to end: damage is named, rows are saved, and the evidence stays as it was.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;

use crate::common::Sandbox;

/// A database with an index and 400 rows, each with a text of its own.
fn database(path: &Path, mode: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = 1024; PRAGMA journal_mode = {mode}; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE events(id INTEGER PRIMARY KEY, name TEXT NOT NULL, at INTEGER);
             CREATE INDEX events_name ON events(name);
             INSERT INTO events SELECT value, 'event ' || value, value * 7 FROM
               (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 400) SELECT value FROM n);"
        ))
        .unwrap();
    connection
}

/// Every file of a folder with its time and its bytes.
fn state(folder: &Path) -> Vec<(String, SystemTime, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, path.metadata().unwrap().modified().unwrap(), std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn count(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let told: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(told, "ok");
    connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_sound_database_is_clean_and_stays_as_it_was() {
    let sandbox = Sandbox::new();
    drop(database(&sandbox.path("a.db"), "delete"));
    let before = state(&sandbox.path(""));
    let run = sandbox.kbsec(["sqlite", "check", "."]).run().code(0);
    assert!(run.stdout.contains("clean: nothing was found in 1 file"), "{}", run.stdout);
    assert!(run.stderr.contains("a.db: 1 table, 400 rows"), "{}", run.stderr);
    assert_eq!(state(&sandbox.path("")), before);
}

#[test]
fn a_database_in_use_is_seen_with_its_log() {
    let sandbox = Sandbox::new();
    let user = database(&sandbox.path("a.db"), "wal");
    let before = state(&sandbox.path(""));
    let run = sandbox.kbsec(["sqlite", "check", "a.db"]).run().code(0);
    assert!(run.stderr.contains("400 rows"), "{}", run.stderr);
    assert_eq!(state(&sandbox.path("")), before);
    drop(user);
}

#[test]
fn damage_is_named_and_rows_are_saved() {
    let sandbox = Sandbox::new();
    drop(database(&sandbox.path("a.db"), "delete"));
    let mut bytes = std::fs::read(sandbox.path("a.db")).unwrap();
    let leaf = (1..bytes.len() / 1024).find(|page| bytes[page * 1024] == 13).unwrap();
    bytes[leaf * 1024..][..1024].fill(0);
    sandbox.write("damaged/a.db", &bytes);
    let before = state(&sandbox.path("damaged"));
    let run = sandbox.kbsec(["sqlite", "check", "damaged/a.db"]).run().code(1);
    assert!(
        run.stdout.contains(&format!("damaged/a.db: page {}  it is nothing but zeros", leaf + 1)),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("in events; high confidence"), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "recover", "damaged/a.db", "-o", "new.db"]).run().code(1);
    assert!(run.stdout.contains(&format!("lost        pages of events: {}", leaf + 1)), "{}", run.stdout);
    let saved = count(&sandbox.path("new.db"));
    assert!((300..400).contains(&saved), "{saved}");
    assert_eq!(state(&sandbox.path("damaged")), before);
    let again = sandbox.kbsec(["sqlite", "recover", "damaged/a.db", "-o", "new.db"]).run().code(2);
    assert!(again.stderr.contains("something is there already"), "{}", again.stderr);
}

#[test]
fn changes_that_sqlite_would_drop_are_named_and_saved() {
    let sandbox = Sandbox::new();
    let user = database(&sandbox.path("a.db"), "wal");
    for (name, target) in [("a.db", "kept/a.db"), ("a.db-wal", "kept/a.db-wal")] {
        let mut bytes = std::fs::read(sandbox.path(name)).unwrap();
        if name.ends_with("-wal") {
            // A bit of the salt: SQLite would take the log for another database's, and delete it.
            bytes[17] ^= 1;
        }
        sandbox.write(target, bytes);
    }
    drop(user);
    let run = sandbox.kbsec(["sqlite", "check", "kept/a.db", "-f", "json"]).run().code(1);
    assert!(run.stdout.contains("\"sqlite/wal-ignored\""), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "recover", "kept/a.db", "-o", "new.db"]).run().code(0);
    assert!(run.stdout.contains("400 rows are in new.db"), "{}", run.stdout);
    assert_eq!(count(&sandbox.path("new.db")), 400);
}

#[test]
fn what_cannot_be_checked_is_an_error_or_a_gap() {
    let sandbox = Sandbox::new();
    let run = sandbox.kbsec(["sqlite", "check", "nothing.db"]).run().code(2);
    assert!(run.stderr.contains("nothing.db does not exist"), "{}", run.stderr);
    sandbox.write("folder/notes.txt", "no database");
    let run = sandbox.kbsec(["sqlite", "check", "folder"]).run().code(3);
    assert!(run.stdout.contains("nothing was examined"), "{}", run.stdout);
    sandbox.write("other.sqlite", "PK\x03\x04 and more than a hundred bytes ".repeat(9));
    let run = sandbox.kbsec(["sqlite", "check", "other.sqlite"]).run().code(1);
    assert!(run.stdout.contains("it looks like a zip archive"), "{}", run.stdout);
}

#[test]
fn the_log_of_another_database_is_a_finding() {
    let sandbox = Sandbox::new();
    drop(database(&sandbox.path("a.db"), "wal"));
    let other = Connection::open(sandbox.path("b.db")).unwrap();
    other
        .execute_batch(
            "PRAGMA page_size = 1024; PRAGMA journal_mode = wal; CREATE TABLE users(id); INSERT INTO users VALUES (1);",
        )
        .unwrap();
    std::fs::copy(sandbox.path("b.db-wal"), sandbox.path("a.db-wal")).unwrap();
    let before = state(&sandbox.path(""));
    let run = sandbox.kbsec(["sqlite", "check", "a.db"]).run().code(1);
    assert!(run.stdout.contains("sqlite/wal-foreign"), "{}", run.stdout);
    assert!(
        run.stdout.contains("it holds the tables users, and the file events, events_name"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("the file alone        400 rows  sound"), "{}", run.stdout);
    assert!(run.stdout.contains("1 problem found"), "{}", run.stdout);
    assert_eq!(state(&sandbox.path("")), before);
}

#[test]
fn views_are_no_findings_and_stand_in_every_format() {
    let sandbox = Sandbox::new();
    let user = database(&sandbox.path("a.db"), "wal");
    user.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO events(name) VALUES ('one more')")
        .unwrap();
    let run = sandbox.kbsec(["sqlite", "check", "a.db"]).run().code(0);
    assert!(run.stdout.contains("as seen by  the file alone        400 rows  sound"), "{}", run.stdout);
    assert!(run.stdout.contains("SQLite, with the log  401 rows  sound"), "{}", run.stdout);
    assert!(run.stdout.contains("1 row is only in the log"), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "check", "a.db", "-f", "json"]).run().code(0);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let about = &report["coverage"]["databases"][0];
    assert_eq!(about["tables"]["events"], 401);
    assert_eq!(about["views"][0]["view"], "file");
    assert_eq!(about["views"][0]["rows_of_differing_tables"]["events"], 400);
    assert_eq!((&about["views"][1]["reported"], &about["views"][1]["sound"]), (&true.into(), &true.into()));
    for (format, end) in [("sarif", "version"), ("jsonl", "coverage"), ("github", "")] {
        let run = sandbox.kbsec(["sqlite", "check", "a.db", "-f", format]).run().code(0);
        let last: Option<serde_json::Value> = serde_json::from_str(&run.stdout).ok();
        assert!(end.is_empty() || last.is_some_and(|last| last.get(end).is_some()), "{}", run.stdout);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn processes_that_use_the_database_are_named() {
    let sandbox = Sandbox::new();
    let user = database(&sandbox.path("a.db"), "wal");
    user.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = sandbox.kbsec(["sqlite", "check", "a.db"]).run().code(0);
    let line = format!("held by     process {}", std::process::id());
    assert!(run.stdout.contains(&line) && run.stdout.contains("WAL_WRITE"), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "check", "a.db", "-f", "json"]).run().code(0);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let holder = &report["coverage"]["databases"][0]["holders"][0];
    assert_eq!((&holder["writing"], &holder["stopped"]), (&true.into(), &false.into()));
    // The lock is still there: whoever only looks takes none away.
    user.execute_batch("INSERT INTO events(name) VALUES ('still writing'); COMMIT").unwrap();
}

/// A file may not grow beyond a limit, which is what a full disk looks like to a program that ignores the signal.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_half_written() {
    let sandbox = Sandbox::new();
    let user = database(&sandbox.path("a.db"), "delete");
    user.execute_batch(
        "INSERT INTO events(name, at) SELECT hex(randomblob(100)), value FROM
           (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 4000) SELECT value FROM n);",
    )
    .unwrap();
    drop(user);
    std::fs::create_dir(sandbox.path("out")).unwrap();
    let before = state(&sandbox.path("out"));
    let source = std::fs::read(sandbox.path("a.db")).unwrap();
    for (limit, command) in [
        ("100", "recover a.db -o out/new.db"),
        ("100", "backup a.db -o out"),
        ("100", "snapshot a.db -o out/evidence"),
        ("2", "seal a.db -o out/a.seal"),
    ] {
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec kbsec sqlite {command}");
        let run = sandbox.program("sh", ["-c", &script]).run().code(2);
        let lines: Vec<&str> = run.stderr.lines().collect();
        let [error, hint] = lines[..] else { panic!("{command}: {}", run.stderr) };
        assert!(error.starts_with("kbsec: cannot ") || error.starts_with("kbsec: SQLite cannot "), "{error}");
        assert!(["room", "space", "another folder"].iter().any(|word| hint.contains(word)), "{hint}");
        assert_eq!(state(&sandbox.path("out")), before, "{command}");
        assert!(std::fs::read(sandbox.path("a.db")).unwrap() == source, "{command}");
    }
}

#[test]
fn deleted_rows_are_found_and_the_evidence_stays_as_it_was() {
    let sandbox = Sandbox::new();
    let user = database(&sandbox.path("a.db"), "wal");
    user.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM events WHERE id = 7").unwrap();
    sandbox.write("a.db-journal", "");
    let before = state(&sandbox.path(""));
    let run = sandbox.kbsec(["sqlite", "carve", "a.db"]).run().code(1);
    assert!(run.stdout.contains("rowid 7: whole, table certain"), "{}", run.stdout);
    assert!(run.stdout.contains("id=7 | name='event 7' | at=49"), "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
    assert!(!run.stdout.contains("event 8'"), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "carve", "-f", "json", "a.db"]).run().code(1);
    let rows: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [row] = &rows[..] else { panic!("{}", run.stdout) };
    assert_eq!(row["values"], serde_json::json!([7, "event 7", 49]));
    assert_eq!((&row["table"], &row["rowid"]), (&"events".into(), &7.into()));
    assert_eq!((&row["confidence"], &row["table_confidence"]), (&"high".into(), &"high".into()));
    assert_eq!(state(&sandbox.path("")), before);
}

#[test]
fn no_deleted_row_and_no_database_are_told_apart() {
    let sandbox = Sandbox::new();
    drop(database(&sandbox.path("a.db"), "delete"));
    let run = sandbox.kbsec(["sqlite", "carve", "a.db"]).run().code(0);
    assert!(run.stdout.contains("No deleted row was found"), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "carve", "nothing.db"]).run().code(2);
    assert!(run.stdout.is_empty() && run.stderr.contains("nothing.db"), "{}", run.stderr);
    sandbox.write("other.db", "PK\x03\x04 and more than a hundred bytes ".repeat(9));
    let run = sandbox.kbsec(["sqlite", "carve", "other.db"]).run().code(3);
    assert!(run.stderr.contains("names no page size"), "{}", run.stderr);
}

#[test]
fn deleted_rows_are_shown_and_the_evidence_stays_as_it_was() {
    for mode in ["delete", "persist", "wal"] {
        let sandbox = Sandbox::new();
        std::fs::create_dir(sandbox.path("db")).unwrap();
        let user = database(&sandbox.path("db/a.db"), mode);
        user.execute_batch(
            "PRAGMA secure_delete = OFF; DELETE FROM events WHERE id IN (7, 300); CREATE TABLE gone(x TEXT, y TEXT);
             INSERT INTO gone VALUES ('some words', 'more words'); DROP TABLE gone;",
        )
        .unwrap();
        let before = state(&sandbox.path("db"));
        let run = sandbox.kbsec(["sqlite", "carve", "db/a.db"]).run().code(1);
        assert!(run.stdout.contains("deleted rows are still there"), "{}", run.stdout);
        assert!(run.stdout.contains("name='event 300' | at=2100"), "{mode}: {}", run.stdout);
        assert!(run.stdout.contains("\ngone (dropped)\n"), "{mode}: {}", run.stdout);
        assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
        assert!(!run.stdout.contains("event 301'"), "{}", run.stdout);
        let run =
            sandbox.kbsec(["sqlite", "carve", "-f", "json", "-o", "rows.jsonl", "db/a.db"]).run().code(1);
        assert!(run.stdout.is_empty(), "{}", run.stdout);
        let rows = std::fs::read_to_string(sandbox.path("rows.jsonl")).unwrap();
        let rows: Vec<serde_json::Value> =
            rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        let row = rows.iter().find(|row| row["values"][1] == "event 300").unwrap();
        assert_eq!((&row["table"], &row["columns"][2]), (&"events".into(), &"at".into()), "{row}");
        assert!(row["page"].is_u64() && row["offset"].is_u64() && row["confidence"] != "low", "{row}");
        assert_eq!(state(&sandbox.path("db")), before);
    }
}

#[test]
fn carving_tells_nothing_from_failure() {
    let sandbox = Sandbox::new();
    drop(database(&sandbox.path("a.db"), "delete"));
    let run = sandbox.kbsec(["sqlite", "carve", "a.db"]).run().code(0);
    assert!(run.stdout.starts_with("No deleted row was found"), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "carve", "-f", "json", "a.db"]).run().code(0);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    let run = sandbox.kbsec(["sqlite", "carve", "nothing.db"]).run().code(2);
    assert!(run.stderr.contains("check the path"), "{}", run.stderr);
    sandbox.write("other.db", "PK\x03\x04 and more than a hundred bytes ".repeat(9));
    let run = sandbox.kbsec(["sqlite", "carve", "other.db"]).run().code(3);
    assert!(run.stderr.contains("cannot be read: the header"), "{}", run.stderr);
}

#[test]
fn many_deleted_rows_are_summed_up() {
    let sandbox = Sandbox::new();
    let user = database(&sandbox.path("a.db"), "delete");
    user.execute_batch("PRAGMA secure_delete = OFF; DELETE FROM events WHERE id > 100").unwrap();
    drop(user);
    let short = sandbox.kbsec(["sqlite", "carve", "a.db"]).run().code(1);
    assert!(short.stdout.contains("more; --all shows them"), "{}", short.stdout);
    let all = sandbox.kbsec(["sqlite", "carve", "--all", "a.db"]).run().code(1);
    assert!(all.stdout.matches("name='event ").count() > 200, "{}", all.stdout);
}
