//! A push of a rewritten history: which references of a server change, each under a lease, all of them or none.

mod refusal;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::digest::sha256;
use crate::git::{GitError, ObjectId, Repository, child};
use crate::rewrite::maps::Maps;
use crate::rewrite::remote::{Remote, RemoteError, is_hidden, is_local};

pub use refusal::{Refusal, advice};

/// What a command line may hold of leases and references; systems allow two megabytes of all.
const LONGEST_COMMAND: usize = 1 << 20;
/// First changed commits that an unknown tip is compared with.
const COMPARED: usize = 50;

/// What will be pushed, and what not.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server, without credentials.
    pub server: String,
    /// References that change.
    pub updates: Vec<Update>,
    /// References that hold old commits, or may, and are not pushed.
    pub left_out: Vec<LeftOut>,
    /// What is in the way of the whole push.
    pub obstacles: Vec<LeftOut>,
}

/// A reference of the server that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Update {
    /// The full name.
    pub name: String,
    /// What it has to point to now, the lease; `None` where it must not be there.
    pub old: Option<ObjectId>,
    /// What it shall point to; `None` to delete it.
    pub new: Option<ObjectId>,
}

/// A reference that is not pushed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Its name, without a value.
    pub name: String,
    /// Why, as a short clause.
    pub why: String,
}

/// Tells names that hold a value.
pub type IsSecret<'a> = dyn Fn(&[u8]) -> bool + 'a;

/// How a push ended. References are told as the server shows them afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every reference is new.
    Done,
    /// Every reference is old.
    Refused(Vec<Refusal>),
    /// The server cannot change all references or none; nothing was pushed.
    NotAtomic,
    /// Some are new: these are not.
    Partly(Vec<Refusal>),
}

impl Plan {
    /// Compares what the server shows with the maps. `is_secret` tells names that hold a value: they appear in no
    /// command and no report. `leave` are names that the user leaves out.
    ///
    /// # Errors
    /// When the server or the repository cannot be asked.
    pub fn make(
        (repository, maps): (&Repository, &Maps),
        remote: &Remote,
        (is_secret, leave): (&IsSecret<'_>, &[String]),
        scratch: &Path,
    ) -> Result<Self, RemoteError> {
        let shown = remote.list(scratch)?;
        let mut plan =
            Self { server: remote.shown(), updates: Vec::new(), left_out: Vec::new(), obstacles: Vec::new() };
        let replaced = maps.replaced();
        let moved: HashMap<&[u8], _> = maps.refs.iter().map(|moved| (&*moved.name, moved)).collect();
        for (name, id) in &shown {
            let told = String::from_utf8_lossy(name).into_owned();
            let by_name = moved.get(&**name).filter(|moved| moved.old == Some(*id));
            let renamed = maps.renamed(name, *id);
            let new = by_name.map(|moved| moved.new).or_else(|| replaced.get(id).copied());
            match new {
                Some(new) if new == Some(*id) => {}
                _ if renamed.is_some() || is_secret(name) => {
                    let why = "its name held the value: delete it there";
                    let told = renamed.map_or_else(|| format!("{}[redacted]", kind(name)), str::to_owned);
                    plan.leave(told, why);
                }
                Some(_) if is_hidden(name) => {
                    plan.leave(told, "only the server moves it: name it in the ticket");
                }
                Some(_) if leave.contains(&told) => {
                    plan.leave(told, "left out by --leave; it keeps the old history");
                }
                Some(None) if by_name.is_none() => {
                    let why = "its commit was dropped, and the maps do not say where it goes".to_owned();
                    plan.obstacles.push(LeftOut { name: told, why });
                }
                Some(new) => plan.updates.push(Update { name: told, old: Some(*id), new }),
                None if is_hidden(name) => {}
                None => plan.judge(repository, maps, (told, *id))?,
            }
        }
        let is_there = |name: &[u8]| shown.iter().any(|(known, _)| known == name);
        let made = maps.refs.iter().filter(|moved| moved.old.is_none() && !is_local(&moved.name));
        for moved in made.filter(|moved| !is_there(&moved.name) && !is_secret(&moved.name)) {
            let name = String::from_utf8_lossy(&moved.name).into_owned();
            plan.updates.push(Update { name, old: None, new: moved.new });
        }
        plan.updates.sort();
        plan.left_out.sort();
        Ok(plan)
    }

    fn leave(&mut self, name: String, why: &str) {
        self.left_out.push(LeftOut { name, why: why.to_owned() });
    }

    /// Judges a reference whose tip is no old one: it may have moved since the rewrite.
    fn judge(
        &mut self,
        repository: &Repository,
        maps: &Maps,
        (name, id): (String, ObjectId),
    ) -> Result<(), GitError> {
        let is_new =
            maps.refs.iter().any(|moved| moved.new == Some(id)) || maps.commits.get(&id) == Some(&Some(id));
        let is_image = || maps.commits.values().any(|new| *new == Some(id));
        if is_new || is_image() {
            return Ok(());
        }
        let ask = |arguments: &[&str]| child::run(child::offline(repository.common_dir()).args(arguments));
        let id = id.to_string();
        if !ask(&["cat-file", "-e", &id])?.is_success() {
            let short = id.get(..12).unwrap_or(&id);
            let why = format!(
                "it points to {short}, which is not here: pushed since the rewrite, or never fetched"
            );
            self.obstacles.push(LeftOut { name, why });
            return Ok(());
        }
        for first in maps.first_changed.iter().take(COMPARED) {
            if ask(&["merge-base", "--is-ancestor", &first.to_string(), &id])?.is_success() {
                let why = "it leads to old commits that the maps do not name".to_owned();
                self.obstacles.push(LeftOut { name, why });
                return Ok(());
            }
        }
        Ok(())
    }

    /// What to type to agree to it: the first eight hexadecimal digits of SHA-256 over its lines.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut lines = format!("{}\n", self.server);
        for update in &self.updates {
            let _ = writeln!(lines, "{:?} {:?} {}", update.old, update.new, update.name);
        }
        // Eight digits are enough to type, and to tell plans apart.
        sha256(lines.as_bytes()).chars().take(8).collect()
    }

    /// Whether the command would be too long for one atomic push.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.updates.iter().map(|update| 2 * update.name.len() + 200).sum::<usize>() > LONGEST_COMMAND
    }

    /// Pushes, under a lease for each reference, and then asks the server what became of it.
    ///
    /// # Errors
    /// When git cannot be started, or the server does not answer.
    pub fn carry_out(
        &self,
        repository: &Repository,
        remote: &Remote,
        (atomic, scratch): (bool, &Path),
    ) -> Result<Outcome, RemoteError> {
        let mut command = child::online(repository.git_dir());
        command.current_dir(repository.work_tree().unwrap_or(repository.git_dir()));
        command.args(["-c", &format!("remote.{}.mirror=false", remote.name()), "push", "--porcelain"]);
        command.args(["--no-follow-tags", "--recurse-submodules=no"]);
        command.args(atomic.then_some("--atomic"));
        for update in &self.updates {
            let old = update.old.map(|id| id.to_string()).unwrap_or_default();
            command.arg(format!("--force-with-lease={}:{old}", update.name));
        }
        command.arg("--").arg(remote.name());
        for update in &self.updates {
            let new = update.new.map(|id| id.to_string()).unwrap_or_default();
            command.arg(format!("{new}:{}", update.name));
        }
        let answer = child::run(&mut command)?;
        if answer.stderr.contains("does not support --atomic push") {
            return Ok(Outcome::NotAtomic);
        }
        let refusals = refusal::refusals(&answer);
        let shown: HashMap<Vec<u8>, ObjectId> = remote.list(scratch)?.into_iter().collect();
        let is_new = |update: &&Update| shown.get(update.name.as_bytes()).copied() == update.new;
        Ok(match self.updates.iter().filter(is_new).count() {
            count if count == self.updates.len() => Outcome::Done,
            0 => Outcome::Refused(refusals),
            _ => Outcome::Partly(refusals),
        })
    }
}

/// `refs/heads/` of `refs/heads/main`.
fn kind(name: &[u8]) -> String {
    let parts: Vec<_> = name.split(|&byte| byte == b'/').take(2).collect();
    String::from_utf8_lossy(&parts.join(&b'/')).into_owned() + "/"
}
