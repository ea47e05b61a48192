//! What lives: the rows that are no news, and the use of each page.

use std::collections::{HashMap, HashSet};

use super::shape::Shape;
use crate::sqlite::btree::{BtreePage, Cell, PageKind, Payload};
use crate::sqlite::bytes::be32;
use crate::sqlite::header::{Encoding, Header};
use crate::sqlite::image::Image;
use crate::sqlite::overflow;
use crate::sqlite::record::Record;
use crate::sqlite::schema::{Index, Schema, SchemaRow, Source};

/// The database as it is.
pub(super) struct Live {
    pub(super) image: Image,
    pub(super) encoding: Encoding,
    pub(super) shapes: Vec<Shape>,
    owners: Vec<Owner>,
    /// Free pages that dropped tables had; `None` where two of them claim the same.
    former: HashMap<u32, Option<usize>>,
    /// How many values the entries of indexes have, and whether the last one is a rowid.
    entries: HashSet<(usize, bool)>,
    /// Where the content of the last page of an overflow chain ends.
    pub(super) chain_ends: HashMap<u32, usize>,
    rows: HashSet<u64>,
    records: HashSet<u64>,
}

/// What uses a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Nothing,
    /// The table of this number.
    Table(usize),
    Index,
    Overflow,
    /// A trunk of the list of free pages, with so many entries.
    Trunk(usize),
    Reserved,
}

const SCHEMA_SQL: &str =
    "CREATE TABLE sqlite_schema(type TEXT, name TEXT, tbl_name TEXT, rootpage INT, sql TEXT)";
/// Values of a row of a table that is not known.
const WIDEST: usize = 64;
/// Longer statements than this are none.
const LONGEST_SQL: u64 = 1 << 24;

impl Live {
    /// Walks all trees.
    pub(super) fn read(image: Image, main: &Image, unreadable: &mut Vec<String>) -> Self {
        let mut start = Vec::new();
        let _ = image.read(1, &mut start);
        let header = Header::new(&start);
        let pages = image.pages().max(main.pages()) as usize;
        let mut live = Self {
            encoding: header.encoding(),
            shapes: Vec::new(),
            owners: vec![Owner::Nothing; pages + 1],
            former: HashMap::new(),
            entries: HashSet::new(),
            chain_ends: HashMap::new(),
            rows: HashSet::new(),
            records: HashSet::new(),
            image,
        };
        live.reserve(&header);
        let schema = live.schema(unreadable);
        let roots: Vec<u32> = schema.tables.iter().map(|table| table.root).collect();
        live.shapes = schema.tables.into_iter().map(Shape::new).collect();
        for (number, root) in roots.into_iter().enumerate() {
            live.walk(root, Owner::Table(number), unreadable, &mut |_, _| {});
        }
        for index in &schema.indexes {
            live.walk(index.root, Owner::Index, unreadable, &mut |_, _| {});
        }
        let entry = |index: &Index| {
            let last = index.fields.last().map(|field| field.source);
            (index.fields.len(), last == Some(Source::Rowid))
        };
        live.entries = schema.indexes.iter().map(entry).collect();
        live.freelist(header.first_trunk());
        live
    }

    /// How many pages there are to search; those that a log cut off count.
    pub(super) fn pages(&self) -> u32 {
        self.owners.len() as u32 - 1
    }

    /// How many values a row may have that no pointer leads to; rows of tables that nobody knows are not wide.
    pub(super) fn widest(&self) -> usize {
        self.shapes.iter().map(|shape| shape.table.stored.len()).fold(WIDEST, usize::max)
    }

    /// Whether a record may be an entry of an index, which looks like a row of a table WITHOUT ROWID.
    pub(super) fn is_entry(&self, types: &[u64]) -> bool {
        let is_rowid = matches!(types.last(), Some(1..=6 | 8 | 9));
        self.entries.contains(&(types.len(), false))
            || is_rowid && self.entries.contains(&(types.len(), true))
    }

    /// The dropped table that a free page belonged to.
    pub(super) fn former(&self, page: u32) -> Option<usize> {
        self.former.get(&page).copied().flatten()
    }

    /// Takes in what is known of dropped tables.
    pub(super) fn add_dropped(&mut self, rows: &[SchemaRow]) {
        for table in Schema::interpret(rows).tables.into_iter().filter(|table| !table.stored.is_empty()) {
            let same = |shape: &&mut Shape| {
                shape.table.root == table.root && shape.describes(&table)
                    || shape.is_dropped && shape.table.root == table.root && shape.table.name == table.name
            };
            // A table that got a new name, or further columns, was not dropped.
            if let Some(shape) = self.shapes.iter_mut().find(same) {
                shape.allow_fewer(table.stored.len());
                continue;
            }
            let (number, root) = (self.shapes.len(), table.root);
            self.shapes.push(Shape::dropped(table));
            self.walk_former(root, number);
        }
    }

    /// Follows what is left of the tree of a dropped table.
    fn walk_former(&mut self, root: u32, number: usize) {
        let (mut stack, mut bytes) = (vec![root], Vec::new());
        while let Some(page) = stack.pop() {
            let is_free = matches!(self.owner(page), Owner::Nothing | Owner::Trunk(_));
            if !is_free || page == 0 || page > self.pages() || self.former.get(&page) == Some(&Some(number)) {
                continue;
            }
            let claim = self.former.entry(page).or_insert(Some(number));
            if *claim != Some(number) {
                *claim = None;
                continue;
            }
            let Ok(_) = self.image.read(page, &mut bytes) else { continue };
            let Ok(page) = BtreePage::parse(&bytes, page, self.image.geometry()) else { continue };
            stack.extend(page.iter().flatten().filter_map(|cell| cell.child));
            stack.extend(page.right_child());
        }
    }

    pub(super) fn owner(&self, page: u32) -> Owner {
        self.owners.get(page as usize).copied().unwrap_or(Owner::Nothing)
    }

    /// Whether a row with this key and record lives; without a key, whether any row has the record.
    pub(super) fn has(&self, rowid: Option<i64>, total: u64, local: &[u8]) -> bool {
        match rowid {
            Some(_) => self.rows.contains(&digest(rowid, total, local)),
            None => self.records.contains(&digest(None, total, local)),
        }
    }

    fn reserve(&mut self, header: &Header) {
        let geometry = self.image.geometry();
        let mut keep = |page: u32| {
            if let Some(owner) = self.owners.get_mut(page as usize) {
                *owner = Owner::Reserved;
            }
        };
        keep(geometry.lock_page());
        if header.largest_root() != 0 {
            let span = geometry.usable() as u32 / 5 + 1;
            let mut page = 2;
            while page <= self.image.pages() {
                keep(geometry.pointer_map_of(page));
                page += span;
            }
        }
    }

    /// The schema, with the table of the schema itself first.
    fn schema(&mut self, unreadable: &mut Vec<String>) -> Schema {
        let own = SchemaRow {
            rowid: 0,
            kind: "table".to_owned(),
            name: "sqlite_schema".into(),
            table: "sqlite_schema".to_owned(),
            root: 1,
            sql: Some(SCHEMA_SQL.to_owned()),
        };
        let (mut rows, encoding, image) = (vec![own], self.encoding, self.image.clone());
        let mut owners = std::mem::take(&mut self.owners);
        let before = owners.clone();
        std::mem::swap(&mut self.owners, &mut owners);
        self.walk(1, Owner::Index, unreadable, &mut |rowid, payload| {
            let mut whole = Vec::new();
            if payload.total <= LONGEST_SQL {
                let _ = overflow::read(&image, payload, &mut whole, &mut |_| true);
                rows.extend(SchemaRow::read(rowid, &whole, encoding));
            }
        });
        // The walk over all tables comes here again.
        self.owners = before;
        self.rows.clear();
        self.records.clear();
        let mut schema = Schema::interpret(&rows);
        // Columns of a table that is nothing but the rowid or fewer tell nothing.
        schema.tables.retain(|table| !table.stored.is_empty());
        schema
    }

    /// Walks a tree, and gives `see` each row.
    fn walk(
        &mut self,
        root: u32,
        owner: Owner,
        unreadable: &mut Vec<String>,
        see: &mut dyn FnMut(i64, &Payload<'_>),
    ) {
        let geometry = self.image.geometry();
        let (mut stack, mut bytes) = (vec![root], Vec::new());
        while let Some(number) = stack.pop() {
            if !self.image.contains(number) || self.owner(number) != Owner::Nothing {
                continue;
            }
            self.owners[number as usize] = owner;
            if let Err(cause) = self.image.read(number, &mut bytes) {
                unreadable.push(format!("page {number}: {}", cause.kind()));
                continue;
            }
            let Ok(page) = BtreePage::parse(&bytes, number, geometry) else {
                unreadable
                    .push(format!("page {number}: it is damaged, so that rows on it may live all the same"));
                continue;
            };
            for cell in page.iter().flatten() {
                stack.extend(cell.child);
                self.keep(&cell, page.kind(), owner);
                if let (Some(payload), PageKind::TableLeaf) = (&cell.payload, page.kind()) {
                    see(cell.rowid.unwrap_or(0), payload);
                }
            }
            stack.extend(page.right_child());
        }
    }

    fn keep(&mut self, cell: &Cell<'_>, kind: PageKind, owner: Owner) {
        let Some(payload) = &cell.payload else { return };
        self.chain(payload);
        let Owner::Table(number) = owner else { return };
        let rowid = if kind.is_table() { cell.rowid } else { None };
        self.rows.insert(digest(rowid, payload.total, payload.local));
        self.records.insert(digest(None, payload.total, payload.local));
        if let (Ok(record), Some(shape)) = (Record::parse(payload.local), self.shapes.get_mut(number)) {
            let types: Vec<u64> = record.types().map_while(Result::ok).map(|kind| kind.0).collect();
            shape.learn(&types);
        }
    }

    /// Marks the pages of an overflow chain.
    fn chain(&mut self, payload: &Payload<'_>) {
        let Some(mut next) = payload.overflow else { return };
        let each = self.image.geometry().per_overflow_page() as u64;
        let mut left = payload.total.saturating_sub(payload.local.len() as u64);
        let mut bytes = Vec::new();
        while left > 0 && self.image.contains(next) && self.owner(next) == Owner::Nothing {
            self.owners[next as usize] = Owner::Overflow;
            if left <= each {
                self.chain_ends.insert(next, 4 + left as usize);
                return;
            }
            left -= each;
            if self.image.read(next, &mut bytes).is_err() {
                return;
            }
            next = be32(&bytes, 0);
        }
    }

    fn freelist(&mut self, first: u32) {
        let (mut trunk, mut bytes) = (first, Vec::new());
        while self.image.contains(trunk) && self.owner(trunk) == Owner::Nothing {
            if self.image.read(trunk, &mut bytes).is_err() {
                return;
            }
            let most = self.image.geometry().usable() / 4 - 2;
            self.owners[trunk as usize] = Owner::Trunk((be32(&bytes, 4) as usize).min(most));
            trunk = be32(&bytes, 0);
        }
    }
}

/// A digest of a record as far as its page holds it, and of its key. Rows are told apart by it, not protected.
pub(super) fn digest(rowid: Option<i64>, total: u64, local: &[u8]) -> u64 {
    let key = rowid.map_or(0x9e37_79b9_7f4a_7c15, |rowid| fold(rowid.cast_unsigned() ^ FACTOR, !FACTOR));
    let mut sum = fold(key ^ total, FACTOR);
    for piece in local.chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        sum = fold(sum ^ u64::from_le_bytes(word), FACTOR);
    }
    sum
}

const FACTOR: u64 = 0xa076_1d64_78bd_642f;

/// Both halves of a product, so that every bit of both numbers counts.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}
