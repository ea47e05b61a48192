//! How the engine acts: plan, leave, deed, record.

use super::super::incident::IncidentError;
use super::super::record::RecordKind;
use super::super::step::{Kind, Step};
use super::super::tools::{Applied, Outcome, Plan, Prompt, text};
use super::ledger::facts;
use super::talk::Answer;
use super::{Engine, Flow};

/// Lines of a command's output that are shown.
const SHOWN_LINES: usize = 12;

/// What came of an act.
pub(super) enum Acted {
    /// It is done, and the step goes on.
    Done,
    /// The step ends here.
    Settled(Flow),
}

impl Engine<'_> {
    /// Plans and does what the step does. Repeated while somebody wants to try again.
    pub(super) fn act(&mut self, step: &Step) -> Result<Acted, IncidentError> {
        if step.network && !self.options.online.contains(&step.id) {
            let how = format!("kbsec stays offline; --allow {} lets it do this", step.id);
            // Whoever only asks leaves something unproved; what a person does instead has a step of its own.
            let kind =
                if step.kind == Kind::Automatic { RecordKind::NotChecked } else { RecordKind::NotNeeded };
            return self.settle(step, kind, &how).map(Acted::Settled);
        }
        loop {
            let plan = self.plan(step);
            if let Some(why) = &plan.blocked {
                match self.again(step, ("blocked", why), RecordKind::Blocked)? {
                    Some(ended) => return Ok(ended),
                    None => continue,
                }
            }
            if let Some(ended) = self.consider(step, &plan)? {
                return Ok(ended);
            }
            let applied = self.deed(step);
            let done = self.write_down(step, applied)?;
            match done {
                Outcome::Done => return Ok(Acted::Done),
                Outcome::Open(left) => {
                    self.show("left", &left);
                    return self.by_hand(step, &left);
                }
                Outcome::Failed(why) => {
                    let otherwise = if step.proof { RecordKind::Failed } else { RecordKind::Open };
                    if let Some(ended) = self.again(step, ("failed", &why), otherwise)? {
                        return Ok(ended);
                    }
                }
            }
        }
    }

    /// Says what went wrong and asks whether to try again. None when so; where nobody is there, the step ends `otherwise`.
    fn again(
        &mut self,
        step: &Step,
        (word, why): (&str, &str),
        otherwise: RecordKind,
    ) -> Result<Option<Acted>, IncidentError> {
        self.show(word, why);
        let ended = match self.ask(step, &Prompt::Again(step))? {
            Answer::Yes | Answer::Text(_) => return Ok(None),
            Answer::Stop(flow) => flow,
            Answer::Skip(reason) => self.settle(step, RecordKind::Skipped, &format!("{why}; {reason}"))?,
            Answer::Nobody(_) => self.settle(step, otherwise, why)?,
        };
        Ok(Some(Acted::Settled(ended)))
    }

    /// Shows the plan and asks for leave. Some when the step ends, or goes on, without the deed.
    fn consider(&mut self, step: &Step, plan: &Plan) -> Result<Option<Acted>, IncidentError> {
        if let Some(why) = &plan.needless {
            return self.settle(step, RecordKind::NotNeeded, why).map(|flow| Some(Acted::Settled(flow)));
        }
        let word = match (step.kind, &plan.manual) {
            (_, Some(_)) => "do",
            (Kind::Automatic, None) => "doing",
            _ => "next",
        };
        plan.lines.iter().for_each(|line| self.show(word, line));
        if let Some(how) = &plan.manual {
            self.show("you", how);
            return self.by_hand(step, "").map(Some);
        }
        let prompt = match step.kind {
            Kind::Automatic | Kind::Human => return Ok(None),
            Kind::Confirm => Prompt::Consent(step),
            Kind::Irreversible => Prompt::Hash(step, plan.hash.get(..8).unwrap_or(&plan.hash)),
        };
        let ended = match self.ask(step, &prompt)? {
            Answer::Stop(flow) => return Ok(Some(Acted::Settled(flow))),
            Answer::Yes | Answer::Text(_) => {
                let data = [("plan", text(&plan.hash)), ("lines", plan.lines.clone().into())];
                self.record(&step.id, RecordKind::Confirmed, data)?;
                return Ok(None);
            }
            Answer::Skip(reason) => self.settle(step, RecordKind::Skipped, &reason)?,
            Answer::Nobody(missing) => self.settle(step, RecordKind::Open, &missing)?,
        };
        Ok(Some(Acted::Settled(ended)))
    }

    /// A person does what kbsec cannot.
    fn by_hand(&mut self, step: &Step, left: &str) -> Result<Acted, IncidentError> {
        self.say(step);
        let ended = match self.ask(step, &Prompt::Proof(step))? {
            Answer::Stop(flow) => flow,
            Answer::Yes => return self.go_on(step, "done by hand"),
            Answer::Text(proof) => return self.go_on(step, &proof),
            Answer::Skip(reason) => self.settle(step, RecordKind::Skipped, &reason)?,
            Answer::Nobody(missing) if left.is_empty() => self.settle(step, RecordKind::Open, &missing)?,
            Answer::Nobody(missing) => self.settle(step, RecordKind::Open, &format!("{left}; {missing}"))?,
        };
        Ok(Acted::Settled(ended))
    }

    /// A person has done it: the step goes on where something is left to ask or to prove.
    fn go_on(&mut self, step: &Step, proof: &str) -> Result<Acted, IncidentError> {
        if step.ask.is_empty() && step.verify.is_none() {
            return self.settle(step, RecordKind::Done, proof).map(Acted::Settled);
        }
        let data = [("outcome", text("done")), ("by", text("hand")), ("text", text(proof))];
        self.record(&step.id, RecordKind::Applied, data)?;
        Ok(Acted::Done)
    }

    fn plan(&mut self, step: &Step) -> Plan {
        if let Some(action) = &step.action {
            return self.tools.plan(action, &self.state.facts);
        }
        match self.command(step) {
            Some(command) => Plan { lines: vec![command.join(" ")], ..Plan::default() },
            None => {
                let program = |command: &'_ Vec<String>| command.iter().find(|part| *part != "sudo").cloned();
                let programs: Vec<String> = step.command.iter().filter_map(program).collect();
                let wanted = step.command.first().map(|command| self.filled(command).join(" "));
                let how = format!(
                    "{} cannot be used here. Where the service runs, do: {}",
                    programs.join(" or "),
                    wanted.unwrap_or_default()
                );
                Plan { manual: Some(how), ..Plan::default() }
            }
        }
    }

    fn deed(&mut self, step: &Step) -> Applied {
        if let Some(action) = &step.action {
            return self.tools.apply(action, &self.state.facts);
        }
        let Some(command) = self.command(step) else { return Applied::default() };
        let ran = self.tools.run(&command, &self.state.facts);
        let lines: Vec<String> = ran.output.lines().map(str::to_owned).collect();
        let hidden = lines.len().saturating_sub(SHOWN_LINES);
        let outcome = match (ran.code, ran.error.is_empty()) {
            (Some(0), true) => Outcome::Done,
            (Some(code), true) => Outcome::Failed(format!("{} ended with {code}", command.join(" "))),
            _ => Outcome::Failed(format!("{}: {}", command.join(" "), ran.error)),
        };
        Applied { outcome, lines: lines.into_iter().skip(hidden).collect(), ..Applied::default() }
    }

    /// The first command whose program exists, with what is known put in. Where there is no sudo, its user has no need
    /// of it: root in a container.
    fn command(&self, step: &Step) -> Option<Vec<String>> {
        let mut commands = step.command.iter().map(|command| match command.split_first() {
            Some((sudo, rest)) if sudo == "sudo" && !self.tools.has(sudo) => rest.to_vec(),
            _ => command.clone(),
        });
        let exists = |command: &Vec<String>| {
            command.iter().find(|part| *part != "sudo").is_some_and(|program| self.tools.has(program))
        };
        commands.find(exists).map(|command| self.filled(&command))
    }

    /// Shows what a person has to do, with what is known put in.
    pub(super) fn say(&mut self, step: &Step) {
        for line in self.filled(&step.say) {
            self.show("do", &line);
        }
    }

    /// `{plugin}` is the fact of that name; an unknown one stays as it is.
    fn filled(&self, command: &[String]) -> Vec<String> {
        let fill = |part: &String| {
            let mut part = part.clone();
            for (name, value) in &self.state.facts {
                part = part.replace(&format!("{{{name}}}"), value);
            }
            part
        };
        command.iter().map(fill).collect()
    }

    /// Writes down what was done, keeps its evidence and its files.
    fn write_down(&mut self, step: &Step, applied: Applied) -> Result<Outcome, IncidentError> {
        applied.lines.iter().for_each(|line| self.show("", line));
        if !applied.evidence.is_empty() {
            let said = self.keep(step, &applied.evidence)?;
            self.show("kept", &said);
        }
        for (name, bytes) in &applied.files {
            let clean = self.tools.clean(&String::from_utf8_lossy(bytes));
            self.incident.write_out(name, clean.as_bytes())?;
            self.show("wrote", &format!("out/{name} in the directory of the incident"));
        }
        let (outcome, said) = match &applied.outcome {
            Outcome::Done => ("done", ""),
            Outcome::Open(left) => ("open", left.as_str()),
            Outcome::Failed(why) => ("failed", why.as_str()),
        };
        let data = [
            ("outcome", text(outcome)),
            ("text", text(said)),
            ("lines", applied.lines.into()),
            ("facts", facts(&applied.facts)),
            ("files", applied.files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().into()),
        ];
        self.record(&step.id, RecordKind::Applied, data)?;
        Ok(applied.outcome)
    }
}
