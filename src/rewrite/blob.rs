//! The content of a file without the values: text is edited, binary data overwritten, archives are packed again.

use std::sync::Arc;

use super::replace::{NAME, Style, replaced};
use super::values::Values;
use crate::sqlite::scrub;
use crate::trace::examine;
use crate::unpack::{self, Editor};

/// What is left of a file that cannot be edited.
pub const PLACEHOLDER: &[u8] =
    b"This file held a secret in a form that cannot be edited. kbsec has taken its content away.\n";
/// Containers in containers beyond this are not opened.
const DEPTH: usize = 4;

/// How a file was cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The value was replaced in text.
    Text,
    /// The value was overwritten, with as many bytes.
    Fill,
    /// The value was replaced in the rows of a database, which was then vacuumed.
    Rows,
    /// It points to a file of Git LFS that was cleaned.
    Pointer,
    /// The members of an archive were edited and packed again.
    Rebuilt,
    /// The whole content was replaced by a note.
    Removed,
}

impl How {
    /// The word for plans and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "replaced",
            Self::Fill => "overwritten",
            Self::Rows => "vacuumed",
            Self::Pointer => "pointer",
            Self::Rebuilt => "repacked",
            Self::Removed => "removed",
        }
    }

    /// The way with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Text, Self::Fill, Self::Rows, Self::Pointer, Self::Rebuilt, Self::Removed]
            .into_iter()
            .find(|how| how.word() == word)
    }
}

/// The content without the values.
#[must_use]
pub fn cleaned(values: &Values, bytes: &[u8]) -> (Vec<u8>, How) {
    if let Some((clean, how)) = attempt(values, bytes, DEPTH)
        && !are_inside(values, &clean)
    {
        return (clean, how);
    }
    (PLACEHOLDER.to_vec(), How::Removed)
}

/// Whether one of the values stands there or in what is packed there.
#[must_use]
pub fn are_inside(values: &Values, bytes: &[u8]) -> bool {
    values.needles().iter().any(|needle| !examine(needle, bytes, None, true).tally.is_empty())
}

/// The edited content; `None` where nothing has to be edited or an archive cannot be.
fn attempt(values: &Values, bytes: &[u8], depth: usize) -> Option<(Vec<u8>, How)> {
    if depth > 0 && unpack::is_packed(bytes) {
        let editor = Editor {
            content: &|member| attempt(values, member, depth - 1).map(|clean| clean.0),
            name: &|name| replaced(values, name, Style::Name),
        };
        // A tar archive is no text and holds its members as they are, so it is overwritten like other data.
        if let Some(clean) = unpack::rebuilt(bytes, &editor) {
            return Some((clean, How::Rebuilt));
        }
    }
    if scrub::is_database(bytes)
        && let Some(clean) = scrubbed(values, bytes)
    {
        // What stands in the schema is not in a row.
        return Some((replaced(values, &clean, Style::Fill).unwrap_or(clean), How::Rows));
    }
    let (style, how) = if is_text(bytes) { (Style::Text, How::Text) } else { (Style::Fill, How::Fill) };
    replaced(values, bytes, style).map(|clean| (clean, how))
}

/// The database with other rows; `None` where none holds a value, or SQLite cannot write it.
fn scrubbed(values: &Values, bytes: &[u8]) -> Option<Vec<u8>> {
    let own = values.clone();
    let edit = move |cell: &[u8], is_text: bool| {
        replaced(&own, cell, if is_text { Style::Text } else { Style::Fill })
    };
    scrub::scrubbed(bytes, Arc::new(edit))
}

/// Text has no zero bytes, or says at its start that it is UTF-16.
fn is_text(bytes: &[u8]) -> bool {
    let is_utf16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    memchr::memchr(0, bytes).is_none() || (is_utf16 && bytes.len().is_multiple_of(2))
}

/// The name of a file or reference without the values; `None` where they do not stand in it.
#[must_use]
pub fn cleaned_name(values: &Values, name: &[u8]) -> Option<Vec<u8>> {
    let clean = replaced(values, name, Style::Name)?;
    Some(if clean.is_empty() { NAME.to_vec() } else { clean })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::replace::replacements;
    use super::*;
    use crate::secret::Secret;

    const VALUE: &str = "s3cr3t-t0ken/9+8=7";

    fn values() -> Values {
        Values::new(vec![Secret::new(VALUE)], &replacements()).unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_kind_of_content_is_cleaned_in_its_way() {
        let values = values();
        let how = |bytes: &[u8]| {
            let (clean, how) = cleaned(&values, bytes);
            assert!(!are_inside(&values, &clean));
            how
        };
        assert_eq!(how(format!("key = {VALUE}\n").as_bytes()), How::Text);
        let binary = format!("\0\x01{VALUE}\0");
        assert_eq!(how(binary.as_bytes()), How::Fill);
        assert_eq!(cleaned(&values, binary.as_bytes()).0.len(), binary.len());
        assert_eq!(how(&gzip(VALUE.as_bytes())), How::Rebuilt);
        assert_eq!(how(&gzip(&gzip(binary.as_bytes()))), How::Rebuilt);
        let mut cut = gzip(format!("{VALUE} {}", "0123456789".repeat(3000)).as_bytes());
        cut.truncate(cut.len() - 9);
        assert_eq!(how(&cut), How::Removed);
    }

    #[test]
    fn names_get_a_word_that_every_system_allows() {
        let name = format!("backup-{VALUE}.txt");
        assert_eq!(cleaned_name(&values(), name.as_bytes()).unwrap(), b"backup-REMOVED.txt");
        assert_eq!(cleaned_name(&values(), b"other"), None);
    }
}
