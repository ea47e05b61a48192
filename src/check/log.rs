//! Logs of services: files of `kb-dev`, rotated and packed ones, and the journal of systemd, read line by line with
//! bounded memory.
//!
//! The platform writes one JSON object a line, in the form of pino: numeric levels, milliseconds of Unix time, what the
//! logger was bound to at the top level. What a runtime prints when it dies is plain text in between.

mod record;
mod stream;

use std::path::{Path, PathBuf};

pub(super) use record::{Level, Record};

use super::context::Context;
use super::services::Services;
use super::{program, show};

/// What was read, and what was not.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) files: u64,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// Files that could not be read, with the reason.
    pub(super) unreadable: Vec<String>,
    /// Files of which only the end was read.
    pub(super) cut: Vec<String>,
}

impl Account {
    /// Whether there was nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// What was read, as a clause: `in 812 lines of 3 files`.
    pub(super) fn extent(&self) -> String {
        let cut = if self.cut.is_empty() { "" } else { ", their last part only" };
        format!("in {} of {}{cut}", show::count(self.lines, "line"), show::count(self.files, "log"))
    }

    /// Why nothing is known.
    pub(super) fn why_nothing(&self) -> String {
        match self.unreadable.first() {
            Some(why) => format!("no log could be read: {why}"),
            None if self.files > 0 => "the logs are empty: a restart empties them".to_owned(),
            None => "there are no logs in .kb/logs, and none was named with --log".to_owned(),
        }
    }
}

/// Bytes that one check reads, all files together: it has a second.
const BUDGET: u64 = 48 << 20;
/// Files that one check reads.
const MOST_FILES: usize = 200;
/// How deep below `.kb/logs` files are looked for.
const DEEPEST: usize = 4;

/// A log and the service that writes it, as its name says.
struct Source {
    path: PathBuf,
    name: String,
    service: String,
}

/// Reads every log of the installation, the oldest line of each first.
pub(super) fn each(context: &Context, visit: &mut dyn FnMut(&Record)) -> Account {
    each_that(context, &|_| true, visit)
}

/// Whether a line may be a warning or worse: a line of pino begins with its level, and most are below.
pub(super) fn may_be_bad(line: &[u8]) -> bool {
    let level = line.strip_prefix(b"{\"level\":");
    !matches!(level, Some([b'1'..=b'3', b'0', b',', ..]))
}

/// The same, of lines that a quick look at their bytes does not rule out; all are counted. To understand a line takes
/// fifty times longer than to look at it.
pub(super) fn each_that(
    context: &Context,
    may_matter: &dyn Fn(&[u8]) -> bool,
    visit: &mut dyn FnMut(&Record),
) -> Account {
    let mut account = Account::default();
    let sources = sources(context, &mut account);
    let budget = BUDGET / (sources.len() as u64).max(1);
    for source in &sources {
        account.files += 1;
        let origin =
            record::Origin { file: source.name.as_str().into(), service: source.service.as_str().into() };
        let read = stream::lines(&source.path, budget, &mut |number, line| {
            account.lines += 1;
            if may_matter(line) {
                visit(&Record::parse(&origin, number, line));
            }
        });
        match read {
            Ok(read) => {
                account.bytes += read.bytes;
                if read.is_cut {
                    account.cut.push(source.name.clone());
                }
            }
            Err(error) => account.unreadable.push(format!("{}: {error}", source.name)),
        }
    }
    journals(context, &sources, &mut account, visit);
    account
}

/// A log as text.
pub(super) struct Text {
    pub(super) name: String,
    /// What stands in it, and whether that is the last part only; or why it cannot be read.
    pub(super) content: Result<(String, bool), String>,
}

/// Lines that were longer than that: their end is not there, and half a line may hold half a secret.
const WHOLE: usize = 60 << 10;

/// Every log, at most so many bytes of each.
pub(super) fn texts(context: &Context, most: u64) -> Vec<Text> {
    let mut account = Account::default();
    let sources = sources(context, &mut account);
    let mut found: Vec<Text> = sources.into_iter().map(|source| text(source, most)).collect();
    found.extend(
        account.unreadable.into_iter().map(|why| Text { name: "logs".to_owned(), content: Err(why) }),
    );
    found
}

fn text(source: Source, most: u64) -> Text {
    let mut content = String::new();
    let read = stream::lines(&source.path, most, &mut |_, line| {
        match line.len() > WHOLE {
            true => content.push_str("[a line of more than 60 KiB was left out]"),
            false => content.push_str(&String::from_utf8_lossy(line)),
        }
        content.push('\n');
    });
    let content = read.map(|extent| (content, extent.is_cut)).map_err(|error| error.to_string());
    Text { name: source.name, content }
}

fn sources(context: &Context, account: &mut Account) -> Vec<Source> {
    let mut paths = Vec::new();
    gather(&context.path(".kb/logs"), 0, &mut paths);
    paths.extend(context.logs.iter().cloned());
    paths.sort();
    paths.dedup();
    if paths.len() > MOST_FILES {
        account.unreadable.push(format!("{} of {} logs: too many", paths.len() - MOST_FILES, paths.len()));
        paths.truncate(MOST_FILES);
    }
    let source = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let service = name.split('.').next().unwrap_or_default().to_owned();
        Source { name: context.name_of(&path), service, path }
    };
    let only = context.only.service.as_deref();
    let sources = paths.into_iter().map(source);
    sources
        .filter(|source| only.is_none_or(|only| only == source.service) || is_named(context, &source.path))
        .collect()
}

/// Whether the user named the file: then it is read whatever it is called.
fn is_named(context: &Context, path: &Path) -> bool {
    context.logs.iter().any(|log| log == path)
}

fn gather(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < DEEPEST {
            gather(&entry.path(), depth + 1, paths);
        } else if kind.is_file() && is_log(&entry.file_name().to_string_lossy()) {
            paths.push(entry.path());
        }
    }
}

/// `rest.log`, `rest.log.1`, `rest.log.2.gz`, `trace.ndjson`.
fn is_log(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let name = name.trim_end_matches(|last: char| last.is_ascii_digit()).trim_end_matches(['.', '-']);
    [".log", ".ndjson", ".jsonl"].iter().any(|ending| name.ends_with(ending))
}

/// Reads the journals of services that have a unit and no file.
fn journals(context: &Context, files: &[Source], account: &mut Account, visit: &mut dyn FnMut(&Record)) {
    let services = Services::of(context);
    for service in services.wanted(context) {
        let unit = format!("kb-{}", service.id);
        let has_unit =
            context.unit_folders.iter().any(|folder| folder.join(format!("{unit}.service")).is_file());
        if !has_unit || files.iter().any(|file| file.service == service.id) {
            continue;
        }
        let since = format!("@{}", context.since() / 1000);
        let arguments =
            ["--no-pager", "-q", "-o", "short-unix", "-n", "5000", "--since", &since, "-u", &unit];
        account.files += 1;
        match program::run(context, "journalctl", arguments, context.timeout) {
            Ok(output) if output.code == Some(0) => {
                let name = format!("journal of {unit}");
                let origin =
                    record::Origin { file: name.as_str().into(), service: service.id.as_str().into() };
                for (number, line) in (1..).zip(output.stdout.split(|&byte| byte == b'\n')) {
                    if !line.is_empty() {
                        account.lines += 1;
                        visit(&Record::parse(&origin, number, line));
                    }
                }
            }
            Ok(output) => account.unreadable.push(format!("journal of {unit}: {}", output.complaint())),
            Err(error) => account.unreadable.push(format!("journal of {unit}: {error}")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
