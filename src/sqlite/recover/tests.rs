//! Tests of recovery: the whole matrix of damages, and databases that were changed at random.

use rusqlite::Connection;

use super::super::fixture::{Case, Damaged, Recipe, Rows, Sample, read_rows};
use super::*;

fn run(damaged: &Damaged, schema: Option<String>) -> Result<(Outcome, Rows, i64), RecoverError> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new.db");
    let log = damaged.wal.clone().map(|log| Arc::new(Evidence::of_bytes("a.db-wal", log)));
    let journal = damaged.journal.clone().map(|file| Arc::new(Evidence::of_bytes("a.db-journal", file)));
    let database = Arc::new(Evidence::of_bytes("a.db", damaged.db.clone()));
    let input = Input { database, log, journal };
    let options = Options { target: target.clone(), schema, log: WalUse::Auto };
    let outcome = recover(&input, &options)?;
    let connection = Connection::open(&target).unwrap();
    let mut rows = read_rows(&connection).unwrap();
    rows.remove(fill::QUARANTINE);
    let doubtful =
        connection.query_row("SELECT count(*) FROM kbsec_quarantine", [], |row| row.get(0)).unwrap();
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

#[test]
fn every_damage() {
    // A changed letter in a text that no index has cannot be noticed. Rows whose chain lost a link are set aside.
    let (lost, wrong, text) = matrix(&Recipe::with_wal(), 1);
    assert!(wrong <= 1 && lost <= 31, "{text}");
}

/// Recovers every damage of a recipe, and counts rows that are missing and rows that are wrong.
fn matrix(recipe: &Recipe, seed: u64) -> (usize, usize, String) {
    let sample = recipe.build();
    let mut text = String::new();
    let (mut lost, mut wrong) = (0, 0);
    for case in Case::ALL {
        let Some(damaged) = case.apply(&sample, seed) else { continue };
        let schema = (case.name == "d09").then(|| schema_of(&sample));
        let ideal: usize = damaged.ideal.values().map(Vec::len).sum();
        match run(&damaged, schema) {
            Ok((outcome, rows, doubtful)) => {
                let score = damaged.score(&rows);
                text += &format!(
                    "{} ideal {ideal} right {} lost {} surplus {} doubtful {doubtful} wrong {} {}\n",
                    case.name,
                    score.right,
                    score.lost,
                    score.surplus,
                    score.wrong.len(),
                    case.title
                );
                for line in score.wrong.iter().take(2) {
                    text += &format!("    wrong {}\n", line.chars().take(150).collect::<String>());
                }
                for line in outcome
                    .not_done
                    .iter()
                    .chain(outcome.header.iter().filter(|_| case.name == "d30"))
                    .chain(outcome.check.iter().take(3))
                {
                    text += &format!("    {}\n", line.chars().take(170).collect::<String>());
                }
                (lost, wrong) = (lost + score.lost, wrong + score.wrong.len());
            }
            Err(error) => text += &format!("{} FAILED {error:?}\n", case.name),
        }
    }
    (lost, wrong, text)
}

#[test]
fn an_existing_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a");
    std::fs::write(&target, b"mine").unwrap();
    let sample = Recipe::platform().build();
    let database = Arc::new(Evidence::of_bytes("a.db", sample.db));
    let input = Input { database, log: None, journal: None };
    let options = Options { target: target.clone(), schema: None, log: WalUse::Auto };
    assert!(matches!(recover(&input, &options), Err(RecoverError::Target { .. })));
    assert_eq!(std::fs::read(&target).unwrap(), b"mine");
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
        let input = Input { database: Arc::new(Evidence::of_bytes("a.db", bytes)), log: None, journal: None };
        let options = Options { target: folder.path().join("new"), schema: None, log: WalUse::Auto };
        let found = recover(&input, &options);
        proptest::prop_assert!(found.is_ok() || matches!(found, Err(RecoverError::NothingFound)), "{found:?}");
    }
}
