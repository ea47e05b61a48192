//! The state of an incident: what its log means, and nothing else.

use std::collections::BTreeMap;

use serde_json::Value;

use super::record::{Record, RecordKind};
use super::tools::Facts;

/// What is done, what is known, and since when.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The steps that were begun.
    pub steps: BTreeMap<String, StepState>,
    /// Answers and results.
    pub facts: Facts,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub opened: u64,
    /// When it was closed.
    pub closed: Option<u64>,
    /// When the last record was made.
    pub last: u64,
    /// Pieces of evidence that could not be kept, or not wholly.
    pub evidence_problems: Vec<String>,
    /// Time that passed between pausing and going on.
    pub paused: u64,
    away: Option<u64>,
}

/// What is known of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepState {
    /// How it stands.
    pub standing: Standing,
    /// More about that: the reason of a skip, the proof, what is left.
    pub text: String,
    /// When it was begun first.
    pub started: u64,
    /// When it got its standing.
    pub ended: u64,
    /// What its checks said last, by id: the word and the value.
    pub checks: BTreeMap<String, (String, String)>,
    /// Whether its act was carried out and only the proof is missing.
    pub applied: bool,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Begun and not ended.
    #[default]
    Begun,
    /// Done.
    Done,
    /// Not needed.
    NotNeeded,
    /// It only looks, and could not.
    NotChecked,
    /// Left out on purpose.
    Skipped,
    /// To be done later.
    Open,
    /// Its proof fails.
    Failed,
    /// It may not be done as things are.
    Blocked,
}

impl Standing {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::NotNeeded | Self::NotChecked | Self::Skipped)
    }
}

impl State {
    /// What these records mean.
    #[must_use]
    pub fn of(records: &[Record]) -> Self {
        let mut state = Self::default();
        records.iter().for_each(|record| state.take(record));
        state
    }

    /// Takes in the next record.
    pub fn take(&mut self, record: &Record) {
        let now = record.unix_ms;
        self.opened = if self.opened == 0 { now } else { self.opened };
        self.last = self.last.max(now);
        match record.kind {
            RecordKind::Paused | RecordKind::Interrupted => self.away = Some(now),
            RecordKind::Resumed => {
                if let Some(since) = self.away.take() {
                    self.paused += now.saturating_sub(since);
                }
                self.closed = None;
            }
            RecordKind::Closed => self.closed = Some(now),
            RecordKind::Evidence if record.text("status") != "kept" => {
                self.evidence_problems.push(format!("{}: {}", record.text("name"), record.text("problem")));
            }
            _ => {}
        }
        if let Some(Value::Object(facts)) = record.data.get("facts") {
            let texts =
                facts.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            self.facts.extend(texts);
        }
        if !record.step.is_empty() {
            self.take_step(record, now);
        }
    }

    fn take_step(&mut self, record: &Record, now: u64) {
        let standing = match record.kind {
            RecordKind::Started | RecordKind::Drift => Some(Standing::Begun),
            RecordKind::Done => Some(Standing::Done),
            RecordKind::NotNeeded => Some(Standing::NotNeeded),
            RecordKind::NotChecked => Some(Standing::NotChecked),
            RecordKind::Skipped => Some(Standing::Skipped),
            RecordKind::Open => Some(Standing::Open),
            RecordKind::Failed => Some(Standing::Failed),
            RecordKind::Blocked => Some(Standing::Blocked),
            _ => None,
        };
        let step = self.steps.entry(record.step.clone()).or_default();
        step.started = if step.started == 0 { now } else { step.started };
        if record.kind == RecordKind::Checked {
            let said = (record.text("status").to_owned(), record.text("value").to_owned());
            step.checks.insert(record.text("check").to_owned(), said);
        }
        match record.kind {
            RecordKind::Applied => step.applied = record.text("outcome") == "done",
            RecordKind::Failed | RecordKind::Drift | RecordKind::Started => step.applied = false,
            _ => {}
        }
        if let Some(standing) = standing {
            step.standing = standing;
            step.ended = now;
            let done = format!("done.{}", record.step);
            if standing == Standing::Done {
                self.facts.insert(done, "yes".into())
            } else {
                self.facts.remove(&done)
            };
            if standing != Standing::Begun {
                record.text("text").clone_into(&mut step.text);
            }
        }
    }

    /// How a step stands; none when it was not begun.
    #[must_use]
    pub fn standing(&self, step: &str) -> Option<Standing> {
        self.steps.get(step).map(|step| step.standing)
    }

    /// Whether conditions `fact`, `fact=value` or `!fact` hold, all of them where a comma stands between. A step `x` that
    /// is done is the fact `done.x`.
    #[must_use]
    pub fn holds(&self, conditions: &str) -> bool {
        conditions.split(',').all(|condition| self.holds_one(condition.trim()))
    }

    fn holds_one(&self, condition: &str) -> bool {
        if let Some(fact) = condition.strip_prefix('!') {
            return !self.holds_one(fact);
        }
        match condition.split_once('=') {
            Some((fact, value)) => self.facts.get(fact).is_some_and(|known| known == value),
            None => self.facts.get(condition).is_some_and(|known| !known.is_empty()),
        }
    }
}
