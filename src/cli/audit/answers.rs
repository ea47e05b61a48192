//! Answers about plugins as text and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use kbsec::plugin::explain::{Answer, Question};
use kbsec::report::Sanitized;
use kbsec::span::Position;
use serde_json::{Value, json};

/// What manifests do not bind, said once below the answers.
pub(super) const LIMITS: &str =
    "This is what the platform makes of the manifest for code that asks it (ctx.runtime,
ctx.api). Code that imports node:fs or node:child_process itself is stopped by
nothing in the modes worker-pool and in-process.
";

/// What is asked, as the rest of the sentence \"may it ...\".
pub(super) fn wish(question: &Question) -> String {
    match question {
        Question::Read(path) => format!("read {path}"),
        Question::Write(path) => format!("write {path}"),
        Question::Fetch(url) => format!("send a request to {url}"),
        Question::Env(name) => format!("read the variable {name}"),
        Question::Run(command, arguments) => {
            format!("run {command}{}", arguments.iter().map(|one| format!(" {one}")).collect::<String>())
        }
    }
}

/// A number of things.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Handlers in a few words.
pub(super) fn handlers(names: &[String]) -> String {
    match names {
        [] => "no handler".to_owned(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

/// A place, and how something came there.
pub(super) fn place((path, at): &(PathBuf, Position), origin: &[String]) -> String {
    let way = if origin.is_empty() { String::new() } else { format!(", by {}", origin.join(", then ")) };
    format!("{}:{}:{}{way}", path.display(), at.line, at.column)
}

/// The answers of one plugin.
pub(super) fn text(answers: &[&Answer]) -> String {
    let mut text = String::new();
    for answer in answers {
        let word = if answer.is_allowed { "yes" } else { "no " };
        let who = handlers(&answer.handlers);
        let _ = writeln!(text, "  {word}  {}\n       {}", Sanitized(&who), Sanitized(&answer.why));
        if let Some(at) = &answer.place {
            let _ = writeln!(text, "       {}", Sanitized(&place(at, &answer.origin)));
        }
    }
    text
}

/// An answer as JSON.
pub(super) fn json(question: &Question, answer: &Answer) -> Value {
    let at = answer.place.as_ref();
    json!({
        "plugin": answer.plugin,
        "wish": wish(question),
        "allowed": answer.is_allowed,
        "why": answer.why,
        "handlers": answer.handlers,
        "path": at.map(|(path, _)| path.display().to_string()),
        "line": at.map(|(_, at)| at.line),
        "column": at.map(|(_, at)| at.column),
        "origin": answer.origin,
    })
}
