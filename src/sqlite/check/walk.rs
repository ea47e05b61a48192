//! The walk: every page of a b-tree, checked on all processors, with what its neighbours must agree on.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::mem;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::fault::{Fault, Faults};
use super::layout;
use super::owners::{FREE, Owners, Use};
use super::rule::Rule;
use super::table::Rows;
use super::value::{Digest, Sum, compare};
use crate::sqlite::btree::{BtreePage, Cell, Payload};
use crate::sqlite::header::Encoding;
use crate::sqlite::image::Image;
use crate::sqlite::overflow;
use crate::sqlite::record::{Record, Value};
use crate::sqlite::schema::Field;

/// No sound tree is deeper.
const DEEPEST: usize = 40;

/// What all walks over one image share.
pub(super) struct Walker<'a> {
    pub(super) image: &'a Image,
    pub(super) owners: &'a Owners,
    pub(super) faults: &'a Faults,
    pub(super) encoding: Encoding,
}

/// A b-tree.
pub(super) struct Tree<'a> {
    pub(super) name: &'a str,
    pub(super) root: u32,
    /// Its number as an owner of pages, from 1 on.
    pub(super) owner: u32,
    pub(super) content: Content<'a>,
    /// Sums over its entries, as many as `content` makes.
    pub(super) sums: Mutex<Vec<Sum>>,
    pub(super) tally: Tally,
}

/// What is known of the rows of a tree after its walk.
pub(super) struct Tally {
    /// Those whose record could be had.
    pub(super) rows: AtomicU64,
    /// The largest rowid among them; the least number if there is none.
    pub(super) largest: AtomicI64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { rows: AtomicU64::new(0), largest: AtomicI64::new(i64::MIN) }
    }
}

/// What a tree holds.
pub(super) enum Content<'a> {
    /// Rows with rowids.
    Rows(Rows<'a>),
    /// Rows of a table WITHOUT ROWID, sorted by these fields.
    KeyedRows(Rows<'a>, &'a [Field]),
    /// Entries of an index: all fields, and whether those that are keys must be unique.
    Entries(&'a [Field], bool),
}

/// What a sub-tree tells its parent.
#[derive(Debug, Default)]
struct Branch {
    /// Levels below, or `None` where that cannot be told.
    depth: Option<usize>,
    /// The first and last entry, where their order matters.
    ends: Option<(Vec<u8>, Vec<u8>)>,
    sums: Vec<Sum>,
}

/// What is true above a page: rowids lie after the first bound and up to the second one.
#[derive(Clone, Copy)]
struct Above {
    parent: u32,
    bounds: (i64, Option<i64>),
    has_lower: bool,
    level: usize,
}

impl Content<'_> {
    fn is_table(&self) -> bool {
        matches!(self, Self::Rows(_))
    }

    /// The fields that sort it.
    fn order(&self) -> &[Field] {
        match self {
            Self::Rows(_) => &[],
            Self::KeyedRows(_, key) => key,
            Self::Entries(fields, _) => fields,
        }
    }
}

impl Walker<'_> {
    /// Checks a whole tree and leaves its sums in it.
    pub(super) fn tree(&self, tree: &Tree<'_>) {
        let above = Above { parent: 0, bounds: (i64::MIN, None), has_lower: false, level: 0 };
        let branch = self.page(tree, tree.root, above);
        *tree.sums.lock().unwrap_or_else(PoisonError::into_inner) = branch.sums;
    }

    fn fault(&self, rule: Rule, tree: &Tree<'_>, page: u32, what: impl Into<String>) {
        self.faults.add(Fault::new(rule, tree.name, page, what));
    }

    fn page(&self, tree: &Tree<'_>, number: u32, above: Above) -> Branch {
        if !self.image.contains(number) {
            let what = format!("it leads to page {number}, which does not exist");
            self.fault(Rule::TreeShape, tree, above.parent, what);
            return Branch::default();
        }
        if above.level > DEEPEST {
            self.fault(Rule::TreeShape, tree, number, "the tree is deeper than any can be");
            return Branch::default();
        }
        if let Err(other) = self.owners.claim(number, tree.owner) {
            let by = match other {
                FREE => "and is in the list of free pages".to_owned(),
                own if own == tree.owner => "and is in the tree a second time".to_owned(),
                _ => "and something else uses it".to_owned(),
            };
            self.fault(Rule::SharedPage, tree, number, format!("it is below page {} {by}", above.parent));
            return Branch::default();
        }
        let used = if above.level == 0 { Use::Root } else { Use::Child(above.parent) };
        self.owners.check_map(number, used, tree.name, self.faults);
        let mut bytes = Vec::new();
        match self.image.read(number, &mut bytes) {
            Err(cause) => {
                self.fault(
                    Rule::Unreadable,
                    tree,
                    number,
                    format!("the disk gives no data: {}", cause.kind()),
                );
                return Branch::default();
            }
            Ok(present) if present < self.image.geometry().usable() => {
                self.fault(Rule::Truncated, tree, number, "the file ends inside it");
            }
            Ok(_) => {}
        }
        match BtreePage::parse(&bytes, number, self.image.geometry()) {
            Err(what) => {
                let is_empty = bytes.iter().all(|byte| *byte == 0);
                let what = if is_empty { "it is nothing but zeros".to_owned() } else { what.to_string() };
                self.fault(Rule::Page, tree, number, what);
                Branch::default()
            }
            Ok(page) if page.kind().is_table() != tree.content.is_table() => {
                self.fault(
                    Rule::Page,
                    tree,
                    number,
                    format!("it is the {}, which does not belong here", page.kind()),
                );
                Branch::default()
            }
            Ok(page) => self.btree_page(tree, number, (&page, &bytes), above),
        }
    }

    fn btree_page(
        &self,
        tree: &Tree<'_>,
        number: u32,
        (page, bytes): (&BtreePage<'_>, &[u8]),
        above: Above,
    ) -> Branch {
        let mut places = Vec::with_capacity(page.cells());
        let mut cells = Vec::with_capacity(page.cells());
        for at in 0..page.cells() {
            match page.cell(at) {
                Ok(cell) => {
                    places.push((cell.offset, cell.offset + cell.size));
                    cells.push((at, cell));
                }
                Err(what) => {
                    self.faults.add(Fault::new(Rule::Cell, tree.name, number, what.to_string()).at(at, None));
                }
            }
        }
        // Where cells are damaged, what they leave free says nothing.
        if cells.len() == page.cells()
            && let Some(what) = layout::fault(page, bytes, &places, self.image.geometry())
        {
            self.fault(Rule::Layout, tree, number, what);
        }
        if page.kind().is_leaf() {
            if page.cells() == 0 && above.level > 0 {
                self.fault(Rule::TreeShape, tree, number, "it is a leaf without entries");
            }
            return self.leaf(tree, number, &cells, above);
        }
        self.inner(tree, number, (&cells, page.right_child().unwrap_or(0)), above)
    }

    /// A leaf: every row or entry of it.
    fn leaf(&self, tree: &Tree<'_>, number: u32, cells: &[(usize, Cell<'_>)], above: Above) -> Branch {
        let mut branch = Branch { depth: Some(0), ..Branch::default() };
        let mut entries = Entries::new(self, tree, number);
        for (at, cell) in cells {
            entries.add(*at, cell, &mut branch.sums);
        }
        entries.tell(&tree.tally);
        if tree.content.is_table() {
            self.rowids(tree, number, cells, above);
        }
        branch.ends = entries.ends();
        branch
    }

    /// Whether rowids grow, and lie where the pages above say.
    fn rowids(&self, tree: &Tree<'_>, number: u32, cells: &[(usize, Cell<'_>)], above: Above) {
        let (mut lower, upper) = (above.has_lower.then_some(above.bounds.0), above.bounds.1);
        for (at, cell) in cells {
            let Some(rowid) = cell.rowid else { continue };
            let low = lower.is_some_and(|lower| rowid <= lower);
            if low || upper.is_some_and(|upper| rowid > upper) {
                let what = if low {
                    "it is not larger than the one before it"
                } else {
                    "it is larger than the page above says"
                };
                self.faults.add(Fault::new(Rule::KeyOrder, tree.name, number, what).at(*at, Some(rowid)));
            }
            lower = Some(rowid);
        }
    }

    /// An inner page: the trees below it, and the entries between them.
    fn inner(
        &self,
        tree: &Tree<'_>,
        number: u32,
        (cells, right): (&[(usize, Cell<'_>)], u32),
        above: Above,
    ) -> Branch {
        if tree.content.is_table() {
            self.rowids(tree, number, cells, above);
        }
        let mut children: Vec<(u32, Above)> = Vec::with_capacity(cells.len() + 1);
        let mut next = Above { parent: number, level: above.level + 1, ..above };
        for (_, cell) in cells {
            let upper = cell.rowid.or(above.bounds.1);
            children.push((cell.child.unwrap_or(0), Above { bounds: (next.bounds.0, upper), ..next }));
            if let Some(rowid) = cell.rowid {
                (next.bounds.0, next.has_lower) = (rowid, true);
            }
        }
        children.push((right, Above { bounds: (next.bounds.0, above.bounds.1), ..next }));
        let below: Vec<Branch> = children
            .par_iter()
            .with_min_len(8)
            .map(|(child, above)| self.page(tree, *child, *above))
            .collect();
        self.join(tree, number, cells, below)
    }

    /// Puts together what the children tell, with the entries of this page between them.
    fn join(&self, tree: &Tree<'_>, number: u32, cells: &[(usize, Cell<'_>)], below: Vec<Branch>) -> Branch {
        let mut branch = Branch::default();
        let depths: Vec<usize> = below.iter().filter_map(|branch| branch.depth).collect();
        if depths.iter().min() != depths.iter().max() {
            self.fault(Rule::TreeShape, tree, number, "its branches are not equally deep");
        }
        branch.depth = depths.first().map(|depth| depth + 1);
        let mut entries = Entries::new(self, tree, number);
        let mut between = cells.iter();
        for below in below {
            merge(&mut branch.sums, &below.sums);
            entries.branch(below.ends);
            if let Some((at, cell)) = between.next().filter(|_| !tree.content.is_table()) {
                entries.add(*at, cell, &mut branch.sums);
            }
        }
        entries.tell(&tree.tally);
        branch.ends = entries.ends();
        branch
    }

    /// The whole record of a cell whose payload goes on elsewhere; `None` if it cannot be had.
    fn chained(&self, tree: &Tree<'_>, (page, at): (u32, usize), cell: &Cell<'_>) -> Option<Vec<u8>> {
        let payload = cell.payload?;
        let mut whole = Vec::new();
        let mut before = None;
        let read = overflow::read(self.image, &payload, &mut whole, &mut |next| {
            let used = before.map_or(Use::FirstOverflow(page), Use::Overflow);
            before = Some(next);
            let free = self.owners.claim(next, tree.owner).is_ok();
            if free {
                self.owners.check_map(next, used, tree.name, self.faults);
            }
            free
        });
        let Err(what) = read else { return Some(whole) };
        let first = payload.overflow.unwrap_or(0);
        let what = format!("{what} (it begins at page {first})");
        self.faults.add(Fault::new(Rule::Overflow, tree.name, page, what).at(at, cell.rowid));
        None
    }
}

pub(super) fn merge(sums: &mut Vec<Sum>, others: &[Sum]) {
    if sums.len() < others.len() {
        sums.resize(others.len(), Sum::default());
    }
    sums.iter_mut().zip(others).for_each(|(sum, other)| sum.merge(*other));
}

/// Goes through entries in order, and compares each with the one before it. `'b` are the bytes of their page.
struct Entries<'w, 'a, 'b> {
    walker: &'w Walker<'w>,
    tree: &'w Tree<'a>,
    page: u32,
    first: Option<Cow<'b, [u8]>>,
    last: Option<Cow<'b, [u8]>>,
    /// The values of the last entry, if its bytes are borrowed from the page.
    before: Vec<Value<'b>>,
    /// Room for those of the next one.
    next: Vec<Value<'b>>,
    rows: u64,
    largest: i64,
}

impl<'w, 'a, 'b> Entries<'w, 'a, 'b> {
    fn new(walker: &'w Walker<'w>, tree: &'w Tree<'a>, page: u32) -> Self {
        let (first, last, before, next) = (None, None, Vec::new(), Vec::new());
        Self { walker, tree, page, first, last, before, next, rows: 0, largest: i64::MIN }
    }

    /// Adds what was counted to that of the whole tree.
    fn tell(&self, tally: &Tally) {
        tally.rows.fetch_add(self.rows, Relaxed);
        tally.largest.fetch_max(self.largest, Relaxed);
    }

    /// The first and the last entry so far.
    fn ends(self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((self.first?.into_owned(), self.last?.into_owned()))
    }

    /// Takes in a whole branch by its ends.
    fn branch(&mut self, ends: Option<(Vec<u8>, Vec<u8>)>) {
        let Some((first, last)) = ends else {
            // What is not known cannot be compared with.
            self.last = None;
            return;
        };
        self.follow(None, &decoded(&first));
        self.first.get_or_insert(Cow::Owned(first));
        self.last = Some(Cow::Owned(last));
    }

    /// Takes in one row or entry.
    fn add(&mut self, at: usize, cell: &Cell<'b>, sums: &mut Vec<Sum>) {
        match cell.payload {
            None => {}
            Some(Payload { local, overflow: None, .. }) => {
                let mut values = mem::take(&mut self.next);
                if self.examine((at, cell.rowid), local, &mut values, sums) {
                    self.follow(Some(at), &values);
                    self.keep(Cow::Borrowed(local));
                    mem::swap(&mut self.before, &mut values);
                }
                self.next = values;
            }
            Some(_) => {
                let Some(whole) = self.walker.chained(self.tree, (self.page, at), cell) else { return };
                let mut values = Vec::new();
                if self.examine((at, cell.rowid), &whole, &mut values, sums) {
                    self.follow(Some(at), &values);
                    self.keep(Cow::Owned(whole));
                }
            }
        }
    }

    /// Decodes a row or entry, looks at its values and adds it to the sums. Tells whether its order is of interest.
    fn examine<'r>(
        &mut self,
        (at, rowid): (usize, Option<i64>),
        payload: &'r [u8],
        values: &mut Vec<Value<'r>>,
        sums: &mut Vec<Sum>,
    ) -> bool {
        self.rows += 1;
        self.largest = self.largest.max(rowid.unwrap_or(i64::MIN));
        let fault = |rule, what: String| {
            self.walker.faults.add(Fault::new(rule, self.tree.name, self.page, what).at(at, rowid));
        };
        if let Err(what) = Record::parse(payload).and_then(|record| record.decode(values)) {
            fault(Rule::Record, what.to_string());
            return false;
        }
        match &self.tree.content {
            Content::Rows(rows) | Content::KeyedRows(rows, _) => {
                rows.look(values, rowid, sums, &mut |rule, what| fault(rule, what));
            }
            Content::Entries(fields, _) if values.len() != fields.len() => {
                fault(Rule::Record, format!("it has {} values instead of {}", values.len(), fields.len()));
                return false;
            }
            Content::Entries(..) => {
                let mut digest = Digest::default();
                values.iter().for_each(|value| digest.value(value));
                sums.resize(1, Sum::default());
                sums[0].add(digest);
            }
        }
        !self.tree.content.is_table()
    }

    fn keep(&mut self, entry: Cow<'b, [u8]>) {
        if self.first.is_none() {
            self.first = Some(entry.clone());
        }
        self.last = Some(entry);
    }

    /// Compares an entry with the one before it.
    fn follow(&self, at: Option<usize>, entry: &[Value<'_>]) {
        let disorder = match &self.last {
            None => return,
            Some(Cow::Borrowed(_)) => self.disorder(&self.before, entry),
            Some(Cow::Owned(last)) => self.disorder(&decoded(last), entry),
        };
        if let Some((rule, what)) = disorder {
            let fault = Fault::new(rule, self.tree.name, self.page, what);
            self.walker.faults.add(at.map_or(fault.clone(), |at| fault.at(at, None)));
        }
    }

    fn disorder(&self, before: &[Value<'_>], entry: &[Value<'_>]) -> Option<(Rule, &'static str)> {
        let fields = self.tree.content.order();
        match compare(fields, before, entry, self.walker.encoding)? {
            Ordering::Greater => return Some((Rule::KeyOrder, "it is smaller than the entry before it")),
            Ordering::Equal => return Some((Rule::KeyOrder, "it is there twice")),
            Ordering::Less => {}
        }
        let Content::Entries(_, true) = self.tree.content else { return None };
        let keys = fields.iter().take_while(|field| field.is_key).count();
        let same = compare(&fields[..keys], before, entry, self.walker.encoding)? == Ordering::Equal;
        let has_null = || before.iter().take(keys).any(|value| *value == Value::Null);
        (same && !has_null()).then_some((Rule::Unique, "it has the same key as the entry before it"))
    }
}

/// The values of an entry that was examined before.
fn decoded(entry: &[u8]) -> Vec<Value<'_>> {
    let mut values = Vec::new();
    // What was a whole record then is one now.
    let _ = Record::parse(entry).and_then(|record| record.decode(&mut values));
    values
}

/// A record that a walk met.
pub(super) struct Met<'a> {
    pub(super) page: u32,
    pub(super) cell: usize,
    pub(super) rowid: Option<i64>,
    pub(super) payload: &'a [u8],
}

/// Visits the record of every cell of a tree, one after the other, as far as there is a tree.
pub(super) fn records(image: &Image, root: u32, visit: &mut dyn FnMut(Met<'_>)) {
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![root];
    let (mut bytes, mut payload) = (Vec::new(), Vec::new());
    while let Some(number) = open.pop() {
        if !image.contains(number) || !seen.insert(number) || image.read(number, &mut bytes).is_err() {
            continue;
        }
        let Ok(page) = BtreePage::parse(&bytes, number, image.geometry()) else { continue };
        let mut children = Vec::new();
        for (at, cell) in page.iter().enumerate().filter_map(|(at, cell)| Some((at, cell.ok()?))) {
            children.extend(cell.child);
            let Some(local) = cell.payload else { continue };
            payload.clear();
            if overflow::read(image, &local, &mut payload, &mut |_| true).is_ok() {
                visit(Met { page: number, cell: at, rowid: cell.rowid, payload: &payload });
            }
        }
        children.extend(page.right_child());
        open.extend(children.into_iter().rev());
    }
}
