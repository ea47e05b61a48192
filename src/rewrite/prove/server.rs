//! The third proof: a server neither shows the value on a reference nor hands out an old object to who knows its id.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

use super::search::Search;
use super::{Claim, Fault, Proof, State, objects};
use crate::coverage::Gap;
use crate::git::{ObjectId, child};
use crate::needle::Needle;
use crate::rewrite::maps::Maps;
use crate::rewrite::remote::{Asking, Remote, RemoteError, is_local};
use crate::source::Stop;

/// First changed commits whose references are looked for.
const TRACED: usize = 200;
const SUPPORT: &str = "only the operator of the server can remove it: `kbsec rewrite kit` writes the ticket";

/// What to ask which server.
pub struct Request<'a> {
    /// The values.
    pub needles: &'a [Needle],
    /// What became what.
    pub maps: &'a Maps,
    /// The server.
    pub remote: &'a Remote,
    /// Old files that held a value.
    pub dirty: &'a [ObjectId],
    /// Where scratch repositories may be made.
    pub scratch: &'a Path,
    /// Ids that are asked for at most.
    pub probes: usize,
}

/// Proves that a server has nothing left: its references are compared with the maps, a fresh mirror of all it shows is
/// searched, and each first changed commit, old tip and old file is asked for by its id, over protocol version 2.
#[must_use]
pub fn prove(request: &Request<'_>, stop: &Stop) -> Proof {
    let started = Instant::now();
    let mut proof = Proof::new(Claim::P3, started.elapsed());
    let search = Search::new(request.needles);
    let (mut on_refs, mut served) = (Vec::new(), Vec::new());
    let asked = references(request, &search, &mut on_refs, &mut proof)
        .and_then(|shown| mirror(request, &search, stop, &mut on_refs, &mut proof).map(|()| shown))
        .and_then(|shown| probes(request, &shown, stop, &mut served, &mut proof));
    if let Err(error) = asked {
        let reason = search.redact(&error.to_string());
        proof.gaps.push(Gap::new(request.remote.shown(), reason).hint(error.hint()));
    }
    if !request.maps.lfs_orphans.is_empty() {
        let subject = format!("{} Git LFS objects", request.maps.lfs_orphans.len());
        proof.gaps.push(Gap::new(subject, "whether the server still has them is not asked").hint(SUPPORT));
    }
    let bad = if on_refs.is_empty() { State::StillServed } else { State::StillOnRef };
    proof.faults.extend(on_refs);
    proof.faults.extend(served);
    proof.judge(State::Gone, bad);
    proof.notes.push("forks, caches of the forge, and what others cloned are out of its reach".to_owned());
    proof.duration = started.elapsed();
    proof
}

type Shown = Vec<(Vec<u8>, ObjectId)>;

/// Compares what the server shows with the maps.
fn references(
    request: &Request<'_>,
    search: &Search<'_>,
    on_refs: &mut Vec<Fault>,
    proof: &mut Proof,
) -> Result<Shown, RemoteError> {
    let shown = request.remote.list(request.scratch)?;
    proof.fact("references", shown.len() as u64);
    let replaced = request.maps.replaced();
    for (name, id) in &shown {
        if search.is_in(name) {
            on_refs.push(Fault::new(told(search, name), "its name"));
        }
        if replaced.contains_key(id) {
            on_refs.push(Fault::new(told(search, name), "it points to the old history"));
        }
    }
    let by_name: HashMap<&[u8], ObjectId> = shown.iter().map(|(name, id)| (&**name, *id)).collect();
    let moved_since = request.maps.refs.iter().filter(|moved| !is_local(&moved.name)).filter(|moved| {
        let now = by_name.get(&*moved.name);
        now.is_some_and(|now| Some(*now) != moved.new && !replaced.contains_key(now))
    });
    for moved in moved_since {
        proof.notes.push(format!("{} moved since the rewrite", told(search, &moved.name)));
    }
    Ok(shown)
}

fn told(search: &Search<'_>, name: &[u8]) -> String {
    search.redact(&String::from_utf8_lossy(name))
}

/// Searches a fresh mirror, and finds the references that lead to old commits.
fn mirror(
    request: &Request<'_>,
    search: &Search<'_>,
    stop: &Stop,
    on_refs: &mut Vec<Fault>,
    proof: &mut Proof,
) -> Result<(), RemoteError> {
    let mirror = Asking::new(request.remote, request.scratch)?;
    let mut command = mirror.command();
    command.args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", "+refs/*:refs/*"]);
    let answer = child::run(&mut command)?;
    if !answer.is_success() {
        return Err(request.remote.silent(answer.complaint()));
    }
    let found = objects::search(mirror.git_dir(), "the mirror", search, stop);
    proof.fact("objects in a fresh mirror", found.count);
    proof.fact("bytes of objects in a fresh mirror", found.bytes);
    proof.gaps.extend(found.gaps);
    on_refs.extend(
        found
            .faults
            .into_iter()
            .map(|fault| Fault { place: format!("{} in a fresh mirror", fault.place), ..fault }),
    );
    let old: Vec<ObjectId> = match request.maps.first_changed.is_empty() {
        true => request.maps.changed().map(|(old, _)| old).collect(),
        false => request.maps.first_changed.clone(),
    };
    for commit in old.iter().take(TRACED) {
        let id = commit.to_string();
        let mut command = child::offline(mirror.git_dir());
        command.args(["for-each-ref", "--format=%(refname)", "--contains", &id]);
        let answer = child::run(&mut command)?;
        for name in answer.stdout.split(|&byte| byte == b'\n').filter(|name| !name.is_empty()) {
            let short = id.get(..12).unwrap_or(&id);
            on_refs.push(Fault::new(told(search, name), format!("it leads to old commit {short}")));
        }
    }
    Ok(())
}

/// Asks for old objects by their ids.
fn probes(
    request: &Request<'_>,
    shown: &Shown,
    stop: &Stop,
    served: &mut Vec<Fault>,
    proof: &mut Proof,
) -> Result<(), RemoteError> {
    let mut seen = HashSet::new();
    let mut ids: Vec<(ObjectId, &str)> =
        request.maps.retired().into_iter().map(|id| (id, "commit or tag")).collect();
    ids.extend(request.dirty.iter().map(|id| (*id, "file")));
    ids.retain(|(id, _)| seen.insert(*id));
    let Some((_, known)) = shown.first() else {
        proof.notes.push("the server shows no reference at all".to_owned());
        return Ok(());
    };
    // A server that does not even hand out what it shows refuses for another reason.
    let control = probe(request, &mut Asking::new(request.remote, request.scratch)?, *known)?;
    if !matches!(control, Answered::Served) {
        let gap = Gap::new("asking by id", format!("the server refuses what it shows: {}", control.said()));
        proof.gaps.push(gap.hint("it may speak another protocol; ask its operator to prune the old objects"));
        return Ok(());
    }
    let mut asking = Asking::new(request.remote, request.scratch)?;
    let mut count = 0;
    for (id, kind) in ids.iter().take(request.probes) {
        if stop.requested() {
            proof.gaps.push(Gap::new("the other ids", "interrupted").hint("prove again"));
            break;
        }
        count += 1;
        match probe(request, &mut asking, *id)? {
            Answered::Served => {
                served.push(Fault::new(format!("{kind} {id}"), "handed out by its id"));
                // What came with it must not answer the next question.
                asking = Asking::new(request.remote, request.scratch)?;
            }
            Answered::Refused => {}
            Answered::Unclear(said) => {
                proof.gaps.push(Gap::new(format!("{kind} {id}"), said).hint("prove again"));
            }
        }
    }
    proof.fact("ids asked for", count);
    if ids.len() > request.probes {
        let subject = format!("{} more old ids", ids.len() - request.probes);
        proof.gaps.push(Gap::new(subject, "not asked for").hint("raise --probes to ask for all of them"));
    }
    if !served.is_empty() {
        proof.notes.push(SUPPORT.to_owned());
    }
    Ok(())
}

/// What a server answered.
enum Answered {
    Served,
    Refused,
    Unclear(String),
}

impl Answered {
    fn said(&self) -> &str {
        match self {
            Self::Unclear(said) => said,
            Self::Served => "it is served",
            Self::Refused => "not our ref",
        }
    }
}

/// Asks for one object.
fn probe(request: &Request<'_>, asking: &mut Asking, id: ObjectId) -> Result<Answered, RemoteError> {
    /// How git, JGit and Azure DevOps refuse.
    const REFUSALS: &[&str] = &[
        "not our ref",
        "not allow request for unadvertised object",
        "not valid",
        "TF401035",
        "unknown object",
    ];
    let mut command = asking.command();
    command.args([
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--depth=1",
        "origin",
        &id.to_string(),
    ]);
    let answer = child::run(&mut command)?;
    if answer.is_success() {
        return Ok(Answered::Served);
    }
    if REFUSALS.iter().any(|refusal| answer.stderr.contains(refusal)) {
        return Ok(Answered::Refused);
    }
    let said = request.remote.silent(answer.complaint());
    Ok(Answered::Unclear(said.to_string()))
}
