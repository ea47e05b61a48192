//! The checks of playbooks: those that need what an incident knows are here, the others are those of `kbsec check`.

use std::collections::BTreeMap;

use kbsec::playbook::{Facts, Status, Verdict};
use serde_json::Value;

use super::deed::unknown;
use super::machine::Machine;
use super::{leak, plugin, sqlite};

/// Answers of one check that are shown.
const SHOWN: usize = 3;

/// Makes a check. One that does not exist is unknown.
pub(crate) fn check(
    machine: &Machine<'_>,
    id: &str,
    (inputs, facts): (&BTreeMap<String, String>, &Facts),
) -> Verdict {
    let own = match id.split_once('.') {
        Some(("leak", name)) => leak::check(machine, name, facts),
        Some(("plugin", name)) => plugin::check(machine, name, facts),
        Some(("sqlite", name)) => sqlite::check(machine, name, facts),
        _ => None,
    };
    own.unwrap_or_else(|| asked(machine, id, inputs, facts))
}

/// What `kbsec check` says, run as a program of its own: what hangs or dies in there does not end the incident.
fn asked(machine: &Machine<'_>, id: &str, inputs: &BTreeMap<String, String>, facts: &Facts) -> Verdict {
    let mut command: Vec<String> = ["kbsec", "check", id, "--format", "jsonl"].map(str::to_owned).into();
    command.extend(["--root".to_owned(), machine.root.display().to_string()]);
    for name in ["service", "plugin", "request", "package", "port"] {
        if let Some(value) =
            inputs.get(name).or_else(|| facts.get(name)).filter(|value| !value.starts_with('-'))
        {
            command.extend([format!("--{name}"), value.clone()]);
        }
    }
    for base in &machine.bases {
        command.extend(["--base".to_owned(), base.clone()]);
    }
    for log in machine.places.iter().filter(|place| place.is_file()) {
        command.extend(["--log".to_owned(), log.display().to_string()]);
    }
    let said = machine.child(&command);
    let answers: Vec<Value> = String::from_utf8_lossy(&said.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if answers.is_empty() {
        let words = String::from_utf8_lossy(&said.stderr);
        let words =
            words.lines().next().unwrap_or("").trim_start_matches("kbsec: ").trim_start_matches("error: ");
        return unknown(&format!("the check could not be made: {words}{}", said.error));
    }
    sum(&answers)
}

/// One verdict of several: the worst, with how many there are.
fn sum(answers: &[Value]) -> Verdict {
    let rank = |answer: &Value| match answer.get("status").and_then(Value::as_str) {
        Some("fail") => 3,
        Some("warn") => 2,
        Some("pass") => 0,
        _ => 1,
    };
    let worst = answers.iter().map(rank).max().unwrap_or(1);
    let like: Vec<&Value> = answers.iter().filter(|answer| rank(answer) == worst).collect();
    let text =
        |answer: &Value, key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let told = like.iter().take(SHOWN).map(|answer| {
        let subject = text(answer, "subject");
        if subject.is_empty() {
            text(answer, "value")
        } else {
            format!("{subject}: {}", text(answer, "value"))
        }
    });
    let mut value = told.collect::<Vec<_>>().join(" · ");
    if like.len() > SHOWN {
        value += &format!(" · and {} more", like.len() - SHOWN);
    }
    let first = |key: &str| {
        like.iter().map(|answer| text(answer, key)).find(|said| !said.is_empty()).unwrap_or_default()
    };
    let status = [Status::Pass, Status::Unknown, Status::Warn, Status::Fail][worst];
    Verdict { status, value, expected: first("expected"), fix: first("fix") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_answers_counts() {
        let answer = |status: &str, subject: &str| serde_json::json!({"status": status, "subject": subject, "value": "seen", "fix": "mend"});
        let verdict =
            sum(&[answer("pass", "a"), answer("unknown", "b"), answer("fail", ""), answer("fail", "c")]);
        assert_eq!(
            (verdict.status, verdict.value.as_str(), verdict.fix.as_str()),
            (Status::Fail, "seen · c: seen", "mend")
        );
        assert_eq!(sum(&[answer("pass", "a"), answer("unknown", "b")]).status, Status::Unknown);
        assert_eq!(sum(&[answer("odd", "a")]).status, Status::Unknown);
    }
}
