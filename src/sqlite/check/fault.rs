//! A fault: one thing that is wrong at one place; faults of a kind make one finding.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::rule::Rule;
use crate::finding::{DatabasePlace, Finding, FindingBuilder, Location, Origin};
use crate::secret::FingerprintKey;
use crate::span::ByteSpan;
use crate::sqlite::image::{Image, Stored};

/// Where and what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    pub(super) rule: Rule,
    /// The table, index or part of the file.
    pub(super) object: String,
    pub(super) page: u32,
    pub(super) cell: Option<u16>,
    pub(super) rowid: Option<i64>,
    /// What is wrong, as a clause.
    pub(super) what: String,
}

impl Fault {
    /// A fault of a whole page, or with page 0 of the whole object.
    pub(super) fn new(rule: Rule, object: &str, page: u32, what: impl Into<String>) -> Self {
        Self { rule, object: object.to_owned(), page, cell: None, rowid: None, what: what.into() }
    }

    /// The same at a cell.
    pub(super) fn at(mut self, cell: usize, rowid: Option<i64>) -> Self {
        self.cell = u16::try_from(cell).ok();
        self.rowid = rowid;
        self
    }
}

/// Collects faults from many threads.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Whether one of these rules was broken.
    pub(super) fn any(&self, rules: &[Rule]) -> bool {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().any(|fault| rules.contains(&fault.rule))
    }

    /// Whether a page of this table or index is damaged.
    pub(super) fn harm(&self, object: &str) -> bool {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().any(|fault| fault.object == object && fault.rule.harms_a_page())
    }

    /// Gives faults of some objects another rule, and adds to them what can be done.
    pub(super) fn rename(&self, from: Rule, to: Rule, hint: &dyn Fn(&str) -> Option<String>) {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults.iter_mut().filter(|fault| fault.rule == from) {
            if let Some(hint) = hint(&fault.object) {
                fault.rule = to;
                fault.what = format!("{}; {hint}", fault.what);
            }
        }
    }

    /// What is wrong with the database itself, each rule and object once, as lines.
    pub(super) fn problems(&self) -> Vec<String> {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: BTreeMap<(Rule, &str), &Fault> = BTreeMap::new();
        for fault in faults.iter().filter(|fault| fault.rule.is_of_the_database()) {
            let first = groups.entry((fault.rule, &fault.object)).or_insert(fault);
            *first = (*first).min(fault);
        }
        let line = |fault: &Fault| match fault.page {
            0 => format!("{}: {}", fault.object, fault.what),
            page => format!("{}, page {page}: {}", fault.object, fault.what),
        };
        groups.into_values().map(line).collect()
    }

    pub(super) fn into_sorted(self) -> Vec<Fault> {
        let mut faults = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        faults.sort();
        faults.dedup();
        faults
    }
}

/// One finding for each rule and object, with every place.
pub(super) fn findings(faults: &[Fault], image: Option<&Image>, path: &Path) -> Vec<Finding> {
    let mut groups: BTreeMap<(Rule, &str), Vec<&Fault>> = BTreeMap::new();
    for fault in faults {
        groups.entry((fault.rule, &fault.object)).or_default().push(fault);
    }
    let build = |((rule, object), group): ((Rule, &str), Vec<&Fault>)| {
        let mut builder = FindingBuilder::new(rule.meta()?).reason(about(object));
        for fault in group {
            builder = builder.location(location(fault, image, path));
        }
        builder.build(&FingerprintKey::default()).ok()
    };
    let mut findings: Vec<Finding> = groups.into_iter().filter_map(build).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    findings
}

fn about(object: &str) -> String {
    if object.is_empty() { "in the file as a whole".to_owned() } else { format!("in {object}") }
}

fn location(fault: &Fault, image: Option<&Image>, path: &Path) -> Location {
    let stored = image.filter(|_| fault.page > 0).map(|image| image.stored(fault.page));
    let in_log = matches!(stored, Some(Stored::Log(_)));
    let start = stored.map_or(0, Stored::offset);
    let end = start + image.filter(|_| fault.page > 0).map_or(0, |image| image.geometry().page_size.into());
    let place = DatabasePlace {
        page: fault.page,
        cell: fault.cell,
        rowid: fault.rowid,
        object: fault.object.clone(),
        in_log,
        what: fault.what.clone(),
    };
    Location {
        span: ByteSpan { start, end },
        database: Some(place),
        ..Location::of_input(Origin::File { path: path.to_owned() }, &[])
    }
}
