//! The traces of a plugin: its lines in logs and analytics, and the files that changed while it was active.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use kbsec::date;
use kbsec::playbook::{Applied, Facts};
use regex::Regex;
use serde_json::Value;

use super::super::collect;
use super::super::deed::{failed, told};
use super::super::machine::Machine;

/// Lines of the plugin that are kept as evidence.
const MOST_LINES: usize = 20_000;
/// A clock may be that wrong, and work goes on behind the last line: seconds around the window.
const SLACK: u64 = 60;
/// Files that are shown.
const SHOWN: usize = 12;
/// Folders that change all the time or hold what others wrote.
const PASSED_OVER: [&str; 4] = [".git", "node_modules", "target", "logs"];

/// What is known of the plugin's doings.
#[derive(Debug, Default)]
struct Doings {
    lines: Vec<String>,
    count: usize,
    errors: usize,
    /// Milliseconds since the Unix epoch.
    window: Option<(u64, u64)>,
    hosts: BTreeMap<String, usize>,
    paths: BTreeMap<String, usize>,
    files: usize,
}

/// Collects its lines and says what they tell.
pub(super) fn timeline(machine: &Machine<'_>, facts: &Facts) -> Applied {
    let Some(plugin) = facts.get("plugin") else { return failed("no plugin was named") };
    let Ok(patterns) = Patterns::new() else { return failed("internal error: a pattern is wrong") };
    let mut doings = Doings::default();
    for path in collect::logs(machine).into_iter().chain(analytics(machine)) {
        doings.read(&path, plugin, &patterns);
    }
    let Some((first, last)) = doings.window else {
        return told(vec![
            format!("no line of a log or of analytics names {plugin}"),
            "Logs of services that were restarted since are gone; look at the database table `logs` as well."
                .into(),
        ]);
    };
    let second = |ms: u64| date::second(ms / 1000).unwrap_or_default();
    let mut lines = vec![
        format!("{} lines in {} files, {} of them errors", doings.count, doings.files, doings.errors),
        format!("first {}, last {}", second(first), second(last)),
    ];
    let listed = |counts: &BTreeMap<String, usize>| {
        let mut sorted: Vec<(&String, &usize)> = counts.iter().collect();
        sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        sorted
            .iter()
            .take(SHOWN)
            .map(|(name, count)| format!("{name} ×{count}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !doings.hosts.is_empty() {
        lines.push(format!("hosts: {}", listed(&doings.hosts)));
    }
    if !doings.paths.is_empty() {
        lines.push(format!("paths: {}", listed(&doings.paths)));
    }
    let names = |counts: &BTreeMap<String, usize>| counts.keys().cloned().collect::<Vec<_>>().join(" ");
    let facts = Facts::from([
        ("window-start".into(), (first / 1000).to_string()),
        ("window-end".into(), (last / 1000).to_string()),
        ("hosts".into(), names(&doings.hosts)),
        ("paths".into(), names(&doings.paths)),
        ("detection-delay".into(), format!("it was active from {}", second(first))),
        ("services".into(), "rest, workflow".into()),
    ]);
    let evidence =
        vec![machine.piece("lines of the plugin", "logs and analytics", doings.lines.join("\n").as_bytes())];
    Applied { lines, facts, evidence, ..Applied::default() }
}

/// The files in which analytics are buffered.
fn analytics(machine: &Machine<'_>) -> Vec<PathBuf> {
    let folder = machine.path(".kb/analytics/buffer");
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

struct Patterns {
    host: Regex,
    path: Regex,
}

impl Patterns {
    fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            // With what follows the host, which is no path of this machine.
            host: Regex::new(r#"(?i)\b(?:https?|wss?)://(?:[^/\s@]*@)?([a-z0-9.-]+)[^\s"']*"#)?,
            path: Regex::new(r#"(?:^|["'\s=:])((?:~|\.\.)?/[\w.@+-]+(?:/[\w.@+-]+)+)"#)?,
        })
    }
}

impl Doings {
    fn read(&mut self, path: &Path, plugin: &str, patterns: &Patterns) {
        let Ok(file) = File::open(path) else { return };
        let before = self.count;
        for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line);
            if !text.contains(plugin) {
                continue;
            }
            let Ok(record) = serde_json::from_str::<Value>(&text) else { continue };
            if is_by(&record, plugin) {
                self.take(&text, &record, patterns);
            }
        }
        self.files += usize::from(self.count > before);
    }

    fn take(&mut self, text: &str, record: &Value, patterns: &Patterns) {
        self.count += 1;
        self.errors += usize::from(is_error(record));
        if let Some(time) = time(record) {
            let (first, last) = self.window.unwrap_or((time, time));
            self.window = Some((first.min(time), last.max(time)));
        }
        let mut without = text.to_owned();
        for found in patterns.host.captures_iter(text) {
            if let (Some(whole), Some(host)) = (found.get(0), found.get(1)) {
                *self.hosts.entry(host.as_str().to_lowercase()).or_default() += 1;
                without = without.replace(whole.as_str(), " ");
            }
        }
        for found in patterns.path.captures_iter(&without) {
            if let Some(path) = found.get(1) {
                *self.paths.entry(path.as_str().to_owned()).or_default() += 1;
            }
        }
        if self.lines.len() < MOST_LINES {
            self.lines.push(text.to_owned());
        }
    }
}

/// Whether a record of a log or of analytics is by this plugin.
fn is_by(record: &Value, plugin: &str) -> bool {
    let at = |pointer: &str| record.pointer(pointer).and_then(Value::as_str) == Some(plugin);
    ["/pluginId", "/plugin", "/meta/pluginId", "/fields/pluginId", "/source/product", "/product"]
        .iter()
        .any(|pointer| at(pointer))
}

/// pino has numbers, from 50 on for errors; other loggers have words.
fn is_error(record: &Value) -> bool {
    match record.get("level") {
        Some(Value::Number(level)) => level.as_u64().is_some_and(|level| level >= 50),
        Some(Value::String(level)) => ["error", "fatal"].contains(&level.as_str()),
        _ => false,
    }
}

/// Milliseconds since the Unix epoch.
fn time(record: &Value) -> Option<u64> {
    ["time", "ts", "timestamp"].iter().find_map(|key| match record.get(*key)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => iso(text),
        _ => None,
    })
}

/// `2026-11-25T14:03:00.250Z` in milliseconds since the Unix epoch; other forms are not reckoned.
fn iso(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = (year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day)
        .checked_sub(719_469)?;
    let millis = number(20, 23).filter(|_| text.get(19..20) == Some(".")).unwrap_or(0);
    Some((days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + millis)
}

/// Files that changed while the plugin was active.
pub(super) fn files(machine: &Machine<'_>, facts: &Facts) -> Applied {
    let seconds = |name: &str| facts.get(name).and_then(|value| value.parse::<u64>().ok());
    let (Some(first), Some(last)) = (seconds("window-start"), seconds("window-end")) else {
        return told(vec![
            "It is not known when it was active; look at `git status` and at the dates of files yourself."
                .into(),
        ]);
    };
    let window = first.saturating_sub(SLACK)..=last + SLACK;
    let own = facts.get("plugin").and_then(|plugin| super::lock_file::entry(machine, plugin).ok().flatten());
    let own = own.and_then(|entry| entry.folder).map(|folder| machine.path(folder));
    let mut changed = Vec::new();
    let walk = ignore::WalkBuilder::new(&machine.root)
        .standard_filters(false)
        .filter_entry(|entry| !PASSED_OVER.iter().any(|name| entry.file_name() == *name))
        .build();
    let home = machine.context.environment.home.clone();
    let home = home.iter().flat_map(|home| sensitive(home));
    for path in walk.flatten().map(ignore::DirEntry::into_path).chain(home) {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let Some(time) =
            since.map(|since| since.as_secs()).filter(|time| meta.is_file() && window.contains(time))
        else {
            continue;
        };
        let whose =
            if own.as_ref().is_some_and(|own| path.starts_with(own)) { " (its own folder)" } else { "" };
        changed.push((time, format!("{}{whose}", machine.shown(&path))));
    }
    changed.sort();
    let all: Vec<String> = changed
        .iter()
        .map(|(time, path)| format!("{}  {path}", date::second(*time).unwrap_or_default()))
        .collect();
    let mut lines = vec![match all.len() {
        0 => "no file changed in that time".to_owned(),
        count => format!("{count} files changed in that time; by whom, their dates do not tell"),
    }];
    lines.extend(all.iter().take(SHOWN).cloned());
    let evidence = vec![machine.piece("files that changed", "dates of files", all.join("\n").as_bytes())];
    let facts = Facts::from([("changed-files".into(), all.len().to_string())]);
    Applied { lines, facts, evidence, ..Applied::default() }
}

/// Files of a home folder that an attacker writes to stay, or reads to get on.
fn sensitive(home: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        [".npmrc", ".gitconfig", ".bashrc", ".profile", ".zshrc", ".netrc", ".git-credentials"]
            .iter()
            .map(|name| home.join(name))
            .collect();
    for folder in [".ssh", ".kb", ".config/git", ".aws"] {
        found.extend(
            fs::read_dir(home.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path()),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        assert_eq!(iso("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(iso("2000-02-29T01:01:01.007Z"), Some((951_782_400 + 3_661) * 1000 + 7));
        assert_eq!(
            iso("2026-11-25T14:03:00.250Z").map(|ms| date::second(ms / 1000)),
            Some(Some("2026-11-25T14:03:00Z".into()))
        );
        assert_eq!(iso("yesterday"), None);
    }

    #[test]
    fn hosts_and_paths_of_a_line_are_kept_apart() {
        let patterns = Patterns::new().unwrap();
        let text = r#"{"level":50,"time":1764000000000,"pluginId":"@a/b","url":"https://u:p@Paste.example/x/y","file":"/home/ada/.ssh/config"}"#;
        let mut doings = Doings::default();
        let record = serde_json::from_str(text).unwrap();
        assert!(is_by(&record, "@a/b") && !is_by(&record, "@a/c"));
        doings.take(text, &record, &patterns);
        assert_eq!(doings.hosts.keys().collect::<Vec<_>>(), ["paste.example"]);
        assert_eq!(doings.paths.keys().collect::<Vec<_>>(), ["/home/ada/.ssh/config"]);
        assert_eq!((doings.errors, doings.window), (1, Some((1_764_000_000_000, 1_764_000_000_000))));
    }
}
