//! A damaged database: checked, copied, recovered and swapped by `kbsec sqlite`, which this drives step by step.

use std::fs;
use std::path::{Path, PathBuf};

use kbsec::digest;
use kbsec::playbook::{Applied, Facts, Outcome, Plan, Verdict};

use super::deed::{by_hand, failed, needless};
use super::deed::{fail, pass, unknown, warn};
use super::machine::Machine;

/// The files that belong to a database.
const SIDECARS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The checks of this incident.
pub(crate) fn check(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Verdict> {
    let Some(database) = database(machine, facts) else { return Some(unknown("no database was named")) };
    match name {
        "sound" => Some(sound(machine, &database)),
        "holders" => Some(holders(machine, &database)),
        _ => None,
    }
}

/// What an act would do.
pub(crate) fn plan(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Plan> {
    let Some(database) = database(machine, facts) else { return Some(by_hand("no database was named")) };
    if !database.is_file() {
        return Some(by_hand(&format!(
            "{} is no file; look for the database, and begin again",
            machine.shown(&database)
        )));
    }
    let shown = machine.shown(&database);
    Some(match name {
        "snapshot" => line(format!(
            "copy {shown} with -wal, -shm and -journal to {}",
            machine.shown(&snapshot(&database))
        )),
        "check" => line(format!("read every page of {shown} without SQLite")),
        "recover" => line(format!("save all rows of {shown} into {}", machine.shown(&recovered(&database)))),
        "swap" if !recovered(&database).is_file() => needless("there is no recovered database"),
        "swap" => {
            let mut plan =
                line(format!("move {shown}{} aside, each with the ending .damaged", "{,-wal,-shm,-journal}"));
            plan.lines.push(format!("move {} into its place", machine.shown(&recovered(&database))));
            plan.lines.extend(facts.get("loss").map(|loss| format!("what is lost: {loss}")));
            plan.hash = digest::sha256(&fs::read(recovered(&database)).unwrap_or_default());
            plan
        }
        _ => return None,
    })
}

/// Does it.
pub(crate) fn apply(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Applied> {
    let database = database(machine, facts)?;
    Some(match name {
        "snapshot" => copied(machine, &database),
        "check" => examined(machine, &database),
        "recover" => saved(machine, &database),
        "swap" => swap(machine, &database),
        _ => return None,
    })
}

fn line(text: String) -> Plan {
    Plan { lines: vec![text], ..Plan::default() }
}

fn database(machine: &Machine<'_>, facts: &Facts) -> Option<PathBuf> {
    facts.get("database").map(|path| machine.path(path))
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    database.with_file_name(name)
}

fn snapshot(database: &Path) -> PathBuf {
    beside(database, ".snapshot")
}

fn recovered(database: &Path) -> PathBuf {
    beside(database, ".recovered")
}

/// Runs `kbsec sqlite`; its exit code and what it said, with the sum in the last line.
fn own(machine: &Machine<'_>, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let command: Vec<String> =
        ["kbsec", "sqlite"].iter().chain(arguments).map(|part| (*part).to_owned()).collect();
    let said = machine.child(&command);
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim_end().to_owned()).collect()
    };
    let (told, words) = (lines(&said.stdout), lines(&said.stderr));
    match told.is_empty() {
        // What went wrong stands in the first line, and how to call it in the others.
        true => (said.code, words.into_iter().take(1).collect()),
        false => (said.code, [words, told].concat()),
    }
}

/// The last line, which sums up.
fn sum(lines: &[String]) -> String {
    lines.last().cloned().unwrap_or_else(|| "it said nothing".to_owned())
}

fn sound(machine: &Machine<'_>, database: &Path) -> Verdict {
    let path = database.display().to_string();
    match own(machine, &["check", &path]) {
        (Some(0), lines) => pass(sum(&lines)),
        (Some(1), lines) => fail(sum(&lines), "kbsec sqlite check names every damage"),
        (_, lines) => unknown(&sum(&lines)),
    }
}

/// Who has one of the files open.
fn holders(machine: &Machine<'_>, database: &Path) -> Verdict {
    let files: Vec<PathBuf> = SIDECARS.iter().map(|ending| beside(database, ending)).collect();
    let (mut found, mut hidden) = (Vec::new(), 0);
    for process in super::processes::all() {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else {
            hidden += 1;
            continue;
        };
        let holds = entries
            .flatten()
            .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| files.contains(&target)));
        if holds && process.pid != std::process::id() {
            found.push(format!("{} (pid {})", process.name, process.pid));
        }
    }
    let shown = machine.shown(database);
    match (found.is_empty(), hidden) {
        (false, _) => fail(format!("{shown} is open in {}", found.join(", ")), "stop these before going on"),
        (true, 0) => pass(format!("nobody has {shown} open")),
        (true, hidden) => warn(
            format!("nobody that can be seen has {shown} open; {hidden} processes of others cannot be seen"),
            "look as root, or with `sudo lsof`",
        ),
    }
}

fn copied(machine: &Machine<'_>, database: &Path) -> Applied {
    let to = snapshot(database);
    if to.exists() {
        return Applied {
            lines: vec![format!("{} is there already", machine.shown(&to))],
            ..Applied::default()
        };
    }
    let (code, lines) =
        own(machine, &["snapshot", &database.display().to_string(), "-o", &to.display().to_string()]);
    let outcome = if code == Some(0) { Outcome::Done } else { Outcome::Failed(sum(&lines)) };
    let facts = [("snapshot".to_owned(), machine.shown(&to))].into();
    Applied { outcome, lines, facts, ..Applied::default() }
}

fn examined(machine: &Machine<'_>, database: &Path) -> Applied {
    let (code, lines) = own(machine, &["check", &database.display().to_string()]);
    let text = lines.join("\n");
    let evidence = vec![machine.piece("damage of the database", "kbsec sqlite check", text.as_bytes())];
    let facts = [("damage".to_owned(), sum(&lines))].into();
    match code {
        Some(0 | 1 | 3) => {
            let hidden = lines.len().saturating_sub(12);
            Applied { lines: lines.into_iter().skip(hidden).collect(), facts, evidence, ..Applied::default() }
        }
        _ => failed(sum(&lines)),
    }
}

fn saved(machine: &Machine<'_>, database: &Path) -> Applied {
    let to = recovered(database);
    if to.is_file() {
        // An earlier run was ended in the middle; recovery begins anew from the untouched original.
        if let Err(error) = fs::remove_file(&to) {
            return failed(format!("{}: {error}", machine.shown(&to)));
        }
    }
    let (code, lines) =
        own(machine, &["recover", &database.display().to_string(), "-o", &to.display().to_string()]);
    let text = lines.join("\n");
    let evidence = vec![machine.piece("account of the recovery", "kbsec sqlite recover", text.as_bytes())];
    let mut facts = Facts::from([("loss".to_owned(), sum(&lines))]);
    if to.is_file() {
        facts.insert("recovered".into(), machine.shown(&to));
    }
    match (code, to.is_file()) {
        (Some(0 | 1 | 3), true) => {
            let hidden = lines.len().saturating_sub(12);
            Applied { lines: lines.into_iter().skip(hidden).collect(), facts, evidence, ..Applied::default() }
        }
        _ => failed(sum(&lines)),
    }
}

/// Moves the old files aside, all of them, and the new one into place.
fn swap(machine: &Machine<'_>, database: &Path) -> Applied {
    let mut lines = Vec::new();
    let mut work = || {
        for ending in SIDECARS {
            let old = beside(database, ending);
            let aside = beside(database, &format!("{ending}.damaged"));
            if old.is_file() && !aside.exists() {
                fs::rename(&old, &aside)?;
                lines.push(format!("{} is now {}", machine.shown(&old), machine.shown(&aside)));
            }
        }
        fs::rename(recovered(database), database)
    };
    match work() {
        Ok(()) => {
            lines.push(format!("{} is the recovered one", machine.shown(database)));
            Applied { lines, ..Applied::default() }
        }
        Err(error) => failed(format!("{}: {error}", machine.shown(database))),
    }
}
