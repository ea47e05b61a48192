//! The place of an input as other programs name it: relative to the root of the work tree, or absolute.

use std::ffi::OsString;
use std::path::{Component, Path};

use super::Run;
use crate::finding::{Origin, TextKind};

/// A file without `.` and `..`, as the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Below the root of the run.
    Inside(Vec<OsString>),
    /// Elsewhere, from the root of the file system.
    Outside(Vec<OsString>),
    /// An object of the repository that is no file, by what it is and its id.
    Object(&'static str, String),
    /// Standard input.
    Stdin,
}

impl Place {
    /// Where an input of this run is. Nothing is read from disk, so symbolic links are not followed.
    pub(super) fn of(origin: &Origin, run: &Run) -> Self {
        let names = match origin {
            Origin::File { path } => segments(&run.base.join(path)),
            Origin::Staged { path } | Origin::Blob { path: Some(path), .. } => segments(&run.root.join(path)),
            Origin::Blob { path: None, id } => return Self::Object("blob", id.clone()),
            Origin::Text { kind, id } => return Self::Object(holder(*kind), id.clone()),
            Origin::Stdin => return Self::Stdin,
        };
        match names.strip_prefix(segments(&run.root).as_slice()) {
            Some(inside) => Self::Inside(inside.to_vec()),
            None => Self::Outside(names),
        }
    }

    /// The path with slashes on every system; bytes that are no UTF-8 are replaced.
    pub(super) fn path(&self) -> Option<String> {
        let joined = |names: &[OsString]| names.join("/".as_ref()).to_string_lossy().into_owned();
        match self {
            Self::Inside(names) => Some(joined(names)),
            Self::Outside(names) => Some(format!("/{}", joined(names))),
            Self::Object(..) | Self::Stdin => None,
        }
    }

    /// A URI reference (RFC 3986 section 4.1): relative to the root, or with the scheme `file`, or `stdin`.
    ///
    /// GitHub refuses a whole report when one result has no URI, or one with another scheme. So an object has a
    /// relative one too, in the folder that never holds a file of the work tree.
    pub(super) fn uri(&self) -> String {
        match self {
            Self::Inside(names) => encode(names),
            Self::Outside(names) => format!("file:///{}", encode(names)),
            Self::Object(what, id) => format!(".git/{what}/{id}"),
            Self::Stdin => "stdin".into(),
        }
    }
}

/// The object that holds a text.
fn holder(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Commit => "commit",
        TextKind::Tag => "tag",
        TextKind::FileName => "tree",
        TextKind::RefName => "ref",
    }
}

/// The name of an input for people, such that a click opens it: as it was typed, or from the base of the run.
/// Objects have the first digits of their ids, which git understands.
pub(super) fn shown(origin: &Origin, run: &Run) -> String {
    let path = match origin {
        Origin::Staged { path } | Origin::Blob { path: Some(path), .. } => path,
        Origin::Blob { path: None, id } => return format!("blob {}", short(id)),
        Origin::Text { kind, id } => return format!("{kind} {}", short(id)),
        Origin::File { .. } | Origin::Stdin => return origin.to_string(),
    };
    let (base, names) = (segments(&run.base), segments(&run.root.join(path)));
    let shared = base.iter().zip(&names).take_while(|(one, other)| one == other).count();
    let mut steps = vec![OsString::from(".."); base.len() - shared];
    steps.extend_from_slice(&names[shared..]);
    steps.join("/".as_ref()).to_string_lossy().into_owned()
}

/// The first twelve digits of an object id, as many as commits are shown with.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The URI of a directory, which ends in a slash; `None` where the path is not absolute.
pub(super) fn directory_uri(path: &Path) -> Option<String> {
    let names = segments(path);
    let slash = if names.is_empty() { "" } else { "/" };
    path.has_root().then(|| format!("file:///{}{slash}", encode(&names)))
}

/// The names in a path, without `.`, and with `..` resolved as far as there is something to leave.
fn segments(path: &Path) -> Vec<OsString> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => {
                names.pop();
            }
            Component::Prefix(_) | Component::Normal(_) => names.push(component.as_os_str().to_owned()),
        }
    }
    names
}

/// Names joined by slashes; every byte outside of "unreserved", "sub-delims" and `@` (RFC 3986 sections 2.2, 2.3)
/// is percent-encoded.
fn encode(names: &[OsString]) -> String {
    let mut uri = String::new();
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            uri.push('/');
        }
        for &byte in name.as_encoded_bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                uri.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn run(base: &str, root: &str) -> Run {
        Run {
            version: "0.0.0",
            subject: String::new(),
            base: base.into(),
            root: root.into(),
            repository: None,
            interrupted: false,
            exit_code: 0,
            time: (0, 0),
        }
    }

    fn file(path: &str) -> Origin {
        Origin::File { path: PathBuf::from(path) }
    }

    #[test]
    fn files_are_named_from_the_root() {
        let run = run("/repo/sub", "/repo");
        let cases = [
            (file("a b.txt"), "sub/a b.txt", "sub/a%20b.txt"),
            (file("./x/../../top"), "top", "top"),
            (file("/repo/c:d"), "c:d", "c%3Ad"),
            (file("../../else/50%.txt"), "/else/50%.txt", "file:///else/50%25.txt"),
            (file("/repository/x"), "/repository/x", "file:///repository/x"),
            (Origin::Staged { path: "größe".into() }, "größe", "gr%C3%B6%C3%9Fe"),
        ];
        for (origin, path, uri) in cases {
            let place = Place::of(&origin, &run);
            assert_eq!((place.path().as_deref(), place.uri().as_str()), (Some(path), uri));
        }
        assert_eq!(Place::of(&Origin::Stdin, &run).uri(), "stdin");
    }

    #[test]
    fn objects_have_names_and_uris_but_no_path() {
        let run = run("/repo/sub", "/repo");
        let id = "0123456789abcdef".to_owned();
        let text = |kind| Origin::Text { kind, id: id.clone() };
        let cases = [
            (Origin::Blob { path: None, id: id.clone() }, "blob 0123456789ab", ".git/blob/"),
            (text(TextKind::Commit), "commit 0123456789ab", ".git/commit/"),
            (text(TextKind::Tag), "tag 0123456789ab", ".git/tag/"),
            (text(TextKind::FileName), "file name in tree 0123456789ab", ".git/tree/"),
            (text(TextKind::RefName), "name of a ref to 0123456789ab", ".git/ref/"),
        ];
        for (origin, name, uri) in cases {
            let place = Place::of(&origin, &run);
            assert_eq!((shown(&origin, &run).as_str(), place.path()), (name, None));
            assert_eq!(place.uri(), format!("{uri}{id}"));
        }
        let blob = Origin::Blob { path: Some("a/b.txt".into()), id };
        assert_eq!(
            (shown(&blob, &run).as_str(), Place::of(&blob, &run).uri()),
            ("../a/b.txt", "a/b.txt".into())
        );
    }

    #[test]
    fn staged_files_are_shown_from_the_base() {
        let staged = Origin::Staged { path: "a/b.txt".into() };
        let cases = [("/repo", "a/b.txt"), ("/repo/a", "b.txt"), ("/repo/c/d", "../../a/b.txt")];
        for (base, expected) in cases {
            assert_eq!(shown(&staged, &run(base, "/repo")), expected);
        }
        assert_eq!(shown(&file("./x"), &run("/repo", "/repo")), "./x");
    }

    #[test]
    fn directories_end_in_a_slash() {
        assert_eq!(directory_uri(Path::new("/")).as_deref(), Some("file:///"));
        assert_eq!(directory_uri(Path::new("/a b/./c/")).as_deref(), Some("file:///a%20b/c/"));
        assert_eq!(directory_uri(Path::new("relative")), None);
    }
}
