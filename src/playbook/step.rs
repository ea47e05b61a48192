//! A step: one thing to do in an incident, who does it, why, and what proves that it was done.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What to do in one kind of incident.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Playbook {
    /// `gateway-down`: the name it is called by.
    pub id: String,
    /// One line without a full stop.
    pub title: String,
    /// What it is for, in one or two sentences.
    pub summary: String,
    /// By what the incident is known.
    #[serde(default, rename = "symptom")]
    pub symptoms: Vec<Symptom>,
    /// What to do, in order.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
}

/// A sign of the incident.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Symptom {
    /// The sign, as a sentence.
    pub text: String,
    /// The words of the manual that it stands for.
    #[serde(default)]
    pub seed: Vec<String>,
    /// The check that can see it.
    pub check: Option<String>,
    /// What that check is told.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}

/// One thing to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Unique within the playbook.
    pub id: String,
    /// The part of the response that it belongs to.
    pub phase: Phase,
    /// Who does it, and by whose leave.
    pub kind: Kind,
    /// What is done, as a command without a full stop.
    pub title: String,
    /// Why, and what happens without it.
    pub why: String,
    /// The words of the manual that it covers.
    #[serde(default)]
    pub seed: Vec<String>,
    /// Where the manual is wrong, and what is done instead.
    pub correction: Option<String>,
    /// Done only where this holds: `fact`, `fact=value` or `!fact`, or several with commas between.
    pub when: Option<String>,
    /// The check made before anything is done; where it passes, a step that would change something is not needed.
    pub check: Option<String>,
    /// What the checks are told.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Kinds of evidence that are kept before anything is changed.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Commands, of which the first whose program exists is run; each is a list of arguments, no shell reads it.
    #[serde(default)]
    pub command: Vec<Vec<String>>,
    /// Work that kbsec does itself.
    pub action: Option<String>,
    /// What a person has to do, one sentence each.
    #[serde(default)]
    pub say: Vec<String>,
    /// What has to be known afterwards.
    #[serde(default)]
    pub ask: Vec<Question>,
    /// The check made afterwards.
    pub verify: Option<String>,
    /// Whether the incident is not over while the check fails.
    #[serde(default)]
    pub proof: bool,
    /// How to take it back.
    pub undo: Option<String>,
    /// Whether it talks to another machine.
    #[serde(default)]
    pub network: bool,
}

impl Step {
    /// Whether it changes something outside the incident directory.
    #[must_use]
    pub fn acts(&self) -> bool {
        !self.command.is_empty() || self.action.is_some()
    }

    /// Whether a machine finds out something about it.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.check.is_some() || self.verify.is_some() || self.action.is_some() || !self.evidence.is_empty()
    }
}

/// Something that only a person knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Question {
    /// The fact that the answer becomes.
    pub id: String,
    /// The question.
    pub text: String,
    /// The only answers allowed, where there are few.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Whether it may be left open.
    #[serde(default)]
    pub optional: bool,
}

/// A part of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The incident is named, the log begins.
    Acknowledge,
    /// The damage stops growing.
    Stabilise,
    /// The cause is found.
    Diagnose,
    /// Full service is back.
    Recover,
    /// It is written up.
    PostMortem,
}

impl Phase {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 5] =
        [Self::Acknowledge, Self::Stabilise, Self::Diagnose, Self::Recover, Self::PostMortem];
}

impl fmt::Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Acknowledge => "acknowledge",
            Self::Stabilise => "stabilise",
            Self::Diagnose => "diagnose",
            Self::Recover => "recover",
            Self::PostMortem => "post-mortem",
        })
    }
}

/// Who does a step, and by whose leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// kbsec, without asking: it only reads, or writes into the incident directory.
    Automatic,
    /// kbsec, after somebody agreed.
    Confirm,
    /// A person; kbsec asks for the proof.
    Human,
    /// kbsec, after somebody typed the beginning of the plan's hash: it cannot be taken back.
    Irreversible,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Automatic => "automatic",
            Self::Confirm => "asks first",
            Self::Human => "for you",
            Self::Irreversible => "cannot be undone",
        })
    }
}
