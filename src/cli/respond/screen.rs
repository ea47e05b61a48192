//! The screen: what a person reads during an incident, in plain lines that fit the terminal and need no colour.

use std::io::Write as _;

use kbsec::playbook::{Kind, Phase, Record, RecordKind, Shown, Status, Step, Verdict};
use kbsec::report::{Sanitized, wrap};

/// Columns of the word before a line.
const LABEL: usize = 10;

/// Where the text goes and how wide it may be.
#[derive(Debug)]
pub(crate) struct Screen {
    width: usize,
    color: bool,
    /// Standard output belongs to a machine that reads JSON.
    on_stderr: bool,
}

impl Screen {
    pub(crate) fn new(width: usize, color: bool, on_stderr: bool) -> Self {
        Self { width, color, on_stderr }
    }

    /// Shows something.
    pub(crate) fn show(&self, shown: &Shown<'_>) {
        match shown {
            Shown::Title { id, title, resumed } => {
                for line in wrap(&format!("{id}  {}", Sanitized(title)), self.width) {
                    self.print(&self.strong(&line));
                }
                let log = if *resumed { "The log goes on." } else { "The log has begun." };
                self.sentence(&format!("{log} Ctrl-C pauses, and nothing is lost."));
            }
            Shown::Phase(phase) => self.phase(*phase),
            Shown::Step(step, at, of) => self.step(step, *at, *of),
            Shown::Verdict(id, verdict) => self.verdict(id, verdict),
            Shown::Line(word, line) => self.line(word, line),
            Shown::Result(word, line) => self.line(word, line),
            Shown::Record(record) => self.record(record),
            Shown::Sentence(text) => self.sentence(text),
        }
    }

    /// A sentence over the whole width.
    pub(crate) fn sentence(&self, text: &str) {
        wrap(text, self.width.saturating_sub(2)).iter().for_each(|line| self.print(&format!("  {line}")));
    }

    /// A line after a word that says what it is. A line that is indented or part of a diff is not broken.
    pub(crate) fn line(&self, word: &str, text: &str) {
        let room = self.width.saturating_sub(LABEL + 2);
        let indent = text.len() - text.trim_start_matches(' ').len();
        let is_diff = text.starts_with(['+', '-', '@']);
        let wrapped = wrap(text, room.saturating_sub(indent).max(20)).into_iter();
        let lines: Vec<String> = match is_diff || text.chars().count() <= room {
            true => vec![text.to_owned()],
            false => wrapped.map(|line| format!("{}{line}", " ".repeat(indent))).collect(),
        };
        for (at, line) in lines.iter().enumerate() {
            let word = if at == 0 { word } else { "" };
            let word = if is_important(word) {
                self.strong(&format!("{word:>LABEL$}"))
            } else {
                format!("{word:>LABEL$}")
            };
            self.print(format!("{word}  {}", Sanitized(line)).trim_end());
        }
    }

    /// An empty line.
    pub(crate) fn gap(&self) {
        self.print("");
    }

    fn phase(&self, phase: Phase) {
        self.gap();
        let name = match phase {
            Phase::Acknowledge => "ACKNOWLEDGE",
            Phase::Stabilise => "STABILISE: stop the damage",
            Phase::Diagnose => "DIAGNOSE: find out what happened",
            Phase::Recover => "RECOVER: restore full service",
            Phase::PostMortem => "POST-MORTEM: write it up",
        };
        self.print(&self.strong(name));
    }

    fn step(&self, step: &Step, at: usize, of: usize) {
        let who = match step.kind {
            Kind::Automatic => String::new(),
            kind => format!(" ({kind})"),
        };
        let number = format!("{at}/{of}");
        let room = self.width.saturating_sub(LABEL + 2);
        for (line, text) in wrap(&format!("{}{who}", step.title), room).iter().enumerate() {
            let number = if line == 0 { number.as_str() } else { "" };
            self.print(&format!("{number:>LABEL$}  {}", self.strong(&Sanitized(text).to_string())));
        }
    }

    fn verdict(&self, id: &str, verdict: &Verdict) {
        self.line(verdict.status.word(), &format!("{id}: {}", verdict.value));
        if verdict.status != Status::Pass {
            if !verdict.expected.is_empty() {
                self.line("expected", &verdict.expected);
            }
            if !verdict.fix.is_empty() {
                self.line("fix", &verdict.fix);
            }
        }
    }

    fn record(&self, record: &Record) {
        if record.kind == RecordKind::Started {
            return;
        }
        let what = [
            record.text("check"),
            record.text("status"),
            record.text("name"),
            record.text("text"),
            record.text("value"),
        ];
        let what: Vec<&str> = what.into_iter().filter(|part| !part.is_empty()).collect();
        let time = record.time.get(11..19).unwrap_or(&record.time);
        let kind = format!("{:?}", record.kind).to_lowercase();
        self.line(&record.seq.to_string(), &format!("{time} {kind} {} {}", record.step, what.join(" · ")));
    }

    fn strong(&self, text: &str) -> String {
        if self.color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn print(&self, line: &str) {
        // A reader that went away must not end an incident.
        if self.on_stderr {
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            let mut out = std::io::stdout();
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }
}

/// Words that the eye should find.
fn is_important(word: &str) -> bool {
    ["do", "you", "fail", "FAILED", "blocked", "left"].contains(&word)
}
