//! The rules of the check: what can be wrong with a database, what it means, and what to do.

use std::sync::Arc;

use crate::finding::{Confidence, Help, RuleId, RuleMeta, Severity};

/// One thing that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rule {
    NotADatabase,
    Header,
    HeaderNote,
    Truncated,
    TrailingBytes,
    Unreadable,
    TornPage,
    Page,
    Cell,
    Layout,
    Record,
    Overflow,
    KeyOrder,
    TreeShape,
    SharedPage,
    OrphanPage,
    Freelist,
    PointerMap,
    Schema,
    SchemaRow,
    IndexEntry,
    Unique,
    NotNull,
    Text,
    Constraint,
    Reference,
    Sequence,
    LogIgnored,
    LogDamaged,
    LogForeign,
    HotJournal,
    JournalForeign,
    SearchIndex,
    StoppedWriter,
}

use Rule::{
    Cell, Constraint, Freelist, Header, HeaderNote, HotJournal, IndexEntry, JournalForeign, KeyOrder, Layout,
    LogDamaged, LogForeign, LogIgnored, NotADatabase, NotNull, OrphanPage, Overflow, Page, PointerMap,
    Record, Reference, Schema, SchemaRow, SearchIndex, Sequence, SharedPage, StoppedWriter, Text, TornPage,
    TrailingBytes, TreeShape, Truncated, Unique, Unreadable,
};

const RECOVER: &str = "save the evidence first: `kbsec sqlite snapshot FILE -o FOLDER`";
const NEXT: &str =
    "then save what is left: `kbsec sqlite recover FILE -o NEW.db`, and compare with the last backup";
const REINDEX: &str = "if nothing else is damaged, run `REINDEX` on a copy: the rows are in the table";

/// Each rule with its name, how bad it is, its title, and what it means.
const TOLD: [(Rule, &str, Severity, &str, &str); 34] = [
    (
        NotADatabase,
        "not-a-database",
        Severity::Critical,
        "Not a SQLite database",
        "nothing of it can be opened",
    ),
    (Header, "header", Severity::High, "Damaged file header", "SQLite refuses the file or reads it wrongly"),
    (HeaderNote, "header-note", Severity::Low, "Unusual file header", "SQLite works with it"),
    (Truncated, "truncated", Severity::Critical, "The file ends too early", "pages at its end are lost"),
    (
        TrailingBytes,
        "trailing-bytes",
        Severity::Low,
        "Bytes behind the last page",
        "SQLite ignores them; somebody wrote them",
    ),
    (
        Unreadable,
        "unreadable",
        Severity::Critical,
        "Unreadable part of the file",
        "the disk gives no data there",
    ),
    (
        TornPage,
        "torn-page",
        Severity::Critical,
        "Page written in part only",
        "the power failed, a copy was made while somebody wrote, or the disk lost sectors: rows on it are gone; other \
         problems told of this page come from it",
    ),
    (Page, "page", Severity::Critical, "Damaged page", "every row on it is out of reach"),
    (Cell, "cell", Severity::Critical, "Damaged cell", "the row cannot be read"),
    (
        Layout,
        "page-layout",
        Severity::High,
        "Damaged page layout",
        "the next write to the page can destroy rows",
    ),
    (Record, "record", Severity::Critical, "Damaged record", "values of the row are lost or wrong"),
    (
        Overflow,
        "overflow",
        Severity::Critical,
        "Damaged overflow chain",
        "a long value is cut off or belongs to another row",
    ),
    (KeyOrder, "key-order", Severity::High, "Entries out of order", "rows are not found by their key"),
    (TreeShape, "tree-shape", Severity::Critical, "Damaged b-tree", "rows below it are out of reach"),
    (
        SharedPage,
        "shared-page",
        Severity::Critical,
        "Page used twice",
        "a write to one table destroys another one",
    ),
    (
        OrphanPage,
        "orphan-page",
        Severity::Medium,
        "Pages that nothing uses",
        "space is lost, and perhaps rows that are out of reach",
    ),
    (
        Freelist,
        "freelist",
        Severity::High,
        "Damaged list of free pages",
        "the next write can overwrite pages in use",
    ),
    (PointerMap, "pointer-map", Severity::High, "Damaged pointer map", "the next vacuum can destroy tables"),
    (Schema, "schema", Severity::Critical, "Damaged schema", "SQLite refuses the whole database"),
    (
        SchemaRow,
        "schema-row",
        Severity::Medium,
        "Schema row that contradicts its statement",
        "SQLite goes by the statement; programs that look for it by its type or name miss it, and to drop or rename its \
         table can destroy the schema",
    ),
    (
        IndexEntry,
        "index-entry",
        Severity::High,
        "Index and table differ",
        "queries that use the index give wrong answers",
    ),
    (
        Unique,
        "unique",
        Severity::High,
        "Value twice in a unique index",
        "queries may find either of the rows",
    ),
    (NotNull, "not-null", Severity::Medium, "NULL where it is forbidden", "programs do not expect it"),
    (
        Text,
        "text-encoding",
        Severity::Low,
        "Text that is no text",
        "programs read other characters than were written",
    ),
    (
        Constraint,
        "constraint",
        Severity::Medium,
        "Rows that break a rule of their table",
        "programs do not expect them",
    ),
    (Reference, "foreign-key", Severity::Medium, "Rows that refer to missing rows", "joins leave them out"),
    (
        Sequence,
        "sequence",
        Severity::Low,
        "Counter behind its table",
        "numbers of deleted rows may be given again",
    ),
    (
        LogIgnored,
        "wal-ignored",
        Severity::Critical,
        "Committed changes that SQLite would drop",
        "the next program that opens the database deletes them for good",
    ),
    (
        LogDamaged,
        "wal-damaged",
        Severity::High,
        "Damaged write-ahead log",
        "changes behind the damage are lost to SQLite",
    ),
    (
        LogForeign,
        "wal-foreign",
        Severity::Critical,
        "The log belongs to another database",
        "SQLite does not notice: it shows the other database or a mixture, calls it sound, and soon writes it into \
         this file",
    ),
    (
        HotJournal,
        "hot-journal",
        Severity::Medium,
        "A transaction was cut off",
        "the next program that opens the database undoes it",
    ),
    (
        JournalForeign,
        "journal-foreign",
        Severity::Critical,
        "The rollback journal belongs to another database",
        "the next program that opens the database writes pages of the other one into it",
    ),
    (
        SearchIndex,
        "search-index",
        // The rows are whole: a backup of such a database is one.
        Severity::Medium,
        "Search index and table differ",
        "searches find wrong rows or fail with \"database disk image is malformed\", though the rows are all there",
    ),
    (
        StoppedWriter,
        "stopped-writer",
        Severity::Low,
        "A stopped process keeps the database locked",
        "no other program can write: they wait, and fail with \"database is locked\"",
    ),
];

impl Rule {
    /// Every rule.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        TOLD.into_iter().map(|(rule, ..)| rule)
    }

    /// Whether the page that it names is damaged itself.
    pub(super) fn harms_a_page(self) -> bool {
        matches!(
            self,
            Truncated
                | Unreadable
                | Page
                | Cell
                | Layout
                | Record
                | Overflow
                | KeyOrder
                | TreeShape
                | SharedPage
                | Freelist
        )
    }

    /// Whether it tells of harm to the pages that were looked at, rather than to files beside them.
    pub(super) fn is_of_the_database(self) -> bool {
        let is_beside = matches!(
            self,
            LogIgnored | LogDamaged | LogForeign | HotJournal | JournalForeign | StoppedWriter
        );
        let told = TOLD.into_iter().find(|(rule, ..)| *rule == self);
        !is_beside && told.is_some_and(|(_, _, severity, ..)| severity > Severity::Low)
    }

    fn steps(self) -> &'static [&'static str] {
        match self {
            HeaderNote | TrailingBytes | Text => &[],
            NotADatabase => &[
                "check that it is the right file, and not a copy that was cut off, encrypted or packed",
                "if it was a database once, save what is left: `kbsec sqlite recover FILE -o NEW.db`",
            ],
            IndexEntry | Unique => &[RECOVER, REINDEX],
            NotNull | Constraint | Reference | Sequence => {
                &["look at the rows that are named, and mend or delete them"]
            }
            LogIgnored | LogDamaged => {
                &["stop the programs that use it, and open it with none", RECOVER, NEXT]
            }
            LogForeign => &[
                "let no program open it until this is done",
                RECOVER,
                "look what the log belongs to: a file was perhaps replaced by a backup while its old log stayed",
                "move the log (FILE-wal) and FILE-shm to another folder; keep them, they may be the only copy of \
                 changes to the other database",
                "check again: the file without the log is what is left",
            ],
            JournalForeign => &[
                "let no program open it until this is done",
                RECOVER,
                "move the journal (FILE-journal) to another folder and keep it, then check again",
            ],
            SearchIndex => &[
                "the rows are in the table: nothing has to be restored from a backup",
                "build the index anew on a copy, as the place above says; or run \
                 `kbsec sqlite recover FILE -o NEW.db`, which does it",
            ],
            StoppedWriter => &[
                "let it go on: `kill -CONT PID`; it gives the lock back when it is done",
                "or end it: `kill PID`, then `kill -CONT PID`; SQLite undoes what it had not finished",
            ],
            HotJournal => &[RECOVER, "then let its own program open the database"],
            _ => &["stop the programs that write to it", RECOVER, NEXT],
        }
    }

    /// What reports say of it.
    pub(super) fn meta(self) -> Option<Arc<RuleMeta>> {
        let (_, name, severity, title, impact) = TOLD.into_iter().find(|(rule, ..)| *rule == self)?;
        Some(Arc::new(RuleMeta {
            id: RuleId::new(format!("sqlite/{name}")).ok()?,
            title: title.to_owned(),
            severity,
            // These follow from contents that only look so.
            confidence: match self {
                TornPage | LogForeign | JournalForeign => Confidence::Medium,
                _ => Confidence::High,
            },
            help: Help {
                impact: impact.to_owned(),
                steps: self.steps().iter().map(|step| (*step).to_owned()).collect(),
                ..Help::default()
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_told_once() {
        for (number, rule) in Rule::all().enumerate() {
            assert_eq!(rule as usize, number, "{rule:?}");
            assert!(rule.meta().is_some());
        }
        assert_eq!(StoppedWriter as usize + 1, TOLD.len());
    }
}
