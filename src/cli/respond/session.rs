//! A session: one run of an incident, from opening or resuming its directory to the exit code.

use std::path::{Path, PathBuf};

use kbsec::detect::Detector;
use kbsec::digest::hex;
use kbsec::git::{GitEnvironment, Repository};
use kbsec::playbook::{
    Ending, Engine, Facts, Head, Incident, IncidentError, Options, Playbook, Playbooks, PostMortem,
    Prompter as _, Record, Shown, Summary, Torn,
};

use super::super::Context;
use super::super::environment::{Environment, random};
use super::super::error::Hinted;
use super::super::exit::Exit;
use super::super::project::{Project, Settings};
use super::super::{interrupt, output};
use super::answers::Answers;
use super::desk::Desk;
use super::filter::Filter;
use super::leak::Request;
use super::machine::Machine;
use super::screen::Screen;
use super::terminal::{self, Terminal};
use super::{SessionArgs, catalogue};

/// What a session is about.
pub(crate) struct Wanted<'a> {
    pub(crate) incident: Option<&'a str>,
    pub(crate) facts: Facts,
    /// How the value of a leak is found.
    pub(crate) leak: Option<Request<'a>>,
}

/// An incident that was opened, new or again.
struct Opened {
    incident: Incident,
    records: Vec<Record>,
    torn: Option<Torn>,
    is_new: bool,
}

/// The playbooks, with what the repository around says.
pub(crate) fn playbooks(context: &Context) -> anyhow::Result<Playbooks> {
    let hint =
        "see `kbsec respond explain gateway-down` for how steps look; `kbsec respond lint` checks yours";
    let mut playbooks = Playbooks::built_in().map_err(|error| Hinted::error(error.to_string(), hint))?;
    let root = root(context);
    playbooks.adapt(&root.join("playbooks")).map_err(|error| Hinted::error(error.to_string(), hint))?;
    Ok(playbooks)
}

/// The playbook with this name.
pub(crate) fn playbook<'a>(playbooks: &'a Playbooks, name: &str) -> anyhow::Result<&'a Playbook> {
    playbooks.get(name).ok_or_else(|| {
        let near = kbsec::toml_text::nearest(name, playbooks.iter().map(|playbook| playbook.id.as_str()));
        let hint = match near {
            Some(near) => format!("did you mean {near}? `kbsec respond` lists all"),
            None => "`kbsec respond` lists all; if none fits, take unknown-failure".to_owned(),
        };
        Hinted::error(format!("there is no playbook {name}"), hint)
    })
}

/// Runs a session.
pub(crate) fn run(
    args: &SessionArgs,
    wanted: Wanted<'_>,
    (playbooks, context): (&Playbooks, &Context),
) -> anyhow::Result<Exit> {
    let states = states(args, context)?;
    let name = name(args, &wanted, &states)?;
    let playbook = playbook(playbooks, &name)?;
    let mut answers = args.answers.as_deref().map(Answers::read).transpose()?.unwrap_or_default();
    answers.allowed.clone_from(&args.allow);
    answers.confirmed.clone_from(&args.confirm);
    answers.check(playbook)?;
    if args.dry_run {
        let text = catalogue::dry_run(playbook, context.environment.width());
        return output::print(&text).map(|()| Exit::Clean);
    }
    let stop = interrupt::listen_patiently(terminal::restore);
    let by_person = !args.no_input && Environment::stdin_is_terminal() && Environment::stderr_is_terminal();
    let mut desk = Desk {
        screen: screen(args, context),
        answers,
        person: by_person.then(|| Terminal::new(stop.clone())),
        introduced: false,
    };
    let opened = open(args, (playbook, &wanted, &states), context).map_err(explained)?;
    let project = Project::find(Path::new(""), Settings::Nearest, context)?;
    let filter = Filter::new(Detector::new(&project.rules(&[], &[])?)?);
    let mut machine = Machine::new(context, root(context), filter, stop);
    machine.places = args.also.iter().map(|path| context.environment.directory.join(path)).collect();
    (machine.events, machine.by_person) = (args.json, by_person);
    machine.bases.clone_from(&args.base);
    machine.incident = opened.incident.folder().to_owned();
    if !by_person && !args.no_input {
        context.note(
            "there is no terminal to ask at: what needs a person stays open; see --answers and --allow",
        );
    }
    let mut opened = opened;
    let mut facts = wanted.facts;
    if let Some(request) = &wanted.leak {
        let known = kbsec::playbook::State::of(&opened.records).facts;
        let key = opened.incident.key(&random(32)?).map_err(explained)?;
        facts.extend(super::leak::learn(request, (&mut machine, &mut desk), (&known, &key, &project))?);
    }
    go(&mut opened, playbook, (&mut machine, &mut desk), (facts, args)).map_err(explained)
}

/// Runs the engine and tells how it ended.
fn go(
    opened: &mut Opened,
    playbook: &Playbook,
    (machine, desk): (&mut Machine<'_>, &mut Desk),
    (facts, args): (Facts, &SessionArgs),
) -> Result<Exit, IncidentError> {
    let options = Options { online: args.allow.iter().cloned().collect() };
    let records = std::mem::take(&mut opened.records);
    let mut engine =
        Engine::new(playbook, (&mut opened.incident, records), (&mut *machine, &mut *desk), options);
    if opened.is_new {
        engine.begin(&facts)?;
    } else {
        engine.resume(opened.torn.as_ref(), &facts)?;
    }
    let ending = engine.run()?;
    let records = engine.records().to_vec();
    let written = PostMortem::of(opened.incident.id(), playbook, &records);
    let text = machine.filter.text(&written.markdown());
    let path = opened.incident.write_out("postmortem.md", text.as_bytes())?;
    let json = serde_json::to_string_pretty(&written).unwrap_or_default();
    opened.incident.write_out("postmortem.json", machine.filter.text(&json).as_bytes())?;
    Ok(farewell(&ending, (&opened.incident, &path, &written), desk))
}

/// What is told at the end.
fn farewell(
    ending: &Ending,
    (incident, path, written): (&Incident, &Path, &PostMortem),
    desk: &mut Desk,
) -> Exit {
    let mut say = |text: &str| desk.show(&Shown::Sentence(text));
    let resume = format!("kbsec {} --resume {}", incident.summary().resume.join(" "), incident.id());
    say("");
    let exit = match ending {
        Ending::Closed => {
            say("Closed: every step is settled.");
            Exit::Clean
        }
        Ending::EvidenceIncomplete(problems) => {
            say("Closed: every step is settled. Some evidence could not be kept:");
            problems.iter().for_each(|problem| say(&format!("- {problem}")));
            Exit::EvidenceIncomplete
        }
        Ending::Open(steps) => {
            say(&format!("Not closed. Still open: {}.", steps.join(", ")));
            Exit::OpenSteps
        }
        Ending::ProofFailed(steps) => {
            say(&format!("Not closed. The proof fails for: {}.", steps.join(", ")));
            Exit::ProofFails
        }
        Ending::Blocked(steps) => {
            say(&format!("Not closed. Blocked: {}.", steps.join(", ")));
            Exit::Blocked
        }
        Ending::Paused => {
            say("Paused. Everything is in the log.");
            Exit::OpenSteps
        }
        Ending::Interrupted => {
            say("Interrupted. Everything is in the log.");
            Exit::Interrupted
        }
    };
    for what in &written.unchecked {
        say(&format!("Not checked: {what}"));
    }
    let is_over = matches!(ending, Ending::Closed | Ending::EvidenceIncomplete(_));
    if !is_over {
        say("Go on with:");
        say(&format!("  {resume}"));
    }
    let (filled, all) = written.filled();
    say(&format!("Post-mortem, {filled} of {all} fields filled: {}", path.display()));
    let head = &incident.summary().head;
    say(&format!("Head of the log: record {}, {}", head.seq, head.hash.get(..16).unwrap_or(&head.hash)));
    exit
}

/// The directory for incidents, which no repository may track.
pub(crate) fn states(args: &SessionArgs, context: &Context) -> anyhow::Result<PathBuf> {
    directory(args.state_dir.as_deref(), context)
}

/// The same, from the argument alone.
pub(crate) fn directory(given: Option<&Path>, context: &Context) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return Ok(context.environment.directory.join(given));
    }
    let state = &context.environment.state;
    if state.is_absolute() {
        return Ok(state.join("kbsec/incidents"));
    }
    Err(Hinted::error("there is no home directory to keep the log in", "name one with --state-dir DIR"))
}

/// Refuses a place that git would show to everybody.
fn outside(states: &Path) -> anyhow::Result<()> {
    let there = states.ancestors().find(|folder| folder.is_dir()).unwrap_or(states);
    let found = Repository::discover(there, &GitEnvironment::default()).ok().flatten();
    match found.as_ref().and_then(Repository::work_tree) {
        Some(tree) => Err(Hinted::error(
            format!(
                "{} is in the work tree of {}: the log could be committed",
                states.display(),
                tree.display()
            ),
            "name a directory outside of it, such as --state-dir /var/tmp/incidents",
        )),
        None => Ok(()),
    }
}

/// The playbook: the one that was named, or that of the incident to go on with.
fn name(args: &SessionArgs, wanted: &Wanted<'_>, states: &Path) -> anyhow::Result<String> {
    let Some(id) = &args.resume else { return Ok(wanted.incident.unwrap_or("unknown-failure").to_owned()) };
    let (summary, _) = kbsec::playbook::review(states, id).map_err(explained)?;
    let summary = summary.ok_or_else(|| {
        Hinted::error(format!("state.json of {id} cannot be read"), "look with `kbsec incident verify`")
    })?;
    let is_leak = summary.playbook == "secret-leak";
    if is_leak != wanted.leak.is_some() {
        let command = summary.resume.join(" ");
        return Err(Hinted::error(
            format!("{id} is about another incident"),
            format!("go on with `kbsec {command} --resume {id}`"),
        ));
    }
    Ok(summary.playbook)
}

fn open(
    args: &SessionArgs,
    (playbook, wanted, states): (&Playbook, &Wanted<'_>, &Path),
    context: &Context,
) -> Result<Opened, IncidentError> {
    if let Some(id) = &args.resume {
        let opening = Incident::open(states, id)?;
        return Ok(Opened {
            incident: opening.incident,
            records: opening.records,
            torn: opening.torn,
            is_new: false,
        });
    }
    let disk = |path: &Path, error: anyhow::Error| IncidentError::Disk {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    outside(states).map_err(|error| disk(states, error))?;
    let day = kbsec::date::day(Environment::now()).unwrap_or_default().replace('-', "");
    let digits = random(2).map_err(|error| disk(states, error))?;
    let digits = hex(&digits);
    let mut resume =
        vec![if wanted.leak.is_some() { "leak-response".to_owned() } else { "respond".to_owned() }];
    if let Some(given) = &args.state_dir {
        resume
            .extend(["--state-dir".into(), context.environment.directory.join(given).display().to_string()]);
    }
    let summary = Summary {
        incident: format!("INC-{day}-{digits}"),
        playbook: playbook.id.clone(),
        title: playbook.title.clone(),
        opened: Environment::now_milliseconds(),
        status: "open".into(),
        resume,
        head: Head::default(),
    };
    let incident = Incident::create(states, summary)?;
    Ok(Opened { incident, records: Vec::new(), torn: None, is_new: true })
}

/// Where the platform is: the nearest folder with `.kb`, else the work tree, else here.
pub(crate) fn root(context: &Context) -> PathBuf {
    let here = &context.environment.directory;
    let platform = here.ancestors().find(|folder| folder.join(".kb").is_dir());
    let home = context.environment.home.as_deref();
    if let Some(found) = platform.filter(|found| Some(*found) != home) {
        return found.to_owned();
    }
    let found = Repository::discover(here, &context.environment.git).ok().flatten();
    found.as_ref().and_then(Repository::work_tree).unwrap_or(here).to_owned()
}

fn screen(args: &SessionArgs, context: &Context) -> Screen {
    let environment = &context.environment;
    let color = if args.json {
        environment.wants_color_on_stderr(context.color)
    } else {
        environment.wants_color(context.color)
    };
    Screen::new(environment.width(), color, args.json)
}

/// An error of the incident's directory with its advice.
pub(crate) fn explained(error: IncidentError) -> anyhow::Error {
    let hint = error.hint();
    Hinted::error(error.to_string(), hint)
}
