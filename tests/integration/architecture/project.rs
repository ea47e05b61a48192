//! The project rules: dependencies with reasons, a small lock file, documents that name real files, and no traces of
//! the place where the project was made.

use regex::Regex;

use super::Text;

/// Packages of the lock file at most. The finished tool may have 300; the foundation has to leave room.
const LOCKED_PACKAGES: usize = 205;

/// Dependencies without a reason, and a lock file that has grown too long.
pub(super) fn dependencies(manifest: &str, lock: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut listed = false;
    for (number, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            listed = line.trim_end().ends_with("dependencies]");
        }
        let reason = line.rsplit_once("# ").map_or("", |(_, reason)| reason);
        if listed && line.contains('=') && !line.starts_with('#') && reason.len() < 10 {
            faults.push(format!("Cargo.toml:{}: say in a comment what this dependency is for", number + 1));
        }
    }
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    if packages > LOCKED_PACKAGES {
        faults.push(format!(
            "Cargo.lock:1: {packages} packages, {LOCKED_PACKAGES} at most; look for the culprit with `cargo tree`"
        ));
    }
    faults
}

/// Paths of this project in documents that do not exist; `exists` knows files and folders. Console blocks show what
/// other projects see and are passed over, and so is the history in the change log.
pub(super) fn documents(files: &[Text], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let path = Regex::new(r"(?:^|[^\w./-])((?:src|rules|hooks|tests)/[\w./{},<>*-]*)").unwrap();
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md") && file.path != "CHANGELOG.md") {
        let mut fenced = false;
        for (number, line) in file.text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            for found in path.captures_iter(line) {
                let written = found[1].trim_end_matches(['.', ',', '/', '}']);
                let placeholder = written.contains(['<', '*']);
                let missing = alternatives(&found[1]).into_iter().find(|one| !exists(one));
                if let Some(missing) = missing.filter(|_| !placeholder) {
                    faults.push(format!(
                        "{}:{}: {missing} does not exist; mend the path",
                        file.path,
                        number + 1
                    ));
                }
            }
        }
    }
    faults
}

/// `a/{b,c}.rs` means two files.
fn alternatives(path: &str) -> Vec<String> {
    let tidy = |path: String| path.trim_end_matches(['.', ',', '/']).to_owned();
    match path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?))) {
        Some((head, (names, tail))) => {
            names.split(',').map(|name| tidy(format!("{head}{name}{tail}"))).collect()
        }
        None => vec![tidy(path.to_owned())],
    }
}

/// Names of package registries and paths of the machine on which the project was made.
pub(super) fn traces(files: &[Text]) -> Vec<String> {
    // In two halves, so that this file does not find itself.
    let halves = [
        ("registry.np", "mjs.org"),
        ("registry.ya", "rnpkg.com"),
        ("pypi", ".org"),
        ("pythonho", "sted.org"),
        ("crates", ".io"),
        ("deb.deb", "ian.org"),
        ("proxy.gol", "ang.org"),
        ("/work/", "main"),
        ("/work/", "shared"),
        ("/work/", "."),
        ("/tmp/", "wt/"),
        ("/tmp/", "peers"),
        ("/tmp/", "trees"),
        ("/root", "/"),
    ];
    let patterns: Vec<String> = halves.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path != "Cargo.lock") {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(trace) = patterns.iter().find(|trace| line.contains(trace.as_str())) {
                faults.push(format!(
                    "{}:{}: names {trace}; say it without a registry's host and without a path of one machine",
                    file.path,
                    number + 1
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{LOCKED_PACKAGES, Text, dependencies, documents, traces};

    #[test]
    fn a_dependency_without_a_reason_is_a_fault() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\na = \"1\" # reads the alphabet\nb = \"2\"\n\
                        [target.'cfg(unix)'.dev-dependencies]\nc = \"3\" # x\n[profile.dev]\ndebug = 1\n";
        let faults = dependencies(manifest, "");
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(
            faults[0].starts_with("Cargo.toml:5: ") && faults[1].starts_with("Cargo.toml:7: "),
            "{faults:#?}"
        );
    }

    #[test]
    fn a_long_lock_file_is_a_fault() {
        let lock = "[[package]]\n".repeat(LOCKED_PACKAGES);
        assert_eq!(dependencies("", &lock), [""; 0]);
        let told = dependencies("", &format!("{lock}[[package]]\n"));
        assert!(told[0].starts_with(&format!("Cargo.lock:1: {} packages", LOCKED_PACKAGES + 1)));
    }

    #[test]
    fn a_document_that_names_a_missing_file_is_a_fault() {
        let text = "see `src/a.rs`, src/{a,lost}.rs and (tests/gone/).\n[x](hooks/lost) ../src/other other/src/x.rs\n\
                    rules/secrets/<provider>.toml\n```console\nsrc/of/another.py:3\n```\nsrc/.\n";
        let file = |path: &str| Text { path: path.to_owned(), text: text.to_owned() };
        let faults = documents(&[file("README.md"), file("CHANGELOG.md"), file("a.rs")], &|path| {
            ["src", "src/a.rs"].contains(&path)
        });
        let expected = ["README.md:1: src/lost.rs", "README.md:1: tests/gone", "README.md:2: hooks/lost"];
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        assert!(faults.iter().zip(expected).all(|(fault, start)| fault.starts_with(start)), "{faults:#?}");
    }

    #[test]
    fn a_trace_of_a_registry_or_a_machine_is_a_fault() {
        let text = format!("one\nsee {}{}/x\n{}{}/y", "crates", ".io", "/work/", "shared");
        let faults = traces(&[
            Text { path: "a.md".into(), text: text.clone() },
            Text { path: "Cargo.lock".into(), text },
        ]);
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(faults[0].starts_with("a.md:2: ") && faults[1].starts_with("a.md:3: "), "{faults:#?}");
    }
}
