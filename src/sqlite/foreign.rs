//! Foreign pages: whether what lies beside a database, a log or a journal, was written for another one.
//!
//! Nothing in the format ties the files together, so only their contents can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::btree::{BtreePage, PageKind};
use super::header::{HEADER_BYTES, Header};
use super::image::Image;
use super::overflow;
use super::record::Record;
use super::schema::SchemaRow;

/// Pages that are compared.
const MOST: usize = 512;
/// Names that are told of each database.
const NAMES: usize = 3;

/// What tells that the pages that `over` has in place of those of `main` belong to another database; `None` if
/// nothing does.
///
/// # Errors
/// When the system cannot read one of them.
pub(super) fn sign(main: &Image, over: &Image) -> io::Result<Option<String>> {
    let replaced: Vec<u32> = over.replaced().into_iter().filter(|page| main.contains(*page)).collect();
    let has_first = replaced.first() == Some(&1);
    if has_first {
        // What the log does not replace says nothing of the log.
        let before = tables(main, &|_| true)?;
        let after = tables(over, &|page| over.replaces(page))?;
        if !before.is_empty() && !after.is_empty() {
            let shares_name = after.keys().any(|name| before.contains_key(name));
            // A table that got another name keeps its pages.
            let is_rooted = |root: &u32| before.values().any(|known| known == root);
            let is_renamed = after.values().all(|root| is_rooted(root) && !over.replaces(*root));
            let is_other = !shares_name && !is_renamed;
            let (theirs, ours) = (list(&after), list(&before));
            return Ok(is_other.then(|| format!("it holds the tables {theirs}, and the file {ours}")));
        }
        // A database whose first tables are in the log alone, or a schema that the log leaves as it is: then its first
        // page leads to the same pages.
        if before.is_empty() && is_sound_and_empty(main)? || has_same_branches(main, over)? {
            return Ok(None);
        }
    }
    let (mut compared, mut shared, mut unlike) = (0u32, 0u32, 0u32);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for page in replaced.into_iter().take(MOST) {
        main.read(page, &mut old)?;
        over.read(page, &mut new)?;
        let (Some(before), Some(after)) = (Content::of(main, page, &old), Content::of(main, page, &new))
        else {
            continue;
        };
        compared += 1;
        shared += u32::from(before.shares_with(&after));
        unlike += u32::from(!before.looks_like(&after));
    }
    // Without page 1 no page was given another use, so that even new rows have the form of the old ones.
    let is_other = match has_first {
        true => shared * 8 < compared,
        false => shared * 8 < compared && unlike > 0 && (shared == 0 || unlike * 2 > compared),
    };
    let strange = compared - shared;
    Ok(is_other.then(|| format!("{strange} of {compared} pages in it have nothing in common with the file")))
}

/// Tables and indexes on pages of the schema that count, with their roots; those of SQLite itself are left out.
fn tables(image: &Image, counts: &dyn Fn(u32) -> bool) -> io::Result<BTreeMap<String, u32>> {
    let mut names = BTreeMap::new();
    let (mut bytes, mut payload) = (Vec::new(), Vec::new());
    image.read(1, &mut bytes)?;
    let encoding = Header::new(bytes.get(..HEADER_BYTES).unwrap_or_default()).encoding();
    let (mut open, mut seen) = (vec![1], BTreeSet::new());
    while let Some(number) = open.pop() {
        if !image.contains(number) || !seen.insert(number) {
            continue;
        }
        image.read(number, &mut bytes)?;
        let Ok(page) = BtreePage::parse(&bytes, number, image.geometry()) else { continue };
        for cell in page.iter().flatten().filter(|_| page.kind().is_table()) {
            open.extend(cell.child);
            let Some(local) = cell.payload.filter(|_| counts(number)) else { continue };
            payload.clear();
            if overflow::read(image, &local, &mut payload, &mut |_| true).is_ok()
                && let Ok(row) = SchemaRow::read(0, &payload, encoding)
                && !row.name.starts_with("sqlite_")
            {
                names.insert(row.name.to_string(), row.root);
            }
        }
        open.extend(page.right_child().filter(|_| page.kind().is_table()));
    }
    Ok(names)
}

/// Whether nothing was made in it yet, which is something else than a schema that cannot be read.
fn is_sound_and_empty(image: &Image) -> io::Result<bool> {
    let mut bytes = Vec::new();
    image.read(1, &mut bytes)?;
    let page = BtreePage::parse(&bytes, 1, image.geometry());
    Ok(page.is_ok_and(|page| page.kind() == PageKind::TableLeaf && page.cells() == 0))
}

/// Whether the first page leads to the same pages of the schema in both, and counts as many changes of it.
fn has_same_branches(main: &Image, over: &Image) -> io::Result<bool> {
    let branches = |image: &Image| -> io::Result<Option<(u32, Vec<u32>)>> {
        let mut bytes = Vec::new();
        image.read(1, &mut bytes)?;
        let page = BtreePage::parse(&bytes, 1, image.geometry()).ok();
        let cookie = Header::new(bytes.get(..HEADER_BYTES).unwrap_or_default()).schema_cookie();
        let inner = page.filter(|page| page.kind() == PageKind::TableInterior);
        Ok(inner.map(|page| {
            let children = page.iter().flatten().filter_map(|cell| cell.child);
            (cookie, children.chain(page.right_child()).collect())
        }))
    };
    Ok(branches(main)?.is_some_and(|before| branches(over).is_ok_and(|after| after == Some(before))))
}

fn list(names: &BTreeMap<String, u32>) -> String {
    let shown: Vec<&str> = names.keys().take(NAMES).map(String::as_str).collect();
    let more = if names.len() > NAMES { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// What is on a page of a b-tree.
struct Content<'a> {
    kind: PageKind,
    /// The bytes of its cells.
    cells: BTreeSet<&'a [u8]>,
    /// How many values its records have.
    widths: BTreeSet<usize>,
}

impl<'a> Content<'a> {
    /// `None` if it has no cells of some length.
    fn of(image: &Image, number: u32, bytes: &'a [u8]) -> Option<Self> {
        let page = BtreePage::parse(bytes, number, image.geometry()).ok()?;
        let mut content = Self { kind: page.kind(), cells: BTreeSet::new(), widths: BTreeSet::new() };
        for cell in page.iter().flatten().filter(|cell| cell.size > 6) {
            content.cells.extend(bytes.get(cell.offset..cell.offset + cell.size));
            let record = cell.payload.and_then(|payload| Record::parse(payload.local).ok());
            content.widths.extend(record.map(|record| record.types().count()));
        }
        (!content.cells.is_empty()).then_some(content)
    }

    fn shares_with(&self, other: &Self) -> bool {
        self.kind == other.kind && !self.cells.is_disjoint(&other.cells)
    }

    fn looks_like(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.widths == other.widths || !self.widths.is_disjoint(&other.widths))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use rusqlite::Connection;

    use super::super::files::Files;
    use super::super::wal::Wal;
    use super::*;

    /// A database with tables of these names, and statements that stay in its log.
    fn database(path: &Path, names: &[&str], statements: &str) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch("PRAGMA page_size = 512; PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0")
            .unwrap();
        for name in names {
            let sql = format!(
                "CREATE TABLE {name}(a INTEGER PRIMARY KEY, b TEXT, c REAL);
                 WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 200)
                 INSERT INTO {name} SELECT value, '{name} ' || value, value FROM n;"
            );
            connection.execute_batch(&sql).unwrap();
        }
        connection.execute_batch(&format!("PRAGMA wal_checkpoint(TRUNCATE); {statements}")).unwrap();
        connection
    }

    fn sign_of(path: &Path, log: &Path) -> Option<String> {
        let files = Files::open(path).unwrap();
        let log = Arc::new(super::super::evidence::Evidence::open(log).unwrap());
        let geometry = super::super::header::Geometry::new(512, 0).unwrap();
        let main = Image::new(files.database, 0, geometry);
        let frames = Wal::read(&log, 512).unwrap().chained().unwrap();
        sign(&main, &main.with_frames(log, frames.frames, frames.pages)).unwrap()
    }

    #[test]
    fn whatever_is_done_to_a_database_its_log_stays_its_own() {
        // With many tables the schema takes several pages, and the log holds only the first of them.
        let many: Vec<String> = (0..12).map(|number| format!("table_{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for names in [&["one"][..], &many] {
            let name = names[0];
            for statements in [
                format!("UPDATE {name} SET a = a + 100000, b = hex(randomblob(9)), c = random()"),
                format!("DELETE FROM {name}; INSERT INTO {name} VALUES (9000, 'x', 1)"),
                format!("DROP TABLE {name}; CREATE TABLE {name}_new(x); INSERT INTO {name}_new VALUES (1)"),
                format!("ALTER TABLE {name} RENAME TO renamed"),
                "VACUUM".to_owned(),
            ] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("a.db");
                let _user = database(&path, names, &statements);
                let is_renamed = statements.starts_with("DROP") && names.len() == 1;
                let sign = sign_of(&path, &folder.path().join("a.db-wal"));
                // Where no table is left of those in the file, nothing tells it from another database.
                assert_eq!(sign.is_some(), is_renamed, "{statements}: {sign:?}");
            }
        }
    }

    #[test]
    fn a_log_of_other_tables_is_foreign() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let _one = database(&one, &["one", "two"], "");
        let _two = database(&two, &["red", "blue"], "CREATE TABLE green(x); DELETE FROM red WHERE a % 2 = 1");
        let sign = sign_of(&one, &folder.path().join("b.db-wal")).unwrap();
        assert_eq!(sign, "it holds the tables blue, green, red, and the file one, two");
    }
}
