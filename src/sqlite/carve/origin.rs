//! The origin of a record: the table that it belonged to, which is another question than whether it is whole.

use super::Confidence;
use super::live::{Live, Owner};

/// The tables that a record may be of, by their numbers, and how sure that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// One where it is known, several where they are equally likely, none where no table fits.
    pub(super) tables: Vec<usize>,
    pub(super) confidence: Confidence,
    /// Whether it lies on a page of the table.
    pub(super) is_at_home: bool,
}

/// What is known of a record.
pub(super) struct Clues<'a> {
    pub(super) page: u32,
    /// The serial types of its values.
    pub(super) types: &'a [u64],
    /// Whether it is of a table WITHOUT ROWID.
    pub(super) keyed: bool,
    /// Whether it surely is a record, so that odd types do not speak against it.
    pub(super) is_whole: bool,
    /// Whether a pointer of the page leads to it.
    pub(super) is_cell: bool,
    /// Whether the table that has the page now set its bytes free.
    pub(super) is_freed_by_owner: bool,
}

impl Origin {
    /// The tables whose columns the values fit; the page tells which of them it is.
    pub(super) fn of(clues: &Clues<'_>, live: &Live) -> Self {
        let strict = Self::fitting(clues, live, false);
        let fits = |table: usize| strict.iter().any(|(_, other)| *other == table);
        let home = live.home(clues.page);
        if clues.keyed && home.is_none() && live.is_entry(clues.types) {
            return Self { tables: Vec::new(), confidence: Confidence::Low, is_at_home: false };
        }
        if let Some(home) = home.filter(|home| fits(*home)) {
            return Self::at_home(home, clues, &strict, live);
        }
        if strict.is_empty() && clues.is_whole {
            let loose = Self::fitting(clues, live, true);
            return match home.filter(|home| loose.iter().any(|(_, table)| table == home)) {
                Some(home) => Self { tables: vec![home], confidence: Confidence::Medium, is_at_home: true },
                None => Self::best(&loose, Confidence::Low),
            };
        }
        let only = if strict.len() == 1 { Confidence::Medium } else { Confidence::Low };
        Self::best(&strict, only)
    }

    /// The page is one of a table that fits. What never was given out since the table got the page may be older: from
    /// a table that was dropped before.
    fn at_home(home: usize, clues: &Clues<'_>, strict: &[(usize, usize)], live: &Live) -> Self {
        let is_dropped = |table: usize| live.shapes.get(table).is_some_and(|shape| shape.is_dropped);
        let rivals = strict.iter().map(|(_, table)| *table).filter(|table| *table != home);
        let rivals: Vec<usize> = match () {
            // The tree of a dropped table is known from what is left of it, which may be of two times.
            () if is_dropped(home) => rivals.collect(),
            () if clues.is_freed_by_owner => Vec::new(),
            () => rivals.filter(|table| is_dropped(*table)).collect(),
        };
        let (tables, confidence) = match rivals.is_empty() {
            true if clues.is_cell || clues.is_freed_by_owner => (vec![home], Confidence::High),
            true => (vec![home], Confidence::Medium),
            false if is_dropped(home) => (vec![home], Confidence::Medium),
            false => (std::iter::once(home).chain(rivals).collect(), Confidence::Low),
        };
        Self { tables, confidence, is_at_home: true }
    }

    /// How well each table fits, and its number.
    fn fitting(clues: &Clues<'_>, live: &Live, loosely: bool) -> Vec<(usize, usize)> {
        let shapes = live.shapes.iter().enumerate();
        let alike = shapes.filter(|(_, shape)| shape.table.without_rowid == clues.keyed);
        let fit = alike.filter_map(|(number, shape)| {
            let fit = if loosely { shape.may_fit(clues.types) } else { shape.fit(clues.types) };
            Some((fit?, number))
        });
        fit.collect()
    }

    /// Those that fit best.
    fn best(fitting: &[(usize, usize)], confidence: Confidence) -> Self {
        let most = fitting.iter().map(|(fit, _)| *fit).max();
        let best = fitting.iter().filter(|(fit, _)| Some(*fit) == most);
        let tables: Vec<usize> = best.map(|(_, table)| *table).collect();
        let confidence = if tables.len() == 1 { confidence } else { Confidence::Low };
        Self { tables, confidence, is_at_home: false }
    }
}

impl Live {
    /// The table that a page belongs to, or belonged to before it was dropped.
    fn home(&self, page: u32) -> Option<usize> {
        match self.owner(page) {
            Owner::Table(table) => Some(table),
            Owner::Nothing | Owner::Trunk(_) => self.former(page),
            _ => None,
        }
    }
}
