//! Evidence of an incident: what a restart would destroy, read and masked. What is not there is no piece at all.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use kbsec::playbook::Piece;

use super::machine::Machine;
use super::processes;

/// Bytes of the end of a log that are kept.
const LONGEST: u64 = 32 << 20;
/// Where the platform writes its logs.
pub(crate) const LOG_FOLDERS: [&str; 2] = [".kb/logs/tmp", ".kb/logs"];

/// Collects one kind.
pub(crate) fn collect(machine: &Machine<'_>, kind: &str) -> Vec<Piece> {
    match kind {
        "logs" => logs(machine).iter().map(|path| file(machine, "log", path)).collect(),
        "config" => named(machine, "configuration", &CONFIGURATION),
        "lock" => named(machine, "lock file", &[".kb/marketplace.lock"]),
        "processes" => vec![machine.piece("processes", "/proc", processes::table().as_bytes())],
        "ports" => vec![machine.piece("listening ports", "/proc/net/tcp", processes::ports().as_bytes())],
        "status" => commands(machine, &[&["kb-dev", "status", "--json"], &["kb-dev", "doctor", "--json"]]),
        "journal" => {
            commands(machine, &[&["journalctl", "-u", "kb-*", "-n", "2000", "--no-pager", "-o", "short-iso"]])
        }
        "system" => system(machine),
        "databases" => vec![machine.piece("databases", ".kb", databases(machine).as_bytes())],
        "repository" if !machine.path(".git").exists() => Vec::new(),
        "repository" => commands(
            machine,
            &[&["git", "log", "-20", "--format=%h %aI %s"], &["git", "status", "--short", "--branch"]],
        ),
        _ => vec![missing(kind, "nothing knows how to collect it")],
    }
}

const CONFIGURATION: [&str; 7] = [
    ".kb/kb.config.jsonc",
    ".kb/kb.config.json",
    "kb.config.jsonc",
    "kb.config.json",
    ".kb/devservices.yaml",
    ".kb/devservices.dev.yaml",
    ".kb/plugins.json",
];

/// The logs of the platform, and those that the user named.
pub(crate) fn logs(machine: &Machine<'_>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let folders = LOG_FOLDERS.iter().map(|name| machine.path(name)).chain(machine.places.iter().cloned());
    for folder in folders {
        if folder.is_file() {
            found.push(folder);
            continue;
        }
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(entries.filter(|path| path.is_file() && is_log(path)));
    }
    found.sort();
    found.dedup();
    found
}

fn is_log(path: &Path) -> bool {
    let known = ["log", "jsonl", "ndjson", "txt"];
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| known.contains(&extension))
}

fn named(machine: &Machine<'_>, name: &str, paths: &[&str]) -> Vec<Piece> {
    let there = paths.iter().map(|path| machine.path(path)).filter(|path| path.exists());
    there.map(|path| file(machine, name, &path)).collect()
}

/// The end of a file, from the beginning of a line.
pub(crate) fn file(machine: &Machine<'_>, name: &str, path: &Path) -> Piece {
    let shown = machine.shown(path);
    let title = format!("{name} {shown}");
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let modified = file.metadata()?.modified().ok();
        let cut = length.saturating_sub(LONGEST);
        file.seek(SeekFrom::Start(cut))?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes)?;
        if cut > 0 {
            let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            bytes.drain(..start);
        }
        Ok::<_, std::io::Error>((bytes, modified, cut))
    };
    match read() {
        Ok((bytes, modified, cut)) => {
            let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let problem =
                if cut > 0 { format!("only its last {} MiB", LONGEST >> 20) } else { String::new() };
            Piece {
                modified: since.map(|since| since.as_secs()),
                problem,
                ..machine.piece(&title, &shown, &bytes)
            }
        }
        Err(error) => missing(&title, &error.to_string()),
    }
}

pub(crate) fn missing(name: &str, problem: &str) -> Piece {
    Piece { name: name.to_owned(), source: name.to_owned(), problem: problem.to_owned(), ..Piece::default() }
}

/// What commands say, on both streams. A program that is not installed says nothing.
fn commands(machine: &Machine<'_>, commands: &[&[&str]]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for command in commands {
        let command: Vec<String> = command.iter().map(|part| (*part).to_owned()).collect();
        let path = &machine.context.environment.responder.path;
        if command.first().is_none_or(|program| super::child::locate(program, path).is_none()) {
            continue;
        }
        let said = machine.child(&command);
        let name = command.join(" ");
        let mut text = said.stdout;
        if !said.stderr.is_empty() {
            text.extend_from_slice(b"\n--- standard error\n");
            text.extend_from_slice(&said.stderr);
        }
        let problem = match said.code {
            Some(0) => String::new(),
            Some(code) => format!("it ended with {code}"),
            None => said.error,
        };
        pieces.push(Piece { problem, ..machine.piece(&name, &name, &text) });
    }
    pieces
}

fn system(machine: &Machine<'_>) -> Vec<Piece> {
    let mut text = String::new();
    for path in ["/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/pressure/memory"] {
        if let Ok(content) = fs::read_to_string(path) {
            let _ = writeln!(text, "== {path}\n{content}");
        }
    }
    let mut pieces = vec![machine.piece("system", "/proc", text.as_bytes())];
    pieces.extend(commands(machine, &[&["df", "-hT"], &["df", "-i"]]));
    pieces
}

/// The databases below `.kb`, with size and date.
fn databases(machine: &Machine<'_>) -> String {
    let mut text = String::new();
    let walk =
        ignore::WalkBuilder::new(machine.path(".kb")).standard_filters(false).max_depth(Some(5)).build();
    for entry in walk.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_database =
            [".sqlite", ".db", ".sqlite-wal", ".sqlite-shm"].iter().any(|end| name.ends_with(end));
        let Some(meta) = entry.metadata().ok().filter(|meta| is_database && meta.is_file()) else { continue };
        let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let time = since.and_then(|since| kbsec::date::second(since.as_secs())).unwrap_or_default();
        let _ = writeln!(text, "{}  {} bytes  {time}", machine.shown(entry.path()), meta.len());
    }
    text
}
