//! A check: everything that is wrong with a database, where it stands, and what it means.
//!
//! The file is read by kbsec itself, on all processors. What only SQLite can evaluate (conditions, partial indexes,
//! full-text search) is checked by SQLite on a copy in memory, once the structure is known to be sound.

mod account;
mod bugs;
mod deep;
mod entry;
mod fault;
mod frame;
mod guess;
mod holding;
mod layout;
mod owners;
mod rows;
mod rule;
mod search;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod torn;
mod value;
mod view;
mod walk;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::files::Files;
use super::header::{HEADER_BYTES, Header};
use super::image::Image;
use super::record::{Record, Value};
use super::schema::{Index, Schema, SchemaRow};
use super::wal::WAL_HEADER_BYTES;
use crate::coverage::{Coverage, DatabaseAccount, Gap};
use crate::finding::{Finding, RuleMeta};
use fault::{Fault, Faults};
use owners::Owners;
use rule::Rule;
use table::{Rows, is_plain};
use value::Sum;
use walk::{Content, Met, Tally, Tree, Walker};

pub use holding::{holders, stopped, without_open_transaction};
pub use rows::{Columns, each_row};

/// What a check found.
#[derive(Debug)]
pub struct Outcome {
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What was read, and what was not checked.
    pub coverage: Coverage,
    /// Tables with the number of their rows, in the order of the schema.
    pub rows: Vec<(Arc<str>, u64)>,
    /// Whether the pages changed while they were read: the findings may come from that.
    pub moving: bool,
    /// What is known of it besides.
    pub about: DatabaseAccount,
}

/// Every rule of the check, sorted by id.
#[must_use]
pub fn rules() -> Vec<Arc<RuleMeta>> {
    let mut rules: Vec<_> = Rule::all().filter_map(Rule::meta).collect();
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    rules
}

/// Databases up to this size are given to SQLite, as a copy in memory.
const MOST_COPIED: u64 = 1 << 30;

/// Checks a database. `path` is its name in the findings.
#[must_use]
pub fn check(files: &Files, path: &Path) -> Outcome {
    let faults = Faults::default();
    let mut coverage = Coverage::default();
    let mut about = DatabaseAccount { path: path.display().to_string(), ..DatabaseAccount::default() };
    let mut rows = Vec::new();
    let before = generation(files);
    let main = frame::image(files, &faults);
    let views = main.as_ref().map(|main| view::choose(main, files, &faults));
    if let (Some(views), false) = (&views, faults.any(&[Rule::Unreadable])) {
        let found = Pass { image: &views.image, faults: &faults }.run(&mut coverage);
        account::describe(&mut about, &found, views, &faults);
        rows = found.rows;
    }
    coverage.examined(files.database.len() + files.log.as_ref().map_or(0, |log| log.len()));
    if files.database.is_empty() {
        coverage
            .skipped
            .push(Gap::new(path.display().to_string(), "empty, which is a database without tables"));
    }
    let moving = files.database.has_changed() || generation(files) != before;
    if moving {
        let gap = Gap::new(path.display().to_string(), "it changed while it was read");
        coverage.missed.push(gap.hint("Check again while no program writes, or check a snapshot."));
    }
    let mut faults = faults.into_sorted();
    if let Some(views) = &views {
        let torn = torn::faults(&faults, views);
        faults.extend(torn);
    }
    let image = views.as_ref().map(|views| &views.image);
    Outcome { findings: fault::findings(&faults, image, path), coverage, rows, moving, about }
}

/// What stands at the beginning of the log. Writers only add to a log, so that pages seen through it stay as they are
/// until it begins anew.
fn generation(files: &Files) -> [u8; WAL_HEADER_BYTES as usize] {
    let mut start = [0; WAL_HEADER_BYTES as usize];
    if let Some(log) = &files.log {
        // What cannot be read now was reported when frames were read.
        let _ = log.read_at(0, &mut start);
    }
    start
}

/// What a page is used for, as far as the structure tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUse {
    /// The table, index or list that it belongs to; `None` if nothing uses it.
    pub owner: Option<Arc<str>>,
    /// Whether it is in the list of free pages.
    pub is_free: bool,
    /// Whether something on it is damaged.
    pub is_damaged: bool,
}

/// What each page is used for, beginning with page 1; nothing where the file is no database.
#[must_use]
pub fn pages(files: &Files) -> Vec<PageUse> {
    let faults = Faults::default();
    let Some(main) = frame::image(files, &faults) else { return Vec::new() };
    let image = view::choose(&main, files, &faults).image;
    let mut start = Vec::new();
    if image.read(1, &mut start).is_err() {
        return Vec::new();
    }
    let header = Header::new(&start);
    let owners = Owners::new(&image, &header);
    let walker = Walker { image: &image, owners: &owners, faults: &faults, encoding: header.encoding() };
    let schema = Schema::interpret(&Pass { image: &image, faults: &faults }.schema(&walker));
    let schema = schema.of_format(header.schema_format());
    let trees = trees(&schema, &walker);
    trees.par_iter().for_each(|tree| walker.tree(tree));
    owners.check_freelist(&image, &header, &faults);
    let names: Vec<&str> = ["sqlite_schema"].into_iter().chain(trees.iter().map(|tree| tree.name)).collect();
    let mut pages = owners.uses(&names);
    for fault in faults.into_sorted().iter().filter(|fault| fault.rule.harms_a_page()) {
        if let Some(page) = (fault.page as usize).checked_sub(1).and_then(|page| pages.get_mut(page)) {
            page.is_damaged = true;
        }
    }
    pages
}

/// What a pass over an image found besides faults.
#[derive(Debug, Default)]
struct Found {
    /// Tables with the number of their rows, in the order of the schema.
    rows: Vec<(Arc<str>, u64)>,
    schema: Schema,
    header: Option<Header>,
}

/// The check of one image.
struct Pass<'a> {
    image: &'a Image,
    faults: &'a Faults,
}

impl Pass<'_> {
    fn run(&self, coverage: &mut Coverage) -> Found {
        let mut start = Vec::new();
        if self.image.pages() == 0 || self.image.read(1, &mut start).is_err() {
            return Found::default();
        }
        let header = Header::new(&start[..HEADER_BYTES]);
        frame::header(&header, self.image, self.faults);
        let encoding = header.encoding();
        let owners = Owners::new(self.image, &header);
        let walker = Walker { image: self.image, owners: &owners, faults: self.faults, encoding };
        let entries = self.schema(&walker);
        let schema = Schema::interpret(&entries).of_format(header.schema_format());
        for (name, _, why) in &schema.not_understood {
            self.faults.add(Fault::new(
                Rule::Schema,
                name,
                1,
                format!("SQLite does not understand it: {why}"),
            ));
        }
        let trees = trees(&schema, &walker);
        self.largest_root(&header, &trees);
        trees.par_iter().for_each(|tree| walker.tree(tree));
        owners.check_freelist(self.image, &header, self.faults);
        owners.check_orphans(self.faults);
        let sums = sums(&trees);
        let compared = self.compare(&trees, &sums);
        // The trees of tables come first, in the order of the schema.
        let rows = schema.tables.iter().zip(&trees).map(|(table, tree)| {
            let sum = sums.get(tree.name).and_then(|sums| sums.first());
            (Arc::clone(&table.name), sum.map_or_else(|| tree.tally.rows.load(Relaxed), |sum| sum.count))
        });
        let rows = rows.collect();
        self.sequences(&schema, &trees);
        self.deepen(&deep::Wanted::of(&schema, &compared), &search::of(&entries), coverage);
        drop(trees);
        Found { rows, schema, header: Some(header) }
    }

    /// Whether a database that vacuums itself knows its last root page.
    fn largest_root(&self, header: &Header, trees: &[Tree<'_>]) {
        let largest = trees.iter().map(|tree| tree.root).max().unwrap_or(1).max(1);
        let told = header.largest_root();
        if told != 0 && told != largest && !self.faults.any(&[Rule::Schema]) {
            let what = format!("the largest root page is {told} by the header, and {largest} by the schema");
            self.faults.add(Fault::new(Rule::Header, "the header", 1, what));
        }
    }

    /// Checks the schema table, and reads its rows.
    fn schema(&self, walker: &Walker<'_>) -> Vec<SchemaRow> {
        let told = SchemaRow {
            rowid: 0,
            kind: "table".into(),
            name: "sqlite_schema".into(),
            table: "sqlite_schema".into(),
            root: 1,
            sql: Some("CREATE TABLE sqlite_schema(type, name, tbl_name, rootpage, sql)".into()),
        };
        let own = Schema::interpret(std::slice::from_ref(&told));
        if let Some(table) = own.tables.first() {
            let content = Content::Rows(Rows::new(table, Vec::new(), walker.encoding));
            let tree = Tree {
                name: "sqlite_schema",
                root: 1,
                owner: 1,
                content,
                sums: Mutex::default(),
                tally: Tally::default(),
            };
            walker.tree(&tree);
        }
        let mut rows = Vec::new();
        walk::records(self.image, 1, &mut |Met { page, cell, rowid, payload }| {
            let fault = |rule, what: String| {
                self.faults.add(Fault::new(rule, "sqlite_schema", page, what).at(cell, rowid));
            };
            match SchemaRow::read(rowid.unwrap_or(0), payload, walker.encoding) {
                Ok(mut row) => {
                    let stored = values(payload).unwrap_or_default();
                    entry::mend(&mut row, &fault);
                    entry::look(&row, &stored, walker.encoding, self.image.pages(), &fault);
                    rows.push(row);
                }
                Err(what) => fault(Rule::Schema, what),
            }
        });
        rows.sort_by_key(|row| row.rowid);
        rows
    }

    /// Compares each index with its table, and tells which of them could be.
    fn compare<'s>(&self, trees: &[Tree<'s>], sums: &HashMap<&str, Vec<Sum>>) -> Vec<&'s str> {
        let mut compared = Vec::new();
        for tree in trees {
            let (Content::Rows(rows) | Content::KeyedRows(rows, _)) = &tree.content else { continue };
            for (at, index) in rows.indexes.iter().enumerate() {
                compared.push(&*index.name);
                let wanted = sums.get(tree.name).and_then(|sums| sums.get(at)).copied().unwrap_or_default();
                let found = sums.get(&*index.name).and_then(|sums| sums.first()).copied().unwrap_or_default();
                if wanted != found {
                    self.differences(rows, index);
                }
            }
        }
        compared
    }

    /// Names the rows and entries that have no partner.
    fn differences(&self, rows: &Rows<'_>, index: &Index) {
        let mut wanted: HashMap<u64, Vec<(u32, usize, Option<i64>)>> = HashMap::new();
        walk::records(self.image, rows.table.root, &mut |Met { page, cell, rowid, payload }| {
            let Some(values) = values(payload) else { return };
            let entry = rows.entry(&index.fields, &values, rowid).number();
            wanted.entry(entry).or_default().push((page, cell, rowid));
        });
        let width = index.fields.len();
        let is_harmed = self.faults.harm(&rows.table.name);
        walk::records(self.image, index.root, &mut |Met { page, cell, payload, .. }| {
            let mut digest = value::Digest::default();
            let Some(values) = values(payload).filter(|values| values.len() == width) else { return };
            values.iter().for_each(|value| digest.value(value));
            let rowid = match (rows.table.without_rowid, values.last()) {
                (false, Some(Value::Integer(rowid))) => Some(*rowid),
                _ => None,
            };
            let partners = wanted.get_mut(&digest.number());
            if partners.and_then(Vec::pop).is_none() {
                let what = match is_harmed {
                    true => format!("its row of {} cannot be read any more", rows.table.name),
                    false => format!("this entry fits no row of {}", rows.table.name),
                };
                self.faults.add(Fault::new(Rule::IndexEntry, &index.name, page, what).at(cell, rowid));
            }
        });
        for (page, cell, rowid) in wanted.into_values().flatten() {
            let what = format!("the row of {} has no entry in it", rows.table.name);
            self.faults.add(Fault::new(Rule::IndexEntry, &index.name, page, what).at(cell, rowid));
        }
    }

    /// Whether the counters of AUTOINCREMENT tables are as large as the rowids.
    fn sequences(&self, schema: &Schema, trees: &[Tree<'_>]) {
        let Some(counters) =
            schema.tables.iter().find(|table| table.name.eq_ignore_ascii_case("sqlite_sequence"))
        else {
            return;
        };
        walk::records(self.image, counters.root, &mut |Met { page, cell, rowid, payload }| {
            let Some([Value::Text(name), Value::Integer(counter)]) =
                values(payload).as_deref().map(|values| match values {
                    [name, counter] => [*name, *counter],
                    _ => [Value::Null, Value::Null],
                })
            else {
                return;
            };
            let mut tables = schema.tables.iter().zip(trees);
            let Some((table, tree)) = tables.find(|(table, _)| table.name.as_bytes() == name) else { return };
            let largest = tree.tally.largest.load(Relaxed);
            if largest > counter {
                let what =
                    format!("the counter of {} is {counter}, and a row has the number {largest}", table.name);
                self.faults.add(Fault::new(Rule::Sequence, "sqlite_sequence", page, what).at(cell, rowid));
            }
        });
    }

    /// Lets SQLite check what only it can, on a copy in memory.
    fn deepen(&self, wanted: &deep::Wanted, searches: &[search::Search], coverage: &mut Coverage) {
        if wanted.is_empty() && searches.is_empty() {
            return;
        }
        let copy = self.uncopied().map_or_else(|| deep::open(self.image), Err);
        if let Err(why) =
            copy.as_ref().map_err(|why| *why).and_then(|copy| deep::check(copy, wanted, self.faults))
        {
            let hint = "Recover the database, and check the new one.";
            coverage.missed.extend(wanted.names().into_iter().map(|name| Gap::new(name, why).hint(hint)));
        }
        self.faults.rename(Rule::Constraint, Rule::SearchIndex, &|object| {
            searches.iter().find(|search| search.name == object).map(search::Search::repair)
        });
        if let Ok(copy) = &copy {
            let missed = search::check(copy, searches, self.faults);
            coverage.missed.extend(missed.into_iter().map(|(name, why)| Gap::new(name, why)));
        }
    }

    /// Why there can be no copy in memory.
    fn uncopied(&self) -> Option<&'static str> {
        let bytes = u64::from(self.image.pages()) * u64::from(self.image.geometry().page_size);
        if self.faults.any(&deep::STRUCTURE) {
            Some("not checked, because the structure is damaged")
        } else if bytes > MOST_COPIED {
            Some("not checked, because the database is too large for a copy in memory")
        } else {
            None
        }
    }
}

/// The trees of tables and indexes; those that SQLite does not understand at least keep their pages.
fn trees<'s>(schema: &'s Schema, walker: &Walker<'_>) -> Vec<Tree<'s>> {
    let mut trees = Vec::new();
    let mut add = |name: &'s str, root, content| {
        let owner = trees.len() as u32 + 2;
        trees.push(Tree { name, root, owner, content, sums: Mutex::default(), tally: Tally::default() });
    };
    for (number, table) in schema.tables.iter().enumerate() {
        let own = schema.indexes.iter().filter(|index| index.table == number);
        let own = own.filter(|index| index.root != table.root && is_plain(index, table));
        let rows = Rows::new(table, own.collect(), walker.encoding);
        let content = match table.without_rowid {
            true => Content::KeyedRows(rows, &table.key),
            false => Content::Rows(rows),
        };
        add(&table.name, table.root, content);
    }
    for index in &schema.indexes {
        let table = &schema.tables[index.table];
        // The primary key of a table WITHOUT ROWID is the table.
        if index.root != table.root && index.root != 0 {
            add(&index.name, index.root, Content::Entries(&index.fields, index.unique));
        }
    }
    trees
}

fn sums<'s>(trees: &[Tree<'s>]) -> HashMap<&'s str, Vec<Sum>> {
    let sum = |tree: &Tree<'s>| (tree.name, tree.sums.lock().unwrap_or_else(PoisonError::into_inner).clone());
    trees.iter().map(sum).collect()
}

fn values(payload: &[u8]) -> Option<Vec<Value<'_>>> {
    Record::parse(payload).ok()?.values().collect::<Result<_, _>>().ok()
}
