//! A witness: small databases, other processes that use them, and what a folder looks like.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use rusqlite::Connection;

/// What tells the test binary that it plays another process.
const PATH: &str = "KBSEC_TEST_DATABASE";
const STATEMENTS: &str = "KBSEC_TEST_STATEMENTS";

/// A database of some pages with so many rows.
pub(super) fn database(path: &Path, mode: &str, rows: u32) -> Connection {
    let connection = Connection::open(path).unwrap();
    let sql = format!(
        "PRAGMA page_size=1024; PRAGMA journal_mode={mode}; PRAGMA user_version=7;
         CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t(b);
         INSERT INTO t(b) SELECT 'row ' || value FROM
           (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT {rows}) SELECT value FROM n);"
    );
    connection.execute_batch(&sql).unwrap();
    connection
}

/// The names in a folder, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Everything that must not change: name, time of change and bytes of each file.
pub(super) fn state(folder: &Path) -> Vec<(String, SystemTime, Vec<u8>)> {
    let file = |name: String| {
        let path = folder.join(&name);
        (name, path.metadata().unwrap().modified().unwrap(), std::fs::read(path).unwrap())
    };
    names(folder).into_iter().map(file).collect()
}

/// Another process that has run statements on a database and keeps its connection open; it is killed when dropped.
pub(super) struct Other(pub(super) Child);

impl Other {
    /// Returns when the statements are done; those after a line `---` are repeated until the process is killed.
    pub(super) fn start(database: &Path, statements: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "sqlite::witness::other_process"])
            .env(PATH, database)
            .env(STATEMENTS, statements)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.map(Result::unwrap).any(|line| line.contains("ready")));
        Self(child)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "the other process of other tests"]
fn other_process() {
    let Some(path) = std::env::var_os(PATH).map(PathBuf::from) else { return };
    let statements = std::env::var_os(STATEMENTS).unwrap().into_string().unwrap();
    let (first, again) = statements.split_once("---").unwrap_or((&statements, ""));
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    connection.execute_batch(first).unwrap();
    println!("\nready");
    std::io::stdout().flush().unwrap();
    while !again.is_empty() {
        connection.execute_batch(again).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    // Until the parent ends or kills us.
    let _ = std::io::stdin().read(&mut [0]);
}
