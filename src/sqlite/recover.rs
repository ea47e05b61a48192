//! Recovery: every row that is still in the bytes of a damaged database, written to a new one.
//!
//! The evidence is only read. What cannot be believed goes to the table `kbsec_quarantine`, with the reason.

mod definition;
mod entries;
mod export;
mod fill;
mod finish;
mod forest;
mod foundation;
mod freelist;
mod given;
mod leaf;
mod quarantine;
mod survey;
#[cfg(test)]
mod tests;
mod unique;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rayon::prelude::*;

use super::btree::{BtreePage, PageKind};
use super::bytes::be32;
use super::files::Files;
use super::header::Header;
use super::image::Image;
use definition::{Definition, Entry};
use forest::{Forest, Place, Tree};
use foundation::Foundation;
use freelist::Freelist;
use leaf::Reader;
use survey::{State, Survey};

pub use export::{ExportError, export_json_lines, export_sql};
pub use given::SchemaSource;
pub use leaf::Method;

/// What the user decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file to make; nothing may be there.
    pub target: PathBuf,
    /// What describes the tables of a database that lost its schema.
    pub schema: Option<SchemaSource>,
    /// What to do with the write-ahead log.
    pub log: WalUse,
}

/// What to do with a write-ahead log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WalUse {
    /// Use it unless it belongs to another database.
    #[default]
    Auto,
    /// Read the database file alone.
    Ignore,
    /// Use it in any case.
    Use,
}

/// What was recovered.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Every table of the new database that has rows of its own.
    pub tables: Vec<TableOutcome>,
    /// Which files were read and why, as a sentence.
    pub view: String,
    /// What was wrong with the header, and what was assumed instead.
    pub header: Vec<String>,
    /// What could not be done, each as a sentence.
    pub not_done: Vec<String>,
    /// What SQLite has against the new database; empty if it is sound.
    pub check: Vec<String>,
    /// References to rows that are not there.
    pub broken_references: u64,
    /// Whether somebody wrote to the evidence meanwhile.
    pub has_changed: bool,
}

/// What was recovered of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOutcome {
    /// Its name.
    pub name: String,
    /// Rows in the new table.
    pub recovered: u64,
    /// Rows in quarantine.
    pub doubtful: u64,
    /// Rows on lost pages that the table has already; they were left out.
    pub duplicates: u64,
    /// Pages of it that cannot be read any more.
    pub lost_pages: Vec<u32>,
    /// Pages of it that could be read in part only.
    pub partial_pages: Vec<u32>,
    /// How many rows those pages say that they have and that nothing was found of.
    pub missing_rows: u64,
    /// An estimate of the rows on the lost pages: pages that nothing was found for, times the rows that a page of this table
    /// has on average. `None` where no page is left to learn that from.
    pub lost_rows_estimate: Option<u64>,
    /// How rows were found, and how many each way.
    pub methods: BTreeMap<&'static str, u64>,
    /// Why its definition is not that of the schema.
    pub repaired: Option<String>,
}

impl TableOutcome {
    /// The lost pages as ranges, in order.
    #[must_use]
    pub fn lost_ranges(&self) -> Vec<RangeInclusive<u32>> {
        ranges(&self.lost_pages)
    }

    /// The pages that could be read in part, as ranges, in order.
    #[must_use]
    pub fn partial_ranges(&self) -> Vec<RangeInclusive<u32>> {
        ranges(&self.partial_pages)
    }

    /// Estimates what is lost, once all rows are written. A page that was found without its tree stands for a lost one:
    /// the links to both are what is damaged.
    fn estimate(&mut self, tree: &Tree) {
        let found = tree.pages.iter().filter(|place| place.is_orphan).count();
        let lost = self.lost_pages.len().saturating_sub(found) as u64;
        let (rows, pages) = (self.recovered + self.doubtful + self.duplicates, tree.pages.len() as u64);
        self.lost_rows_estimate = match pages {
            _ if lost == 0 => Some(0),
            0 => None,
            pages => Some((lost * rows + pages / 2) / pages),
        };
    }

    /// Counts rows that were written and had to be taken out again.
    fn move_to_quarantine(&mut self, method: &'static str, rows: u64) {
        self.recovered = self.recovered.saturating_sub(rows);
        self.doubtful += rows;
        if let Some(count) = self.methods.get_mut(method) {
            *count = count.saturating_sub(rows);
        }
    }
}

/// Numbers as ranges, in order.
fn ranges(pages: &[u32]) -> Vec<RangeInclusive<u32>> {
    let pages: BTreeSet<u32> = pages.iter().copied().collect();
    let mut ranges: Vec<RangeInclusive<u32>> = Vec::new();
    for page in pages {
        match ranges.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(page) => *last = *last.start()..=page,
            _ => ranges.push(page..=page),
        }
    }
    ranges
}

/// Why nothing was recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Something has the name of the new file, or the directory cannot be written.
    #[error("cannot make {path}")]
    Target {
        /// The new file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The evidence cannot be read at all.
    #[error("cannot read the evidence")]
    Read(#[source] io::Error),
    /// No page of a database is in the file.
    #[error("nothing in it looks like a page of a SQLite database")]
    NothingFound,
    /// SQLite cannot write the new database.
    #[error("cannot write the new database")]
    Write(#[from] rusqlite::Error),
}

/// What is known before rows are written.
struct Plan {
    entries: Vec<Entry>,
    tables: Vec<(Definition, Tree)>,
    /// Pages whose rows fit no table, or several.
    strays: Vec<(u32, String)>,
    header: Header,
}

/// Recovers a database into a new file.
///
/// # Errors
/// When the evidence cannot be read, or the new file cannot be written; the new file is not there then.
pub fn recover(input: &Files, options: &Options) -> Result<Outcome, RecoverError> {
    let target = |cause| RecoverError::Target { path: options.target.clone(), cause };
    if options.target.symlink_metadata().is_ok() {
        return Err(target(io::ErrorKind::AlreadyExists.into()));
    }
    let foundation = Foundation::find(&input.database).map_err(RecoverError::Read)?;
    let foundation = foundation.ok_or(RecoverError::NothingFound)?;
    let main = Image::new(Arc::clone(&input.database), foundation.base, foundation.geometry);
    let view = view::View::choose(main, input, options.log).map_err(RecoverError::Read)?;
    let survey = Survey::of(&view.image);
    let mut outcome =
        Outcome { view: view.reason.clone(), header: foundation.notes.clone(), ..Outcome::default() };
    let plan = plan(&view.image, &survey, &foundation, options, &mut outcome);
    let uses = count_uses(&view.image, &survey, &plan);
    let is_shared = |page: u32| uses.get(page as usize).is_some_and(|uses| uses.load(Ordering::Relaxed) > 1);
    let is_stale = |page: u32| view.stale.contains(&page);
    let is_empty = |page: u32| survey.page(page).state == State::Empty;
    let reader =
        Reader { image: &view.image, is_shared: &is_shared, is_empty: &is_empty, is_stale: &is_stale };
    fill::write(&reader, &plan, &foundation, options, &mut outcome)?;
    outcome.has_changed = input.have_changed();
    Ok(outcome)
}

/// Finds out which pages belong to which table.
fn plan(
    image: &Image,
    survey: &Survey,
    foundation: &Foundation,
    options: &Options,
    outcome: &mut Outcome,
) -> Plan {
    let header = current_header(image, foundation);
    let count = foundation.has_header().then(|| header.free_pages());
    let first = if foundation.has_header() { header.first_trunk() } else { 0 };
    let mut free = Freelist::read(image, first, count);
    // A list that is damaged may name pages that are in use.
    let guard = if free.is_complete { free.clone() } else { Freelist::default() };
    let mut forest = Forest::new(image, survey, &header);
    let schema = forest.walk(1, true, &guard, &|_| true);
    let mut entries = entries(image, survey, &schema, foundation, &free);
    let given = add_given(image, &mut entries, options, outcome);
    let mut has_open_index = false;
    for entry in entries.iter().filter(|entry| entry.kind == "index" && entry.root != 0) {
        has_open_index |= forest.walk(entry.root, false, &guard, &|_| true).is_open;
    }
    let mut definitions = Vec::new();
    let mut trees = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kind == "table" && !entry.is_virtual()) {
        let (mut definition, tree) = table(entry, &mut forest, survey, &guard, outcome);
        // Where a table of another database began says nothing for certain.
        if given.contains(&entry.name) && tree.pages.is_empty() {
            definition.root = 0;
        }
        definitions.push(definition);
        trees.push(tree);
    }
    if !free.is_complete {
        let chained = chained_pages(image, survey, &trees);
        free.search(image, survey, &|page| forest.has(page) || chained.contains(&page));
        free.pages.retain(|page| !forest.has(*page));
    }
    let strays = forest.adopt(&free, &definitions, &mut trees, has_open_index);
    let mut tables: Vec<(Definition, Tree)> = definitions.into_iter().zip(trees).collect();
    if tables.is_empty() {
        tables = forest.infer(&free);
        if !tables.is_empty() {
            outcome.not_done.push("no schema was found: tables and columns have invented names".to_owned());
        }
    }
    Plan { entries, tables, strays, header }
}

/// The header as the view has it.
fn current_header(image: &Image, foundation: &Foundation) -> Header {
    let mut page = Vec::new();
    match image.read(1, &mut page) {
        Ok(_) if image.log().is_some() => Header::new(&page),
        _ => foundation.header.clone(),
    }
}

/// The rows of the schema table, wherever they are.
fn entries(
    image: &Image,
    survey: &Survey,
    schema: &Tree,
    foundation: &Foundation,
    free: &Freelist,
) -> Vec<Entry> {
    let reader = Reader { image, is_shared: &|_| false, is_empty: &|_| false, is_stale: &|_| false };
    let mut places = schema.pages.clone();
    if schema.is_open {
        let others = survey.iter().filter(|(page, facts)| {
            facts.kind() == Some(PageKind::TableLeaf)
                && (facts.least, facts.most) == (5, 5)
                && facts.column(0) == survey::class::TEXT
                && !free.contains(*page)
        });
        places.extend(others.map(|(page, _)| Place { page, bounds: (i64::MIN, i64::MAX), is_orphan: true }));
    }
    let mut names = BTreeSet::new();
    let rows = places.iter().flat_map(|place| reader.rows(place.page, place.bounds, Method::Tree, true).0);
    let entries = rows.filter(|row| row.doubt.is_none());
    let entries = entries.filter_map(|row| Entry::read(&row.record, foundation.encoding));
    entries.filter(|entry| names.insert((entry.kind.clone(), entry.name.clone()))).collect()
}

/// Adds tables that the user described and that the database does not know, and tells their names.
fn add_given(
    image: &Image,
    entries: &mut Vec<Entry>,
    options: &Options,
    outcome: &mut Outcome,
) -> BTreeSet<String> {
    let Some(source) = &options.schema else { return BTreeSet::new() };
    let mut given = match source.entries(image) {
        Ok(given) => given,
        Err(why) => {
            outcome.not_done.push(format!("the given schema cannot be used: {why}"));
            return BTreeSet::new();
        }
    };
    // Statistics are no part of a schema that somebody writes down, and must not be taken for rows of the user.
    given.extend(["sqlite_stat1", "sqlite_stat4"].map(|name| Entry {
        kind: "table".to_owned(),
        name: name.to_owned(),
        table: name.to_owned(),
        root: 0,
        sql: None,
    }));
    let mut known: BTreeSet<String> = entries.iter().map(|entry| entry.name.to_lowercase()).collect();
    given.retain(|entry| known.insert(entry.name.to_lowercase()));
    let names = given.iter().map(|entry| entry.name.clone()).collect();
    entries.extend(given);
    names
}

/// The definition of a table and the pages that its root leads to.
fn table(
    entry: &Entry,
    forest: &mut Forest<'_>,
    survey: &Survey,
    free: &Freelist,
    outcome: &mut Outcome,
) -> (Definition, Tree) {
    match Definition::of(entry) {
        Ok(definition) => {
            let fits = |facts: &survey::Facts| forest::matches(facts, &definition);
            let tree = forest.walk(entry.root, !definition.without_rowid, free, &fits);
            (definition, tree)
        }
        Err(why) => {
            let tree = forest.walk(entry.root, true, free, &|_| true);
            let widths = tree.pages.iter().map(|place| survey.page(place.page).most);
            let width = usize::from(widths.max().unwrap_or(1));
            let plain = || Definition::plain(&entry.name, entry.root, width);
            let seen = |column| {
                let classes = tree.pages.iter().map(|place| survey.page(place.page).column(column));
                classes.fold(0, |all, classes| all | classes)
            };
            let is_null = |column: usize| seen(column) == survey::class::NULL;
            let mut definition = Definition::repair(entry, width, &is_null).unwrap_or_else(plain);
            let sql = entry.sql.clone().unwrap_or_default();
            definition.repaired = Some(format!("{why}; its text is: {sql}"));
            outcome.not_done.push(format!(
                "the definition of {} is damaged ({why}); some of its columns have invented names",
                entry.name
            ));
            (definition, tree)
        }
    }
}

/// Visits the overflow pages of each row on a page, chain by chain, and tells whether the chain is as long as it should be.
fn visit_chains(image: &Image, page: u32, visit: &mut dyn FnMut(&[u32], bool)) {
    let mut bytes = Vec::new();
    if image.read(page, &mut bytes).is_err() {
        return;
    }
    let Ok(parsed) = BtreePage::parse(&bytes, page, image.geometry()) else { return };
    for payload in parsed.iter().flatten().filter_map(|cell| cell.payload) {
        let Some(mut next) = payload.overflow else { continue };
        let rest = payload.total - payload.local.len() as u64;
        let mut left = image.geometry().overflow_pages(rest).min(image.pages().into());
        let (mut head, mut seen, mut chain) = ([0; 4], BTreeSet::new(), Vec::new());
        while left > 0 && image.contains(next) && seen.insert(next) {
            chain.push(next);
            let stored = image.stored(next);
            let read = match stored {
                super::image::Stored::File(offset) => image.file().read_at(offset, &mut head),
                super::image::Stored::Log(offset) => {
                    image.log().map_or(Ok(0), |log| log.read_at(offset, &mut head))
                }
            };
            next = if read.is_ok() { be32(&head, 0) } else { 0 };
            left -= 1;
        }
        visit(&chain, left == 0 && next == 0);
    }
}

fn chained_pages(image: &Image, survey: &Survey, trees: &[Tree]) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for place in trees.iter().flat_map(|tree| &tree.pages).filter(|place| survey.page(place.page).spills) {
        visit_chains(image, place.page, &mut |chain, _| found.extend(chain));
    }
    found
}

/// How many rows use each overflow page; a page of a tree counts as used once already.
fn count_uses(image: &Image, survey: &Survey, plan: &Plan) -> Vec<AtomicU8> {
    let uses: Vec<AtomicU8> = (0..=image.pages()).map(|_| AtomicU8::new(0)).collect();
    let add = |page: u32| {
        if let Some(uses) = uses.get(page as usize) {
            let _ =
                uses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |uses| Some(uses.saturating_add(1)));
        }
    };
    let places: Vec<u32> =
        plan.tables.iter().flat_map(|(_, tree)| &tree.pages).map(|place| place.page).collect();
    places.par_iter().for_each(|page| {
        add(*page);
        if survey.page(*page).spills {
            visit_chains(image, *page, &mut |chain, is_sound| {
                // A chain that went astray does not make those doubtful that it strays into.
                chain.iter().filter(|_| is_sound).for_each(|page| add(*page));
            });
        }
    });
    uses
}
