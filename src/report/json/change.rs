//! A change in JSON: a commit in which a known value stands more or less often than before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::finding::{self, Decoding};
use crate::report::wording::time;

/// How often the value stands at a path before and after a commit.
#[derive(Serialize)]
pub(super) struct Change<'a> {
    /// The commit.
    commit: Commit<'a>,
    /// Of a merge, with which of its parents this compares, from 1; absent for other commits.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
    /// Relative to the root of the work tree, with bytes that are no UTF-8 replaced.
    path: String,
    /// The exact bytes of the path in base64 (RFC 4648 section 4), only where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    /// Decoders that had to be applied, outermost first.
    decoded: Vec<&'a str>,
    /// Occurrences in the parent.
    before: u32,
    /// Occurrences in the commit.
    after: u32,
    /// The most public way to reach the commit, such as `branch` or `unreachable`.
    reach: String,
}

/// A commit.
#[derive(Serialize)]
struct Commit<'a> {
    /// Object id in hexadecimal.
    id: &'a str,
    /// Author date: RFC 3339, in UTC; absent where it is before 1970 or has no meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// Name of the author.
    author: &'a str,
    /// Address of the author.
    email: &'a str,
}

impl<'a> Change<'a> {
    pub(super) fn new(change: &'a finding::Change) -> Self {
        let path = change.path.as_path();
        let inexact = path.to_str().is_none();
        Self {
            commit: Commit {
                id: &change.commit.id,
                date: u64::try_from(change.commit.time).ok().map(time),
                author: &change.commit.author,
                email: &change.commit.email,
            },
            parent: (change.parent > 0).then_some(change.parent),
            path: path.to_string_lossy().into_owned(),
            path_base64: inexact.then(|| STANDARD.encode(path.as_os_str().as_encoded_bytes())),
            decoded: change.decoded.iter().map(decoder).collect(),
            before: change.before,
            after: change.after,
            reach: change.reach.to_string(),
        }
    }
}

/// The name of a decoder.
pub(super) fn decoder(decoding: &Decoding) -> &'static str {
    match decoding {
        Decoding::Base64 => "base64",
        Decoding::Hex => "hex",
        Decoding::Percent => "percent",
        Decoding::Escape => "escape",
        Decoding::Utf16 => "utf-16",
        Decoding::Entity => "entity",
        Decoding::QuotedPrintable => "quoted-printable",
        Decoding::Gzip => "gzip",
        Decoding::Zip => "zip",
        Decoding::Zstd => "zstd",
        Decoding::Xz => "xz",
    }
}
