//! The forest: which page belongs to which tree, where trees have gaps, and which lost pages fit into them.

use std::collections::BTreeMap;

use super::super::btree::{BtreePage, PageKind};
use super::super::header::Header;
use super::super::image::Image;
use super::definition::Definition;
use super::entries::Leaves;
use super::freelist::Freelist;
use super::leaf::Method;
use super::survey::{Child, Facts, State, Survey, children};

/// The pages of one table or index.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) pages: Vec<Place>,
    /// Pages that are lost, as far as their numbers are known, and whether lost inner pages may have had others below.
    pub(super) lost: Vec<u32>,
    pub(super) is_open: bool,
}

/// A page of a tree, and the rowids that belong there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) page: u32,
    pub(super) bounds: (i64, i64),
    pub(super) is_orphan: bool,
}

/// What is known of the use of pages.
pub(super) struct Forest<'a> {
    image: &'a Image,
    survey: &'a Survey,
    /// How many pages there were once.
    pages: u32,
    taken: Vec<bool>,
}

/// A page without a parent, and the leaves below it.
struct Unit {
    leaves: Vec<u32>,
    is_table: bool,
    low: i64,
    high: i64,
}

impl Tree {
    /// Its pages with those first that the tree leads to, so that an older copy of a row comes too late.
    pub(super) fn in_order(&self) -> Vec<Place> {
        let mut places = self.pages.clone();
        places.sort_by_key(|place| place.is_orphan);
        places
    }
}

impl Place {
    /// How rows of it are found.
    pub(super) fn method(&self) -> Method {
        if self.is_orphan { Method::Orphan } else { Method::Tree }
    }
}

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

impl<'a> Forest<'a> {
    /// Nothing is used yet but the pointer map of a database that has one.
    pub(super) fn new(image: &'a Image, survey: &'a Survey, header: &Header) -> Self {
        let (has_map, pages) = (header.largest_root() != 0, header.page_count().max(image.pages()));
        let geometry = image.geometry();
        let is_map = |page: u32| has_map && page > 1 && geometry.pointer_map_of(page) == page;
        Self { image, survey, pages, taken: (0..=image.pages()).map(is_map).collect() }
    }

    /// Whether a tree has the page.
    pub(super) fn has(&self, page: u32) -> bool {
        self.taken.get(page as usize).copied().unwrap_or(false)
    }

    /// Follows a tree from its root, from left to right.
    pub(super) fn walk(
        &mut self,
        root: u32,
        is_table: bool,
        free: &Freelist,
        fits: &dyn Fn(&Facts) -> bool,
    ) -> Tree {
        let mut tree = Tree::default();
        let kind = self.survey.page(root).kind();
        let is_torn = is_table && kind.is_none() && self.begins_empty(root);
        let fits_kind = is_torn || kind.is_some_and(|kind| kind.is_table() == is_table);
        if !fits_kind || self.has(root) || free.contains(root) {
            tree.lost.push(root);
            tree.is_open = true;
            return tree;
        }
        let mut stack = vec![(root, ALL)];
        let mut bytes = Vec::new();
        while let Some((page, bounds)) = stack.pop() {
            self.taken[page as usize] = true;
            let kind = self.survey.page(page).kind();
            if !is_table || kind.is_none_or(PageKind::is_leaf) {
                tree.pages.push(Place { page, bounds, is_orphan: false });
            }
            let Some(below) = self.below(page, &mut bytes) else { continue };
            let leaves = below.iter().flatten().any(|(child, _)| self.is_leaf(*child, is_table));
            let first = stack.len();
            let mut low = bounds.0;
            for child in below {
                let Some((child, key)) = child else {
                    tree.is_open = true;
                    continue;
                };
                let range = (low, key.unwrap_or(bounds.1));
                low = key.map_or(low, |key| key.saturating_add(1));
                let facts = self.survey.page(child);
                let is_torn = leaves && facts.state == State::Other && is_table;
                let free = free.contains(child) || !self.image.contains(child) || child == 1;
                // Pointers at random lead to cells that are none; the page itself is where it belongs.
                let is_hurt = facts.bad > facts.good && leaves;
                let inside = !is_table
                    || is_hurt
                    || facts.low > facts.high
                    || range.0 <= facts.low && facts.high <= range.1;
                let kind_fits = facts.kind().is_some_and(|kind| kind.is_table() == is_table);
                if !free && !self.has(child) && (is_torn || kind_fits && inside && (is_hurt || fits(&facts)))
                {
                    self.taken[child as usize] = true;
                    stack.push((child, range));
                } else {
                    tree.lost.push(child);
                    // A page that never was means that the link is damaged, and that the right page is somewhere.
                    let was_there = (1..=self.pages).contains(&child);
                    tree.is_open |= !(leaves && facts.state == State::Empty && was_there);
                }
            }
            stack[first..].reverse();
        }
        tree
    }

    /// The children of an inner page.
    fn below(&self, page: u32, bytes: &mut Vec<u8>) -> Option<Vec<Child>> {
        self.survey.page(page).kind().filter(|kind| !kind.is_leaf())?;
        self.image.read(page, bytes).ok()?;
        let parsed = BtreePage::parse(bytes, page, self.image.geometry()).ok()?;
        Some(children(&parsed))
    }

    /// Whether the first sector of a page, but not the whole page, is zeros.
    fn begins_empty(&self, page: u32) -> bool {
        let mut bytes = Vec::new();
        self.survey.page(page).state == State::Other
            && self.image.read(page, &mut bytes).is_ok()
            && bytes[..bytes.len() / 8].iter().all(|byte| *byte == 0)
    }

    fn is_leaf(&self, page: u32, is_table: bool) -> bool {
        self.survey.page(page).kind().is_some_and(|kind| kind.is_leaf() && kind.is_table() == is_table)
    }

    /// Gives pages that no tree leads to, and that are not free, to the tables that they fit.
    ///
    /// What fits several tables, or none, is returned: leaves with the reason.
    pub(super) fn adopt(
        &mut self,
        free: &Freelist,
        tables: &[Definition],
        trees: &mut [Tree],
        has_open_index: bool,
    ) -> Vec<(u32, String)> {
        let mut units = self.units(free);
        units.sort_by_key(|unit| (std::cmp::Reverse(unit.leaves.len()), unit.leaves.first().copied()));
        let mut left = Vec::new();
        // Where the freelist is not whole, a lost page may be a deleted one: then a table must have other pages, or must
        // have lost its root with the schema, to be given some.
        let anchored: Vec<bool> = trees.iter().map(|tree| !tree.pages.is_empty()).collect();
        let is_sure = |table: usize| free.is_complete || anchored[table] || tables[table].root == 0;
        let leaves = Leaves::of(self.image, self.survey);
        for unit in units {
            let mut scores: Vec<(i64, usize)> = (0..tables.len())
                .filter(|table| tables[*table].without_rowid != unit.is_table)
                .filter(|table| trees[*table].is_open)
                .filter_map(|table| Some((self.score(&unit, &tables[table], &trees[table])?, table)))
                .collect();
            scores.sort_by_key(|(score, table)| (std::cmp::Reverse(*score), *table));
            // The schema may be lost with the word that it is an index.
            if !unit.is_table && !scores.is_empty() && leaves.are_repeated(&unit.leaves) {
                continue;
            }
            match scores[..] {
                [] => {
                    if unit.is_table && free.is_complete {
                        left.extend(unit.leaves.iter().map(|page| (*page, "it fits no table".to_owned())));
                    }
                }
                [(best, table), ref rest @ ..]
                    if is_sure(table)
                        && rest.first().is_none_or(|(next, _)| *next < best)
                        && (unit.is_table || !has_open_index) =>
                {
                    for page in unit.leaves {
                        self.taken[page as usize] = true;
                        trees[table].pages.push(Place { page, bounds: ALL, is_orphan: true });
                    }
                }
                _ => {
                    let names: Vec<&str> = scores.iter().map(|(_, table)| &*tables[*table].name).collect();
                    let names = names.join(" and ");
                    let why = format!("no tree leads to its page, which fits {names}; it may be deleted");
                    left.extend(unit.leaves.iter().map(|page| (*page, why.clone())));
                }
            }
        }
        left
    }

    /// Makes a table of every tree whose records say nothing of their names. Indexes are left out: their entries repeat
    /// rows.
    pub(super) fn infer(&mut self, free: &Freelist) -> Vec<(Definition, Tree)> {
        let mut tables = Vec::new();
        let leaves = Leaves::of(self.image, self.survey);
        for unit in self.units(free) {
            if !unit.is_table && leaves.are_repeated(&unit.leaves) {
                continue;
            }
            let facts = || unit.leaves.iter().map(|page| self.survey.page(*page));
            let width = facts().map(|facts| facts.most).max().unwrap_or(1);
            let seen = |column| facts().fold(0, |all, facts| all | facts.column(column));
            let seen: Vec<u8> = (0..usize::from(width)).map(seen).collect();
            let name = format!("recovered_{}", tables.len() + 1);
            let definition = Definition::inferred(&name, &seen, unit.is_table);
            let mut tree = Tree::default();
            for page in unit.leaves {
                self.taken[page as usize] = true;
                tree.pages.push(Place { page, bounds: ALL, is_orphan: true });
            }
            tables.push((definition, tree));
        }
        tables
    }

    /// How well a unit fits a table; `None` if it cannot belong there.
    fn score(&self, unit: &Unit, table: &Definition, tree: &Tree) -> Option<i64> {
        let mut score = 0;
        let known = tree.pages.iter().take(64).map(|place| self.survey.page(place.page));
        let known: Vec<Facts> = known.filter(|facts| facts.good > 0).collect();
        if unit.is_table {
            let overlaps = tree.pages.iter().map(|place| self.survey.page(place.page));
            if overlaps
                .filter(|facts| facts.good > 0)
                .any(|facts| facts.low <= unit.high && unit.low <= facts.high)
            {
                return None;
            }
        }
        for page in unit.leaves.iter().take(64) {
            let facts = self.survey.page(*page);
            if !matches(&facts, table) {
                return None;
            }
            score += if usize::from(facts.most) == table.fields.len() { 8 } else { 0 };
            // A column that the page does not have says nothing.
            for column in 0..table.fields.len().min(12).min(facts.most.into()) {
                let seen = facts.column(column);
                let learned = known.iter().fold(0, |all, facts| all | facts.column(column));
                let may = if known.is_empty() { table.fields[column].usual } else { learned };
                score += if seen & !may == 0 { i64::from(6 - may.count_ones()) } else { -4 };
            }
        }
        Some(score)
    }

    /// The lost pages, each with what is below it.
    fn units(&self, free: &Freelist) -> Vec<Unit> {
        let is_lost = |page: u32, facts: &Facts| {
            !self.has(page) && !free.contains(page) && page != 1 && facts.is_plausible()
        };
        let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
        let mut below: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut bytes = Vec::new();
        for (number, facts) in self.survey.iter().filter(|(page, facts)| is_lost(*page, facts)) {
            let inner = facts.kind().is_some_and(|kind| !kind.is_leaf());
            if !inner || self.image.read(number, &mut bytes).is_err() {
                continue;
            }
            let Ok(page) = BtreePage::parse(&bytes, number, self.image.geometry()) else { continue };
            for (child, _) in children(&page).into_iter().flatten() {
                let facts = self.survey.page(child);
                let alike = facts.kind().map(PageKind::is_table) == Some(page.kind().is_table());
                if alike && is_lost(child, &facts) && child != number && !parents.contains_key(&child) {
                    parents.insert(child, number);
                    below.entry(number).or_default().push(child);
                }
            }
        }
        let roots =
            self.survey.iter().filter(|(page, facts)| is_lost(*page, facts) && !parents.contains_key(page));
        roots.map(|(page, facts)| self.unit(page, &facts, &below)).collect()
    }

    fn unit(&self, root: u32, facts: &Facts, below: &BTreeMap<u32, Vec<u32>>) -> Unit {
        let is_table = facts.kind().is_some_and(PageKind::is_table);
        let mut unit = Unit { leaves: Vec::new(), is_table, low: i64::MAX, high: i64::MIN };
        let mut stack = vec![root];
        while let Some(page) = stack.pop() {
            let facts = self.survey.page(page);
            // Inner pages of a table WITHOUT ROWID have rows, too.
            if facts.kind().is_some_and(|kind| kind.is_leaf() || !is_table) {
                unit.leaves.push(page);
                (unit.low, unit.high) = (unit.low.min(facts.low), unit.high.max(facts.high));
            }
            stack.extend(below.get(&page).into_iter().flatten().rev());
        }
        unit
    }
}

/// Whether the records of a page can be rows of a table.
pub(super) fn matches(facts: &Facts, table: &Definition) -> bool {
    let width = table.fields.len();
    let classes = (0..width.min(12)).all(|column| facts.column(column) & !table.fields[column].allowed == 0);
    facts.good == 0 || usize::from(facts.most) <= width && classes && facts.least > 0
}
