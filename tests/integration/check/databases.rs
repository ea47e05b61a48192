//! Databases that SQLite made: sound, locked by another process, damaged, with a large log, with and without backups.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{ask, assert_told, verdicts};
use crate::common::Sandbox;

/// A database with a table of a thousand rows.
fn database(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let base = rusqlite::Connection::open(path).unwrap();
    base.execute_batch("PRAGMA page_size=1024; CREATE TABLE logs(id INTEGER PRIMARY KEY, message TEXT);")
        .unwrap();
    base.execute_batch("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO logs SELECT i, 'message number ' || i FROM n;").unwrap();
}

/// A process that begins a transaction and keeps it until it is told to end.
struct Writer(Child);

impl Writer {
    fn start(path: &Path) -> Self {
        let program = "import sqlite3, sys\nbase = sqlite3.connect(sys.argv[1], isolation_level=None)\nbase.execute('BEGIN EXCLUSIVE')\nbase.execute(\"INSERT INTO logs(message) VALUES('x')\")\nprint('locked', flush=True)\nsys.stdin.readline()\n";
        let mut child = Command::new("python3")
            .args(["-c", program])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.stdin.take().map(|mut pipe| pipe.write_all(b"\n"));
        let _ = self.0.wait();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_lock_is_laid_at_the_door_of_the_process_that_holds_it() {
    let sandbox = Sandbox::new();
    let path = sandbox.path(".kb/database/kb.sqlite");
    database(&path);
    let run = ask(&sandbox, ["db.health", "db.integrity"]).code(0);
    assert_told(&verdicts(&run, "db.integrity"), "pass .kb/database/kb.sqlite: no damage, 1000 rows", &[]);
    let writer = Writer::start(&path);
    let run = ask(&sandbox, ["db.health", "db.busy", "--offline"]).code(1);
    let who = format!("pid {} (python3", writer.0.id());
    assert_told(&verdicts(&run, "db.health"), "warn .kb/database/kb.sqlite: locked for writing by", &[&who]);
    assert_told(&verdicts(&run, "db.busy"), "pass .kb/database/kb.sqlite:", &[&who, "1 writing now"]);
}

#[test]
fn damage_is_found_without_touching_the_file() {
    let sandbox = Sandbox::new();
    let path = sandbox.path(".kb/database/kb.sqlite");
    database(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5 * 1024..5 * 1024 + 400].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let run = ask(&sandbox, ["db.health", "db.integrity"]).code(1);
    assert_told(&verdicts(&run, "db.health"), "fail .kb/database/kb.sqlite:", &["problem"]);
    assert_told(&verdicts(&run, "db.integrity"), "fail .kb/database/kb.sqlite:", &["rows readable"]);
    drop(run.says("kbsec sqlite snapshot"));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    sandbox.write(".kb/database/empty.sqlite", "");
    let run = ask(&sandbox, ["db.health"]).code(1);
    assert_told(&verdicts(&run, "db.health"), "warn .kb/database/empty.sqlite: it is empty", &[]);
}

#[test]
fn a_log_that_is_never_emptied_is_seen() {
    let sandbox = Sandbox::new();
    let path = sandbox.path(".kb/database/kb.sqlite");
    database(&path);
    let base = rusqlite::Connection::open(&path).unwrap();
    base.execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;").unwrap();
    for _ in 0..5 {
        base.execute_batch("INSERT INTO logs(message) SELECT hex(zeroblob(8000000));").unwrap();
    }
    let run = ask(&sandbox, ["db.busy"]).code(1);
    assert_told(&verdicts(&run, "db.busy"), "warn .kb/database/kb.sqlite: log ", &["MiB", "open by pid"]);
    assert_told(&verdicts(&run, "db.busy"), "unknown logs:", &[]);
}

#[test]
fn backups_are_judged_by_age_and_by_what_is_in_them() {
    let sandbox = Sandbox::new();
    let path = sandbox.path(".kb/database/kb.sqlite");
    database(&path);
    let run = ask(&sandbox, ["db.backup"]).code(1);
    assert_told(&verdicts(&run, "db.backup"), "fail .kb/database/kb.sqlite: no backup", &[]);
    let folder = sandbox.path("backups");
    std::fs::create_dir(&folder).unwrap();
    let source = path.to_string_lossy().into_owned();
    drop(sandbox.kbsec(["sqlite", "backup", &source, "-o", "backups"]).run().code(0));
    let copy = folder.join("kb-20260101T000000Z.sqlite");
    std::fs::copy(&path, &copy).unwrap();
    let run = ask(&sandbox, ["db.backup"]).code(0);
    assert_told(&verdicts(&run, "db.backup"), "pass .kb/database/kb.sqlite:", &["sound, 1000 rows"]);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(40 * 3600);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = std::fs::File::options().write(true).open(entry.unwrap().path()).unwrap();
        file.set_modified(old).unwrap();
    }
    let run = ask(&sandbox, ["db.backup"]).code(1);
    assert_told(&verdicts(&run, "db.backup"), "warn .kb/database/kb.sqlite:", &["40 h old"]);
    std::fs::write(&copy, "not a database at all").unwrap();
    let run = ask(&sandbox, ["db.backup"]).code(1);
    assert_told(&verdicts(&run, "db.backup"), "fail .kb/database/kb.sqlite:", &["damaged"]);
}

#[test]
fn slow_providers_are_seen_in_the_analytics_events() {
    let sandbox = Sandbox::new();
    let path = sandbox.path(".kb/analytics/analytics.sqlite");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let base = rusqlite::Connection::open(&path).unwrap();
    base.execute_batch("CREATE TABLE events(id TEXT PRIMARY KEY, schema TEXT DEFAULT 'kb.v1', type TEXT, ts TEXT, payload TEXT)").unwrap();
    let now = super::now() / 1000;
    for number in 0..100_u64 {
        let insert = |id: String, kind: &str, ago: u64, took: u64| {
            let ts = kbsec::date::second(now - ago).unwrap();
            let payload = format!(r#"{{"durationMs":{took}}}"#);
            let sql = "INSERT INTO events(id, type, ts, payload) VALUES(?, ?, ?, ?)";
            base.execute(sql, [id, kind.to_owned(), ts, payload]).unwrap();
        };
        insert(format!("a{number}"), "llm.completion.completed", 600, 31_000);
        insert(format!("b{number}"), "llm.completion.completed", 9000, 900);
        insert(format!("c{number}"), "cache.get.hit", 600, 3);
    }
    let run = ask(&sandbox, ["adapter.lat"]).code(1);
    let told = verdicts(&run, "adapter.lat");
    assert_told(&told, "fail llm: p95 31.0 s (base 900 ms), 100 calls, slow since", &[]);
    assert_told(&told, "pass cache: p95 3 ms (no base), 100 calls", &[]);
}
