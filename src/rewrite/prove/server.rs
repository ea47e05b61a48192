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
    let asked = references(request, &search, &mut on_refs, &mut proof).and_then(|shown| {
        let hidden = mirror(request, &search, stop, &mut on_refs, &mut proof)?;
        probes(request, (&shown, &hidden), stop, &mut served, &mut proof)
    });
    if let Err(error) = asked {
        let reason = search.redact(&error.to_string());
        proof.gaps.push(Gap::new(request.remote.shown(), reason).hint(error.hint()));
    }
    if !request.maps.lfs_orphans.is_empty() {
        let subject = format!("{} Git LFS objects", request.maps.lfs_orphans.len());
        proof.gaps.push(Gap::new(subject, "whether the server still has them is not asked").hint(SUPPORT));
    }
    // References first: they are what somebody can do something about.
    on_refs.sort_by_key(|fault| (!fault.place.starts_with("refs/"), fault.clone()));
    on_refs.dedup();
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

/// An old object, and what it is.
type Old = (ObjectId, &'static str);

/// Searches a fresh mirror, and finds the references that lead to old commits. The old objects that no reference leads to.
fn mirror(
    request: &Request<'_>,
    search: &Search<'_>,
    stop: &Stop,
    on_refs: &mut Vec<Fault>,
    proof: &mut Proof,
) -> Result<Vec<Old>, RemoteError> {
    let mirror = Asking::new(request.remote, request.scratch)?;
    mirror.fetch_all(request.remote, &[])?;
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
    for (name, commit) in mirror.containing(&old)? {
        let (id, name) = (commit.to_string(), told(search, &name));
        if !on_refs.iter().any(|fault| fault.place == name) {
            let short = id.get(..12).unwrap_or(&id);
            on_refs.push(Fault::new(name, format!("it leads to old commit {short}")));
        }
    }
    hidden(request, mirror.git_dir())
}

/// The old objects that are not in the mirror.
fn hidden(request: &Request<'_>, mirror: &Path) -> Result<Vec<Old>, RemoteError> {
    let retired = request.maps.retired().into_iter().map(|id| (id, "commit or tag"));
    let files = request.dirty.iter().chain(&request.maps.blobs).map(|id| (*id, "file"));
    let mut old: Vec<Old> = retired.chain(files).collect();
    let mut seen = HashSet::new();
    old.retain(|(id, _)| seen.insert(*id));
    let list = mirror.join("kbsec-ids");
    let lines: String = old.iter().map(|(id, _)| format!("{id}\n")).collect();
    std::fs::write(&list, lines)?;
    let mut command = child::offline(mirror);
    command.args(["cat-file", "--batch-check"]).stdin(std::fs::File::open(&list)?);
    let answer = child::run(&mut command)?;
    let is_missing = answer.stdout.split(|&byte| byte == b'\n').map(|line| line.ends_with(b" missing"));
    Ok(old.into_iter().zip(is_missing).filter(|(_, is_missing)| *is_missing).map(|(old, _)| old).collect())
}

/// Asks for old objects by their ids.
fn probes(
    request: &Request<'_>,
    (shown, old): (&Shown, &[Old]),
    stop: &Stop,
    served: &mut Vec<Fault>,
    proof: &mut Proof,
) -> Result<(), RemoteError> {
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
    for (id, kind) in old.iter().take(request.probes) {
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
    if old.len() > request.probes {
        let subject = format!("{} more old ids", old.len() - request.probes);
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
