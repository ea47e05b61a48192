//! How the engine writes things down: every text passes the filter for secrets first.

use serde_json::{Map, Value};

use super::super::incident::IncidentError;
use super::super::record::{Draft, RecordKind};
use super::super::step::Step;
use super::super::tools::{Facts, Shown, Status, Verdict, text};
use super::{Engine, Flow};

/// Facts as JSON.
pub(super) fn facts(facts: &Facts) -> Value {
    Value::Object(facts.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

impl Engine<'_> {
    /// Writes a record about a step, or about none.
    pub(super) fn record(
        &mut self,
        step: &str,
        kind: RecordKind,
        data: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Result<(), IncidentError> {
        let mut clean = Map::new();
        for (name, value) in data {
            clean.insert(name.to_owned(), self.cleaned(value));
        }
        let clock = self.tools.clock();
        let phase = self.playbook.steps.iter().find(|known| known.id == step).map(|known| known.phase);
        let draft = Draft {
            clock: (clock.unix_ms, clock.mono_ms),
            actor: self.tools.actor(),
            place: (phase.map(|phase| phase.to_string()).unwrap_or_default(), step.to_owned()),
            kind,
            data: clean,
        };
        let record = self.incident.append(draft)?;
        self.state.take(&record);
        self.tools.recorded(&record);
        self.records.push(record);
        Ok(())
    }

    fn cleaned(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.tools.clean(&text)),
            Value::Array(values) => {
                Value::Array(values.into_iter().map(|value| self.cleaned(value)).collect())
            }
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(name, value)| (name, self.cleaned(value))).collect())
            }
            other => other,
        }
    }

    /// Shows a line, after a word that says what it is.
    pub(super) fn show(&mut self, word: &str, line: &str) {
        let line = self.tools.clean(line);
        self.prompter.show(&Shown::Line(word, &line));
    }

    /// Makes a check, writes it down and shows it.
    pub(super) fn check(&mut self, step: &Step, check: &str) -> Result<Verdict, IncidentError> {
        let verdict = self.tools.check(check, &step.inputs, &self.state.facts);
        let verdict = Verdict {
            status: verdict.status,
            value: self.tools.clean(&verdict.value),
            expected: self.tools.clean(&verdict.expected),
            fix: self.tools.clean(&verdict.fix),
        };
        let data = [
            ("check", text(check)),
            ("status", text(verdict.status.word())),
            ("value", text(&verdict.value)),
            ("expected", text(&verdict.expected)),
            ("fix", text(&verdict.fix)),
        ];
        self.record(&step.id, RecordKind::Checked, data)?;
        self.prompter.show(&Shown::Verdict(check, &verdict));
        Ok(verdict)
    }

    /// Collects what the step wants to keep, once.
    pub(super) fn keep_evidence(&mut self, step: &Step) -> Result<(), IncidentError> {
        for kind in &step.evidence {
            let is_kept = self.records.iter().any(|record| {
                record.kind == RecordKind::Checked
                    && record.step == step.id
                    && record.text("check") == format!("evidence {kind}")
            });
            if is_kept {
                continue;
            }
            let pieces = self.tools.collect(kind, &self.state.facts);
            let said = self.keep(step, &pieces)?;
            let missing = pieces.iter().any(|piece| !piece.problem.is_empty());
            let status = if missing || pieces.is_empty() { Status::Warn } else { Status::Pass };
            let data = [
                ("check", text(format!("evidence {kind}"))),
                ("status", text(status.word())),
                ("value", text(&said)),
            ];
            self.record(&step.id, RecordKind::Checked, data)?;
            self.show("kept", &format!("{kind}: {said}"));
        }
        Ok(())
    }

    /// Keeps pieces, and says in a clause what became of them.
    pub(super) fn keep(
        &mut self,
        step: &Step,
        pieces: &[super::super::evidence::Piece],
    ) -> Result<String, IncidentError> {
        let (mut kept, mut bytes, mut masked, mut problems) = (0, 0, 0, Vec::new());
        for piece in pieces {
            let now = self.tools.clock().unix_ms;
            let folder = self.incident.folder().join("evidence");
            let entry = self.incident.store().keep(piece, &step.id, now);
            let entry = entry.map_err(|source| IncidentError::Disk { path: folder, source })?;
            kept += usize::from(entry.status != "missing");
            bytes += entry.size;
            masked += entry.masked;
            if !entry.problem.is_empty() {
                problems.push(format!("{}: {}", entry.name, entry.problem));
            }
            let data = [
                ("name", text(&entry.name)),
                ("source", text(&entry.source)),
                ("sha256", text(&entry.sha256)),
                ("original_sha256", text(&entry.original_sha256)),
                ("size", entry.size.into()),
                ("status", text(&entry.status)),
                ("problem", text(&entry.problem)),
            ];
            let is_known = self.records.iter().any(|record| {
                record.kind == RecordKind::Evidence
                    && record.step == step.id
                    && record.text("sha256") == entry.sha256
                    && record.text("source") == self.tools.clean(&entry.source)
            });
            if !is_known {
                self.record(&step.id, RecordKind::Evidence, data)?;
            }
        }
        let mut said = match kept {
            0 => "nothing to keep".to_owned(),
            1 => format!("1 piece, {}", size(bytes)),
            _ => format!("{kept} pieces, {}", size(bytes)),
        };
        if masked > 0 {
            said += &format!(", {masked} {} masked", if masked == 1 { "secret" } else { "secrets" });
        }
        for problem in problems.iter().take(3) {
            said += &format!("; not whole: {problem}");
        }
        Ok(said)
    }

    /// Ends a step.
    pub(super) fn settle(
        &mut self,
        step: &Step,
        kind: RecordKind,
        said: &str,
    ) -> Result<Flow, IncidentError> {
        let said = self.tools.clean(said);
        self.record(&step.id, kind, [("text", text(&said))])?;
        let word = match kind {
            RecordKind::Done => "done",
            RecordKind::NotNeeded => "not needed",
            RecordKind::Skipped => "skipped",
            RecordKind::Failed => "FAILED",
            RecordKind::Blocked => "blocked",
            _ => "open",
        };
        self.prompter.show(&Shown::Result(word, &said));
        Ok(Flow::Next)
    }
}

/// Bytes, rounded to three digits or fewer.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1_048_576)),
    }
}
