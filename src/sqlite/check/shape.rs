//! The shapes: kinds of databases that kbsec knows by their tables, and what each table is for.
//!
//! To add one, add an entry to [`SHAPES`].

use std::sync::Arc;

use crate::coverage::Shape;
use crate::sqlite::schema::Schema;

/// A kind of database.
struct Known {
    name: &'static str,
    /// Tables with columns that no other database is likely to have; one of them is enough.
    marks: &'static [(&'static str, &'static [&'static str])],
    /// Its tables and what they are for.
    tables: &'static [(&'static str, &'static str)],
}

const SHAPES: &[Known] = &[
    Known {
        name: "KB Labs platform database (kb.sqlite)",
        marks: &[
            ("logs", &["timestamp", "level", "message", "source", "fields"]),
            ("host_tokens", &["token", "host_id", "namespace_id"]),
            ("incidents", &["type", "severity"]),
            ("environment_leases", &[]),
        ],
        tables: &[
            ("logs", "log records, kept for hours or days; expendable"),
            ("incidents", "incidents that the platform found itself"),
            ("hosts", "registered hosts; they register again"),
            ("host_tokens", "access tokens in plain text: whoever has a copy of this file has them"),
            ("environment_leases", "environments in use"),
            ("environment_events", "what happened to environments"),
            ("users", "accounts"),
            ("credentials", "password hashes"),
            ("sessions", "open sessions"),
            ("invites", "open invitations"),
        ],
    },
    Known {
        name: "KB Labs analytics (analytics.sqlite)",
        marks: &[("events", &["ingest_ts", "product", "actor_type", "payload"])],
        tables: &[("events", "analytics events; expendable")],
    },
];

/// What the tables say that a database is.
pub(super) fn of(schema: &Schema, rows: &[(Arc<str>, u64)]) -> Option<Shape> {
    let has = |(name, columns): &(&str, &[&str])| {
        let table = schema.tables.iter().find(|table| &*table.name == *name);
        table.is_some_and(|table| {
            columns.iter().all(|name| table.columns.iter().any(|column| column.name == *name))
        })
    };
    let known = SHAPES.iter().find(|known| known.marks.iter().any(has))?;
    let tables = known.tables.iter().filter_map(|(name, purpose)| {
        let (_, count) = rows.iter().find(|(table, _)| &**table == *name)?;
        Some(((*name).to_owned(), *count, *purpose))
    });
    Some(Shape { name: known.name, tables: tables.collect() })
}
