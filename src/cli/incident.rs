//! `kbsec incident`: the incidents of this machine, their logs, and what was written about them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kbsec::playbook::{self, PostMortem, Record, RecordKind, Soundness, State, Store};
use kbsec::report::Sanitized;

use super::error::Hinted;
use super::exit::Exit;
use super::respond::session;
use super::{Context, output};

/// List, show, verify and export incidents, and write their post-mortems
#[derive(Debug, Args)]
pub(crate) struct IncidentArgs {
    #[command(subcommand)]
    command: Command,
    /// Incidents are in this directory instead of $XDG_STATE_HOME/kbsec/incidents
    #[arg(long, value_name = "DIR", global = true)]
    state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all incidents, newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the log of an incident
    Show {
        /// Such as INC-20261125-7f3a
        incident: String,
        /// Print the records as JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Tell whether the log and the evidence are as they were written
    ///
    /// Exit codes: 0 intact, 3 altered, 4 the end is missing, 2 cannot be read.
    Verify {
        /// Such as INC-20261125-7f3a
        incident: String,
        /// The head of the log as it was printed: the first digits of its hash
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Write log, evidence and reports into a new folder, with checksums, to send or keep
    Export {
        /// Such as INC-20261125-7f3a
        incident: String,
        /// The folder; it must not exist
        folder: PathBuf,
    },
    /// Print the post-mortem, filled from the log
    Postmortem {
        /// Such as INC-20261125-7f3a
        incident: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Exit with 10 while required fields are open
        #[arg(long)]
        check: bool,
    },
}

/// Runs the command.
pub(crate) fn run(args: &IncidentArgs, context: &Context) -> anyhow::Result<Exit> {
    let root = session::directory(args.state_dir.as_deref(), context)?;
    match &args.command {
        Command::List { json } => list(&root, *json),
        Command::Show { incident, json } => show(&root, incident, *json),
        Command::Verify { incident, head } => verify(&root, incident, head.as_deref()),
        Command::Export { incident, folder } => {
            export(&root, incident, &context.environment.directory.join(folder))
        }
        Command::Postmortem { incident, json, check } => {
            post_mortem((&root, context), incident, (*json, *check))
        }
    }
}

fn list(root: &Path, json: bool) -> anyhow::Result<Exit> {
    let all = playbook::list(root);
    if json {
        let text = serde_json::to_string_pretty(&all)?;
        return output::print(&format!("{text}\n")).map(|()| Exit::Clean);
    }
    let mut text = String::new();
    for summary in &all {
        let time = kbsec::date::second(summary.opened / 1000).unwrap_or_default();
        let _ = writeln!(
            text,
            "{}  {:6}  {time}  {}",
            summary.incident,
            summary.status,
            Sanitized(&summary.title)
        );
        if summary.status == "open" {
            let _ =
                writeln!(text, "    go on: kbsec {} --resume {}", summary.resume.join(" "), summary.incident);
        }
    }
    if all.is_empty() {
        text = format!("no incidents in {}\n", root.display());
    }
    output::print(&text).map(|()| Exit::Clean)
}

fn show(root: &Path, id: &str, json: bool) -> anyhow::Result<Exit> {
    let (_, review) = playbook::review(root, id).map_err(session::explained)?;
    let mut text = String::new();
    for record in &review.records {
        if json {
            let _ = writeln!(text, "{}", serde_json::to_string(record)?);
        } else {
            let _ = writeln!(text, "{}", Sanitized(&line(record)));
        }
    }
    output::print(&text)?;
    Ok(if review.soundness == Soundness::Intact { Exit::Clean } else { Exit::Incomplete })
}

fn line(record: &Record) -> String {
    let kind = serde_json::to_value(record.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    let parts = ["check", "status", "name", "value", "question", "text"].map(|key| record.text(key));
    let mut what: Vec<String> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| (*part).to_owned()).collect();
    if let Some(facts) = record.data.get("facts").and_then(|facts| facts.as_object()) {
        what.extend(
            facts.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())),
        );
    }
    let kind = kind.unwrap_or_default();
    format!("{:>4}  {}  {:12} {:16} {}", record.seq, record.time, kind, record.step, what.join(" · "))
}

fn verify(root: &Path, id: &str, head: Option<&str>) -> anyhow::Result<Exit> {
    let (summary, review) = playbook::review(root, id).map_err(session::explained)?;
    let last = review.records.last();
    let (mut text, mut exit) = match &review.soundness {
        Soundness::Intact => (format!("intact: {} records", review.records.len()), Exit::Clean),
        Soundness::Torn => (
            format!(
                "intact: {} records; the last line is torn, as a crash leaves it, and is set aside at the next resume",
                review.records.len()
            ),
            Exit::Clean,
        ),
        Soundness::Altered { line, why } => (format!("altered: line {line}: {why}"), Exit::Incomplete),
        Soundness::Cut { found, expected } => {
            (format!("cut: {found} of {expected} records are left"), Exit::Cut)
        }
        Soundness::NoHead => {
            ("cut or not, nobody can tell: state.json, which knows the length, is gone".into(), Exit::Cut)
        }
    };
    if let Some(digits) = head {
        let is_there = review.records.iter().any(|record| record.hash.starts_with(digits));
        if !is_there && exit == Exit::Clean {
            text = format!("cut or replaced: no record has a hash that begins with {digits}");
            exit = Exit::Cut;
        }
    }
    text.push('\n');
    if let Some(record) = last {
        let _ = writeln!(text, "head: record {}, {}", record.seq, record.hash);
    }
    let is_whole = evidence(&root.join(id), &review.records, &mut text);
    exit = if exit == Exit::Clean && !is_whole { Exit::Incomplete } else { exit };
    if let Some(summary) = summary.filter(|summary| summary.status == "open") {
        let _ = writeln!(text, "open; go on with: kbsec {} --resume {id}", summary.resume.join(" "));
    }
    output::print(&text).map(|()| exit)
}

/// Whether the evidence is as the log says; tells about it.
fn evidence(folder: &Path, records: &[Record], text: &mut String) -> bool {
    let kept = records.iter().filter(|record| record.kind == RecordKind::Evidence);
    let known: BTreeSet<String> =
        kept.map(|record| record.text("sha256").to_owned()).filter(|hash| !hash.is_empty()).collect();
    let store = match Store::open(&folder.join("evidence")) {
        Ok(store) => store,
        Err(error) => {
            let _ = writeln!(text, "evidence: its manifest cannot be read: {error}");
            return false;
        }
    };
    let faults = store.faults(&known);
    let found = match faults.len() {
        0 => "all as they were kept".to_owned(),
        1 => "1 fault:".to_owned(),
        count => format!("{count} faults:"),
    };
    let _ = writeln!(text, "evidence: {} pieces, {found}", store.entries().len());
    for fault in &faults {
        let _ = writeln!(text, "  {}", Sanitized(fault));
    }
    faults.is_empty()
}

/// Copies everything but the key and the lock.
fn export(root: &Path, id: &str, folder: &Path) -> anyhow::Result<Exit> {
    let (_, review) = playbook::review(root, id).map_err(session::explained)?;
    let source = root.join(id);
    let failed = |error: std::io::Error| {
        Hinted::error(
            format!("cannot write {}: {error}", folder.display()),
            "name a new folder that you may write to",
        )
    };
    fs::create_dir(folder).map_err(failed)?;
    let mut sums = String::new();
    let mut names: Vec<PathBuf> = ["log.jsonl", "log.torn", "state.json"].iter().map(PathBuf::from).collect();
    for inside in ["evidence", "out"] {
        fs::create_dir(folder.join(inside)).map_err(failed)?;
        let entries = fs::read_dir(source.join(inside)).map_err(failed)?.flatten();
        let mut found: Vec<PathBuf> =
            entries.map(|entry| Path::new(inside).join(entry.file_name())).collect();
        found.sort();
        names.extend(found);
    }
    for name in names.iter().filter(|name| source.join(name).is_file()) {
        let bytes = fs::read(source.join(name)).map_err(failed)?;
        fs::write(folder.join(name), &bytes).map_err(failed)?;
        let _ = writeln!(sums, "{}  {}", kbsec::digest::sha256(&bytes), name.display());
    }
    fs::write(folder.join("SHA256SUMS"), &sums).map_err(failed)?;
    let text = format!(
        "{} files in {}; check them there with `sha256sum -c SHA256SUMS`. The key of the fingerprints stays here.\n",
        sums.lines().count() + 1,
        folder.display()
    );
    output::print(&text)?;
    Ok(if review.soundness == Soundness::Intact { Exit::Clean } else { Exit::Incomplete })
}

fn post_mortem(
    (root, context): (&Path, &Context),
    id: &str,
    (json, check): (bool, bool),
) -> anyhow::Result<Exit> {
    let (_, review) = playbook::review(root, id).map_err(session::explained)?;
    let playbooks = session::playbooks(context)?;
    let opened = review.records.first().map(|record| record.text("playbook").to_owned()).unwrap_or_default();
    let playbook = session::playbook(&playbooks, &opened)?;
    let written = PostMortem::of(id, playbook, &review.records);
    let text = match json {
        true => serde_json::to_string_pretty(&written)? + "\n",
        false => written.markdown(),
    };
    let detector = kbsec::detect::Detector::new(&super::rules::load(&[])?)?;
    let leaks = detector.detect(text.as_bytes()).len();
    output::print(&detector.redact(&text))?;
    let missing = written.missing();
    let is_over = State::of(&review.records).closed.is_some();
    if check && leaks > 0 {
        context.note("a secret stood in the text; it was masked here, look for it in the answers");
        return Ok(Exit::ProofFails);
    }
    if check && (!missing.is_empty() || !is_over) {
        context.note(&format!("still to write: {}", missing.join(", ")));
        return Ok(Exit::OpenSteps);
    }
    Ok(Exit::Clean)
}
