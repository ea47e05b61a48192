//! The history without the secret: planned, rewritten, proved and pushed by `kbsec rewrite`, which this drives.

use std::path::{Path, PathBuf};

use kbsec::playbook::{Applied, Facts, Outcome, Plan};
use serde_json::Value;

use super::super::deed::{by_hand, failed, needless};
use super::super::leaked::Leak;
use super::super::machine::Machine;

/// Lines of a plan that are shown.
const SHOWN: usize = 24;

/// What `kbsec rewrite` said: its exit code, and its words on both streams.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn lines(&self) -> Vec<String> {
        let lines = self.stdout.lines().chain(self.stderr.lines());
        lines.filter(|line| !line.trim().is_empty()).map(|line| format!(" {}", line.trim_end())).collect()
    }

    fn first(&self) -> String {
        self.stderr.lines().next().unwrap_or_default().trim_start_matches("kbsec: ").to_owned()
    }
}

/// Runs it in the repository, with the value on its standard input.
fn run(machine: &Machine<'_>, leak: &Leak, arguments: &[&str]) -> Said {
    let command: Vec<String> =
        ["kbsec", "rewrite"].iter().chain(arguments).map(|part| (*part).to_owned()).collect();
    let said = machine.fed(&command, Some(&leak.secret));
    let text = |bytes: &[u8]| machine.filter.text(&String::from_utf8_lossy(bytes));
    Said { code: said.code, stdout: text(&said.stdout), stderr: text(&said.stderr) + &said.error }
}

/// Where its backup and maps go: beside the incidents, as the backup holds the secret.
fn folder(machine: &Machine<'_>) -> PathBuf {
    let name = machine.incident.file_name().unwrap_or_default();
    machine.incident.ancestors().nth(2).unwrap_or(&machine.incident).join("rewrites").join(name)
}

/// What the rewrite would change.
pub(super) fn plan(machine: &Machine<'_>, leak: &Leak, facts: &Facts) -> Plan {
    let folder = folder(machine).display().to_string();
    let revoked: &[&str] =
        if facts.contains_key("done.revoke") || facts.contains_key("revoked") { &["--revoked"] } else { &[] };
    let dry = [&["--stdin", "--dry-run", "--folder", &folder], revoked].concat();
    let told = run(machine, leak, &[&dry[..], &["--format", "json"]].concat());
    let Ok(survey) = serde_json::from_str::<Value>(&told.stdout) else {
        let why = told.first();
        return by_hand(&format!(
            "kbsec cannot plan it here ({why}). Clone the whole repository anew, and run `kbsec rewrite` there."
        ));
    };
    let failing = survey.get("checks").and_then(Value::as_array).into_iter().flatten();
    let failing = failing.filter(|check| check.get("pass") == Some(&Value::Bool(false)));
    let text =
        |check: &Value, key: &str| check.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let failing: Vec<String> = failing
        .map(|check| format!("{}: {} ({})", text(check, "id"), text(check, "found"), text(check, "fix")))
        .collect();
    if !failing.is_empty() {
        return Plan { blocked: Some(failing.join("; ")), ..Plan::default() };
    }
    let hash = survey.get("plan_hash").and_then(Value::as_str).filter(|_| !is_empty(&survey));
    let Some(hash) = hash else { return needless("the history does not hold it") };
    *machine.planned.borrow_mut() = Some(hash.to_owned());
    let lines = run(machine, leak, &dry).lines();
    let lines = lines.into_iter().skip_while(|line| line.trim() != "Plan").take(SHOWN).collect();
    Plan { lines, hash: hash.to_owned(), ..Plan::default() }
}

/// Whether a plan changes nothing.
fn is_empty(survey: &Value) -> bool {
    let plan = survey.get("plan").unwrap_or(&Value::Null);
    let count = |pointer: &str| match plan.pointer(pointer) {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
        Some(Value::Array(list)) => list.len() as u64,
        _ => 0,
    };
    ["/commits/rewritten", "/blobs", "/refs", "/files", "/unreachable_objects"]
        .iter()
        .all(|part| count(part) == 0)
}

/// Rewrites, and proves it.
pub(super) fn rewrite(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let folder = folder(machine).display().to_string();
    let Some(hash) = machine.planned.borrow().clone() else { return failed("there is no plan") };
    let place = ["--stdin", "--revoked", "--folder", &folder];
    let mut said = run(machine, leak, &[&place[..], &["--confirm", &hash]].concat());
    if said.stderr.contains("--resume") {
        said = run(machine, leak, &[&place[..], &["--resume"]].concat());
    }
    let outcome = match said.code {
        Some(0 | 3) => Outcome::Done,
        Some(1) => Outcome::Failed("a proof of the rewrite fails; see above".into()),
        _ => Outcome::Failed(said.first()),
    };
    let facts = Facts::from([("rewritten".into(), folder)]);
    let facts = if outcome == Outcome::Done { facts } else { Facts::new() };
    let evidence =
        vec![machine.piece("account of the rewrite", "kbsec rewrite", said.lines().join("\n").as_bytes())];
    Applied { outcome, lines: said.lines(), facts, evidence, ..Applied::default() }
}

/// What pushing would change on the server.
pub(super) fn plan_push(machine: &Machine<'_>, leak: &Leak, facts: &Facts) -> Plan {
    let Some(folder) = facts.get("rewritten") else { return needless("nothing was rewritten") };
    let Some(remote) = remote(machine) else { return needless("this repository has no remote") };
    let said = run(machine, leak, &["push", "--maps", folder, "--remote", &remote, "--dry-run"]);
    let digits =
        said.stdout.split(|character: char| !character.is_ascii_hexdigit()).find(|word| word.len() == 8);
    match digits {
        Some(digits) => {
            *machine.planned.borrow_mut() = Some(digits.to_owned());
            Plan {
                lines: said.lines().into_iter().take(SHOWN).collect(),
                hash: digits.to_owned(),
                ..Plan::default()
            }
        }
        None => by_hand(&format!(
            "kbsec cannot plan the push ({}). Push by hand: kbsec rewrite push --help",
            said.first()
        )),
    }
}

/// Pushes.
pub(super) fn push(machine: &Machine<'_>, leak: &Leak, facts: &Facts) -> Applied {
    let (Some(folder), Some(remote)) = (facts.get("rewritten"), remote(machine)) else {
        return failed("nothing to push");
    };
    let Some(digits) = machine.planned.borrow().clone() else { return failed("there is no plan") };
    let said = run(machine, leak, &["push", "--maps", folder, "--remote", &remote, "--confirm", &digits]);
    let outcome = match said.code {
        Some(0) => Outcome::Done,
        Some(3) => Outcome::Open("some references of the server keep the old history: out/ticket.md".into()),
        _ => Outcome::Failed(said.first()),
    };
    let facts = if matches!(outcome, Outcome::Failed(_)) {
        Facts::new()
    } else {
        Facts::from([("pushed".into(), remote)])
    };
    Applied { outcome, lines: said.lines(), facts, ..Applied::default() }
}

/// Asks the server whether it still shows the secret or hands out an old object.
pub(super) fn prove(machine: &Machine<'_>, leak: &Leak, facts: &Facts) -> Applied {
    let (Some(folder), Some(remote)) = (facts.get("rewritten"), remote(machine)) else {
        return failed("nothing to prove");
    };
    let backup = format!("{folder}/backup");
    let before: &[&str] = if Path::new(&backup).exists() { &["--before", &backup] } else { &[] };
    let said =
        run(machine, leak, &[&["prove", "--stdin", "--maps", folder, "--remote", &remote], before].concat());
    let outcome = match said.code {
        Some(0) => Outcome::Done,
        Some(1) => {
            Outcome::Open("the server still has it: send out/ticket.md, and prove it again afterwards".into())
        }
        Some(3) => Outcome::Open("the proof is incomplete; see above".into()),
        _ => Outcome::Failed(said.first()),
    };
    let evidence =
        vec![machine.piece("proof of the server", "kbsec rewrite prove", said.lines().join("\n").as_bytes())];
    Applied { outcome, lines: said.lines(), evidence, ..Applied::default() }
}

/// `origin`, or the only remote.
fn remote(machine: &Machine<'_>) -> Option<String> {
    let said = machine.child(&["git".to_owned(), "remote".to_owned()]);
    let names = String::from_utf8_lossy(&said.stdout).into_owned();
    let mut names = names.lines();
    names.clone().find(|name| *name == "origin").or_else(|| names.next()).map(str::to_owned)
}
