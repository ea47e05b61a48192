//! One line of a log: who wrote it, when, how bad it is, and to which request and plugin it belongs.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value;

use crate::check::moment;

/// How bad a line is, worst last; numbers are those of pino.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::check) enum Level {
    Trace = 10,
    Debug = 20,
    Info = 30,
    Warn = 40,
    Error = 50,
    Fatal = 60,
}

impl Level {
    pub(in crate::check) fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    fn of_number(number: u64) -> Self {
        match number {
            0..20 => Self::Trace,
            20..30 => Self::Debug,
            30..40 => Self::Info,
            40..50 => Self::Warn,
            50..60 => Self::Error,
            _ => Self::Fatal,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let all = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];
        all.into_iter().find(|level| word == level.name() || (word == "warning" && *level == Self::Warn))
    }
}

/// Where a line stands.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) file: Arc<str>,
    /// The service that the file is named after.
    pub(super) service: Arc<str>,
}

/// A line of a log. Its texts were written by services and plugins, and may hold secrets.
#[derive(Clone, Debug)]
pub(in crate::check) struct Record {
    pub(in crate::check) file: Arc<str>,
    /// From 1.
    pub(in crate::check) line: u64,
    pub(in crate::check) service: Arc<str>,
    /// `None` for text that does not say it.
    pub(in crate::check) level: Option<Level>,
    /// In milliseconds of Unix time.
    pub(in crate::check) time: Option<u64>,
    pub(in crate::check) message: String,
    /// The process that wrote it.
    pub(in crate::check) pid: Option<u64>,
    /// Everything that it was logged with; null for text.
    pub(in crate::check) fields: Value,
}

/// What starts a line in the journal: seconds, host, program, process.
static JOURNAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(\d{9,11})\.(\d{3})\d* \S+ [^\s\[:]+(?:\[(\d+)\])?: ").ok());
/// Words that say how bad a line of text is.
static WORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(FATAL|ERROR|WARN(?:ING)?|INFO|DEBUG|TRACE)\b").ok());
/// What a runtime prints when it dies.
static THROWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:Uncaught )?(?:[A-Z]\w*Error\b|Error\b)(?: \[\w+\])?:|^FATAL ERROR:|^panic: |^\s*throw er;|UnhandledPromiseRejection")
        .ok()
});
/// Commands to terminals.
static ESCAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\x1b\[[0-9;]*[A-Za-z]").ok());
/// How far into a line of text its level may stand.
const HEAD: usize = 90;

impl Record {
    pub(super) fn parse(origin: &Origin, line: u64, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (mut time, mut pid, mut rest) = (None, None, &*text);
        if let Some(found) = JOURNAL.as_ref().and_then(|pattern| pattern.captures(&text)) {
            let number = |at: usize| found.get(at).and_then(|part| part.as_str().parse::<u64>().ok());
            time = number(1).zip(number(2)).map(|(seconds, thousandths)| seconds * 1000 + thousandths);
            pid = number(3);
            rest = found.get(0).and_then(|start| text.get(start.end()..)).unwrap_or_default();
        }
        let mut record = Self {
            file: Arc::clone(&origin.file),
            line,
            service: Arc::clone(&origin.service),
            level: None,
            time,
            message: String::new(),
            pid,
            fields: Value::Null,
        };
        match rest.trim_start().starts_with('{').then(|| serde_json::from_str(rest)) {
            Some(Ok(fields @ Value::Object(_))) => record.take(fields),
            _ => record.text(rest),
        }
        record
    }

    /// `file:line`.
    pub(in crate::check) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// A text field of the line, also inside of `meta`, where some transports put fields.
    pub(in crate::check) fn field(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A field of any kind.
    pub(in crate::check) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).or_else(|| self.fields.get("meta")?.get(name))
    }

    /// The plugin that the line belongs to: bound by the runtime, or by the logger that plugins get.
    pub(in crate::check) fn plugin(&self) -> Option<&str> {
        self.field("pluginId").or_else(|| self.field("plugin"))
    }

    /// Whether the line belongs to a request, a trace or an execution of this id.
    pub(in crate::check) fn belongs_to(&self, id: &str) -> bool {
        ["requestId", "reqId", "traceId", "executionId", "invocationId", "runId"]
            .iter()
            .any(|name| self.field(name) == Some(id))
    }

    /// What went wrong: the message of the error, or of the line.
    pub(in crate::check) fn complaint(&self) -> String {
        let error = ["err", "error"].iter().find_map(|name| self.value(name));
        let told = error.and_then(|error| match error {
            Value::String(text) => Some(text.as_str()),
            error => error.get("message").and_then(Value::as_str),
        });
        match told {
            Some(told) if !self.message.contains(told) && !self.message.is_empty() => {
                format!("{}: {told}", self.message)
            }
            Some(told) if self.message.is_empty() => told.to_owned(),
            _ => self.message.clone(),
        }
    }

    /// The stack of the error, if the line has one.
    pub(in crate::check) fn stack(&self) -> Option<&str> {
        let error = ["err", "error"].iter().find_map(|name| self.value(name));
        error.and_then(|error| error.get("stack")).or_else(|| self.value("stack")).and_then(Value::as_str)
    }

    /// Whether the line is an error or worse.
    pub(in crate::check) fn is_error(&self) -> bool {
        self.level >= Some(Level::Error)
    }

    fn take(&mut self, fields: Value) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        self.level = match fields.get("level") {
            Some(Value::Number(number)) => number.as_u64().map(Level::of_number),
            Some(Value::String(word)) => Level::of_word(word),
            _ => None,
        };
        let stamps = ["time", "timestamp", "ts", "@timestamp"].iter().filter_map(|name| fields.get(name));
        let moments = stamps.filter_map(|stamp| match stamp {
            Value::Number(number) => number.as_f64().filter(|&number| number > 0.0).map(milliseconds),
            Value::String(text) => moment::parse(text),
            _ => None,
        });
        self.time = moments.into_iter().next().or(self.time);
        self.message = text("msg").or_else(|| text("message")).unwrap_or_default().to_owned();
        self.pid = fields.get("pid").and_then(Value::as_u64).or(self.pid);
        let service = ["serviceId", "service", "logsSource"].iter().find_map(|name| text(name));
        // `service` may name a part of it, such as `bootstrap`.
        if let Some(service) = service.filter(|_| text("serviceId").or_else(|| text("logsSource")).is_some())
        {
            self.service = service.into();
        }
        self.fields = fields;
    }

    fn text(&mut self, text: &str) {
        let plain = ESCAPE.as_ref().map_or(text.into(), |pattern| pattern.replace_all(text, ""));
        let head: String = plain.chars().take(HEAD).collect();
        let word = WORD.as_ref().and_then(|pattern| pattern.find(&head));
        self.level = match word {
            Some(word) => Level::of_word(word.as_str()),
            None => None,
        };
        if THROWN.as_ref().is_some_and(|pattern| pattern.is_match(&plain)) {
            self.level = Some(if plain.starts_with("FATAL") { Level::Fatal } else { Level::Error });
        }
        self.time = moment::find(&head).or(self.time);
        self.message = plain.into_owned();
    }
}

/// Milliseconds of Unix time from seconds, milliseconds, microseconds or nanoseconds of it.
fn milliseconds(number: f64) -> u64 {
    let scale = match number {
        ..1e11 => 1e3,
        ..1e14 => 1.0,
        ..1e17 => 1e-3,
        _ => 1e-6,
    };
    (number * scale) as u64
}
