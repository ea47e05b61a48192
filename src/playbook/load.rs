//! Where playbooks come from: the nine that are built in, in the frame that all share, and those of a repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::step::{Kind, Phase, Playbook, Step};
use crate::toml_text;

/// The files under `rules/playbooks`, as JSON; build.rs converts them.
const BUILT_IN: &str = include_str!(concat!(env!("OUT_DIR"), "/playbooks.json"));
/// The file with the steps that every playbook begins and ends with.
const FRAME: &str = "frame";
/// Bytes that a playbook of a repository may have.
const LARGEST: u64 = 1 << 20;

/// Playbooks by id.
#[derive(Clone, Debug)]
pub struct Playbooks {
    all: Vec<Playbook>,
}

/// A playbook that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaybookError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The text is no playbook.
    #[error("{origin}: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// Line, column, what is wrong.
        message: String,
    },
    /// A repository's playbook asks for what only built-in ones may.
    #[error("{origin}: step {step}: {message}")]
    Refused {
        /// The file.
        origin: String,
        /// The step.
        step: String,
        /// Why.
        message: String,
    },
}

/// Something in a playbook that will not work as it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `gateway-down/restart`.
    pub place: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// What a repository may say: steps for people, added to a playbook or in place of its steps for people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Override {
    id: String,
    title: Option<String>,
    summary: Option<String>,
    #[serde(default, rename = "symptom")]
    symptoms: Vec<super::step::Symptom>,
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
}

/// Steps that every playbook begins and ends with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    first: Vec<Step>,
    last: Vec<Step>,
}

impl Playbooks {
    /// The playbooks that come with the program.
    ///
    /// # Errors
    /// Only when the program was built from broken files.
    pub fn built_in() -> Result<Self, PlaybookError> {
        let files: Vec<(String, serde_json::Value)> = parse(serde_json::from_str(BUILT_IN), "built-in")?;
        let mut frame = None;
        let mut all = Vec::new();
        for (name, value) in files {
            if name == FRAME {
                frame = Some(parse::<Frame>(serde_json::from_value(value), &name)?);
            } else {
                all.push(parse::<Playbook>(serde_json::from_value(value), &name)?);
            }
        }
        if let Some(frame) = frame {
            for playbook in &mut all {
                let own = std::mem::take(&mut playbook.steps);
                playbook.steps = [frame.first.clone(), own, frame.last.clone()].concat();
            }
        }
        Ok(Self { all })
    }

    /// Takes in the `.toml` files of a repository's folder `playbooks`, in the order of their names; without such a
    /// folder nothing changes. They may replace and add steps for people, and never run or send anything.
    ///
    /// # Errors
    /// The first file that cannot be read or that asks for more.
    pub fn adapt(&mut self, folder: &Path) -> Result<Vec<String>, PlaybookError> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        let mut changed = Vec::new();
        for path in paths {
            let origin = path.display().to_string();
            let read = |source| PlaybookError::Read { path: path.clone(), source };
            if std::fs::metadata(&path).map_err(read)?.len() > LARGEST {
                let message = "larger than 1 MiB; a playbook is a page of text".to_owned();
                return Err(PlaybookError::Syntax { origin, message });
            }
            let text = std::fs::read_to_string(&path).map_err(read)?;
            changed.extend(self.adapt_text(&text, &origin)?);
        }
        Ok(changed)
    }

    /// Takes in one such text; returns what it changed, as `gateway-down/restart`.
    ///
    /// # Errors
    /// When it is no playbook or asks for more than it may.
    pub fn adapt_text(&mut self, text: &str, origin: &str) -> Result<Vec<String>, PlaybookError> {
        let change: Override = toml_text::parse(text)
            .map_err(|message| PlaybookError::Syntax { origin: origin.to_owned(), message })?;
        for step in &change.steps {
            harmless(step).map_err(|message| PlaybookError::Refused {
                origin: origin.to_owned(),
                step: step.id.clone(),
                message,
            })?;
        }
        let mut changed = Vec::new();
        let playbook = match self.all.iter_mut().position(|known| known.id == change.id) {
            Some(at) => &mut self.all[at],
            None => {
                let title = change.title.clone().unwrap_or_else(|| change.id.clone());
                let frame = self.all.first().map(frame_of).unwrap_or_default();
                self.all.push(Playbook {
                    id: change.id.clone(),
                    title,
                    summary: change.summary.clone().unwrap_or_default(),
                    symptoms: Vec::new(),
                    steps: frame,
                });
                let last = self.all.len() - 1;
                &mut self.all[last]
            }
        };
        playbook.symptoms.extend(change.symptoms);
        for step in change.steps {
            changed.push(format!("{}/{}", change.id, step.id));
            place(playbook, step).map_err(|(step, message)| PlaybookError::Refused {
                origin: origin.to_owned(),
                step,
                message,
            })?;
        }
        Ok(changed)
    }

    /// All of them, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Playbook> {
        self.all.iter()
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Playbook> {
        self.all.iter().find(|playbook| playbook.id == id)
    }

    /// What will not work as it is meant; `checks` are the ids that exist, none when that is not known.
    #[must_use]
    pub fn lint(&self, checks: &[String]) -> Vec<Fault> {
        self.all.iter().flat_map(|playbook| lint(playbook, checks)).collect()
    }
}

fn parse<T>(result: Result<T, serde_json::Error>, origin: &str) -> Result<T, PlaybookError> {
    result.map_err(|error| PlaybookError::Syntax { origin: origin.to_owned(), message: error.to_string() })
}

/// The steps that a new playbook shares with the others.
fn frame_of(playbook: &Playbook) -> Vec<Step> {
    let shared = |step: &&Step| matches!(step.phase, Phase::Acknowledge | Phase::PostMortem);
    playbook.steps.iter().filter(shared).cloned().collect()
}

/// Whether a repository may bring this step.
fn harmless(step: &Step) -> Result<(), String> {
    let asked = [
        (!step.command.is_empty(), "command"),
        (step.action.is_some(), "action"),
        (step.network, "network"),
        (!step.evidence.is_empty(), "evidence"),
        (step.check.is_some() || step.verify.is_some(), "check"),
        (step.kind != Kind::Human, "kind other than human"),
    ];
    match asked.iter().find(|(is_asked, _)| *is_asked) {
        Some((_, what)) => Err(format!(
            "a repository's playbook may not have {what}: whoever can commit could run it on this machine; \
             write what to do into `say`"
        )),
        None => Ok(()),
    }
}

/// Puts a step for people in place of one with its id, or at the end of its phase.
fn place(playbook: &mut Playbook, step: Step) -> Result<(), (String, String)> {
    if let Some(old) = playbook.steps.iter_mut().find(|old| old.id == step.id) {
        if old.kind != Kind::Human {
            let message =
                format!("{} is done by kbsec and cannot be replaced; give yours another id", old.id);
            return Err((step.id, message));
        }
        // What the manual says there stays covered, and so does what must be known.
        let kept = (old.seed.clone(), old.ask.clone());
        *old = step;
        old.seed.extend(kept.0);
        if old.ask.is_empty() {
            old.ask = kept.1;
        }
        return Ok(());
    }
    let after = playbook.steps.iter().rposition(|known| known.phase == step.phase);
    let at = after.or_else(|| playbook.steps.iter().rposition(|known| known.phase < step.phase));
    playbook.steps.insert(at.map_or(0, |at| at + 1), step);
    Ok(())
}

fn lint(playbook: &Playbook, checks: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for step in &playbook.steps {
        let mut fault = |message: String| {
            faults.push(Fault { place: format!("{}/{}", playbook.id, step.id), message });
        };
        if !seen.insert(&step.id) {
            fault("two steps have this id; rename one".to_owned());
        }
        if step.title.ends_with('.') || step.title.chars().count() > 64 {
            fault("the title has at most 64 characters and no full stop".to_owned());
        }
        if step.why.is_empty() {
            fault("`why` is empty; say what happens without this step".to_owned());
        }
        let acts = step.acts() || step.is_checked();
        if step.kind != Kind::Human && !acts {
            fault("it does nothing; give it a check, command, action or evidence".to_owned());
        }
        if step.kind == Kind::Human && step.say.is_empty() && step.ask.is_empty() && step.action.is_none() {
            fault("a step for people has to `say` or `ask` something".to_owned());
        }
        if step.kind == Kind::Automatic && !step.command.is_empty() {
            fault("commands need leave; make it `confirm`".to_owned());
        }
        if matches!(step.kind, Kind::Confirm | Kind::Irreversible) && step.undo.is_none() {
            fault("it changes something; say in `undo` how to take it back".to_owned());
        }
        let unknown = |id: &&String| !checks.is_empty() && !checks.contains(id);
        for id in [&step.check, &step.verify].into_iter().flatten().filter(unknown) {
            fault(format!("there is no check {id}; `kbsec check --list` names them"));
        }
    }
    for phase in Phase::ALL {
        if !playbook.steps.iter().any(|step| step.phase == phase) {
            let message = format!("it has no step for the phase {phase}");
            faults.push(Fault { place: playbook.id.clone(), message });
        }
    }
    faults
}
