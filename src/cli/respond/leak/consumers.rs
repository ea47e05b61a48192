//! The consumers of a secret: files that have its value or its name, and processes that hold it.

use std::fs;
use std::path::{Path, PathBuf};

use kbsec::playbook::{Applied, Facts, Verdict};

use super::super::deed::{fail, pass, warn};
use super::super::leaked::Leak;
use super::super::machine::Machine;
use super::super::processes;

/// Bytes of a settings file.
const LARGEST: u64 = 1 << 20;
/// Folders in which nobody keeps settings.
const PASSED_OVER: [&str; 6] = [".git", "node_modules", "target", "dist", "logs", "database"];
/// Endings of files that carry settings.
const ENDINGS: [&str; 13] = [
    "env",
    "yml",
    "yaml",
    "json",
    "jsonc",
    "toml",
    "service",
    "conf",
    "cfg",
    "ini",
    "properties",
    "sh",
    "tfvars",
];
/// Names of files that carry settings.
const NAMES: [&str; 5] = [".npmrc", ".envrc", "Dockerfile", ".netrc", "Makefile"];
/// Lines that are shown of each kind.
const SHOWN: usize = 12;

/// A place where the value stands.
pub(super) struct Stale {
    pub(super) path: PathBuf,
    /// From 1.
    pub(super) line: usize,
}

/// The files of the project and of the system that carry settings.
pub(super) fn settings(machine: &Machine<'_>) -> Vec<PathBuf> {
    let walk = ignore::WalkBuilder::new(&machine.root)
        .standard_filters(false)
        .max_depth(Some(8))
        .filter_entry(|entry| !PASSED_OVER.iter().any(|name| entry.file_name() == *name))
        .build();
    let mut found: Vec<PathBuf> =
        walk.flatten().map(ignore::DirEntry::into_path).filter(|path| is_settings(path)).collect();
    let home = machine.context.environment.home.clone().unwrap_or_default();
    for folder in [
        PathBuf::from("/etc/systemd/system"),
        home.join(".config/systemd/user"),
        PathBuf::from("/etc/kb-labs"),
    ] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(entries.filter(|path| is_settings(path)));
    }
    found.extend([home.join(".npmrc"), home.join(".kb/agent.json"), home.join(".kb/credentials.json")]);
    found.retain(|path| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST));
    found.sort();
    found.dedup();
    found
}

fn is_settings(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    name.starts_with(".env") || NAMES.contains(&&*name) || ENDINGS.contains(&&*ending)
}

/// Where settings have the value.
pub(super) fn stale(machine: &Machine<'_>, leak: &Leak) -> Vec<Stale> {
    let mut found = Vec::new();
    for path in settings(machine) {
        let Ok(bytes) = fs::read(&path) else { continue };
        let mut lines: Vec<usize> =
            leak.needle.search(&bytes).iter().map(|hit| line_of(&bytes, hit.start())).collect();
        lines.dedup();
        found.extend(lines.into_iter().map(|line| Stale { path: path.clone(), line }));
    }
    found
}

/// The number of a line, from 1.
fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// Finds files and processes.
pub(super) fn find(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let stale = stale(machine, leak);
    let mut lines: Vec<String> = stale
        .iter()
        .take(SHOWN)
        .map(|place| format!("old key: {}:{}", machine.shown(&place.path), place.line))
        .collect();
    let names: &[String] = leak.rule.as_ref().map_or(&[], |rule| &rule.env);
    let by_name = by_name(machine, names);
    lines.extend(by_name.iter().take(SHOWN).map(|place| format!("by name: {place}")));
    let seen = holders(leak);
    lines.extend(seen.holding.iter().take(SHOWN).map(|process| format!("running: {process}")));
    lines.push(format!(
        "{} places with the old key, {} that name its variable, {} processes that hold it ({} could not be read)",
        stale.len(),
        by_name.len(),
        seen.holding.len(),
        seen.hidden
    ));
    let facts = Facts::from([
        ("stale".into(), stale.len().to_string()),
        ("holding".into(), seen.holding.join(", ")),
        ("consumers".into(), (stale.len() + by_name.len() + seen.holding.len()).to_string()),
    ]);
    let evidence = vec![machine.piece(
        "consumers of the old key",
        "settings and processes",
        lines.join("\n").as_bytes(),
    )];
    Applied { lines, facts, evidence, ..Applied::default() }
}

/// Where settings name the variable without its value.
fn by_name(machine: &Machine<'_>, names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for path in settings(machine) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let refers = |name: &String| {
                [format!("${{{name}}}"), format!("secrets.{name}"), format!("${name}")]
                    .iter()
                    .any(|form| line.contains(form.as_str()))
            };
            if names.iter().any(refers) {
                found.push(format!("{}:{}", machine.shown(&path), number + 1));
            }
        }
    }
    found
}

/// Who holds the value.
struct Holders {
    holding: Vec<String>,
    read: usize,
    /// Processes whose environment may not be read.
    hidden: usize,
}

fn holders(leak: &Leak) -> Holders {
    let mut seen = Holders { holding: Vec::new(), read: 0, hidden: 0 };
    for process in processes::all() {
        match processes::environment(process.pid) {
            Some(environment) => {
                seen.read += 1;
                if !leak.needle.search(&environment).is_empty() && process.pid != std::process::id() {
                    seen.holding.push(format!("{} (pid {})", process.name, process.pid));
                }
            }
            None => seen.hidden += 1,
        }
    }
    seen
}

/// Whether no process holds the value any more.
pub(super) fn processes(leak: &Leak) -> Verdict {
    let seen = holders(leak);
    let account = format!("{} processes read, {} could not be", seen.read, seen.hidden);
    match (seen.holding.is_empty(), seen.hidden) {
        (false, _) => fail(
            format!("the old key is in the environment of {}; {account}", seen.holding.join(", ")),
            "restart them; a shell that holds it has to be closed",
        ),
        (true, 0) => pass(format!("no process holds the old key; {account}")),
        (true, _) => {
            warn(format!("no process that can be read holds the old key; {account}"), "look again as root")
        }
    }
}
