//! The account of a database: what it holds, who uses it, and how it looks to different readers; none of it a problem.

/// What is known of a database that was examined, besides what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseAccount {
    /// The path, as the user would type it.
    pub path: String,
    /// The version of SQLite that wrote to it last, such as `3.46.1`; empty where it tells none.
    pub writer: String,
    /// Tables with the number of their rows, in the order of the schema.
    pub tables: Vec<(String, u64)>,
    /// What its tables say that it is.
    pub shape: Option<Shape>,
    /// How it looks with and without the log or journal beside it; empty where there is one way only.
    pub views: Vec<View>,
    /// What follows from the views, each a sentence.
    pub advice: Vec<String>,
    /// The processes that have it open or locked; text of other programs.
    pub holders: Vec<Holder>,
    /// Other things worth knowing, each a sentence.
    pub remarks: Vec<String>,
}

/// A kind of database that kbsec knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// The known tables that it has: name, rows, and what they are for.
    pub tables: Vec<(String, u64, &'static str)>,
}

/// One way to see a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// `file`, `sqlite`, `resynchronised` or `rolled_back`.
    pub id: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// Whether the findings of the report are those of this view.
    pub is_reported: bool,
    /// How many pages it has.
    pub pages: u32,
    /// What is wrong in this view; 0 if it is sound.
    pub problems: u64,
    /// The first of them, each as one line.
    pub examples: Vec<String>,
    /// Rows of all tables.
    pub rows: u64,
    /// Tables whose number of rows is not the same in all views, with that number.
    pub differing: Vec<(String, u64)>,
}

/// A process that has a database open or locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name as it gave it to itself.
    pub command: String,
    /// What it does, as the system's letter; `None` if it is gone by now.
    pub state: Option<char>,
    /// Seconds since it was started.
    pub age: Option<u64>,
    /// The locks that it has, named as in the documentation of SQLite.
    pub locks: Vec<String>,
    /// Whether it keeps all others from writing.
    pub is_writing: bool,
    /// Whether it was stopped, and so keeps its locks.
    pub is_stopped: bool,
    /// Whether a file that it has open was deleted or replaced.
    pub has_deleted: bool,
}
