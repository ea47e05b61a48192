//! An entry: a row of the schema table as it is stored, and as SQLite takes it, which goes by the statement.

use super::rule::Rule;
use crate::sqlite::header::Encoding;
use crate::sqlite::record::Value;
use crate::sqlite::schema::SchemaRow;

/// Looks at the stored values of a row, in a database of so many pages.
pub(super) fn look(
    row: &SchemaRow,
    stored: &[Value<'_>],
    encoding: Encoding,
    pages: u32,
    fault: &dyn Fn(Rule, String),
) {
    for (value, what) in stored.iter().zip(["type", "name", "table", "root page", "statement"]) {
        let is_odd = match value {
            Value::Text(text) => !encoding.decode(text).1,
            Value::Blob(_) => true,
            _ => false,
        };
        if is_odd {
            let what = format!("the {what} of {} is no text; SQLite takes its bytes for one", row.name);
            fault(Rule::Text, what);
        }
    }
    if stored.get(3) == Some(&Value::Null) {
        fault(Rule::Schema, format!("the root page of {} is NULL", row.name));
    }
    let statement = row.sql.as_deref().unwrap_or_default();
    let second = statement.split_ascii_whitespace().nth(1).unwrap_or_default();
    // Those have no pages of their own.
    let is_rootless = ["VIEW", "VIRTUAL"].iter().any(|word| second.eq_ignore_ascii_case(word));
    if is_rootless && row.root != 0 {
        fault(Rule::Schema, format!("the root page of {} is {}, and it can have none", row.name, row.root));
    } else if second.eq_ignore_ascii_case("TRIGGER") && row.root > pages {
        fault(Rule::Schema, format!("the root page of {} is {}, which does not exist", row.name, row.root));
    }
}

/// Gives a row the type, name and table that its statement says, where the row says otherwise.
pub(super) fn mend(row: &mut SchemaRow, fault: &dyn Fn(Rule, String)) {
    let told = match &row.sql {
        Some(sql) => Told::of_statement(sql),
        None => Told::of_constraint(&row.name),
    };
    let Some(told) = told else { return };
    let contradict = |what: &str, found: &str, meant: &str| {
        if !found.eq_ignore_ascii_case(meant) {
            let name = &told.name;
            fault(
                Rule::SchemaRow,
                format!("its {what} is {found:?}, and its statement makes {name} with {meant:?}"),
            );
        }
    };
    contradict("type", &row.kind, told.kind);
    contradict("name", &row.name, &told.name);
    contradict("table", &row.table, &told.table);
    // SQLite goes by the statement, and no letter's case makes another name.
    told.kind.clone_into(&mut row.kind);
    row.name = told.name.as_str().into();
    row.table = told.table;
}

/// What a statement makes.
struct Told {
    kind: &'static str,
    name: String,
    table: String,
}

impl Told {
    /// `None` where the statement does not begin as SQLite stores them.
    fn of_statement(sql: &str) -> Option<Self> {
        let mut words = Words(sql);
        if !words.next()?.eq_ignore_ascii_case("CREATE") {
            return None;
        }
        let mut second = words.next()?;
        if ["UNIQUE", "VIRTUAL"].iter().any(|word| second.eq_ignore_ascii_case(word)) {
            second = words.next()?;
        }
        let kind = ["table", "index", "view", "trigger"]
            .into_iter()
            .find(|kind| second.eq_ignore_ascii_case(kind))?;
        let name = words.name()?;
        let table = match kind {
            "index" | "trigger" => {
                words.find(|word| word.eq_ignore_ascii_case("ON"))?;
                words.name()?
            }
            _ => name.clone(),
        };
        Some(Self { kind, name, table })
    }

    /// An index that SQLite made for a constraint has a name that says of which table.
    fn of_constraint(name: &str) -> Option<Self> {
        const START: &str = "sqlite_autoindex_";
        let is_one = name.get(..START.len())?.eq_ignore_ascii_case(START);
        let (table, number) = name.get(START.len()..)?.rsplit_once('_')?;
        let is_one = is_one && number.parse::<u32>().is_ok();
        is_one.then(|| Self { kind: "index", name: name.to_owned(), table: table.to_owned() })
    }
}

/// The words of a statement: names without their quotes, and signs; comments are left out.
struct Words<'a>(&'a str);

impl Words<'_> {
    /// A name, without that of its database before it.
    fn name(&mut self) -> Option<String> {
        let name = self.next()?;
        let Some(rest) = self.0.strip_prefix('.') else { return Some(name) };
        self.0 = rest;
        self.next()
    }

    fn skip_comments(&mut self) {
        loop {
            self.0 = self.0.trim_start_matches(|sign: char| sign.is_ascii_whitespace());
            let end = match self.0.get(..2) {
                Some("--") => "\n",
                Some("/*") => "*/",
                _ => return,
            };
            self.0 = self.0.split_once(end).map_or("", |(_, rest)| rest);
        }
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.skip_comments();
        let text = self.0;
        let first = text.chars().next()?;
        let end = match first {
            '"' | '`' | '\'' => Some(first),
            '[' => Some(']'),
            _ => None,
        };
        let Some(end) = end else {
            let is_part =
                |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '$') || !sign.is_ascii();
            let length = text.find(|sign| !is_part(sign)).unwrap_or(text.len()).max(first.len_utf8());
            let (word, rest) = text.split_at(length);
            self.0 = rest;
            return Some(word.to_owned());
        };
        let mut word = String::new();
        let mut signs = text.char_indices().skip(1).peekable();
        while let Some((at, sign)) = signs.next() {
            if sign == end && (end == ']' || signs.next_if(|(_, next)| *next == end).is_none()) {
                self.0 = &text[at + sign.len_utf8()..];
                return Some(word);
            }
            word.push(sign);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_tell_what_they_make() {
        let told = |sql| Told::of_statement(sql).map(|told| (told.kind, told.name, told.table));
        for (sql, kind, name, table) in [
            ("CREATE TABLE t(a)", "table", "t", "t"),
            ("CREATE TABLE \"a \"\"b\"(x)", "table", "a \"b", "a \"b"),
            ("CREATE VIRTUAL TABLE v USING fts5(x)", "table", "v", "v"),
            ("create unique index [i j] on 'it''s'(a)", "index", "i j", "it's"),
            ("CREATE TRIGGER tr AFTER DELETE ON s BEGIN SELECT 1; END", "trigger", "tr", "s"),
            (
                "CREATE TRIGGER main.tr /* on x */ INSERT -- on y\n ON main.\"s\" BEGIN END",
                "trigger",
                "tr",
                "s",
            ),
            ("CREATE VIEW v(on) AS SELECT 1", "view", "v", "v"),
        ] {
            assert_eq!(told(sql), Some((kind, name.into(), table.into())), "{sql}");
        }
        for sql in ["", "CREATE", "CREATE TABLE \"t", "CREATE INDEX i(a)", "DROP TABLE t"] {
            assert_eq!(told(sql), None, "{sql}");
        }
        let table = |name| Told::of_constraint(name).map(|told| told.table);
        assert_eq!(table("sqlite_autoindex_a_b_12").as_deref(), Some("a_b"));
        assert_eq!([table("sqlite_autoindex_t"), table("t_1")], [None, None]);
    }
}
