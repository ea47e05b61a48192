//! How the engine asks: notes, the log and reasons are dealt with here, until there is an answer.

use super::super::incident::IncidentError;
use super::super::record::RecordKind;
use super::super::step::Step;
use super::super::tools::{Prompt, Reply, Shown, text};
use super::{Engine, Flow};

/// What came of a question.
pub(super) enum Answer {
    Yes,
    Text(String),
    Skip(String),
    Nobody(String),
    Stop(Flow),
}

impl Engine<'_> {
    /// Asks until there is an answer.
    pub(super) fn ask(&mut self, step: &Step, prompt: &Prompt<'_>) -> Result<Answer, IncidentError> {
        loop {
            let reply = if self.tools.interrupted() {
                Reply::Interrupted
            } else {
                self.prompter.ask(prompt, &self.state.facts)
            };
            match reply {
                Reply::Yes => return Ok(Answer::Yes),
                Reply::Text(answer) => return Ok(Answer::Text(answer)),
                Reply::Skip(reason) => return Ok(Answer::Skip(reason)),
                Reply::Nobody(missing) => return Ok(Answer::Nobody(missing)),
                Reply::Note(note) => {
                    self.record(&step.id, RecordKind::Note, [("text", text(note))])?;
                    self.show("note", "written down");
                }
                Reply::Log => {
                    for record in &self.records {
                        self.prompter.show(&Shown::Record(record));
                    }
                }
                Reply::Why => self.why(step),
                Reply::Pause => {
                    self.record(&step.id, RecordKind::Paused, [])?;
                    return Ok(Answer::Stop(Flow::Paused));
                }
                Reply::Interrupted => {
                    self.record(&step.id, RecordKind::Interrupted, [("text", text("at a question"))])?;
                    return Ok(Answer::Stop(Flow::Interrupted));
                }
            }
        }
    }

    /// Says why a step is there, and how it is taken back.
    fn why(&mut self, step: &Step) {
        self.show("why", &step.why);
        if let Some(undo) = &step.undo {
            self.show("undo", undo);
        }
    }
}
