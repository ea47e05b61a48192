//! The copies of a secret: everywhere in files and history, who could see them since when, and what lies beside them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use kbsec::date;
use kbsec::finding::{Finding, Origin};
use kbsec::git::Repository;
use kbsec::playbook::{Applied, Facts, Status, Verdict};
use kbsec::scan;
use kbsec::source::Source;
use kbsec::source::git_files::GitFiles;
use kbsec::source::worktree::{self, Ignore, Worktree};
use kbsec::trace::{Outcome, Request, trace};

use super::super::super::environment::Environment;
use super::super::deed::failed;
use super::super::deed::{unknown, warn};
use super::super::leaked::Leak;
use super::super::machine::Machine;

/// Places that are shown.
const SHOWN: usize = 10;

/// Searches the project with its history, and the places that the user named.
fn search(machine: &Machine<'_>, leak: &Leak) -> Result<Outcome, String> {
    let environment = &machine.context.environment;
    let repository =
        Repository::discover(&machine.root, &environment.git).map_err(|error| error.to_string())?;
    let options = worktree::Options {
        ignore: Ignore::Nothing,
        git: environment.git.clone(),
        ..worktree::Options::default()
    };
    let mut roots = vec![machine.root.clone()];
    roots.extend(machine.places.iter().filter(|place| !place.starts_with(&machine.root)).cloned());
    let mut sources: Vec<Box<dyn Source>> = vec![Box::new(Worktree::new(roots, options))];
    if let Some(repository) = &repository {
        let folders = [repository.common_dir().to_path_buf(), repository.git_dir().to_path_buf()];
        sources.push(Box::new(GitFiles::new(folders, machine.root.clone())));
    }
    let request = Request {
        needle: &leak.needle,
        value: Some(&leak.secret),
        sources: sources.iter().map(AsRef::as_ref).collect(),
        repository: repository.as_ref(),
        key: leak.key.clone(),
        progress: &|_| {},
    };
    trace(&request, &machine.stop).map_err(|error| error.to_string())
}

/// Finds every copy, and what that means.
pub(super) fn trace_all(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let outcome = match search(machine, leak) {
        Ok(outcome) => outcome,
        Err(why) => return failed(why),
    };
    let coverage = &outcome.coverage;
    let looked = format!("{} files and objects read, {} could not be", coverage.items, coverage.missed.len());
    let Some(finding) = &outcome.finding else {
        return Applied {
            lines: vec![format!("it stands nowhere here; {looked}")],
            facts: Facts::from([("copies".into(), "0".into())]),
            ..Applied::default()
        };
    };
    let places: Vec<String> = finding
        .locations()
        .iter()
        .map(|place| {
            let decoded = place.decoded.iter().map(|step| format!(" as {step}")).collect::<String>();
            format!("{}:{}{decoded}", relative(machine, &place.origin), place.start.line)
        })
        .collect();
    let mut facts = Facts::from([("copies".into(), places.len().to_string())]);
    let mut lines = story(finding, &mut facts);
    lines.extend(places.iter().take(SHOWN).cloned());
    if places.len() > SHOWN {
        lines.push(format!("and {} more places; all are in the evidence", places.len() - SHOWN));
    }
    lines.push(looked);
    let mut text = places.join("\n");
    coverage.missed.iter().for_each(|gap| text += &format!("\nnot read: {}: {}", gap.subject, gap.reason));
    let evidence = vec![machine.piece("copies of the old key", "files and history", text.as_bytes())];
    Applied { lines, facts, evidence, ..Applied::default() }
}

/// Loose files that hold it, outside of `.git`.
pub(super) fn loose(machine: &Machine<'_>, leak: &Leak) -> Vec<PathBuf> {
    let finding = search(machine, leak).ok().and_then(|outcome| outcome.finding);
    let mut found: Vec<PathBuf> = finding
        .iter()
        .flat_map(Finding::locations)
        .filter_map(|place| match &place.origin {
            Origin::File { path } => Some(machine.path(path)),
            _ => None,
        })
        .filter(|path| path.is_file() && !path.components().any(|part| part.as_os_str() == ".git"))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Since when, for whom.
fn story(finding: &Finding, facts: &mut Facts) -> Vec<String> {
    let Some(exposure) = finding.exposure() else {
        return vec!["no commit has it: it stands in files only".into()];
    };
    facts.insert("in-history".into(), "yes".into());
    let mut lines = Vec::new();
    if let Some(first) = &exposure.introduced {
        let start = u64::try_from(first.time).unwrap_or_default();
        let time = date::second(start).unwrap_or_default();
        lines.push(format!("first in commit {} of {time}", first.short()));
        facts.insert("exposure-start".into(), start.to_string());
        facts.insert("first-commit".into(), first.id.clone());
        let now = Environment::now();
        let minutes = now.saturating_sub(start) / 60;
        let span = match minutes {
            0..120 => format!("{minutes} minutes"),
            120..2880 => format!("{} hours", minutes / 60),
            _ => format!("{} days and {} hours", minutes / 1440, minutes / 60 % 24),
        };
        lines.push(format!("exposed for {span}"));
        facts.insert("exposure".into(), span);
    }
    let refs = exposure.refs.join(", ");
    lines.push(match exposure.published.len() {
        0 => format!("on {refs}; on no branch of a remote that this clone knows"),
        _ => format!("on {refs}; published as {}", exposure.published.join(", ")),
    });
    facts.insert("refs".into(), refs);
    facts.insert("published".into(), exposure.published.join(", "));
    lines
}

fn relative(machine: &Machine<'_>, origin: &Origin) -> String {
    match origin {
        Origin::File { path } => machine.shown(path),
        other => other.to_string(),
    }
}

/// Other secrets in the files that have this one.
pub(super) fn neighbours(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let finding = match search(machine, leak) {
        Ok(outcome) => outcome.finding,
        Err(why) => return failed(why),
    };
    let files: BTreeSet<PathBuf> = finding
        .iter()
        .flat_map(Finding::locations)
        .filter_map(|place| place.origin.path().map(|path| machine.path(path)))
        .filter(|path| path.is_file() && !path.components().any(|part| part.as_os_str() == ".git"))
        .collect();
    let mut rows = Vec::new();
    if !files.is_empty() {
        let options = worktree::Options { ignore: Ignore::Nothing, ..worktree::Options::default() };
        let source = Worktree::new(files, options);
        let settings = scan::Options { key: leak.key.clone(), now: Environment::now(), progress: &|_| {} };
        match scan::scan(&source, machine.filter.detector(), &settings, &machine.stop) {
            Ok(outcome) => {
                let others = outcome.findings.iter().filter(|finding| !is_the_leak(finding, leak));
                rows.extend(others.map(|finding| row(machine, finding)));
            }
            Err(error) => return failed(error.to_string()),
        }
    }
    let mut lines = vec![match rows.len() {
        0 => "no other secret stands in the same files".to_owned(),
        count => format!("{count} other secrets stand in the same files: treat them as leaked, too"),
    }];
    lines.extend(rows.iter().take(SHOWN).cloned());
    lines.extend(readers(machine, leak));
    let facts = Facts::from([("neighbours".into(), rows.len().to_string())]);
    let evidence =
        vec![machine.piece("secrets beside it", "files with the old key", lines.join("\n").as_bytes())];
    Applied { lines, facts, evidence, ..Applied::default() }
}

/// Plugins whose manifest names the variable.
fn readers(machine: &Machine<'_>, leak: &Leak) -> Vec<String> {
    let names: &[String] = leak.rule.as_ref().map_or(&[], |rule| &rule.env);
    let walk = ignore::WalkBuilder::new(&machine.root)
        .standard_filters(false)
        .max_depth(Some(7))
        .filter_entry(|entry| {
            ![".git", "node_modules", "target"].iter().any(|name| entry.file_name() == *name)
        })
        .build();
    let mut found = Vec::new();
    for entry in walk.flatten() {
        let name = entry.file_name().to_string_lossy();
        if !name.contains("manifest") && !name.contains("kb.plugin") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        if names.iter().any(|name| text.contains(name.as_str())) {
            found.push(format!("a plugin may read its variable: {}", machine.shown(entry.path())));
        }
    }
    found.truncate(SHOWN);
    found
}

pub(super) fn is_the_leak(finding: &Finding, leak: &Leak) -> bool {
    let secret = finding.evidence().and_then(|evidence| evidence.secret());
    secret.is_some_and(|secret| !leak.needle.search(secret.expose()).is_empty())
}

/// A finding in a line, without its value.
pub(super) fn row(machine: &Machine<'_>, finding: &Finding) -> String {
    let place = &finding.locations()[0];
    let id = finding.fingerprint().to_string();
    let line = place.start.line;
    format!("{} in {}:{line} (finding {})", finding.rule().title, relative(machine, &place.origin), &id[..12])
}

/// Whether no copy is left.
pub(super) fn gone(machine: &Machine<'_>, leak: &Leak) -> Verdict {
    let running = super::consumers::processes(leak);
    if running.status == Status::Fail {
        return running;
    }
    match search(machine, leak) {
        Err(why) => unknown(&why),
        Ok(outcome) => {
            let read = outcome.coverage.items;
            match &outcome.finding {
                Some(finding) => {
                    let count = finding.locations().len();
                    let place = &finding.locations()[0];
                    let what = format!(
                        "{count} places still have it, such as {}:{}",
                        relative(machine, &place.origin),
                        place.start.line
                    );
                    super::verdict(
                        count,
                        &what,
                        "`kbsec find` lists them all; history is cleaned by `kbsec rewrite`",
                    )
                }
                None if outcome.coverage.is_incomplete() => warn(
                    format!(
                        "not found in {read} files and objects, but {} could not be read",
                        outcome.coverage.missed.len()
                    ),
                    "`kbsec find` names what could not be read",
                ),
                None => {
                    super::verdict(0, &format!("not found in {read} files and objects, in any encoding"), "")
                }
            }
        }
    }
}
