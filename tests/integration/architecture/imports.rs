//! The import rules: which module may know which, no cycles, and one owner for each heavy crate.

use std::collections::{BTreeMap, BTreeSet};

use super::rust_text::{Code, PathUse, paths};

/// The modules that each top-level module of the library may import.
pub(super) struct Layers(BTreeMap<String, BTreeSet<String>>);

impl Layers {
    /// Reads the table of layers in ARCHITECTURE.md: `| 3 engines | `detect` | rule, chunk |`, lowest layer last.
    pub(super) fn read(document: &str) -> Self {
        let mut layers = BTreeMap::new();
        for line in document.lines() {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [layer, modules, allowed] = cells[..] else { continue };
            if !layer.starts_with(|first: char| first.is_ascii_digit()) {
                continue;
            }
            let allowed: BTreeSet<_> = allowed.split(", ").map(str::to_owned).collect();
            for module in modules.split(", ") {
                layers.insert(module.trim_matches('`').to_owned(), allowed.clone());
            }
        }
        Self(layers)
    }

    /// What is wrong with the table itself: modules that may import each other.
    pub(super) fn circles(&self) -> Vec<String> {
        let row = |(name, allowed): (&String, &BTreeSet<String>)| {
            let others = allowed.iter().filter(|target| *target != name && self.0.contains_key(*target));
            (name.clone(), others.map(|target| (target.clone(), "table".to_owned())).collect())
        };
        let graph: Graph = self.0.iter().map(row).collect();
        let found = circle(&graph)
            .map(|found| format!("ARCHITECTURE.md: the table has a circle: {}", found.join(" -> ")));
        found.into_iter().collect()
    }
}

/// The crates that one module owns, so that they can be replaced by changing that module.
const OWNERS: &[(&str, &[&str])] = &[
    ("git2", &["src/git", "src/rewrite"]),
    ("libdeflater", &["src/git"]),
    ("serde_sarif", &["src/report/sarif"]),
    ("rusqlite", &["src/sqlite", "src/source/database"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("indicatif", &["src/cli"]),
];

/// What only the command line may do.
const FOR_THE_PROGRAM: &[&str] = &[
    "std::env",
    "std::process::exit",
    "std::process::abort",
    "std::time::SystemTime::now",
    "SystemTime::now",
    "std::io::stdout",
    "std::io::stderr",
    "std::io::stdin",
];

/// Functions that stand under a forbidden name and only compute.
const HARMLESS: &[&str] = &["std::env::join_paths", "std::env::split_paths"];

/// Imports that the table does not allow.
pub(super) fn upward(files: &[Code], layers: &Layers) -> Vec<String> {
    let tree = ModuleTree::new(files);
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !is_program(&file.path)) {
        let Some(module) = file.module.first() else { continue };
        let Some(allowed) = layers.0.get(module) else {
            faults.push(format!(
                "{}:1: module {module} has no layer; add it to the table in ARCHITECTURE.md",
                file.path
            ));
            continue;
        };
        for path in paths(&file.text) {
            let Some(target) = tree.absolute(&file.module, &path).and_then(|found| found.first().cloned())
            else {
                continue;
            };
            let known = tree.modules.contains(std::slice::from_ref(&target));
            if known && target != *module && !allowed.contains(&target) {
                faults.push(format!(
                    "{}: {module} must not import {target}; move what both need down, or pass it in from above",
                    file.at(path.offset)
                ));
            }
        }
    }
    faults
}

/// Modules of one folder (or of the crate) that import each other in a circle. A module and its own submodules are one
/// unit: the parent is the face, so imports between the two do not count, but names that a parent passes on do.
pub(super) fn cycles(files: &[Code]) -> Vec<String> {
    let tree = ModuleTree::new(files);
    let mut graphs: BTreeMap<Vec<String>, Graph> = BTreeMap::new();
    for file in files {
        for path in paths(&file.text) {
            let Some(target) = tree.absolute(&file.module, &path).map(|found| tree.file_of(&found)) else {
                continue;
            };
            let shared = file.module.iter().zip(&target).take_while(|(a, b)| a == b).count();
            if shared == file.module.len() || shared == target.len() {
                continue;
            }
            let graph = graphs.entry(file.module[..shared].to_vec()).or_default();
            let targets = graph.entry(file.module[shared].clone()).or_default();
            targets.entry(target[shared].clone()).or_insert_with(|| file.at(path.offset));
        }
    }
    graphs
        .iter()
        .filter_map(|(folder, graph)| circle(graph).map(|found| told(folder, graph, &found)))
        .collect()
}

/// Module → module that it imports → where.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

fn told(folder: &[String], graph: &Graph, circle: &[String]) -> String {
    let steps = circle.windows(2).map(|step| format!("{} ({})", step[1], graph[&step[0]][&step[1]]));
    let steps: Vec<_> = std::iter::once(circle[0].clone()).chain(steps).collect();
    let folder = if folder.is_empty() { "crate".to_owned() } else { folder.join("::") };
    format!(
        "{folder}: imports in a circle: {}; move what they share into a module below both",
        steps.join(" -> ")
    )
}

/// A way from a module back to itself.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    fn walk(graph: &Graph, trail: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        let here = trail[trail.len() - 1].clone();
        for next in graph.get(&here).into_iter().flat_map(BTreeMap::keys) {
            if let Some(start) = trail.iter().position(|name| name == next) {
                trail.drain(..start);
                trail.push(next.clone());
                return true;
            }
            if done.contains(next) {
                continue;
            }
            trail.push(next.clone());
            if walk(graph, trail, done) {
                return true;
            }
        }
        done.insert(here);
        trail.pop();
        false
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| {
        let mut trail = vec![start.clone()];
        (!done.contains(start) && walk(graph, &mut trail, &mut done)).then_some(trail)
    })
}

/// Heavy crates used outside the module that owns them.
pub(super) fn owners(files: &[Code]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for path in paths(&file.text) {
            let Some((name, owners)) = OWNERS.iter().find(|(name, _)| path.segments[0] == *name) else {
                continue;
            };
            if !owners.iter().any(|owner| file.path.starts_with(owner)) {
                faults.push(format!(
                    "{}: {name} belongs to {}; use the types of that module",
                    file.at(path.offset),
                    owners.join(" and ")
                ));
            }
        }
    }
    faults
}

/// Places outside of `src/report` that know one format of reports from another; there, a new format would cost more
/// than its own file, its variant and its expected output.
pub(super) fn formats(files: &[Code], names: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.path.starts_with("src/report")) {
        for path in paths(&file.text) {
            let [.., owner, variant] = &path.segments[..] else { continue };
            if owner == "Format" && names.contains(&variant.to_lowercase().as_str()) {
                faults.push(format!(
                    "{}: knows the format {variant}; let src/report decide by a method of Format",
                    file.at(path.offset)
                ));
            }
        }
    }
    faults
}

/// Places where the library prints, exits, or reads the environment or the clock.
pub(super) fn quiet_library(files: &[Code]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !is_program(&file.path)) {
        let mut fault = |offset, what: &str| {
            faults.push(format!(
                "{}: the library uses {what}; let src/cli do it and pass the outcome in",
                file.at(offset)
            ));
        };
        for path in paths(&file.text) {
            let written = path.segments.join("::");
            for forbidden in FOR_THE_PROGRAM {
                if HARMLESS.contains(&written.as_str()) {
                    continue;
                }
                if written == *forbidden || written.starts_with(&format!("{forbidden}::")) {
                    fault(path.offset, forbidden);
                }
            }
        }
        for name in ["print!", "println!", "eprint!", "eprintln!", "dbg!"] {
            for (offset, _) in file.text.match_indices(name) {
                if !file.text[..offset].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                    fault(offset, name);
                }
            }
        }
    }
    faults
}

/// Whether a file belongs to the binary.
fn is_program(path: &str) -> bool {
    path == "src/main.rs" || path == "src/cli.rs" || path.starts_with("src/cli/")
}

/// All modules, and the names that each brings in from others.
struct ModuleTree {
    modules: BTreeSet<Vec<String>>,
    brought: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
}

impl ModuleTree {
    fn new(files: &[Code]) -> Self {
        let mut tree = Self {
            modules: files.iter().map(|file| file.module.clone()).collect(),
            brought: BTreeMap::new(),
        };
        for file in files {
            let names = paths(&file.text).into_iter().filter(|path| path.imported).filter_map(|path| {
                Some((path.segments.last()?.clone(), tree.absolute(&file.module, &path)?))
            });
            let names = names.collect();
            tree.brought.insert(file.module.clone(), names);
        }
        tree
    }

    /// The path from the crate's root; `None` for what belongs to other crates or is local.
    fn absolute(&self, module: &[String], path: &PathUse) -> Option<Vec<String>> {
        let ups = path.segments.iter().take_while(|segment| *segment == "super").count();
        let (base, rest) = match path.segments[0].as_str() {
            "crate" | "kbsec" => (&module[..0], &path.segments[1..]),
            "self" => (module, &path.segments[1..]),
            "super" => (module.get(..module.len().checked_sub(ups)?)?, &path.segments[ups..]),
            first => {
                let child = [module, &[first.to_owned()]].concat();
                if !self.modules.contains(&child) {
                    return None;
                }
                (module, &path.segments[..])
            }
        };
        Some([base, rest].concat())
    }

    /// The module whose file a path leads to, through names that modules on the way pass on.
    fn file_of(&self, path: &[String]) -> Vec<String> {
        let mut path = path.to_vec();
        // A name passed on more often than this is a circle of its own.
        for _ in 0..8 {
            let depth =
                (0..=path.len()).rev().find(|depth| self.modules.contains(&path[..*depth])).unwrap_or(0);
            let passed_on = path.get(depth).and_then(|name| self.brought.get(&path[..depth])?.get(name));
            match passed_on {
                Some(target) if target[..] != path[..=depth] => path = [target, &path[depth + 1..]].concat(),
                _ => return path[..depth].to_vec(),
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Layers, cycles, formats, owners, quiet_library, upward};

    fn files(list: &[(&str, &str)]) -> Vec<Code> {
        list.iter().map(|(path, text)| Code::new(path, text)).collect()
    }

    const TABLE: &str = "| layer | modules | may import |\n|---|---|---|\n| 3 engines | `detect` | finding, span |\n\
                         | 2 edges | `report`, `rule` | finding, span |\n| 1 model | `finding` | span |\n\
                         | 0 leaves | `span` | nothing of ours |\n";

    #[test]
    fn the_table_must_not_have_a_circle() {
        assert_eq!(Layers::read(TABLE).circles(), [""; 0]);
        let circular = TABLE.replace("nothing of ours", "report");
        let faults = Layers::read(&circular).circles();
        assert!(
            faults.len() == 1 && faults[0].contains("finding -> span -> report -> finding"),
            "{faults:#?}"
        );
    }

    #[test]
    fn an_import_upward_is_a_fault() {
        let list = files(&[
            ("src/lib.rs", "pub mod span; pub mod finding; pub mod report; pub mod detect;"),
            ("src/span.rs", "fn f() {\n crate::finding::Finding::new() }"),
            ("src/finding.rs", "use crate::span::ByteSpan;"),
            ("src/detect.rs", ""),
            ("src/report.rs", "pub mod text;"),
            ("src/report/text.rs", "use super::super::{finding::Finding, detect};"),
        ]);
        let faults = upward(&list, &Layers::read(TABLE));
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(faults[0].starts_with("src/span.rs:2: span must not import finding; "), "{faults:#?}");
        assert!(
            faults[1].starts_with("src/report/text.rs:1: report must not import detect; "),
            "{faults:#?}"
        );
    }

    #[test]
    fn a_module_without_a_layer_is_a_fault_and_tests_may_import_everything() {
        let list = files(&[
            ("src/magic.rs", ""),
            ("src/finding.rs", ""),
            ("src/span.rs", "#[cfg(test)]\nmod tests {\n use crate::finding::Finding;\n}"),
        ]);
        let faults = upward(&list, &Layers::read(TABLE));
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(faults[0].starts_with("src/magic.rs:1: module magic has no layer"));
    }

    #[test]
    fn siblings_in_a_circle_are_a_fault() {
        let list = files(&[
            ("src/detect.rs", "mod token; mod words; pub use words::Word;"),
            ("src/detect/token.rs", "use super::Word;"),
            ("src/detect/words.rs", "use crate::detect::token::Token;"),
        ]);
        let faults = cycles(&list);
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(
            faults[0].starts_with(
                "detect: imports in a circle: token -> words (src/detect/token.rs:1) -> token ("
            )
        );
    }

    #[test]
    fn modules_of_the_crate_in_a_circle_are_a_fault() {
        let list = files(&[
            ("src/a.rs", "mod deep;"),
            ("src/a/deep.rs", "use crate::b;"),
            ("src/b.rs", "use crate::c::C;"),
            ("src/c.rs", "fn f() { crate::a::g() }"),
        ]);
        let faults = cycles(&list);
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(
            faults[0].contains("a -> b (src/a/deep.rs:1) -> c (src/b.rs:1) -> a (src/c.rs:1)"),
            "{faults:#?}"
        );
    }

    #[test]
    fn a_parent_and_its_children_may_know_each_other() {
        let list = files(&[
            ("src/detect.rs", "mod token; mod words; pub struct Hit; fn f() { token::find() }"),
            ("src/detect/token.rs", "use super::{Hit, words::Word};"),
            ("src/detect/words.rs", "use super::Hit;"),
        ]);
        assert_eq!(cycles(&list), [""; 0]);
    }

    #[test]
    fn a_heavy_crate_outside_its_owner_is_a_fault() {
        let list = files(&[
            ("src/git/index.rs", "use git2::Repository;"),
            ("src/source/staged.rs", "fn f(r: &git2::Repository) {}"),
            ("src/report/text.rs", "use clap;"),
        ]);
        let faults = owners(&list);
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(faults[0].starts_with("src/source/staged.rs:1: git2 belongs to src/git and src/rewrite"));
        assert!(faults[1].starts_with("src/report/text.rs:1: clap belongs to"));
    }

    #[test]
    fn a_format_known_outside_of_the_reports_is_a_fault() {
        let text = "fn f() { report::Format::Sarif; Format::ALL; Format::parse(a) }";
        let faults =
            formats(&files(&[("src/cli/scan.rs", text), ("src/report.rs", text)]), &["text", "sarif"]);
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(faults[0].starts_with("src/cli/scan.rs:1: knows the format Sarif"), "{faults:#?}");
    }

    #[test]
    fn a_library_that_prints_or_looks_around_is_a_fault() {
        let text = "use std::{env, fs};\nfn f() {\n println!();\n SystemTime::now();\n std::process::exit(1)\n}\n\
                    // println!\nfn g() { writeln!(out, \"println!\"); my_print!() }";
        let faults = quiet_library(&files(&[("src/scan.rs", text), ("src/cli/scan.rs", text)]));
        let lines: Vec<_> = faults.iter().map(|fault| fault.split(": ").next().unwrap_or("")).collect();
        assert_eq!(
            lines,
            ["src/scan.rs:1", "src/scan.rs:4", "src/scan.rs:5", "src/scan.rs:3"],
            "{faults:#?}"
        );
    }
}
