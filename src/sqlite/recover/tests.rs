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
    let sample = Recipe::with_wal().build();
    let mut text = String::new();
    let (mut lost, mut wrong) = (0, 0);
    for case in Case::ALL {
        let Some(damaged) = case.apply(&sample, 1) else { continue };
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
    eprintln!("{text}lost {lost}, wrong {wrong}");
}
