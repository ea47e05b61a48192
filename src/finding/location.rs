//! A location: the input, the bytes, and the line and column at which a finding stands.

use std::fmt;
use std::path::{Path, PathBuf};

use super::history::Trail;
use crate::span::{ByteSpan, Position};

/// One place of a finding. Sorts by origin, then by position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The input.
    pub origin: Origin,
    /// The bytes in that input, as stored (still encoded).
    pub span: ByteSpan,
    /// The first character.
    pub start: Position,
    /// The position after the last character.
    pub end: Position,
    /// Decoders that had to be applied, outermost first; empty for plain text.
    pub decoded: Vec<Decoding>,
    /// `primaryLocationLineHash` of SARIF as GitHub computes it, where the whole input was at hand.
    pub line_hash: Option<String>,
    /// The commits that brought the secret here and took it away, where the input is part of a history.
    pub trail: Option<Trail>,
    /// The page and the row, where the input is a database.
    pub database: Option<DatabasePlace>,
}

/// Where in a database something is wrong, and what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabasePlace {
    /// The table, the index or the part of the file; empty for the file as a whole.
    pub object: String,
    /// The number of the page, from 1; 0 where it is not about one page.
    pub page: u32,
    /// The number of the cell on the page, from 0.
    pub cell: Option<u16>,
    /// The row.
    pub rowid: Option<i64>,
    /// Whether the page is stored in the write-ahead log.
    pub in_log: bool,
    /// What is wrong there, as a clause.
    pub what: String,
}

impl fmt::Display for DatabasePlace {
    /// `page 4, cell 3, row 17`, or the object where there is no page.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.page > 0 {
            parts.push(format!("page {}", self.page));
        }
        parts.extend(self.cell.map(|cell| format!("cell {cell}")));
        parts.extend(self.rowid.map(|rowid| format!("row {rowid}")));
        out.write_str(if parts.is_empty() { &self.object } else { "" })?;
        out.write_str(&parts.join(", "))
    }
}

impl Location {
    /// A place of which only the input is known: a name, or what is packed in it, has no line.
    #[must_use]
    pub fn of_input(origin: Origin, decoded: &[Decoding]) -> Self {
        Self {
            origin,
            span: ByteSpan { start: 0, end: 0 },
            start: Position::START,
            end: Position::START,
            decoded: decoded.to_vec(),
            line_hash: None,
            trail: None,
            database: None,
        }
    }
}

/// The input that a finding was found in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A file on disk; the path as the user would type it.
    File {
        /// Relative to the current directory where possible.
        path: PathBuf,
    },
    /// A blob of the git index, as it would be committed.
    Staged {
        /// Relative to the root of the work tree.
        path: PathBuf,
    },
    /// A blob of the history.
    Blob {
        /// A path under which a tree holds it, relative to the root of the work tree; `None` when no tree does.
        path: Option<PathBuf>,
        /// Object id in hexadecimal.
        id: String,
    },
    /// Text of the history that is no file: a message, a name, a path.
    Text {
        /// What kind of text.
        kind: TextKind,
        /// The commit, tag or tree that holds it, in hexadecimal; for the name of a ref what it points to.
        id: String,
    },
    /// Standard input.
    Stdin,
}

/// Text in a repository besides the content of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextKind {
    /// The message, author or committer of a commit.
    Commit,
    /// The message, tagger or name of an annotated tag.
    Tag,
    /// The name of a file or directory.
    FileName,
    /// The name of a branch, tag or other ref.
    RefName,
}

impl fmt::Display for TextKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Commit => "commit",
            Self::Tag => "tag",
            Self::FileName => "file name in tree",
            Self::RefName => "name of a ref to",
        })
    }
}

impl Origin {
    /// The file's path, where the input is (or will be) a file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path } | Self::Staged { path } => Some(path),
            Self::Blob { path, .. } => path.as_deref(),
            Self::Text { .. } | Self::Stdin => None,
        }
    }
}

impl fmt::Display for Origin {
    /// The name for people; a report to a terminal has to sanitise it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } | Self::Staged { path } | Self::Blob { path: Some(path), .. } => {
                path.display().fmt(out)
            }
            Self::Blob { path: None, id } => write!(out, "blob {id}"),
            Self::Text { kind, id } => write!(out, "{kind} {id}"),
            Self::Stdin => out.write_str("<stdin>"),
        }
    }
}

/// A transformation that hid a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decoding {
    /// RFC 4648 section 4 or 5, also wrapped over lines.
    Base64,
    /// Pairs of hexadecimal digits.
    Hex,
    /// `%41`, RFC 3986 section 2.1.
    Percent,
    /// `\u0041`, `\x41`.
    Escape,
    /// UTF-16, either byte order.
    Utf16,
    /// `&amp;`, `&#65;` of HTML and XML.
    Entity,
    /// `=41`, RFC 2045 section 6.7.
    QuotedPrintable,
    /// RFC 1952.
    Gzip,
    /// A member of a zip archive.
    Zip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format.
    Xz,
}

impl fmt::Display for Decoding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent-encoding",
            Self::Escape => "escapes",
            Self::Utf16 => "utf-16",
            Self::Entity => "html entities",
            Self::QuotedPrintable => "quoted-printable",
            Self::Gzip => "gzip",
            Self::Zip => "zip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        })
    }
}
