//! What the engine needs from outside: a clock, checks, commands, collectors, a filter for secrets, and somebody to ask.

use std::collections::BTreeMap;

use serde_json::Value;

use super::evidence::Piece;
use super::record::{Actor, Record};
use super::step::{Phase, Question, Step};

/// What is known so far: answers of people and results of acts, by name.
pub type Facts = BTreeMap<String, String>;

/// A point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// Milliseconds of a clock that nobody can set.
    pub mono_ms: u64,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In one word.
    pub status: Status,
    /// What was seen.
    pub value: String,
    /// What should have been seen, where that is not obvious.
    pub expected: String,
    /// What to do about it, as a sentence; may be empty.
    pub fix: String,
}

/// What a check says, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Pass,
    /// This is wrong.
    Fail,
    /// This may be wrong.
    Warn,
    /// It could not be found out; never the same as well.
    Unknown,
}

impl Status {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
        }
    }
}

/// What an act of kbsec would do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What would be done, one line each; a diff where files are edited.
    pub lines: Vec<String>,
    /// Why there is nothing to do, if there is not.
    pub needless: Option<String>,
    /// Why it may not be done as things are, and what to do first.
    pub blocked: Option<String>,
    /// Why only a person can do it here, and how.
    pub manual: Option<String>,
    /// The hash of the plan, of which somebody types the beginning before what cannot be undone.
    pub hash: String,
}

/// What an act of kbsec did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// How it ended.
    pub outcome: Outcome,
    /// What happened, one line each.
    pub lines: Vec<String>,
    /// What is known now.
    pub facts: Facts,
    /// What is kept.
    pub evidence: Vec<Piece>,
    /// Files for the directory `out`, by name.
    pub files: Vec<(String, Vec<u8>)>,
}

/// How an act ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    #[default]
    Done,
    /// Something is left for a person: what.
    Open(String),
    /// It did not work: why.
    Failed(String),
}

/// How a command ended.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// Its exit code; none when it could not be started or a signal ended it.
    pub code: Option<i32>,
    /// What it printed on both streams, without secrets.
    pub output: String,
    /// Why it could not be run.
    pub error: String,
}

/// The world, as far as the engine touches it.
pub trait Tools {
    /// The time.
    fn clock(&mut self) -> Moment;
    /// Who runs this.
    fn actor(&self) -> Actor;
    /// Makes a check. One that does not exist is unknown.
    fn check(&mut self, id: &str, inputs: &BTreeMap<String, String>, facts: &Facts) -> Verdict;
    /// Whether a program can be run here.
    fn has(&self, program: &str) -> bool;
    /// Runs a command to its end.
    fn run(&mut self, command: &[String], facts: &Facts) -> Ran;
    /// What an act would do.
    fn plan(&mut self, action: &str, facts: &Facts) -> Plan;
    /// Does it.
    fn apply(&mut self, action: &str, facts: &Facts) -> Applied;
    /// Collects a kind of evidence. What cannot be collected is a piece with a problem.
    fn collect(&mut self, kind: &str, facts: &Facts) -> Vec<Piece>;
    /// The text without secrets.
    fn clean(&self, text: &str) -> String;
    /// A record is on disk.
    fn recorded(&mut self, record: &Record);
    /// Whether somebody pressed Ctrl-C, or the system wants us to end.
    fn interrupted(&self) -> bool;
}

/// What a person sees.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// An incident begins or goes on.
    Title {
        /// Its id.
        id: &'a str,
        /// What has happened.
        title: &'a str,
        /// Whether it goes on.
        resumed: bool,
    },
    /// A phase begins.
    Phase(Phase),
    /// A step begins: its number, and of how many.
    Step(&'a Step, usize, usize),
    /// What a check says.
    Verdict(&'a str, &'a Verdict),
    /// One line about the step, after a word such as `next`, `undo` or `note`.
    Line(&'a str, &'a str),
    /// How the step ended, in a word, and more about it.
    Result(&'a str, &'a str),
    /// A record, when somebody asks for the log.
    Record(&'a Record),
    /// A sentence by itself.
    Sentence(&'a str),
}

/// What is asked of a person.
#[derive(Clone, Copy, Debug)]
pub enum Prompt<'a> {
    /// May this be done?
    Consent(&'a Step),
    /// May this be done, which cannot be undone? The answer is the beginning of the hash.
    Hash(&'a Step, &'a str),
    /// Is this done, and what proves it?
    Proof(&'a Step),
    /// A question.
    Fact(&'a Step, &'a Question),
    /// The proof fails: try again?
    Again(&'a Step),
}

/// What a person answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Yes, or done.
    Yes,
    /// A text.
    Text(String),
    /// Leave it out, because of this.
    Skip(String),
    /// Write this down, and ask again.
    Note(String),
    /// Show the log, and ask again.
    Log,
    /// Say why, and ask again.
    Why,
    /// Go on later.
    Pause,
    /// Ctrl-C.
    Interrupted,
    /// Nobody is there to answer; what would answer it.
    Nobody(String),
}

/// Somebody to ask, and to tell.
pub trait Prompter {
    /// Tells something.
    fn show(&mut self, shown: &Shown<'_>);
    /// Asks something.
    fn ask(&mut self, prompt: &Prompt<'_>, facts: &Facts) -> Reply;
}

/// A JSON text.
pub(super) fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}
