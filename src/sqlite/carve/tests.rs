//! Tests of carving: every sample has deleted rows that are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value;

use super::{CarvedRow, Confidence, Options, carve};
use crate::sqlite::evidence::Evidence;
use crate::sqlite::files::Files;
use crate::sqlite::fixture::{Deleted, Key, Sample, TruthRow, samples};

fn files(sample: &Sample) -> Files {
    Files {
        database: Arc::new(Evidence::of_bytes("a", &sample.db[..])),
        log: sample.wal.as_ref().map(|log| Arc::new(Evidence::of_bytes("a-wal", &log[..]))),
        journal: None,
    }
}

/// Whether all stored values are those of the truth; a carved row does not know what is computed.
fn agrees(found: &CarvedRow, truth: &TruthRow) -> bool {
    let same_key = match (&truth.key, found.rowid) {
        (Key::Rowid(key), Some(rowid)) => *key == rowid,
        _ => true,
    };
    let known = found.values.iter().filter(|value| **value != Value::Null).count();
    same_key
        && known > 0
        && found.values.len() <= truth.values.len()
        && found.values.iter().zip(&truth.values).all(|(one, other)| is_equal(one, other))
}

fn is_same(found: &CarvedRow, deleted: &Deleted, is_dropped: bool) -> bool {
    // A dropped table has no name any more, and its rows may look like those of another.
    (found.tables.is_empty() || is_dropped || found.tables.iter().any(|table| *table.name == *deleted.table))
        && agrees(found, &deleted.row)
}

/// A table that is not known does not tell that its integers are floating-point numbers.
fn is_equal(found: &Value, truth: &Value) -> bool {
    match (found, truth) {
        (Value::Null, _) => true,
        (Value::Integer(one), Value::Real(other)) => *one as f64 == *other,
        _ => found == truth,
    }
}

#[test]
fn whole_rows_are_found_and_live_ones_are_not() {
    let (mut lost, mut alive): (Vec<String>, Vec<String>) = Default::default();
    let mut sums: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (number, sample) in samples().iter().enumerate() {
        let outcome = carve(&files(sample), Options::default());
        let last = sample.final_rows();
        for row in &outcome.rows {
            let [table] = &row.tables[..] else { continue };
            let Some(rows) = last.get(&*table.name) else { continue };
            if row.confidence == Confidence::High && row.rowid.is_some() {
                let live = rows.iter().find(|live| {
                    matches!(live.key, Key::Rowid(key) if Some(key) == row.rowid) && agrees(row, live)
                });
                if live.is_some() && !row.values.contains(&Value::Null) {
                    alive.push(format!("{number}: live {row:?}").chars().take(300).collect());
                }
            }
        }
        for deleted in &sample.deleted {
            let remains = deleted.remains(&sample.db);
            let is_dropped = !last.contains_key(&deleted.table);
            let is_found = outcome.rows.iter().any(|row| is_same(row, deleted, is_dropped));
            // Without its table, a row WITHOUT ROWID looks like an entry of an index.
            let is_excused = is_found || is_dropped && matches!(deleted.row.key, Key::Primary(_));
            let sum = sums.entry(format!("{remains:?}")).or_default();
            sum.0 += usize::from(is_found);
            sum.1 += 1;
            if format!("{remains:?}") == "Whole" && !is_excused {
                lost.push(format!("{number}: {} {}", deleted.table, deleted.row).chars().take(200).collect());
            }
        }
    }
    println!("{sums:?}");
    assert!(alive.is_empty(), "{alive:?}");
    // Four are not found yet, and three of a dropped table are given to another one of the same shape.
    assert!(lost.len() <= 7, "{} lost\n{}", lost.len(), lost[..lost.len().min(40)].join("\n"));
}
