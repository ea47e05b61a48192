//! The entries of an index: they repeat values of the rows that they end with the rowids of, and so are told from the
//! rows of a table WITHOUT ROWID.

use super::super::btree::{BtreePage, Payload};
use super::super::image::Image;
use super::super::overflow;
use super::super::record::{Record, Value};
use super::survey::Survey;

/// Pages of a tree, and entries of each, that are looked at.
const PAGES: usize = 16;
const CELLS: usize = 4;

/// The leaves of all tables.
pub(super) struct Leaves<'a> {
    image: &'a Image,
    /// Smallest and largest rowid, and page.
    pages: Vec<(i64, i64, u32)>,
}

impl<'a> Leaves<'a> {
    /// Every page that looks like one.
    pub(super) fn of(image: &'a Image, survey: &Survey) -> Self {
        let leaves = survey.iter().filter(|(_, facts)| {
            facts.kind().is_some_and(|kind| kind.is_table() && kind.is_leaf()) && facts.low <= facts.high
        });
        Self { image, pages: leaves.map(|(page, facts)| (facts.low, facts.high, page)).collect() }
    }

    /// Whether what is on these pages repeats rows.
    pub(super) fn are_repeated(&self, pages: &[u32]) -> bool {
        let step = (pages.len() / PAGES).max(1);
        let (mut seen, mut repeated) = (0, 0);
        let mut bytes = Vec::new();
        for page in pages.iter().step_by(step) {
            if self.image.read(*page, &mut bytes).is_err() {
                continue;
            }
            let Ok(parsed) = BtreePage::parse(&bytes, *page, self.image.geometry()) else { continue };
            let step = (parsed.cells() / CELLS).max(1);
            for payload in parsed.iter().step_by(step).flatten().filter_map(|cell| cell.payload) {
                let Some(record) = self.whole(&payload) else { continue };
                seen += 1;
                repeated += usize::from(self.is_repeated(&record));
            }
        }
        seen > 0 && repeated * 5 >= seen * 4
    }

    fn whole(&self, payload: &Payload<'_>) -> Option<Vec<u8>> {
        let mut record = Vec::new();
        overflow::read(self.image, payload, &mut record, &mut |_| true).ok()?;
        Some(record)
    }

    fn is_repeated(&self, entry: &[u8]) -> bool {
        let Ok(entry) = Record::parse(entry) else { return false };
        let values: Vec<Value<'_>> = entry.values().map_while(Result::ok).collect();
        let [keys @ .., Value::Integer(rowid)] = &values[..] else { return false };
        let mut bytes = Vec::new();
        let may_have = self.pages.iter().filter(|(low, high, _)| low <= rowid && rowid <= high);
        may_have.into_iter().any(|(_, _, page)| {
            if keys.is_empty() || self.image.read(*page, &mut bytes).is_err() {
                return false;
            }
            let Ok(parsed) = BtreePage::parse(&bytes, *page, self.image.geometry()) else { return false };
            let row = parsed.iter().flatten().find(|cell| cell.rowid == Some(*rowid));
            let Some(record) = row.and_then(|cell| self.whole(&cell.payload?)) else { return false };
            let Ok(row) = Record::parse(&record) else { return false };
            let row: Vec<Value<'_>> = row.values().map_while(Result::ok).collect();
            // A column that is the rowid, or that was added later, is not in the row.
            keys.iter().all(|key| {
                matches!(key, Value::Null)
                    || *key == Value::Integer(*rowid)
                    || row.iter().any(|value| is_same(key, value))
            })
        })
    }
}

/// Whether two values are one, or texts that differ in case as those of many indexes of expressions do.
fn is_same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.eq_ignore_ascii_case(b),
        (Value::Integer(whole), Value::Real(real)) | (Value::Real(real), Value::Integer(whole)) => {
            *whole as f64 == *real
        }
        _ => a == b,
    }
}
