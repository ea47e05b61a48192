//! The answers file: what a person would say, written down beforehand, and what kbsec may do, named one by one.

use std::collections::BTreeMap;
use std::path::Path;

use kbsec::playbook::{Playbook, Prompt, Reply};
use kbsec::toml_text;
use serde::Deserialize;

use super::super::error::Hinted;

/// Bytes that an answers file may have.
const LARGEST: u64 = 1 << 20;

/// Answers, proofs and reasons by name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answers {
    /// Answers to questions.
    #[serde(default)]
    answers: BTreeMap<String, String>,
    /// Steps for people that are done, each with its proof.
    #[serde(default)]
    done: BTreeMap<String, String>,
    /// Steps that are left out, each with its reason.
    #[serde(default)]
    skip: BTreeMap<String, String>,
    /// Steps that kbsec may carry out.
    #[serde(skip)]
    pub(crate) allowed: Vec<String>,
    /// The beginnings of the hashes of plans that cannot be undone.
    #[serde(skip)]
    pub(crate) confirmed: Vec<String>,
}

impl Answers {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let hint = "it has the tables [answers], [done] and [skip]; `kbsec respond explain INCIDENT` names what to write";
        let failed = |what: String| Hinted::error(format!("answers file {}: {what}", path.display()), hint);
        let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if length > LARGEST {
            return Err(failed("larger than 1 MiB".into()));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        toml_text::parse(&text).map_err(failed)
    }

    /// Names that the playbook does not know: probably misspelt, and then something would stay open in silence.
    pub(crate) fn check(&self, playbook: &Playbook) -> anyhow::Result<()> {
        let steps: Vec<&str> = playbook.steps.iter().map(|step| step.id.as_str()).collect();
        let questions: Vec<&str> =
            playbook.steps.iter().flat_map(|step| &step.ask).map(|question| question.id.as_str()).collect();
        let named = self.done.keys().chain(self.skip.keys()).chain(&self.allowed);
        for name in named {
            known("step", name, &steps)?;
        }
        self.answers.keys().try_for_each(|name| known("question", name, &questions))
    }

    /// The answer, if there is one.
    pub(crate) fn reply(&self, prompt: &Prompt<'_>) -> Option<Reply> {
        let step = match prompt {
            Prompt::Consent(step)
            | Prompt::Hash(step, _)
            | Prompt::Proof(step)
            | Prompt::Fact(step, _)
            | Prompt::Again(step) => step,
        };
        if let (Some(reason), false) = (self.skip.get(&step.id), matches!(prompt, Prompt::Again(_))) {
            return Some(Reply::Skip(reason.clone()));
        }
        let is_allowed = self.allowed.contains(&step.id);
        match prompt {
            Prompt::Consent(_) => is_allowed.then_some(Reply::Yes),
            Prompt::Hash(_, hash) => {
                let is_it = self.confirmed.iter().any(|typed| !hash.is_empty() && typed.starts_with(hash));
                (is_allowed && is_it).then_some(Reply::Yes)
            }
            Prompt::Proof(step) => self.done.get(&step.id).cloned().map(Reply::Text),
            Prompt::Fact(_, question) => {
                let answer = self.answers.get(&question.id)?;
                let fits = question.choices.is_empty() || question.choices.contains(answer);
                fits.then(|| Reply::Text(answer.clone()))
            }
            Prompt::Again(_) => None,
        }
    }
}

/// What would answer this, for somebody who reads it in the log of a job.
pub(crate) fn missing(prompt: &Prompt<'_>) -> String {
    match prompt {
        Prompt::Consent(step) => format!("needs leave: --allow {}", step.id),
        Prompt::Hash(step, hash) => format!("needs leave: --allow {} --confirm {hash}", step.id),
        Prompt::Proof(step) => {
            format!("a person has to do it; then put `{} = \"what proves it\"` under [done]", step.id)
        }
        Prompt::Fact(_, question) if question.choices.is_empty() => {
            format!("needs an answer: `{} = \"…\"` under [answers]", question.id)
        }
        Prompt::Fact(_, question) => {
            format!("needs an answer: `{} = \"{}\"` under [answers]", question.id, question.choices.join("|"))
        }
        Prompt::Again(_) => "try again when the cause is mended".to_owned(),
    }
}

fn known(kind: &str, name: &str, known: &[&str]) -> anyhow::Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    let hint = match toml_text::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => "`kbsec respond explain INCIDENT` names steps and questions".to_owned(),
    };
    Err(Hinted::error(format!("this playbook has no {kind} {name}"), hint))
}
