//! The engine: takes an incident through its playbook, step by step, and writes down each thing before the next.

mod act;
mod ledger;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::incident::{Incident, IncidentError};
use super::record::{Record, RecordKind};
use super::state::{Standing, State};
use super::step::{Kind, Playbook, Step};
use super::tools::{Prompt, Prompter, Shown, Status, Tools, text};
use talk::Answer;

/// How the log says that a step has no reason.
const ONLY_WHERE: &str = "only where ";

/// One incident, one playbook, and everybody who takes part.
pub struct Engine<'a> {
    playbook: &'a Playbook,
    incident: &'a mut Incident,
    tools: &'a mut dyn Tools,
    prompter: &'a mut dyn Prompter,
    state: State,
    records: Vec<Record>,
    options: Options,
}

/// What the user allowed beforehand.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Steps that may talk to other machines.
    pub online: BTreeSet<String>,
}

/// How a run of the engine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything is settled and the incident is closed.
    Closed,
    /// Steps are left; these.
    Open(Vec<String>),
    /// The proof of these steps fails.
    ProofFailed(Vec<String>),
    /// These steps may not be done as things are.
    Blocked(Vec<String>),
    /// The incident is closed, but these pieces of evidence are not whole.
    EvidenceIncomplete(Vec<String>),
    /// Somebody paused.
    Paused,
    /// Ctrl-C, or a signal.
    Interrupted,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Paused,
    Interrupted,
}

impl<'a> Engine<'a> {
    /// An engine for an incident with these records so far.
    pub fn new(
        playbook: &'a Playbook,
        (incident, records): (&'a mut Incident, Vec<Record>),
        (tools, prompter): (&'a mut dyn Tools, &'a mut dyn Prompter),
        options: Options,
    ) -> Self {
        let state = State::of(&records);
        Self { playbook, incident, tools, prompter, state, records, options }
    }

    /// Writes down that the incident begins, with what is known.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn begin(&mut self, facts: &super::tools::Facts) -> Result<(), IncidentError> {
        let data = [
            ("playbook", text(&self.playbook.id)),
            ("title", text(&self.playbook.title)),
            ("version", text(env!("CARGO_PKG_VERSION"))),
            ("facts", ledger::facts(facts)),
        ];
        self.record("", RecordKind::Opened, data)
    }

    /// Writes down that the work goes on; `torn` tells what a crash left.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn resume(
        &mut self,
        torn: Option<&super::journal::Torn>,
        facts: &super::tools::Facts,
    ) -> Result<(), IncidentError> {
        if let Some(torn) = torn {
            let data = [
                ("bytes", torn.bytes.into()),
                (
                    "text",
                    text(
                        "an incomplete last line was moved to log.torn: the program was ended while writing it",
                    ),
                ),
            ];
            self.record("", RecordKind::Torn, data)?;
        }
        let last = self.state.last;
        let now = self.tools.clock().unix_ms;
        let mut data = vec![("facts", ledger::facts(facts))];
        if now < last {
            let behind = format!(
                "the clock is {} s behind the last record; times before and after do not compare",
                (last - now) / 1000
            );
            self.prompter.show(&Shown::Line("clock", &behind));
            data.push(("clock", text(behind)));
        }
        self.record("", RecordKind::Resumed, data)
    }

    /// Goes through all steps that are not settled.
    ///
    /// # Errors
    /// When the log or the evidence cannot be written.
    pub fn run(&mut self) -> Result<Ending, IncidentError> {
        let resumed = self.records.iter().any(|record| record.kind == RecordKind::Resumed);
        let title = match self.state.facts.get("subject") {
            Some(subject) => format!("{}: {subject}", self.playbook.title),
            None => self.playbook.title.clone(),
        };
        self.prompter.show(&Shown::Title {
            id: self.incident.id(),
            title: &self.tools.clean(&title),
            resumed,
        });
        let playbook = self.playbook;
        let mut phase = None;
        for (at, step) in playbook.steps.iter().enumerate() {
            if self.is_settled(step)? {
                continue;
            }
            if let Some(condition) = step.when.as_deref().filter(|condition| !self.state.holds(condition)) {
                let why = format!("{ONLY_WHERE}{condition}");
                self.record(&step.id, RecordKind::NotNeeded, [("text", text(why))])?;
                continue;
            }
            if phase != Some(step.phase) {
                phase = Some(step.phase);
                self.prompter.show(&Shown::Phase(step.phase));
            }
            self.prompter.show(&Shown::Step(step, at + 1, playbook.steps.len()));
            match self.step(step)? {
                Flow::Next => {}
                Flow::Paused => return Ok(Ending::Paused),
                Flow::Interrupted => return Ok(Ending::Interrupted),
            }
            if self.tools.interrupted() {
                self.record("", RecordKind::Interrupted, [("text", text("between two steps"))])?;
                return Ok(Ending::Interrupted);
            }
        }
        self.end()
    }

    /// The log, with what this run added.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether nothing is left to do for a step. A proof of an earlier run is made again.
    fn is_settled(&mut self, step: &Step) -> Result<bool, IncidentError> {
        let Some(known) = self.state.steps.get(&step.id) else { return Ok(false) };
        let is_passed_over = matches!(known.standing, Standing::NotNeeded | Standing::NotChecked);
        let is_allowed_now = step.network && is_passed_over && self.options.online.contains(&step.id);
        // What is known may have changed since: a history that was rewritten has to be pushed.
        let applies_now = known.text.starts_with(ONLY_WHERE)
            && step.when.as_deref().is_some_and(|condition| self.state.holds(condition));
        if !known.standing.is_settled() || is_allowed_now || applies_now {
            return Ok(false);
        }
        let proof = step.verify.as_deref().filter(|_| step.proof && known.standing == Standing::Done);
        let Some(check) = proof else { return Ok(true) };
        let verdict = self.tools.check(check, &step.inputs, &self.state.facts);
        if verdict.status != Status::Fail {
            return Ok(true);
        }
        let value = self.tools.clean(&verdict.value);
        self.record(&step.id, RecordKind::Drift, [("check", text(check)), ("value", text(value))])?;
        Ok(false)
    }

    /// Checks, plans, applies and verifies one step.
    fn step(&mut self, step: &Step) -> Result<Flow, IncidentError> {
        if self.state.standing(&step.id) != Some(Standing::Begun) {
            self.record(&step.id, RecordKind::Started, [])?;
        }
        if let Some(correction) = &step.correction {
            self.show("manual", correction);
        }
        self.keep_evidence(step)?;
        let mut passed = None;
        if let Some(check) = &step.check {
            let verdict = self.check(step, check)?;
            passed = Some(verdict.status);
            if verdict.status == Status::Pass && (step.acts() || step.kind == Kind::Human) {
                let standing = if step.acts() { RecordKind::NotNeeded } else { RecordKind::Done };
                return self.settle(step, standing, &format!("{check} passes: {}", verdict.value));
            }
        }
        let is_applied = self.state.steps.get(&step.id).is_some_and(|known| known.applied);
        if step.acts() && !is_applied {
            match self.act(step)? {
                act::Acted::Done => {}
                act::Acted::Settled(flow) => return Ok(flow),
            }
        } else if step.kind == Kind::Human {
            self.say(step);
            if step.ask.is_empty() {
                let flow = match self.ask(step, &Prompt::Proof(step))? {
                    Answer::Stop(flow) => flow,
                    Answer::Skip(reason) => self.settle(step, RecordKind::Skipped, &reason)?,
                    Answer::Nobody(missing) => self.settle(step, RecordKind::Open, &missing)?,
                    Answer::Yes => self.told(step, passed, "")?,
                    Answer::Text(proof) => self.told(step, passed, &proof)?,
                };
                return Ok(flow);
            }
        }
        if let Some(ended) = self.questions(step)? {
            return Ok(ended);
        }
        if let Some(check) = &step.verify {
            return self.verify(step, check);
        }
        match (passed, &step.check) {
            (Some(status), Some(check)) if !step.acts() && step.ask.is_empty() => {
                self.looked(step, check, status)
            }
            _ => self.settle(step, RecordKind::Done, ""),
        }
    }

    /// A person says that it is done. Where a check failed before, it is made again: it is right more often.
    fn told(&mut self, step: &Step, before: Option<Status>, proof: &str) -> Result<Flow, IncidentError> {
        match (&step.verify, &step.check, before) {
            (Some(check), _, _) | (None, Some(check), Some(Status::Fail)) => {
                let data = [("outcome", text("done")), ("by", text("hand")), ("text", text(proof))];
                self.record(&step.id, RecordKind::Applied, data)?;
                self.verify(step, check)
            }
            _ => self.settle(step, RecordKind::Done, proof),
        }
    }

    /// Ends a step that only looked; its verdict is on the screen already.
    fn looked(&mut self, step: &Step, check: &str, status: Status) -> Result<Flow, IncidentError> {
        let known = self.state.steps.get(&step.id).and_then(|known| known.checks.get(check));
        let said = known.map(|(word, value)| format!("{word}: {value}")).unwrap_or_default();
        let kind = if status == Status::Unknown { RecordKind::NotChecked } else { RecordKind::Done };
        self.record(&step.id, kind, [("text", text(said))])?;
        Ok(Flow::Next)
    }

    /// Asks what is not known yet. Some when the step ends here.
    fn questions(&mut self, step: &Step) -> Result<Option<Flow>, IncidentError> {
        for question in &step.ask {
            if self.state.facts.contains_key(&question.id) {
                continue;
            }
            match self.ask(step, &Prompt::Fact(step, question))? {
                Answer::Stop(flow) => return Ok(Some(flow)),
                Answer::Text(answer) => {
                    let answer = self.tools.clean(&answer);
                    let facts = [(question.id.clone(), answer)].into();
                    let data = [("question", text(&question.text)), ("facts", ledger::facts(&facts))];
                    self.record(&step.id, RecordKind::Asked, data)?;
                }
                Answer::Yes => {}
                Answer::Skip(_) | Answer::Nobody(_) if question.optional => {}
                Answer::Skip(reason) => return self.settle(step, RecordKind::Skipped, &reason).map(Some),
                Answer::Nobody(missing) => return self.settle(step, RecordKind::Open, &missing).map(Some),
            }
        }
        Ok(None)
    }

    /// Makes the check that proves the step; a person decides where the check cannot.
    fn verify(&mut self, step: &Step, check: &str) -> Result<Flow, IncidentError> {
        loop {
            let verdict = self.check(step, check)?;
            match verdict.status {
                Status::Pass => return self.settle(step, RecordKind::Done, &verdict.value),
                Status::Warn if !step.proof => return self.settle(step, RecordKind::Done, &verdict.value),
                Status::Warn | Status::Unknown => {
                    self.show("you", "kbsec cannot tell whether this worked. Look yourself.");
                    return match self.ask(step, &Prompt::Proof(step))? {
                        Answer::Stop(flow) => Ok(flow),
                        Answer::Skip(reason) => self.settle(step, RecordKind::Skipped, &reason),
                        Answer::Nobody(missing) => self.settle(step, RecordKind::Open, &missing),
                        Answer::Yes => self.settle(step, RecordKind::Done, "seen by a person"),
                        Answer::Text(proof) => self.settle(step, RecordKind::Done, &proof),
                    };
                }
                Status::Fail => match self.ask(step, &Prompt::Again(step))? {
                    Answer::Stop(flow) => return Ok(flow),
                    Answer::Yes | Answer::Text(_) => {}
                    Answer::Skip(reason) => {
                        let standing = if step.proof { RecordKind::Failed } else { RecordKind::Skipped };
                        return self.settle(step, standing, &format!("{}; {reason}", verdict.value));
                    }
                    Answer::Nobody(_) => {
                        let standing = if step.proof { RecordKind::Failed } else { RecordKind::Open };
                        return self.settle(step, standing, &verdict.value);
                    }
                },
            }
        }
    }

    /// What is left when every step was visited.
    fn end(&mut self) -> Result<Ending, IncidentError> {
        let with = |standing: Standing| -> Vec<String> {
            let steps = self.playbook.steps.iter();
            steps
                .filter(|step| self.state.standing(&step.id) == Some(standing))
                .map(|step| step.id.clone())
                .collect()
        };
        let (failed, blocked) = (with(Standing::Failed), with(Standing::Blocked));
        let open = [with(Standing::Open), with(Standing::Begun)].concat();
        if !failed.is_empty() {
            return Ok(Ending::ProofFailed(failed));
        }
        if !blocked.is_empty() {
            return Ok(Ending::Blocked(blocked));
        }
        if !open.is_empty() {
            return Ok(Ending::Open(open));
        }
        let problems = self.state.evidence_problems.clone();
        self.record("", RecordKind::Closed, [("evidence_problems", problems.len().into())])?;
        self.incident.mark("closed")?;
        Ok(if problems.is_empty() { Ending::Closed } else { Ending::EvidenceIncomplete(problems) })
    }
}
