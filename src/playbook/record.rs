//! A record: one line of the log of an incident, chained to the line before it by a hash.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::sha256;

/// What stands between a record and its hash at the end of the line.
const HASH: &str = ",\"hash\":\"";
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// From 1, without gaps.
    pub seq: u64,
    /// UTC, `2026-11-25T14:03:00.250Z`, for people.
    pub time: String,
    /// The same in milliseconds since the Unix epoch, for reckoning.
    pub unix_ms: u64,
    /// Milliseconds of a clock that nobody can set; starts anew with every run.
    pub mono_ms: u64,
    /// Who did it.
    pub actor: Actor,
    /// The phase of the step, empty where there is none.
    #[serde(default)]
    pub phase: String,
    /// The step, empty where there is none.
    #[serde(default)]
    pub step: String,
    /// What happened.
    pub kind: RecordKind,
    /// More about it.
    pub data: Map<String, Value>,
    /// The hash of the record before it; empty in the first one.
    pub prev: String,
    /// SHA-256 over this line up to the hash, in hexadecimal.
    #[serde(default)]
    pub hash: String,
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Login name.
    pub user: String,
    /// Name of the machine.
    pub host: String,
    /// `terminal` or `script`.
    pub via: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// The incident was opened.
    Opened,
    /// A step began.
    Started,
    /// A check was made.
    Checked,
    /// Somebody answered.
    Asked,
    /// Somebody agreed to an act.
    Confirmed,
    /// Evidence was kept.
    Evidence,
    /// Something was done to the world.
    Applied,
    /// A step is done.
    Done,
    /// A step is not needed.
    NotNeeded,
    /// A step that only looks could not look.
    NotChecked,
    /// Somebody chose to leave a step out.
    Skipped,
    /// A step has to be done later.
    Open,
    /// A step was tried and its proof fails.
    Failed,
    /// A step may not be done as things are.
    Blocked,
    /// Somebody wrote something down.
    Note,
    /// Somebody paused.
    Paused,
    /// Ctrl-C, or a signal.
    Interrupted,
    /// The work went on.
    Resumed,
    /// The end of the log was torn by a crash and set aside.
    Torn,
    /// What was proved before does not hold any more.
    Drift,
    /// The incident is over.
    Closed,
}

/// A record before it has its place in the log.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Milliseconds since the Unix epoch, and of the clock that nobody can set.
    pub clock: (u64, u64),
    /// Who did it.
    pub actor: Actor,
    /// The phase and the step.
    pub place: (String, String),
    /// What happened.
    pub kind: RecordKind,
    /// More about it.
    pub data: Map<String, Value>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It does not end as a record does.
    #[error("it is no record of this log")]
    Form,
    /// Its hash is another one.
    #[error("it was altered: its hash does not fit it")]
    Hash,
    /// It does not follow the record before it.
    #[error("it does not follow the line before it: a line was added, removed or moved")]
    Chain,
}

impl Record {
    /// The record that follows the one with the number `last` and the hash `prev`, and its line without a line end.
    ///
    /// # Errors
    /// Only when the data cannot be written as JSON.
    pub fn seal(draft: Draft, last: u64, prev: &str) -> Result<(Self, String), serde_json::Error> {
        let mut record = Self {
            seq: last + 1,
            time: time(draft.clock.0),
            unix_ms: draft.clock.0,
            mono_ms: draft.clock.1,
            actor: draft.actor,
            phase: draft.place.0,
            step: draft.place.1,
            kind: draft.kind,
            data: draft.data,
            prev: prev.to_owned(),
            hash: String::new(),
        };
        let text = serde_json::to_string(&record)?;
        let empty = format!("{HASH}\"}}");
        let body = text.strip_suffix(&empty).unwrap_or(&text);
        record.hash = sha256(body.as_bytes());
        let line = format!("{body}{HASH}{}\"}}", record.hash);
        Ok((record, line))
    }

    /// Reads a line without its end, and checks that it follows the record with that number and hash.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(line: &[u8], last: u64, prev: &str) -> Result<Self, Flaw> {
        let text = std::str::from_utf8(line).map_err(|_| Flaw::Form)?;
        let ending = HASH.len() + DIGITS + 2;
        let at = text.len().checked_sub(ending).ok_or(Flaw::Form)?;
        let (body, end) = (text.get(..at).ok_or(Flaw::Form)?, text.get(at..).ok_or(Flaw::Form)?);
        let hash = end.strip_prefix(HASH).and_then(|rest| rest.strip_suffix("\"}")).ok_or(Flaw::Form)?;
        if hash != sha256(body.as_bytes()) {
            return Err(Flaw::Hash);
        }
        let record: Self = serde_json::from_str(text).map_err(|_| Flaw::Form)?;
        if record.prev != prev || record.seq != last + 1 {
            return Err(Flaw::Chain);
        }
        Ok(record)
    }

    /// A text of its data, empty where there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.data.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A moment as people read it, in UTC with milliseconds.
pub(super) fn time(unix_ms: u64) -> String {
    match crate::date::second(unix_ms / 1000) {
        Some(second) => format!("{}.{:03}Z", second.trim_end_matches('Z'), unix_ms % 1000),
        None => "after the year 9999".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        let mut data = Map::new();
        data.insert("text".into(), text.into());
        Draft {
            clock: (1_764_000_000_250, 7),
            actor: Actor { user: "ada".into(), host: "wks".into(), via: "terminal".into() },
            place: ("stabilise".into(), "restart".into()),
            kind: RecordKind::Note,
            data,
        }
    }

    #[test]
    fn a_line_reads_back_as_the_record_it_was() {
        let (record, line) = Record::seal(draft("ü \" \\ \n"), 4, "abc").unwrap();
        assert_eq!(record.time, "2025-11-24T16:00:00.250Z");
        assert_eq!(Record::read(line.as_bytes(), 4, "abc"), Ok(record));
        assert_eq!(Record::read(line.as_bytes(), 3, "abc"), Err(Flaw::Chain));
        assert_eq!(Record::read(line.as_bytes(), 4, "abd"), Err(Flaw::Chain));
    }

    #[test]
    fn every_changed_bit_of_a_line_is_noticed() {
        let (_, line) = Record::seal(draft("text"), 0, "").unwrap();
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut bytes = line.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert!(Record::read(&bytes, 0, "").is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}
