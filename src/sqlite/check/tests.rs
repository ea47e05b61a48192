//! Tests of the check: silent on what SQLite calls sound, and never silent where SQLite is not.

#[cfg(test)]
mod bit_flips;

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::finding::Severity;
use crate::sqlite::discover;
use crate::sqlite::evidence::Evidence;
use crate::sqlite::fixture::{Case, Damaged, Recipe, Sample, oracle, samples};

fn files(db: &[u8], log: Option<&[u8]>, journal: Option<&[u8]>) -> Files {
    let file = |name: &str, bytes: &[u8]| Arc::new(Evidence::of_bytes(name, bytes));
    Files {
        database: file("a.db", db),
        log: log.map(|bytes| file("a.db-wal", bytes)),
        journal: journal.map(|bytes| file("a.db-journal", bytes)),
    }
}

fn found(files: &Files) -> Vec<String> {
    let outcome = check(files, Path::new("a.db"));
    let findings = outcome.findings.iter().filter(|finding| finding.severity() > Severity::Low);
    findings
        .map(|finding| {
            format!("{} {:?} {:?}", finding.rule().id, finding.reasons(), finding.locations()[0].database)
        })
        .collect()
}

#[test]
fn sound_databases_are_sound() {
    for sample in samples() {
        let alone = found(&files(&sample.db, None, None));
        assert!(alone.is_empty(), "{:?}: {alone:#?}", sample.recipe);
        let whole = found(&files(&sample.db, sample.wal.as_deref(), None));
        assert!(whole.is_empty(), "{:?}: {whole:#?}", sample.recipe);
    }
}

#[test]
fn rows_are_counted() {
    let sample = &samples()[0];
    let outcome = check(&files(&sample.db, None, None), Path::new("a.db"));
    for (name, count) in outcome.rows {
        if let Some(rows) = sample.rows.get(&*name) {
            assert_eq!(rows.len() as u64, count, "{name}");
        }
    }
}

/// Where SQLite says something, so does the check; what it says if not.
fn unnoticed(damaged: &Damaged) -> Option<String> {
    let told = oracle::integrity_check(&damaged.db);
    let silent = !told.is_empty() && found(&files(&damaged.db, None, None)).is_empty();
    silent.then(|| format!("{}: SQLite says {:?}", damaged.name, &told[..told.len().min(3)]))
}

#[test]
fn whatever_sqlite_notices_is_noticed() {
    let of_sample = |sample: &Sample| {
        let all = Case::ALL.iter().chain(Case::MUTATIONS).filter_map(|case| case.apply(sample, 1));
        let silent = all.filter_map(|damaged| unnoticed(&damaged));
        silent.map(|silent| format!("{:?} {silent}", sample.recipe)).collect::<Vec<_>>()
    };
    let missed: Vec<String> = samples().par_iter().flat_map(of_sample).collect();
    assert!(missed.is_empty(), "{} missed: {missed:#?}", missed.len());
}

#[test]
fn damages_of_the_log_are_noticed() {
    let sample = Recipe::with_wal().build();
    for name in ["w01", "w02", "w03", "w05"] {
        let damaged = Case::named(name).apply(&sample, 1).unwrap();
        let found = found(&files(&damaged.db, damaged.wal.as_deref(), None));
        // A log that was cut between frames looks like one that was never longer.
        assert!(
            name == "w01" || found.iter().any(|found| found.contains("sqlite/wal-")),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn what_is_no_database_is_named() {
    for bytes in [&b"PK\x03\x04 and so on"[..], &[0; 4096], &[7; 50]] {
        let found = found(&files(bytes, None, None));
        assert!(found.len() == 1 && found[0].starts_with("sqlite/not-a-database"), "{found:?}");
    }
    assert!(found(&files(&[], None, None)).is_empty());
}

/// Real databases and those of fuzzers: `KBSEC_SQLITE_CORPUS=FOLDER cargo test corpus -- --ignored --nocapture`.
#[test]
#[ignore = "wants a folder of databases"]
fn the_corpus_is_judged_as_sqlite_judges_it() {
    let Some(folder) = std::env::var_os("KBSEC_SQLITE_CORPUS") else { return };
    let paths = discover::discover(Path::new(&folder)).databases;
    let judge = |path: &PathBuf| {
        let db = std::fs::read(path).unwrap();
        let (told, found) = (oracle::integrity_check(&db), found(&files(&db, None, None)));
        let verdict = match (told.is_empty(), found.is_empty()) {
            (false, true) => format!("missed {:?}", &told[..told.len().min(2)]),
            (true, false) => format!("alarm {:?}", &found[..found.len().min(2)]),
            _ => return None,
        };
        Some(format!("{}: {verdict}", path.display()))
    };
    let wrong: Vec<String> = paths.par_iter().filter_map(judge).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), paths.len());
}
