//! Tests of the engine with a scripted world: what is done, in which order, and what is left after every crash.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::super::evidence::Piece;
use super::super::incident::Summary;
use super::super::journal::Head;
use super::super::postmortem::PostMortem;
use super::super::record::Actor;
use super::super::tools::{Applied, Facts, Moment, Outcome, Plan, Ran, Reply, Verdict};
use super::*;

const SECRET: &str = "tr0ub4dor";

const PLAYBOOK: &str = r#"
id = "test"
title = "A test"
summary = "It is tried."
[[step]]
id = "keep"
phase = "acknowledge"
kind = "automatic"
title = "Keep"
why = "Because."
evidence = ["logs"]
[[step]]
id = "restart"
phase = "stabilise"
kind = "confirm"
title = "Restart"
why = "It helps."
undo = "Stop it."
check = "up"
command = [["missing", "restart"], ["there", "restart", "{service}"]]
[[step]]
id = "service"
phase = "diagnose"
kind = "human"
title = "Name it"
why = "To know."
ask = [{ id = "service", text = "Which?" }, { id = "more", text = "More?", optional = true }]
[[step]]
id = "look"
phase = "diagnose"
kind = "automatic"
title = "Look"
why = "To see."
when = "service"
check = "unknowable"
[[step]]
id = "drop"
phase = "recover"
kind = "irreversible"
title = "Drop"
why = "It has to go."
undo = "No way."
action = "drop"
[[step]]
id = "call"
phase = "recover"
kind = "confirm"
title = "Call"
why = "Elsewhere."
undo = "Call again."
network = true
action = "call"
[[step]]
id = "verify"
phase = "recover"
kind = "automatic"
title = "Prove"
why = "To be sure."
verify = "gone"
proof = true
[[step]]
id = "write"
phase = "post-mortem"
kind = "human"
title = "Write"
why = "To learn."
say = ["Write."]
"#;

/// What happened outside, which outlives a crash.
#[derive(Default)]
struct World {
    deeds: Vec<String>,
    gone: bool,
}

struct Script<'a> {
    world: &'a RefCell<World>,
    /// The number of the record after which everything ends.
    crash: Option<u64>,
    interrupted: bool,
    now: u64,
}

/// A crash in tests: unwinds to the caller.
struct Crash;

impl Tools for Script<'_> {
    fn clock(&mut self) -> Moment {
        self.now += 1000;
        Moment { unix_ms: self.now, mono_ms: self.now }
    }
    fn actor(&self) -> Actor {
        Actor::default()
    }
    fn check(&mut self, id: &str, _: &BTreeMap<String, String>, _: &Facts) -> Verdict {
        let status = match id {
            "gone" if self.world.borrow().gone => Status::Pass,
            "unknowable" => Status::Unknown,
            _ => Status::Fail,
        };
        Verdict {
            status,
            value: format!("{id} seen beside {SECRET}"),
            expected: String::new(),
            fix: String::new(),
        }
    }
    fn has(&self, program: &str) -> bool {
        program == "there"
    }
    fn run(&mut self, command: &[String], _: &Facts) -> Ran {
        self.world.borrow_mut().deeds.push(command.join(" "));
        Ran { code: Some(0), output: format!("restarted with {SECRET}"), error: String::new() }
    }
    fn plan(&mut self, _: &str, _: &Facts) -> Plan {
        Plan { lines: vec!["drop it".into()], hash: "0123456789abcdef".into(), ..Plan::default() }
    }
    fn apply(&mut self, action: &str, _: &Facts) -> Applied {
        let mut world = self.world.borrow_mut();
        world.deeds.push(action.to_owned());
        world.gone = true;
        Applied {
            outcome: Outcome::Done,
            facts: Facts::from([("dropped".into(), SECRET.into())]),
            files: vec![("notice.md".into(), SECRET.into())],
            ..Applied::default()
        }
    }
    fn collect(&mut self, _: &str, _: &Facts) -> Vec<Piece> {
        vec![Piece {
            name: "log".into(),
            source: "a.log".into(),
            bytes: b"line".to_vec(),
            ..Piece::default()
        }]
    }
    fn clean(&self, text: &str) -> String {
        text.replace(SECRET, "[redacted]")
    }
    fn recorded(&mut self, record: &Record) {
        if self.crash == Some(record.seq) {
            std::panic::resume_unwind(Box::new(Crash));
        }
    }
    fn interrupted(&self) -> bool {
        self.interrupted
    }
}

/// Answers by the kind of question, in order; when none is left, nobody is there.
#[derive(Default)]
struct Person {
    replies: VecDeque<Reply>,
    seen: Vec<String>,
}

impl Prompter for Person {
    fn show(&mut self, shown: &Shown<'_>) {
        if let Shown::Line(word, line) = shown {
            self.seen.push(format!("{word}: {line}"));
        }
    }
    fn ask(&mut self, prompt: &Prompt<'_>, _: &Facts) -> Reply {
        if let Some(reply) = self.replies.pop_front() {
            return reply;
        }
        match prompt {
            Prompt::Consent(_) => Reply::Yes,
            Prompt::Hash(_, hash) if *hash == "01234567" => Reply::Yes,
            Prompt::Fact(_, question) if question.id == "more" => Reply::Skip("no".into()),
            Prompt::Fact(..) | Prompt::Proof(_) => Reply::Text(format!("said {SECRET}")),
            _ => Reply::Nobody("nobody".into()),
        }
    }
}

fn playbook() -> Playbook {
    toml::from_str(PLAYBOOK).unwrap()
}

fn create(root: &Path) -> Incident {
    let summary = Summary {
        incident: "INC-1".into(),
        playbook: "test".into(),
        title: "A test".into(),
        opened: 1,
        status: "open".into(),
        resume: Vec::new(),
        head: Head::default(),
    };
    Incident::create(root, summary).unwrap()
}

/// Runs the incident in `root` to its end, or to a crash after a record.
fn run(
    root: &Path,
    world: &RefCell<World>,
    person: &mut Person,
    crash: Option<u64>,
    online: &[&str],
) -> Option<Ending> {
    let playbook = playbook();
    let mut script = Script { world, crash, interrupted: false, now: 1_764_000_000_000 };
    let options = Options { online: online.iter().map(|step| (*step).to_owned()).collect() };
    let work = std::panic::AssertUnwindSafe(|| {
        if root.join("INC-1").exists() {
            let mut opening = Incident::open(root, "INC-1").unwrap();
            let session = (&mut opening.incident, opening.records);
            let mut engine = Engine::new(&playbook, session, (&mut script, person), options);
            engine.resume(opening.torn.as_ref(), &Facts::new()).unwrap();
            engine.run().unwrap()
        } else {
            let mut incident = create(root);
            let mut engine =
                Engine::new(&playbook, (&mut incident, Vec::new()), (&mut script, person), options);
            engine.begin(&Facts::new()).unwrap();
            engine.run().unwrap()
        }
    });
    match std::panic::catch_unwind(work) {
        Ok(ending) => Some(ending),
        Err(cause) => {
            assert!(cause.is::<Crash>(), "a real panic");
            None
        }
    }
}

fn records(root: &Path) -> Vec<Record> {
    super::super::incident::review(root, "INC-1").unwrap().1.records
}

/// What must be the same with and without a crash: how steps stand, what is known, and the post-mortem but for times.
fn outcome(root: &Path) -> String {
    let records = records(root);
    let state = State::of(&records);
    let steps: Vec<String> =
        state.steps.iter().map(|(id, step)| format!("{id} {:?} {}", step.standing, step.text)).collect();
    let mut written = PostMortem::of("INC-1", &playbook(), &records);
    written.timeline.retain(|row| row.text != "gone on");
    let rows: Vec<&str> = written.timeline.iter().map(|row| row.text.as_str()).collect();
    let times = regex::Regex::new(r"\d+ (s|min|h|d)\b|\d{4}-\d\d-\d\dT[\d:]+Z").unwrap();
    let fields: Vec<String> =
        written.fields.iter().map(|field| format!("{}={}", field.name, field.value)).collect();
    let text = format!("{steps:?}\n{:?}\n{rows:?}\n{fields:?}\n{:?}", state.facts, written.response);
    times.replace_all(&text, "T").into_owned()
}

#[test]
fn an_incident_is_taken_to_its_end() {
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    let mut person = Person::default();
    assert_eq!(run(root.path(), &world, &mut person, None, &[]), Some(Ending::Closed));
    // The one program that exists is run with what is not known yet left as it is; the network stays untouched.
    assert_eq!(world.borrow().deeds, ["there restart {service}", "drop"]);
    let state = State::of(&records(root.path()));
    assert_eq!(state.standing("look"), Some(Standing::NotChecked));
    assert_eq!(state.standing("call"), Some(Standing::NotNeeded));
    assert_eq!(state.standing("verify"), Some(Standing::Done));
}

#[test]
fn a_crash_after_any_record_changes_nothing_in_the_end() {
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    run(root.path(), &world, &mut Person::default(), None, &[]);
    let (expected, count) = (outcome(root.path()), records(root.path()).len() as u64);
    assert!(count > 20);
    for crash in 1..count {
        let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
        assert_eq!(run(root.path(), &world, &mut Person::default(), Some(crash), &[]), None);
        assert_eq!(
            run(root.path(), &world, &mut Person::default(), None, &[]),
            Some(Ending::Closed),
            "{crash}"
        );
        assert_eq!(outcome(root.path()), expected, "after a crash at record {crash}");
        let drops = world.borrow().deeds.iter().filter(|deed| *deed == "drop").count();
        assert_eq!(drops, 1, "after a crash at record {crash}");
    }
}

#[test]
fn crashes_of_one_run_after_the_other_are_survived_too() {
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    let mut crash = 2;
    while run(root.path(), &world, &mut Person::default(), Some(crash), &[]).is_none() {
        crash = records(root.path()).len() as u64 + 5;
        assert!(crash < 200, "it gets nowhere");
    }
    assert_eq!(world.borrow().deeds.iter().filter(|deed| *deed == "drop").count(), 1);
}

#[test]
fn no_secret_is_written_or_shown() {
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    let mut person = Person { replies: [Reply::Note(SECRET.into())].into(), ..Person::default() };
    run(root.path(), &world, &mut person, None, &[]);
    assert!(!person.seen.is_empty() && person.seen.iter().all(|line| !line.contains(SECRET)));
    let mut files = 0;
    for entry in ignore::WalkBuilder::new(root.path()).standard_filters(false).build().flatten() {
        if entry.path().is_file() {
            files += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(SECRET), "{}", entry.path().display());
        }
    }
    assert!(files >= 5);
}

#[test]
fn what_nobody_answers_stays_open_and_is_asked_again() {
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    let nobody = || Reply::Nobody("nobody".into());
    let mut person =
        Person { replies: std::iter::repeat_with(nobody).take(9).collect(), ..Person::default() };
    // Without the drop, the proof fails: that is said before all that is open.
    let ending = run(root.path(), &world, &mut person, None, &[]);
    assert_eq!(ending, Some(Ending::ProofFailed(vec!["verify".into()])));
    assert!(world.borrow().deeds.is_empty());
    assert_eq!(run(root.path(), &world, &mut Person::default(), None, &["call"]), Some(Ending::Closed));
    assert_eq!(world.borrow().deeds, ["there restart {service}", "drop", "call"]);
}

#[test]
fn what_a_person_says_is_done_is_checked_again() {
    let playbook: Playbook = toml::from_str(
        "id = 'test'\ntitle = 'A test'\nsummary = 'It is tried.'\n[[step]]\nid = 'write'\nphase = 'recover'\n\
         kind = 'human'\ntitle = 'Write'\nwhy = 'To learn.'\ncheck = 'gone'\nsay = ['Write.']\n",
    )
    .unwrap();
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    let replies = [Reply::Text("I did".into()), Reply::Skip("not now".into())];
    let mut person = Person { replies: replies.into(), ..Person::default() };
    let mut script = Script { world: &world, crash: None, interrupted: false, now: 1_764_000_000_000 };
    let mut incident = create(root.path());
    let session = (&mut incident, Vec::new());
    let mut engine = Engine::new(&playbook, session, (&mut script, &mut person), Options::default());
    engine.begin(&Facts::new()).unwrap();
    assert_eq!(engine.run().unwrap(), Ending::Closed);
    let state = State::of(engine.records());
    assert_eq!(state.standing("write"), Some(Standing::Skipped));
    let checks = engine.records().iter().filter(|record| record.kind == RecordKind::Checked).count();
    assert_eq!(checks, 2);
}

#[test]
fn a_step_that_had_no_reason_is_taken_when_it_has_one() {
    let playbook: Playbook = toml::from_str(
        "id = 'test'\ntitle = 'A test'\nsummary = 'It is tried.'\n[[step]]\nid = 'after'\nphase = 'stabilise'\n\
         kind = 'human'\ntitle = 'After'\nwhy = 'It is.'\nwhen = 'known'\nsay = ['Go on.']\n[[step]]\nid = 'ask'\n\
         phase = 'recover'\nkind = 'human'\ntitle = 'Ask'\nwhy = 'To know.'\nask = [{ id = 'known', text = 'What?' }]\n",
    )
    .unwrap();
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    let take = |replies: Vec<Reply>| {
        let mut person = Person { replies: replies.into(), ..Person::default() };
        let mut script = Script { world: &world, crash: None, interrupted: false, now: 1_764_000_000_000 };
        if root.path().join("INC-1").exists() {
            let mut opening = Incident::open(root.path(), "INC-1").unwrap();
            let session = (&mut opening.incident, opening.records);
            let mut engine = Engine::new(&playbook, session, (&mut script, &mut person), Options::default());
            engine.resume(opening.torn.as_ref(), &Facts::new()).unwrap();
            engine.run().unwrap()
        } else {
            let mut incident = create(root.path());
            let session = (&mut incident, Vec::new());
            let mut engine = Engine::new(&playbook, session, (&mut script, &mut person), Options::default());
            engine.begin(&Facts::new()).unwrap();
            engine.run().unwrap()
        }
    };
    // The answer comes after the step that wants it was passed over.
    assert_eq!(take(vec![Reply::Text("this".into())]), Ending::Closed);
    let nobody = Reply::Nobody("nobody".into());
    assert_eq!(take(vec![nobody]), Ending::Open(vec!["after".into()]));
    assert_eq!(take(vec![Reply::Text("went on".into())]), Ending::Closed);
}

#[test]
fn skips_pauses_and_interruptions_are_in_the_log() {
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    let replies = [Reply::Skip("not today".into()), Reply::Why, Reply::Log, Reply::Pause];
    let mut person = Person { replies: replies.into(), ..Person::default() };
    assert_eq!(run(root.path(), &world, &mut person, None, &[]), Some(Ending::Paused));
    assert!(person.seen.contains(&"why: To know.".to_owned()), "{:?}", person.seen);
    let mut person = Person { replies: [Reply::Interrupted].into(), ..Person::default() };
    assert_eq!(run(root.path(), &world, &mut person, None, &[]), Some(Ending::Interrupted));
    assert_eq!(run(root.path(), &world, &mut Person::default(), None, &[]), Some(Ending::Closed));
    let records = records(root.path());
    let kinds: BTreeSet<String> = records.iter().map(|record| format!("{:?}", record.kind)).collect();
    for kind in ["Skipped", "Paused", "Interrupted", "Resumed", "Closed"] {
        assert!(kinds.contains(kind), "{kind}");
    }
    let written = PostMortem::of("INC-1", &playbook(), &records);
    assert!(written.markdown().contains("left out: Restart: not today"), "{}", written.markdown());
}

#[test]
fn a_proof_that_does_not_hold_any_more_is_made_again() {
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    run(root.path(), &world, &mut Person::default(), None, &[]);
    world.borrow_mut().gone = false;
    let ending = run(root.path(), &world, &mut Person::default(), None, &[]);
    assert_eq!(ending, Some(Ending::ProofFailed(vec!["verify".into()])));
    assert!(records(root.path()).iter().any(|record| record.kind == RecordKind::Drift));
}

#[test]
fn an_incident_has_one_writer_and_only_a_log_that_fits() {
    let root = tempfile::tempdir().unwrap();
    let incident = create(root.path());
    let busy = Incident::open(root.path(), "INC-1").unwrap_err();
    assert!(matches!(busy, IncidentError::Busy(_)), "{busy}");
    drop(incident);
    let world = RefCell::new(World::default());
    run(root.path(), &world, &mut Person::default(), None, &[]);
    let path = root.path().join("INC-1/log.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("restart", "restarT", 1)).unwrap();
    let unsound = Incident::open(root.path(), "INC-1").unwrap_err();
    assert!(unsound.to_string().contains("line "), "{unsound}");
    for name in ["../INC-1", "INC-2", "", "."] {
        assert!(matches!(Incident::open(root.path(), name), Err(IncidentError::Unknown(_))), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_written_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let (root, world) = (tempfile::tempdir().unwrap(), RefCell::new(World::default()));
    run(root.path(), &world, &mut Person::default(), None, &[]);
    for entry in ignore::WalkBuilder::new(root.path().join("INC-1")).standard_filters(false).build().flatten()
    {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", entry.path().display());
    }
}
