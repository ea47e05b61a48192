//! A schema that the user gives, for a database that lost its own: statements, or another database that has it, such as an
//! older backup.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::super::btree::{BtreePage, PageKind};
use super::super::evidence::{Evidence, EvidenceError};
use super::super::files::Files;
use super::super::header::MAGIC;
use super::super::image::Image;
use super::definition::Entry;
use super::forest::Forest;
use super::foundation::Foundation;
use super::freelist::Freelist;
use super::survey::{Survey, children};
use super::view::View;
use super::{WalUse, current_header, entries};

/// Leaves of a table that are compared with those of the other database.
const COMPARED: usize = 32;

/// Where a schema comes from.
#[derive(Clone, Debug)]
pub enum SchemaSource {
    /// Statements that make the tables.
    Sql(String),
    /// A database that has the same tables.
    Database(Files),
}

impl SchemaSource {
    /// Opens a database, or a file of statements, and only reads it.
    ///
    /// # Errors
    /// When it cannot be read, or is neither.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        let unreadable = |cause| EvidenceError::Unreadable { path: path.to_owned(), cause };
        let file = Evidence::open(path)?;
        let mut start = [0; MAGIC.len()];
        file.read_at(0, &mut start).map_err(unreadable)?;
        if start == *MAGIC {
            return Files::open(path).map(Self::Database);
        }
        let mut text = vec![0; usize::try_from(file.len()).unwrap_or(0)];
        file.read_at(0, &mut text).map_err(unreadable)?;
        let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is neither a database nor text");
        String::from_utf8(text).map_err(no_text).map(Self::Sql).map_err(unreadable)
    }

    /// The tables and indexes that it describes. Root pages are those of tables that begin at the same page of `image`.
    pub(super) fn entries(&self, image: &Image) -> Result<Vec<Entry>, String> {
        match self {
            Self::Sql(sql) => executed(sql).map_err(|error| error.to_string()),
            Self::Database(files) => read(files, image),
        }
    }
}

fn executed(sql: &str) -> rusqlite::Result<Vec<Entry>> {
    let scratch = Connection::open_in_memory()?;
    scratch.execute_batch(sql)?;
    let mut statement = scratch.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| {
        Ok(Entry { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, root: 0, sql: row.get(3)? })
    })?;
    rows.collect()
}

fn read(files: &Files, evidence: &Image) -> Result<Vec<Entry>, String> {
    let told = |error: io::Error| error.to_string();
    let foundation = Foundation::find(&files.database).map_err(told)?;
    let foundation = foundation.ok_or("nothing in it looks like a page of a database")?;
    let main = Image::new(Arc::clone(&files.database), foundation.base, foundation.geometry);
    let image = View::choose(main, files, WalUse::Auto).map_err(told)?.image;
    let survey = Survey::of(&image);
    let header = current_header(&image, &foundation);
    let free = Freelist::read(&image, header.first_trunk(), Some(header.free_pages()));
    let schema = Forest::new(&image, &survey, &header).walk(1, true, &free, &|_| true);
    let mut entries = entries(&image, &survey, &schema, &foundation, &free);
    if entries.is_empty() {
        return Err("no table is described in it".to_owned());
    }
    for entry in &mut entries {
        let is_kept = entry.kind == "table" && is_same_table(&image, evidence, entry.root);
        entry.root = if is_kept { entry.root } else { 0 };
    }
    Ok(entries)
}

/// Whether the trees that begin at this page of two databases are states of one table: most rows that both have are equal.
fn is_same_table(one: &Image, other: &Image, root: u32) -> bool {
    if one.geometry() != other.geometry() || root < 2 {
        return false;
    }
    let (one, other) = (beginning(one, root), beginning(other, root));
    let both = one.iter().filter_map(|(key, value)| Some((value, other.get(key)?)));
    let (same, all) =
        both.fold((0, 0), |(same, all), (one, other)| (same + usize::from(one == other), all + 1));
    all > 0 && 2 * same >= all
}

/// The first rows of a tree, as far as its pages hold them: by rowid or, where there are none, by themselves.
fn beginning(image: &Image, root: u32) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut rows = HashMap::new();
    let (mut open, mut bytes) = (vec![root], Vec::new());
    let (mut leaves, mut steps) = (0, 0);
    while let Some(page) = open.pop().filter(|_| leaves < COMPARED && steps < 4 * COMPARED) {
        steps += 1;
        if !image.contains(page) || image.read(page, &mut bytes).is_err() {
            continue;
        }
        let Ok(parsed) = BtreePage::parse(&bytes, page, image.geometry()) else { continue };
        if parsed.kind() != PageKind::TableLeaf && parsed.kind() != PageKind::IndexLeaf {
            open.extend(children(&parsed).into_iter().rev().flatten().map(|(child, _)| child));
            continue;
        }
        leaves += 1;
        for cell in parsed.iter().flatten() {
            let Some(payload) = cell.payload else { continue };
            let key = cell.rowid.map_or_else(|| payload.local.to_vec(), |rowid| rowid.to_be_bytes().to_vec());
            rows.insert(key, payload.local.to_vec());
        }
    }
    rows
}
