//! The account of a database in JSON: what it holds, who uses it, and how it looks in each view.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::coverage::{DatabaseAccount, Holder, Shape, View};

/// A database that was examined as such. Nothing in here is a problem by itself.
#[derive(Serialize)]
pub(super) struct Facts<'a> {
    /// The path, as the user typed it.
    path: &'a str,
    /// The version of SQLite that wrote to it last; optional.
    #[serde(skip_serializing_if = "str::is_empty")]
    sqlite_version: &'a str,
    /// Rows by table, in the order of the schema.
    tables: Rows<'a>,
    /// What its tables say that it is; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<Known<'a>>,
    /// How it looks with and without its log or journal; optional: only where that differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    views: Vec<Seen<'a>>,
    /// What follows from the views, each a sentence; optional.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    advice: &'a [String],
    /// The processes that have it open or locked; optional.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holders: Vec<Process<'a>>,
    /// Other things worth knowing, each a sentence; optional.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    remarks: &'a [String],
}

/// Names with numbers, in their order.
struct Rows<'a>(&'a [(String, u64)]);

/// A kind of database.
#[derive(Serialize)]
struct Known<'a> {
    /// Its name.
    name: &'a str,
    /// What the known tables in it are for.
    purposes: BTreeMap<&'a str, &'a str>,
}

/// One way to see the database.
#[derive(Serialize)]
struct Seen<'a> {
    /// `file` (without log and journal), `sqlite` (as SQLite sees it with the log), `resynchronised` (with everything in
    /// the log that can be verified) or `rolled_back` (after the journal).
    view: &'a str,
    /// Whether the findings of the report are those of this view. The problems of other views are told here only.
    reported: bool,
    /// Whether nothing is wrong in it.
    sound: bool,
    /// How many problems it has.
    problems: u64,
    /// The first of them, each as one line; optional.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    examples: &'a [String],
    /// Its pages.
    pages: u32,
    /// Rows of all tables.
    rows: u64,
    /// Rows of those tables that have another number of rows in another view.
    rows_of_differing_tables: Rows<'a>,
}

/// A process.
#[derive(Serialize)]
struct Process<'a> {
    /// Its number.
    pid: u32,
    /// Its name as it gave it to itself.
    command: &'a str,
    /// What it does, as the system's letter; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<char>,
    /// Seconds since it was started; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
    /// The locks that it has, named as in the documentation of SQLite.
    locks: &'a [String],
    /// Whether it keeps all others from writing.
    writing: bool,
    /// Whether it was stopped, and so keeps its locks.
    stopped: bool,
    /// Whether a file that it has open was deleted or replaced.
    deleted: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(account: &'a DatabaseAccount) -> Self {
        Self {
            path: &account.path,
            sqlite_version: &account.writer,
            tables: Rows(&account.tables),
            shape: account.shape.as_ref().map(Known::new),
            views: account.views.iter().map(Seen::new).collect(),
            advice: &account.advice,
            holders: account.holders.iter().map(Process::new).collect(),
            remarks: &account.remarks,
        }
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, rows)| (name, rows)))
    }
}

impl<'a> Known<'a> {
    fn new(shape: &'a Shape) -> Self {
        let purposes = shape.tables.iter().map(|(name, _, purpose)| (&**name, *purpose));
        Self { name: shape.name, purposes: purposes.collect() }
    }
}

impl<'a> Seen<'a> {
    fn new(view: &'a View) -> Self {
        Self {
            view: view.id,
            reported: view.is_reported,
            sound: view.problems == 0,
            problems: view.problems,
            examples: &view.examples,
            pages: view.pages,
            rows: view.rows,
            rows_of_differing_tables: Rows(&view.differing),
        }
    }
}

impl<'a> Process<'a> {
    fn new(holder: &'a Holder) -> Self {
        Self {
            pid: holder.pid,
            command: &holder.command,
            state: holder.state,
            age_seconds: holder.age,
            locks: &holder.locks,
            writing: holder.is_writing,
            stopped: holder.is_stopped,
            deleted: holder.has_deleted,
        }
    }
}
