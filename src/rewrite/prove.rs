//! A proof: one claim about a finished rewrite, what was looked at for it, and whether it holds.

pub mod backup;
pub mod collateral;
mod files;
pub mod local;
mod objects;
mod search;
pub mod server;
pub mod tell;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::coverage::Gap;

/// Which claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Claim {
    /// Nothing of this repository holds the value.
    P1,
    /// Nothing else was changed.
    P2,
    /// The server does not hand it out.
    P3,
}

/// What a proof came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It holds: the value is nowhere.
    Gone,
    /// It holds: only what had to change has changed.
    Unchanged,
    /// The value stands in this repository.
    StillHere,
    /// A reference of the server leads to it.
    StillOnRef,
    /// No reference leads to it, but the server hands it out to whoever knows the id.
    StillServed,
    /// More has changed than what had to.
    Collateral,
    /// Not everything was looked at, so nothing is proved.
    NotChecked,
}

impl State {
    /// Whether the claim holds.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(self, Self::Gone | Self::Unchanged)
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Gone => "gone",
            Self::Unchanged => "unchanged",
            Self::StillHere => "still-here",
            Self::StillOnRef => "still-on-ref",
            Self::StillServed => "still-served",
            Self::Collateral => "collateral",
            Self::NotChecked => "not-checked",
        })
    }
}

/// A place that contradicts a claim. Its texts are without the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Where: `blob 4c1a…`, `.git/config`, `refs/pull/7/head`.
    pub place: String,
    /// What is wrong there, as a short clause: `base64`, `the author was changed`.
    pub what: String,
}

impl Fault {
    /// A fault.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// One claim, and what was found about it.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Which claim.
    pub claim: Claim,
    /// Whether somebody wanted it; the others are named, so that nobody takes their silence for success.
    pub asked: bool,
    /// Whether it holds.
    pub state: State,
    /// Numbers of what was looked at, such as `24154 objects`, in order of importance.
    pub facts: Vec<Fact>,
    /// What contradicts it.
    pub faults: Vec<Fault>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
    /// How long it took.
    pub duration: Duration,
}

/// A number of things that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What, in the plural: `objects`.
    pub what: &'static str,
    /// How many.
    pub count: u64,
}

impl Proof {
    /// A proof that nobody asked for.
    #[must_use]
    pub fn not_run(claim: Claim, hint: &str) -> Self {
        let gaps = vec![Gap::new("everything", "not asked for").hint(hint)];
        Self { gaps, asked: false, ..Self::new(claim, Duration::ZERO) }
    }

    fn new(claim: Claim, duration: Duration) -> Self {
        let (facts, faults, gaps, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { claim, asked: true, state: State::NotChecked, facts, faults, gaps, notes, duration }
    }

    fn fact(&mut self, what: &'static str, count: u64) {
        self.facts.push(Fact { what, count });
    }

    /// Decides, on faults in the order in which they are to be told: a fault is `bad`, a gap leaves it open, and without both it is `good`.
    fn judge(&mut self, good: State, bad: State) {
        self.gaps.sort();
        self.gaps.dedup();
        self.state = match (self.faults.is_empty(), self.gaps.is_empty()) {
            (false, _) => bad,
            (true, false) => State::NotChecked,
            (true, true) => good,
        };
    }
}
