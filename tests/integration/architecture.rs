//! The architecture test: the rules of ARCHITECTURE.md and CONTRIBUTING.md, held against every file of the repository.
//!
//! Each rule is a function from texts to faults, with tests of its own that show that it can fail.

mod files;
mod imports;
mod project;
mod rust_text;

use std::collections::BTreeSet;
use std::path::Path;

use rust_text::Code;

/// A file of the repository.
struct Text {
    /// From the root, with forward slashes.
    path: String,
    text: String,
}

/// Every text file that git would track under a folder of the repository.
fn repository(folder: &str, ends: &str) -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let walk = ignore::WalkBuilder::new(root.join(folder))
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_path(Path::cmp)
        .build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        if !entry.file_type().is_some_and(|kind| kind.is_file()) || !path.ends_with(ends) {
            continue;
        }
        // What is not text has no lines to judge.
        if let Ok(text) = String::from_utf8(std::fs::read(entry.path()).unwrap()) {
            found.push(Text { path, text });
        }
    }
    assert!(!found.is_empty(), "no file ends with {ends:?} in {folder:?}");
    found
}

/// The code that users run: everything under src but test modules.
fn program() -> Vec<Code> {
    let files = repository("src", ".rs");
    let parent = |path: &str| {
        let parent = path.rsplit_once('/').map(|(folder, _)| format!("{folder}.rs"));
        files.iter().find(|file| Some(&file.path) == parent.as_ref()).map_or("", |file| &file.text)
    };
    let is_tests = |file: &&Text| rust_text::is_test_module(&file.path, parent(&file.path));
    files.iter().filter(|file| !is_tests(file)).map(|file| Code::new(&file.path, &file.text)).collect()
}

/// All Rust files under a folder, tests too.
fn sources(folder: &str) -> Vec<Code> {
    repository(folder, ".rs").iter().map(|file| Code::new(&file.path, &file.text)).collect()
}

fn project_file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn imports_point_downward() {
    let layers = imports::Layers::read(&project_file("ARCHITECTURE.md"));
    assert_none(&layers.circles());
    assert_none(&imports::upward(&program(), &layers));
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    assert_none(&imports::cycles(&program()));
}

#[test]
fn each_heavy_crate_has_one_owner() {
    assert_none(&imports::owners(&program()));
}

#[test]
fn the_library_does_not_print_exit_or_look_around() {
    assert_none(&imports::quiet_library(&program()));
}

#[test]
fn a_format_is_known_to_the_reports_only() {
    assert_none(&imports::formats(&program(), &kbsec::report::Format::ALL.map(kbsec::report::Format::name)));
}

#[test]
fn files_and_functions_are_short() {
    assert_none(&files::lengths(&program()));
}

#[test]
fn names_say_something() {
    assert_none(&files::names(&sources("src")));
}

#[test]
fn every_file_says_what_it_is() {
    assert_none(&files::openings(&sources("src")));
    assert_none(&files::openings(&sources("tests/integration")));
}

#[test]
fn every_file_is_compiled() {
    assert_none(&files::undeclared(&repository("src", ".rs"), &["src/lib.rs", "src/main.rs"]));
    assert_none(&files::undeclared(&repository("tests/integration", ".rs"), &["tests/integration/main.rs"]));
}

#[test]
fn every_rule_file_is_in_the_program() {
    let rules = kbsec::rule::RuleSet::built_in().unwrap();
    let providers: BTreeSet<String> = rules.iter().map(|rule| rule.provider.clone()).collect();
    assert_none(&files::unloaded(&repository("rules/secrets", ".toml"), &providers));
}

#[test]
fn a_check_of_plugins_is_its_file_and_two_lines() {
    assert_none(&files::entangled(&repository("src", ".rs")));
}

#[test]
fn every_dependency_has_a_reason_and_they_are_few() {
    let read =
        |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    assert_none(&project::dependencies(&read("Cargo.toml"), &read("Cargo.lock")));
}

#[test]
fn documents_name_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_none(&project::documents(&repository("", ""), &|path| root.join(path).exists()));
}

#[test]
fn nothing_tells_where_the_project_was_made() {
    assert_none(&project::traces(&repository("", "")));
}
