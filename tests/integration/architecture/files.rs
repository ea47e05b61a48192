//! The file rules: length, names, first lines, and nothing that is written but never built or read.

use std::collections::BTreeSet;

use super::Text;
use super::rust_text::{Code, blank, functions};

/// Lines of a file, without its tests, that can be read in one sitting.
const FILE_LINES: usize = 500;
/// Lines of code of a function that is one thought.
const FUNCTION_LINES: usize = 60;
/// Lines of main.rs: parse, run, exit code.
const MAIN_LINES: usize = 40;

/// Functions that may be longer, as `path`, `name` and the reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "mod"];

/// Files and functions that are too long.
pub(super) fn lengths(files: &[Code]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let most = if file.path == "src/main.rs" { MAIN_LINES } else { FILE_LINES };
        if file.lines > most {
            faults.push(format!(
                "{}:1: {} lines without tests, {most} at most; split it by noun",
                file.path, file.lines
            ));
        }
        for function in functions(&file.text) {
            let excused =
                LONG_FUNCTIONS.iter().any(|(path, name, _)| *path == file.path && *name == function.name);
            if function.lines > FUNCTION_LINES && !excused {
                faults.push(format!(
                    "{}: {} has {} lines of code, {FUNCTION_LINES} at most; give its steps names",
                    file.at(function.offset),
                    function.name,
                    function.lines
                ));
            }
        }
    }
    faults
}

/// Files whose name says nothing.
pub(super) fn names(files: &[Code]) -> Vec<String> {
    let empty =
        files.iter().filter(|file| file.module.iter().any(|part| EMPTY_NAMES.contains(&part.as_str())));
    empty
        .map(|file| format!("{}:1: the name says nothing; name the file after its noun", file.path))
        .collect()
}

/// Files that do not open with a sentence that says what they are.
pub(super) fn openings(files: &[Code]) -> Vec<String> {
    let sentence = |line: &str| line.strip_prefix("//! ").is_some_and(|text| text.len() > 10);
    let silent = files.iter().filter(|file| !file.original.lines().next().is_some_and(sentence));
    silent
        .map(|file| format!("{}:1: begin with `//!` and a sentence that says what this is", file.path))
        .collect()
}

/// Rust files that no `mod` line declares, so that they are never compiled. `roots` are the files at which crates begin.
pub(super) fn undeclared(files: &[Text], roots: &[&str]) -> Vec<String> {
    let mut declared = BTreeSet::new();
    for file in files {
        let folder = match roots.contains(&file.path.as_str()) {
            true => file.path.rsplit_once('/').map_or("", |(folder, _)| folder),
            false => file.path.trim_end_matches(".rs"),
        };
        for line in blank(&file.text).split([';', '{', '}', ']', '\n']) {
            if let Some((_, name)) = line.split_once("mod ") {
                declared.insert(format!("{folder}/{}.rs", name.trim()));
            }
        }
    }
    let known = |path: &str| roots.contains(&path) || declared.contains(path);
    files
        .iter()
        .filter(|file| !known(&file.path))
        .map(|file| {
            format!("{}:1: no `mod` line declares it; add one to its parent or delete the file", file.path)
        })
        .collect()
}

/// Rule files from which no rule came into the program; `providers` are those that did.
pub(super) fn unloaded(files: &[Text], providers: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let provider = file.path.rsplit('/').next().unwrap_or("").trim_end_matches(".toml");
        if !providers.contains(provider) {
            faults
                .push(format!("{}:1: no rule of it is in the program; does it have a [[rule]]?", file.path));
        }
    }
    faults
}

/// Checks of plugins that more than their own file and two lines of the list know of: a recipe that has become longer.
pub(super) fn entangled(files: &[Text]) -> Vec<String> {
    const FOLDER: &str = "src/plugin/checks/";
    let mut faults = Vec::new();
    for own in
        files.iter().filter(|file| file.path.starts_with(FOLDER) && file.text.contains("const CHECK: Check"))
    {
        let name = own.path.trim_start_matches(FOLDER).trim_end_matches(".rs");
        let id = own.text.split("id: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or(name);
        let traces = [format!("{name}::CHECK,"), format!("mod {name};")];
        let quoted = format!("\"plugin/{id}\"");
        for file in files.iter().filter(|file| file.path != own.path) {
            // Tests may ask for its findings.
            let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
            let is_trace =
                |line: &&str| traces.iter().any(|trace| line.trim() == trace) || line.contains(&quoted);
            let lines = code.lines().filter(is_trace).count();
            let allowed = if file.path == "src/plugin/checks.rs" { 2 } else { 0 };
            if lines > allowed && file.path.starts_with("src/plugin") {
                faults.push(format!("{}: knows of the check {name} on {lines} lines", file.path));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, text: &str) -> Text {
        Text { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn long_files_and_functions_are_faults() {
        let long = format!("//! Long.\nfn f() {{\n{}}}\n", "g();\n".repeat(FUNCTION_LINES));
        let comments = format!("fn f() {{\n{}}}\n", "// why\n\n".repeat(FUNCTION_LINES));
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(FILE_LINES));
        let files = [
            Code::new("src/a.rs", &long),
            Code::new("src/b.rs", &"\n".repeat(FILE_LINES + 1)),
            Code::new("src/c.rs", &comments),
            Code::new("src/d.rs", &tests),
            Code::new("src/main.rs", &"\n".repeat(MAIN_LINES + 1)),
        ];
        let faults = lengths(&files);
        assert_eq!(faults.len(), 3, "{faults:#?}");
        assert!(faults[0].starts_with("src/a.rs:2: f has 62 lines of code"), "{faults:#?}");
        assert!(faults[1].starts_with("src/b.rs:1: 501 lines"), "{faults:#?}");
        assert!(faults[2].starts_with("src/main.rs:1: 41 lines"), "{faults:#?}");
    }

    #[test]
    fn every_excuse_has_a_reason() {
        assert!(LONG_FUNCTIONS.iter().all(|(_, _, reason)| reason.len() > 20));
    }

    #[test]
    fn empty_names_and_silent_openings_are_faults() {
        let files = [
            Code::new("src/detect/utils.rs", "//! Utilities of the detector.\n"),
            Code::new("src/common/x.rs", "//! Something shared.\n"),
            Code::new("src/rule/mod.rs", "use a;\n//! A late sentence.\n"),
            Code::new("src/commonly.rs", "//! What is common among findings.\n"),
        ];
        let faults = names(&files);
        assert_eq!(faults.len(), 3, "{faults:#?}");
        let faults = openings(&files);
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(faults[0].starts_with("src/rule/mod.rs:1: begin with"));
    }

    #[test]
    fn a_file_that_nothing_declares_is_a_fault() {
        let files = [
            text("src/lib.rs", "pub mod a; #[cfg(test)] mod b;\n// mod c;\n"),
            text("src/a.rs", "mod deep;\nmod tests {\n}\n"),
            text("src/a/deep.rs", ""),
            text("src/a/lost.rs", ""),
            text("src/b.rs", ""),
            text("src/c.rs", ""),
        ];
        let faults = undeclared(&files, &["src/lib.rs"]);
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(faults[0].starts_with("src/a/lost.rs:1: ") && faults[1].starts_with("src/c.rs:1: "));
    }

    #[test]
    fn a_rule_file_that_is_not_loaded_is_a_fault() {
        let files = [text("rules/secrets/a.toml", ""), text("rules/secrets/b.toml", "")];
        let faults = unloaded(&files, &BTreeSet::from(["a".to_owned()]));
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(faults[0].starts_with("rules/secrets/b.toml:1: "));
    }

    #[test]
    fn a_check_that_others_know_of_is_a_fault() {
        let text = |path: &str, text: &str| Text { path: path.to_owned(), text: text.to_owned() };
        let own = text("src/plugin/checks/wide.rs", "const CHECK: Check = Check { id: \"too-wide\" };");
        let list = text("src/plugin/checks.rs", "mod wide;\nstatic ALL: &[&Check] = &[\nwide::CHECK,\n];\n");
        assert!(entangled(&[own, list]).is_empty());
        let own = text("src/plugin/checks/wide.rs", "const CHECK: Check = Check { id: \"too-wide\" };");
        let other = text("src/plugin/audit.rs", "if id == \"plugin/too-wide\" { skip(); }");
        assert_eq!(entangled(&[own, other]).len(), 1);
    }
}
