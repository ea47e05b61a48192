//! A uniqueness: values that no two rows of a table may share, and which of the rows that do share them is kept.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;
use rusqlite::types::{Value as Owned, ValueRef};
use rusqlite::{Connection, ErrorCode, Row as Found, params_from_iter};

use super::super::header::Encoding;
use super::super::image::Stored;
use super::super::record::{Record, Value};
use super::definition::{Definition, quote};
use super::forest::Tree;
use super::leaf::{Method, Row};
use super::quarantine::{self, Sources};
use super::{Outcome, TableOutcome};

/// What an index compares.
struct Unique {
    index: String,
    keys: Vec<String>,
    /// The rows that it has; all, if it says nothing.
    filter: Option<String>,
}

/// Rows that share their values, each with what it is found by.
type Group = Vec<Vec<Owned>>;

/// Makes an index; rows that stand against it are put aside if others are better.
///
/// # Errors
/// When it cannot be made even so.
pub(super) fn make(
    connection: &Connection,
    (table, index, sql): (&str, &str, Option<&str>),
    sources: &Sources<'_>,
    outcome: &mut Outcome,
) -> rusqlite::Result<()> {
    let rebuild = format!("REINDEX {}", quote(index));
    let statement = sql.unwrap_or(&rebuild);
    let failed = match connection.prepare(statement)?.execute([]) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => error,
        other => return other.map(drop),
    };
    let same_name = |name: &str| name.eq_ignore_ascii_case(table);
    let known = sources.plan.tables.iter().find(|(definition, _)| same_name(&definition.name));
    let (Some((definition, tree)), Some(unique)) = (known, Unique::of(connection, index, sql)?) else {
        return Err(failed);
    };
    let mut unknown = TableOutcome::default();
    let of_table = outcome.tables.iter_mut().find(|known| same_name(&known.name)).unwrap_or(&mut unknown);
    // The index has no entries for these rows; only in this mode SQLite deletes them nevertheless.
    connection.execute_batch("BEGIN; PRAGMA writable_schema = ON")?;
    let settled = unique.settle(connection, sources, (definition, tree), of_table);
    connection.execute_batch("PRAGMA writable_schema = OFF; COMMIT")?;
    settled?;
    connection.prepare(statement)?.execute([]).map(drop)
}

impl Unique {
    fn of(connection: &Connection, index: &str, sql: Option<&str>) -> rusqlite::Result<Option<Self>> {
        if let Some(sql) = sql {
            return Ok(parts(sql).map(|(keys, filter)| Self { index: index.to_owned(), keys, filter }));
        }
        let mut statement = connection
            .prepare("SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno")?;
        let keys = statement.query_map([index], |row| {
            let (name, collation): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(format!("{} COLLATE {}", quote(&name), quote(&collation)))
        })?;
        Ok(Some(Self { index: index.to_owned(), keys: keys.collect::<Result<_, _>>()?, filter: None }))
    }

    fn settle(
        &self,
        connection: &Connection,
        sources: &Sources<'_>,
        (definition, tree): (&Definition, &Tree),
        outcome: &mut TableOutcome,
    ) -> rusqlite::Result<()> {
        let ids = ids(connection, definition)?;
        let scan = scan(connection, definition)?;
        let groups = self.groups(connection, &scan, &ids)?;
        let wanted: BTreeSet<Vec<u8>> = groups.iter().flatten().map(|id| identity(id)).collect();
        let origins = origins(sources, definition, tree, &wanted);
        let is_logged = |row: &Row| matches!(sources.reader.image.stored(row.page), Stored::Log(_));
        // What the tree leads to is better than what was found elsewhere, and a page of the log is newer than the file.
        let rank = |id: &Vec<Owned>| {
            let row = origins.get(&identity(id));
            (row.map_or(Method::Carved, |row| row.method), row.is_none_or(|row| !is_logged(row)))
        };
        let mut aside = quarantine::quarantine(connection)?;
        let places: Vec<String> = ids.iter().map(|id| format!("{id} = ?")).collect();
        let delete = format!("DELETE FROM {scan} WHERE {}", places.join(" AND "));
        let mut delete = connection.prepare(&delete)?;
        for mut group in groups {
            group.sort_by_key(rank);
            let Some((kept, others)) = group.split_first() else { continue };
            let why =
                format!("a better row, {}, has the same values in the index {}", print(kept), self.index);
            for id in others {
                let unknown = || match id[..] {
                    [Owned::Integer(rowid)] => Row::unplaced(rowid),
                    _ => Row::unplaced(0),
                };
                let mut row = origins.get(&identity(id)).cloned().unwrap_or_else(unknown);
                row.doubt = Some(why.clone());
                quarantine::put_aside(&mut aside, definition, &row, sources.encoding)?;
                let gone = delete.execute(params_from_iter(id))? as u64;
                outcome.move_to_quarantine(row.method.name(), gone);
            }
        }
        Ok(())
    }

    /// The rows that share their values.
    fn groups(&self, connection: &Connection, scan: &str, ids: &[String]) -> rusqlite::Result<Vec<Group>> {
        // A key ends with its line, as a comment may end it.
        let keys: Vec<String> = self.keys.iter().map(|key| format!("({key}\n)")).collect();
        let mut demands: Vec<String> = keys.iter().map(|key| format!("{key} IS NOT NULL")).collect();
        demands.extend(self.filter.iter().map(|filter| format!("({filter}\n)")));
        let named: Vec<String> =
            ids.iter().enumerate().map(|(at, id)| format!("{id} AS kbsec_{at}")).collect();
        let (keys, names) = (keys.join(", "), (0..ids.len()).map(|at| format!("kbsec_{at}")));
        let names: Vec<String> = names.collect();
        let sql = format!(
            "SELECT kbsec_group, {names} FROM (
               SELECT {named}, dense_rank() OVER (ORDER BY {keys}) AS kbsec_group,
                 count(*) OVER (PARTITION BY {keys}) AS kbsec_count
               FROM {scan} WHERE {demands})
             WHERE kbsec_count > 1 ORDER BY kbsec_group, {names}",
            names = names.join(", "),
            named = named.join(", "),
            demands = demands.join(" AND "),
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let (mut groups, mut last): (Vec<Group>, i64) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let number = row.get(0)?;
            if number != last {
                groups.push(Vec::new());
                last = number;
            }
            let id = read(row, ids.len())?;
            groups.last_mut().into_iter().for_each(|group| group.push(id.clone()));
        }
        Ok(groups)
    }
}

/// Values behind the first one; text need not be whole.
fn read(row: &Found<'_>, count: usize) -> rusqlite::Result<Vec<Owned>> {
    let one = |at| {
        Ok(match row.get_ref(at)? {
            ValueRef::Text(text) => Owned::Text(String::from_utf8_lossy(text).into_owned()),
            other => Owned::try_from(other)?,
        })
    };
    (1..=count).map(one).collect()
}

/// The columns that a row is found by, as SQL.
fn ids(connection: &Connection, table: &Definition) -> rusqlite::Result<Vec<String>> {
    let names = |condition: &str| -> rusqlite::Result<Vec<String>> {
        let sql = format!("SELECT name FROM pragma_table_xinfo(?1) WHERE {condition}");
        let mut statement = connection.prepare(&sql)?;
        statement.query_map([&table.name], |row| row.get(0))?.collect()
    };
    if table.without_rowid {
        return Ok(names("pk > 0 ORDER BY pk")?.iter().map(|name| quote(name)).collect());
    }
    // A column may have one of these names, and hides the rowid.
    let hidden: Vec<String> = names("TRUE")?.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut known = ["rowid", "_rowid_", "oid"].into_iter();
    let free = known.find(|name| !hidden.iter().any(|hidden| hidden == name));
    Ok(vec![free.unwrap_or("rowid").to_owned()])
}

/// The table as SQL, so that SQLite reads none of its indexes: they are empty yet.
fn scan(connection: &Connection, table: &Definition) -> rusqlite::Result<String> {
    if !table.without_rowid {
        return Ok(format!("{} NOT INDEXED", quote(&table.name)));
    }
    // Such a table is an index itself, and NOT INDEXED does nothing to it.
    let sql = "SELECT name FROM pragma_index_list(?1) WHERE origin = 'pk'";
    let own: String = connection.query_row(sql, [&table.name], |row| row.get(0))?;
    Ok(format!("{} INDEXED BY {}", quote(&table.name), quote(&own)))
}

/// The rows of these identities as they stand in the file. The first one of several is the one that was written.
fn origins(
    sources: &Sources<'_>,
    definition: &Definition,
    tree: &Tree,
    wanted: &BTreeSet<Vec<u8>>,
) -> HashMap<Vec<u8>, Row> {
    let is_table = !definition.is_keyed;
    let id_of = |row: &Row| match is_table {
        true => Some(identity(&[Owned::Integer(row.rowid)])),
        false => record_identity(&row.record, definition.keys, sources.encoding),
    };
    let found: Vec<Vec<(Vec<u8>, Row)>> = tree
        .in_order()
        .par_iter()
        .map(|place| {
            let rows = sources.reader.rows(place.page, place.bounds, place.method(), is_table).0;
            let sound = rows.into_iter().filter(|row| row.doubt.is_none());
            let known = sound.filter_map(|row| Some((id_of(&row)?, row)));
            known.filter(|(id, _)| wanted.contains(id)).collect()
        })
        .collect();
    let mut origins = HashMap::new();
    for (id, row) in found.into_iter().flatten() {
        origins.entry(id).or_insert(row);
    }
    origins
}

fn record_identity(record: &[u8], keys: usize, encoding: Encoding) -> Option<Vec<u8>> {
    let values = Record::parse(record).ok()?.values().take(keys).map(|value| {
        Some(match value.ok()? {
            Value::Null => Owned::Null,
            Value::Integer(number) => Owned::Integer(number),
            Value::Real(number) => Owned::Real(number),
            Value::Text(text) => Owned::Text(encoding.decode(text).0),
            Value::Blob(blob) => Owned::Blob(blob.to_vec()),
        })
    });
    Some(identity(&values.collect::<Option<Vec<_>>>()?))
}

/// Bytes that differ when keys do. A column of real numbers stores whole ones as integers.
fn identity(values: &[Owned]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let (tag, bytes) = match value {
            Owned::Null => (0, Vec::new()),
            Owned::Integer(number) => (1, number.to_be_bytes().to_vec()),
            Owned::Real(number) if (*number as i64) as f64 == *number => {
                (1, (*number as i64).to_be_bytes().to_vec())
            }
            Owned::Real(number) => (4, number.to_bits().to_be_bytes().to_vec()),
            Owned::Text(text) => (2, text.clone().into_bytes()),
            Owned::Blob(blob) => (3, blob.clone()),
        };
        out.push(tag);
        out.extend(bytes.len().to_be_bytes());
        out.extend(bytes);
    }
    out
}

/// A key for people to read.
fn print(id: &[Owned]) -> String {
    let one = |value: &Owned| match value {
        Owned::Null => "NULL".to_owned(),
        Owned::Integer(number) => number.to_string(),
        Owned::Real(number) => format!("{number:?}"),
        Owned::Text(text) => format!("{text:?}"),
        Owned::Blob(blob) => format!("a blob of {} bytes", blob.len()),
    };
    id.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The keys of a CREATE INDEX, without their directions, and its condition.
fn parts(sql: &str) -> Option<(Vec<String>, Option<String>)> {
    let (mut depth, mut start, mut keys) = (0u32, 0, Vec::new());
    let mut signs = sql.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let next = signs.peek().map(|(_, next)| *next);
        let end = match (sign, next) {
            ('\'' | '"' | '`', _) => Some(sign),
            ('[', _) => Some(']'),
            ('-', Some('-')) => Some('\n'),
            ('/', Some('*')) => Some('/'),
            _ => None,
        };
        if let Some(end) = end {
            let mut before = ' ';
            signs.by_ref().find(|(_, sign)| {
                let is_end = *sign == end && (end != '/' || before == '*');
                before = *sign;
                is_end
            });
            continue;
        }
        match sign {
            '(' => {
                depth += 1;
                start = if depth == 1 { at + 1 } else { start };
            }
            ',' | ')' if depth == 1 => {
                keys.push(without_direction(&sql[start..at]).to_owned());
                start = at + 1;
                if sign == ')' {
                    return Some((keys, condition(&sql[start..])));
                }
            }
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn without_direction(key: &str) -> &str {
    let key = key.trim();
    let last = key.rsplit_once(|sign: char| sign.is_ascii_whitespace());
    let is_direction = |word: &str| ["ASC", "DESC"].iter().any(|known| word.eq_ignore_ascii_case(known));
    last.filter(|(_, word)| is_direction(word)).map_or(key, |(key, _)| key)
}

fn condition(rest: &str) -> Option<String> {
    let at = rest.to_ascii_uppercase().find("WHERE")?;
    Some(rest[at + 5..].trim_end().trim_end_matches(';').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_taken_apart() {
        let sql = "CREATE UNIQUE INDEX \"i(\" ON t(lower(a, ','), [b)] COLLATE NOCASE DESC, /* , */ c asc)\n where c > 1";
        let (keys, filter) = parts(sql).unwrap();
        assert_eq!(keys, ["lower(a, ',')", "[b)] COLLATE NOCASE", "/* , */ c"]);
        assert_eq!(filter.as_deref(), Some(" c > 1"));
        assert_eq!(parts("CREATE INDEX i ON t(a").map(|_| ()), None);
    }
}
