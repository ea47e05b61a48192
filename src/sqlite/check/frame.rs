//! The frame: the header and the length of the file, before any page is looked at.

use std::sync::Arc;

use super::fault::{Fault, Faults};
use super::guess;
use super::rule::Rule;
use crate::sqlite::files::Files;
use crate::sqlite::header::{Geometry, HEADER_BYTES, Header};
use crate::sqlite::image::Image;

/// The pages of the file alone; `None` if they cannot be told apart.
pub(super) fn image(files: &Files, faults: &Faults) -> Option<Image> {
    let file = &files.database;
    let fault = |rule, what: String| faults.add(Fault::new(rule, "", 0, what));
    let mut start = [0; HEADER_BYTES];
    if file.is_empty() {
        return None;
    }
    match file.read_at(0, &mut start) {
        Err(cause) => {
            fault(Rule::Unreadable, format!("the disk gives no data: {}", cause.kind()));
            return None;
        }
        Ok(count) if count < HEADER_BYTES => {
            let known = start.get(..count).and_then(guess::known);
            let looks = known.map(|what| format!("; it looks like {what}")).unwrap_or_default();
            let what = format!("it has only {count} bytes, less than the header of a database{looks}");
            fault(Rule::NotADatabase, what);
            return None;
        }
        Ok(_) => {}
    }
    let header = Header::new(&start);
    if !header.has_magic() {
        fault(Rule::NotADatabase, guess::guess(file, &start));
    }
    let Some(geometry) = header.geometry() else {
        if header.has_magic() {
            fault(Rule::Header, "its page size is one that no database can have".to_owned());
        }
        return None;
    };
    if !header.has_magic() {
        return None;
    }
    Some(Image::new(Arc::clone(file), 0, geometry))
}

/// Checks the fields of the header of an image.
pub(super) fn header(header: &Header, image: &Image, faults: &Faults) {
    let bad = |what: String| faults.add(Fault::new(Rule::Header, "the header", 1, what));
    let odd = |what: String| faults.add(Fault::new(Rule::HeaderNote, "the header", 1, what));
    if header.read_version() > 2 {
        bad(format!("byte 19, the read version, is {}; 1 or 2 are known", header.read_version()));
    } else if header.read_version() == 0 {
        odd("byte 19, the read version, is 0, which SQLite takes for 1".to_owned());
    }
    if header.write_version() > 2 || header.write_version() == 0 {
        odd(format!(
            "byte 18, the write version, is {}: SQLite will not write to it",
            header.write_version()
        ));
    }
    if header.fractions() != [64, 32, 32] {
        bad(format!("bytes 21 to 23 are {:?} instead of 64, 32, 32", header.fractions()));
    }
    if header.schema_format() > 4 {
        bad(format!("the schema format is {}; 1 to 4 are known", header.schema_format()));
    }
    if header.bytes()[44..47] != [0; 3] {
        odd(format!(
            "bytes 44 to 46 are not zero; SQLite takes {} for the schema format",
            header.schema_format()
        ));
    }
    if header.encoding_code() > 3 {
        let (code, taken) = (header.encoding_code(), header.encoding().name());
        odd(format!("the text encoding is {code}, which SQLite takes for {taken}; 1 to 3 are known"));
    }
    if header.expansion().iter().any(|byte| *byte != 0) {
        odd("bytes 72 to 91 are not zero".to_owned());
    }
    if header.largest_root() == 0 && header.incremental_vacuum() != 0 {
        bad("it vacuums step by step and has no pointer map".to_owned());
    }
    length(header, image, faults);
}

/// Compares the length of the file with the number of pages.
fn length(header: &Header, image: &Image, faults: &Faults) {
    let Geometry { page_size, .. } = image.geometry();
    // With a log over it, the file may lag behind.
    if image.log().is_some() {
        return;
    }
    let told = header.page_count();
    let bytes = image.file().len();
    let whole = bytes / u64::from(page_size);
    let fault = |rule, page, what: String| faults.add(Fault::new(rule, "the file", page, what));
    if header.page_count_counts() && u64::from(told) > whole {
        let lost = u64::from(told) - whole;
        let first = u32::try_from(whole + 1).unwrap_or(u32::MAX);
        fault(
            Rule::Truncated,
            first,
            format!("it has {told} pages by its header, and the last {lost} are not there"),
        );
    } else if header.page_count_counts() && u64::from(told) < whole {
        let more = bytes - u64::from(told) * u64::from(page_size);
        fault(Rule::TrailingBytes, told, format!("{more} bytes follow the last page"));
    } else if !bytes.is_multiple_of(u64::from(page_size)) {
        fault(
            Rule::TrailingBytes,
            u32::try_from(whole).unwrap_or(0),
            format!("{} bytes follow the last whole page", bytes % u64::from(page_size)),
        );
    }
    if !header.page_count_counts() && told != 0 {
        faults.add(Fault::new(
            Rule::HeaderNote,
            "the header",
            1,
            "its page count is out of date, and SQLite counts by the length of the file",
        ));
    }
}
