//! Paths as node's `path` makes them on POSIX: resolved against a folder, and from one folder to another.

/// The absolute path without `.`, `..`, doubled and closing slashes; `base` is taken to be absolute.
pub(super) fn resolve(base: &str, path: &str) -> String {
    let base = if path.starts_with('/') { "" } else { base };
    format!("/{}", names(base, path).join("/"))
}

/// The way from one absolute path to another; empty between equals.
pub(super) fn relative(from: &str, to: &str) -> String {
    let (from, to) = (names(from, ""), names(to, ""));
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from.iter().skip(shared).map(|_| "..");
    up.chain(to.iter().skip(shared).copied()).collect::<Vec<_>>().join("/")
}

/// The names on the way from the root; what leads above the root stays at the root.
fn names<'a>(base: &'a str, path: &'a str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in base.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_as_node_does() {
        for (path, expected) in [
            ("", "/ws"),
            (".", "/ws"),
            ("a//b/./c/", "/ws/a/b/c"),
            ("../../..", "/"),
            ("/x/../y/", "/y"),
            ("//x", "/x"),
            ("...", "/ws/..."),
            ("~/.kb", "/ws/~/.kb"),
        ] {
            assert_eq!(resolve("/ws/", path), expected, "{path:?}");
        }
    }

    #[test]
    fn ways_lead_over_the_shared_folder() {
        for (to, expected) in
            [("/ws", ""), ("/ws/out", "out"), ("/ws-2/x", "../ws-2/x"), ("/", ".."), ("/ws/a/../b", "b")]
        {
            assert_eq!(relative("/ws", to), expected, "{to:?}");
        }
    }
}
