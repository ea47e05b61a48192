//! The post-mortem: the manual's template, filled from the log of an incident; what nobody has said is marked TODO.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::{Record, RecordKind, time};
use super::state::{Standing, State};
use super::step::{Phase, Playbook, Step};

/// What stands in place of a field that somebody has to write.
const TODO: &str = "TODO";

/// What happened, as the template of the manual asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PostMortem {
    /// The incident.
    pub incident: String,
    /// The playbook.
    pub playbook: String,
    /// The fields in the order of the template.
    pub fields: Vec<Field>,
    /// The timeline.
    pub timeline: Vec<Row>,
    /// What was done, in order, with how long it took.
    pub response: Vec<String>,
    /// What is left to do.
    pub actions: Vec<String>,
    /// Pieces of evidence by hash.
    pub evidence: Vec<String>,
    /// What could not be checked.
    pub unchecked: Vec<String>,
}

/// One field of the template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What stands there; `TODO` with what is asked for when nobody has said it.
    pub value: String,
    /// Whether somebody or the log has said it.
    pub filled: bool,
    /// Whether the post-mortem is unfinished without it.
    pub required: bool,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// UTC, `2026-11-25T14:03:00Z`.
    pub time: String,
    /// What happened.
    pub text: String,
    /// The number of its record.
    pub record: u64,
}

impl PostMortem {
    /// The post-mortem of an incident with this log.
    #[must_use]
    pub fn of(id: &str, playbook: &Playbook, records: &[Record]) -> Self {
        let state = State::of(records);
        let evidence = records.iter().filter(|record| record.kind == RecordKind::Evidence).map(|record| {
            let (name, hash) = (record.text("name"), record.text("sha256"));
            let hash = if hash.is_empty() { "not kept" } else { hash };
            format!("{name}: {hash}")
        });
        Self {
            incident: id.to_owned(),
            playbook: playbook.id.clone(),
            fields: fields(playbook, records, &state),
            timeline: timeline(playbook, records, &state),
            response: response(playbook, &state),
            actions: actions(playbook, &state),
            evidence: evidence.collect(),
            unchecked: unchecked(playbook, &state),
        }
    }

    /// How many fields are filled, and how many there are.
    #[must_use]
    pub fn filled(&self) -> (usize, usize) {
        (self.fields.iter().filter(|field| field.filled).count(), self.fields.len())
    }

    /// The required fields that are not filled.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        let open = self.fields.iter().filter(|field| field.required && !field.filled);
        open.map(|field| field.name.as_str()).collect()
    }

    /// The text, as the template of the manual has it.
    #[must_use]
    pub fn markdown(&self) -> String {
        let field = |name: &str| {
            self.fields.iter().find(|field| field.name == name).map_or(TODO, |field| field.value.as_str())
        };
        let list = |items: &[String], none: &str| match items {
            [] => format!("- {none}\n"),
            items => items.iter().map(|item| format!("- {item}\n")).collect(),
        };
        let mut text = format!("# Incident: {}\n\n", field("title"));
        text += &format!("Date: {}\nDuration: {} — {}", field("date"), field("start"), field("end"));
        text += &format!(" ({})\n", field("duration"));
        text += &format!("Severity: {}\nAffected services: {}\n", field("severity"), field("services"));
        text += &format!("Log: {} ({} records)\n\n## Timeline\n", self.incident, self.last_record());
        for row in &self.timeline {
            text += &format!("- {} — {} (record {})\n", short(&row.time), row.text, row.record);
        }
        text += &format!("\n## Root cause\n{}\n\n## Detection\n", field("root cause"));
        text += &format!("{}\nDelay: {}\n", field("detected by"), field("detection delay"));
        text += &format!("\n## Response\n{}", list(&self.response, TODO));
        text += &format!("\n## Impact\nWho: {}\n", field("who was affected"));
        text +=
            &format!("Operations: {}\nData loss: {}\n", field("operations that failed"), field("data loss"));
        text += &format!("\n## Lessons learned\n### What went well\n- {}\n", field("what went well"));
        text += &format!("### What went wrong\n- {}\n### Action items\n", field("what went wrong"));
        text += &format!("- [ ] {}\n", field("action items"));
        text += &self.actions.iter().map(|item| format!("- [ ] {item}\n")).collect::<String>();
        text += &format!("\n## Evidence\n{}", list(&self.evidence, "none was kept"));
        if !self.unchecked.is_empty() {
            text += &format!("\n## Not checked\n{}", list(&self.unchecked, ""));
        }
        text + "\nBlameless: systems, not people.\n"
    }

    fn last_record(&self) -> u64 {
        self.timeline.iter().map(|row| row.record).max().unwrap_or_default()
    }
}

/// The fields of the template.
fn fields(playbook: &Playbook, records: &[Record], state: &State) -> Vec<Field> {
    let fact = |name: &str| state.facts.get(name).filter(|value| !value.is_empty()).cloned();
    let at = |moment: Option<u64>| moment.map(second);
    let end = state.closed.or_else(|| restored(playbook, state));
    let duration = end.map(|end| {
        let whole = span(end.saturating_sub(state.opened) / 1000);
        let paused = state.paused / 1000;
        if paused > 0 { format!("{whole}, paused for {} of it", span(paused)) } else { whole }
    });
    let title = match fact("subject") {
        Some(subject) => format!("{}: {subject}", playbook.title),
        None => playbook.title.clone(),
    };
    let cause_at = records
        .iter()
        .find(|record| record.data.get("facts").is_some_and(|facts| facts.get("root-cause").is_some()));
    let services = fact("services").or_else(|| {
        let named = playbook.steps.iter().filter(|step| done(state, step));
        let mut named: Vec<&str> =
            named.filter_map(|step| step.inputs.get("service")).map(String::as_str).collect();
        named.sort_unstable();
        named.dedup();
        (!named.is_empty()).then(|| named.join(", "))
    });
    let required = true;
    vec![
        field("title", Some(title), "", required),
        field("date", Some(second(state.opened).get(..10).unwrap_or_default().to_owned()), "", required),
        field("start", at(Some(state.opened)), "", required),
        field("end", at(end), "the incident is not closed", required),
        field("duration", duration, "the incident is not closed", required),
        field("severity", fact("severity"), "low, medium, high or critical", required),
        field("services", services, "list", required),
        field("acknowledged", at(Some(state.opened)), "", required),
        field("stabilised", at(phase_end(playbook, state, Phase::Stabilise)), "", false),
        field("root cause identified", at(cause_at.map(|record| record.unix_ms)), "", false),
        field("fix deployed", at(phase_end(playbook, state, Phase::Recover)), "", false),
        field("restored", at(restored(playbook, state)), "", false),
        field("root cause", fact("root-cause"), "what broke, in terms of code or configuration", required),
        field("detected by", fact("detected-by"), "how we found out", required),
        field("detection delay", delay(state), "how long after the failure began", false),
        field("response", (!state.steps.is_empty()).then(|| "see the list".to_owned()), "", required),
        field("who was affected", fact("impact-who"), "users, teams, customers", required),
        field("operations that failed", fact("impact-operations"), "which calls, for how long", required),
        field("data loss", fact("data-loss"), "none, or what", required),
        field("what went well", fact("went-well"), "", false),
        field("what went wrong", fact("went-wrong"), "", false),
        field("action items", fact("action-items"), "owner and what to do", false),
    ]
}

fn field(name: &str, value: Option<String>, asked: &str, required: bool) -> Field {
    let filled = value.is_some();
    let todo = if asked.is_empty() { TODO.to_owned() } else { format!("{TODO}: {asked}") };
    Field { name: name.to_owned(), value: value.unwrap_or(todo), filled, required }
}

fn done(state: &State, step: &Step) -> bool {
    state.standing(&step.id) == Some(Standing::Done)
}

/// When the last step of a phase that did something was done.
fn phase_end(playbook: &Playbook, state: &State, phase: Phase) -> Option<u64> {
    let steps = playbook.steps.iter().filter(|step| step.phase == phase && done(state, step));
    steps.filter_map(|step| state.steps.get(&step.id)).map(|known| known.ended).max()
}

/// When the last proof was made; without proofs, when recovery ended.
fn restored(playbook: &Playbook, state: &State) -> Option<u64> {
    let proofs = playbook.steps.iter().filter(|step| step.proof && done(state, step));
    let last = proofs.filter_map(|step| state.steps.get(&step.id)).map(|known| known.ended).max();
    last.or_else(|| phase_end(playbook, state, Phase::Recover))
}

/// How long it went unnoticed.
fn delay(state: &State) -> Option<String> {
    let said = state.facts.get("detection-delay").filter(|said| !said.is_empty()).cloned();
    let began = state.facts.get("exposure-start").and_then(|began| began.parse::<u64>().ok());
    let reckoned = began.and_then(|began| (state.opened / 1000).checked_sub(began)).map(span);
    reckoned.or(said)
}

fn timeline(playbook: &Playbook, records: &[Record], state: &State) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    // A step that was begun again after a crash is checked again, and mostly with the same answer.
    let mut told = BTreeMap::new();
    let mut row = |record: &Record, text: String| {
        rows.push(Row { time: second(record.unix_ms), text, record: record.seq });
    };
    let title = |id: &str| {
        playbook.steps.iter().find(|step| step.id == id).map_or(id, |step| step.title.as_str()).to_owned()
    };
    for record in records {
        let said = record.text("text");
        let more = if said.is_empty() { String::new() } else { format!(": {said}") };
        match record.kind {
            RecordKind::Opened => {
                let by = state.facts.get("detected-by").map_or("", String::as_str);
                if !by.is_empty() {
                    row(record, format!("detection signal: {by}"));
                }
                row(record, "acknowledged, the log begins".to_owned());
            }
            // A step that only looked: what it saw is in a line of its own already.
            RecordKind::Done if said.starts_with("fail: ") => {}
            RecordKind::Done => row(record, format!("{}{more}", title(&record.step))),
            RecordKind::Skipped => row(record, format!("left out: {}{more}", title(&record.step))),
            RecordKind::Failed if told.insert((record.step.as_str(), "proof"), said) != Some(said) => {
                row(record, format!("proof fails: {}{more}", title(&record.step)));
            }
            RecordKind::Blocked => row(record, format!("blocked: {}{more}", title(&record.step))),
            RecordKind::Note => row(record, format!("note{more}")),
            RecordKind::Paused => row(record, "paused".to_owned()),
            RecordKind::Interrupted => row(record, "interrupted".to_owned()),
            RecordKind::Resumed => row(record, "gone on".to_owned()),
            RecordKind::Drift => row(record, format!("does not hold any more: {}", title(&record.step))),
            RecordKind::Closed => row(record, "closed, service fully restored".to_owned()),
            RecordKind::Checked if record.text("status") == "fail" => {
                let place = (record.step.as_str(), record.text("check"));
                if told.insert(place, record.text("value")) != Some(record.text("value")) {
                    row(record, format!("{} fails: {}", record.text("check"), record.text("value")));
                }
            }
            _ => {}
        }
    }
    rows
}

fn response(playbook: &Playbook, state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &playbook.steps {
        let Some(known) = state.steps.get(&step.id) else { continue };
        let word = match known.standing {
            Standing::Done => "",
            Standing::Skipped => ", left out",
            Standing::Open | Standing::Begun => ", still open",
            Standing::Failed => ", proof fails",
            Standing::Blocked => ", blocked",
            Standing::NotNeeded | Standing::NotChecked => continue,
        };
        let took = span(known.ended.saturating_sub(known.started) / 1000);
        let more = if known.text.is_empty() { String::new() } else { format!(": {}", known.text) };
        lines.push(format!("{} ({}, {took}{word}){more}", step.title, step.phase));
    }
    lines
}

/// What the log itself says has to be done.
fn actions(playbook: &Playbook, state: &State) -> Vec<String> {
    let mut actions = Vec::new();
    for step in &playbook.steps {
        let Some(known) = state.steps.get(&step.id) else { continue };
        match known.standing {
            Standing::Open | Standing::Begun | Standing::Blocked => {
                actions.push(format!("{TODO} owner: finish \"{}\"", step.title));
            }
            Standing::Failed => actions.push(format!("{TODO} owner: \"{}\" has to hold", step.title)),
            Standing::Skipped => {
                actions.push(format!("{TODO} owner: decide about \"{}\", which was left out", step.title));
            }
            _ => {}
        }
    }
    actions
}

fn unchecked(playbook: &Playbook, state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &playbook.steps {
        let Some(known) = state.steps.get(&step.id) else { continue };
        if known.standing == Standing::NotChecked && known.checks.is_empty() {
            lines.push(format!("{}: {}", step.title, known.text));
        }
        let checks = known.checks.iter();
        for (id, (_, value)) in checks.filter(|(_, (word, _))| word == "unknown") {
            lines.push(format!("{}: {id}: {value}", step.title));
        }
    }
    lines
}

/// A moment, to the second.
fn second(unix_ms: u64) -> String {
    let text = time(unix_ms);
    text.get(..19).map_or(text.clone(), |second| format!("{second}Z"))
}

/// `14:03` of a moment.
fn short(time: &str) -> &str {
    time.get(11..16).unwrap_or(time)
}

/// A stretch of time, in its two largest units.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}
