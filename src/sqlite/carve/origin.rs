//! The origin of a record: the table that it belonged to, which is another question than whether it is whole.

use super::Confidence;
use super::live::{Live, Owner};

/// The tables that a record may be of, by their numbers, and how sure that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// One where it is known, several where they are equally likely, none where no table fits.
    pub(super) tables: Vec<usize>,
    pub(super) confidence: Confidence,
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
}

impl Origin {
    /// The tables whose columns the values fit; the page tells which of them it is.
    pub(super) fn of(clues: &Clues<'_>, live: &Live) -> Self {
        let strict = Self::fitting(clues, live, false);
        let fits = |table: usize| strict.iter().any(|(_, other)| *other == table);
        let home = live.home(clues.page);
        if let Some(home) = home.filter(|home| fits(*home)) {
            return Self::at_home(home, &strict, live);
        }
        if strict.is_empty() && clues.is_whole {
            let loose = Self::fitting(clues, live, true);
            return match home.filter(|home| loose.iter().any(|(_, table)| table == home)) {
                Some(home) => Self { tables: vec![home], confidence: Confidence::Medium },
                None => Self::best(&loose, Confidence::Low),
            };
        }
        let only = if strict.len() == 1 { Confidence::Medium } else { Confidence::Low };
        Self::best(&strict, only)
    }

    /// The page is one of a table that fits. Its free bytes may be older than the table, though: from one that was
    /// dropped before it got the page.
    fn at_home(home: usize, strict: &[(usize, usize)], live: &Live) -> Self {
        let is_dropped = |table: usize| live.shapes.get(table).is_some_and(|shape| shape.is_dropped);
        let rivals = strict.iter().map(|(_, table)| *table).filter(|table| *table != home);
        if is_dropped(home) {
            // The tree of a dropped table is known from what is left of it, which may be of two times.
            let confidence = if strict.len() == 1 { Confidence::High } else { Confidence::Medium };
            return Self { tables: vec![home], confidence };
        }
        let rivals: Vec<usize> = rivals.filter(|table| is_dropped(*table)).collect();
        let confidence = if rivals.is_empty() { Confidence::High } else { Confidence::Low };
        Self { tables: std::iter::once(home).chain(rivals).collect(), confidence }
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
        Self { tables, confidence }
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
