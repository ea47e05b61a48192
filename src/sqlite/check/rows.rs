//! The rows of one table, read without SQLite and with what its log holds.

use super::fault::Faults;
use super::{Pass, frame, values, view, walk};
use crate::sqlite::files::Files;
use crate::sqlite::record::Value;
use crate::sqlite::schema::{Schema, SchemaRow};

/// The text of a column by its name, in the row at hand; `None` for NULL, blobs and columns that are not there. Numbers
/// are written out.
pub type Columns<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Calls with every row of an ordinary table, as far as it can be read; whether there is such a table. Texts of
/// databases in UTF-16 are not decoded.
pub fn each_row(files: &Files, table: &str, visit: &mut dyn FnMut(Columns<'_>)) -> bool {
    let faults = Faults::default();
    let Some(main) = frame::image(files, &faults) else { return false };
    let image = view::choose(&main, files, &faults).image;
    let mut start = Vec::new();
    if image.read(1, &mut start).is_err() {
        return false;
    }
    let encoding = super::Header::new(&start).encoding();
    let mut entries = Vec::new();
    let pass = Pass { image: &image, faults: &faults };
    walk::records(pass.image, 1, &mut |met| {
        entries.extend(SchemaRow::read(met.rowid.unwrap_or(0), met.payload, encoding).ok());
    });
    let schema = Schema::interpret(&entries);
    let Some(found) = schema.tables.iter().find(|one| one.name.eq_ignore_ascii_case(table)) else {
        return false;
    };
    walk::records(&image, found.root, &mut |met| {
        let Some(stored) = values(met.payload) else { return };
        visit(&|name| {
            let column = found.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
            if found.rowid_alias == Some(column) {
                return met.rowid.map(|rowid| rowid.to_string());
            }
            let at = found.stored.iter().position(|&stored| stored == column)?;
            match stored.get(at)? {
                Value::Integer(number) => Some(number.to_string()),
                Value::Real(number) => Some(number.to_string()),
                Value::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
                Value::Null | Value::Blob(_) => None,
            }
        });
    });
    true
}
