//! A playbook: what to do in an incident, as data, and the engine that carries it out and writes everything down.
//!
//! Read in this order: `step` (what a playbook says), `load` (where playbooks come from), `record` and `journal` (the
//! log that survives crashes and shows tampering), `state` (what a log means), `tools` (what the engine needs from
//! outside), `engine` (check, plan, apply, verify), `postmortem`. The engine neither prints nor asks the clock or the
//! environment: those come through the traits in `tools`.

mod disk;
mod engine;
mod evidence;
mod incident;
mod journal;
mod load;
mod postmortem;
mod record;
mod state;
mod step;
mod tools;

pub use engine::{Ending, Engine, Options};
pub use evidence::{Entry, Piece, Store};
pub use incident::{Incident, IncidentError, Opening, Summary, list, review};
pub use journal::{Head, Journal, Review, Soundness, Torn};
pub use load::{Fault, PlaybookError, Playbooks};
pub use postmortem::{Field, PostMortem, Row};
pub use record::{Actor, Draft, Flaw, Record, RecordKind};
pub use state::{Standing, State, StepState};
pub use step::{Kind, Phase, Playbook, Question, Step, Symptom};
pub use tools::{
    Applied, Facts, Moment, Outcome, Plan, Prompt, Prompter, Ran, Reply, Shown, Status, Tools, Verdict,
};
