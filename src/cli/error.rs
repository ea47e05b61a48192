//! Errors as people read them: what, why, and what to do next, in one place.

use std::fmt;
use std::io::Write;

use kbsec::git::GitError;
use kbsec::report::Sanitized;
use kbsec::source::SourceError;

use super::exit::Exit;

/// An error with advice.
#[derive(Debug)]
pub(crate) struct Hinted {
    what: String,
    hint: String,
}

impl Hinted {
    /// An error that says what failed, and as a sentence what to do next.
    pub(crate) fn error(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { what: what.into(), hint: hint.into() })
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for Hinted {}

/// Prints the error to standard error.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let mut text = format!("kbsec: {error}\n");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors repeat their cause in their own words.
        if !said.contains(&cause) {
            text += &format!("  because: {cause}\n");
        }
        said += &cause;
    }
    let mut hints: Vec<&str> = error.chain().filter_map(hint).collect();
    hints.dedup();
    for hint in hints {
        text += &format!("  {hint}\n");
    }
    for line in text.lines() {
        let _ = writeln!(std::io::stderr(), "{}", Sanitized(line));
    }
    Exit::Failed
}

/// The advice that an error carries.
fn hint<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    let own = error.downcast_ref::<Hinted>().map(|hinted| hinted.hint.as_str());
    let source = || error.downcast_ref::<SourceError>().map(|source| source.hint.as_str());
    let git = || error.downcast_ref::<GitError>().map(GitError::hint);
    own.or_else(source).or_else(git).filter(|hint| !hint.is_empty())
}

/// Prints what clap has to say: help to standard output, mistakes to standard error.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    match error.print().and_then(|()| std::io::stdout().flush()) {
        _ if error.use_stderr() => Exit::Failed,
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => report(&cannot_print(&cause)),
        _ => Exit::Clean,
    }
}

/// A panic message may quote what was being parsed; say only where it happened.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "kbsec: internal error at {place}; please report it");
    }));
}

/// The error for text that standard output did not take.
pub(crate) fn cannot_print(error: &std::io::Error) -> anyhow::Error {
    let what = format!("cannot write to standard output: {error}");
    Hinted::error(what, "what was written is cut off; free some space, or send it elsewhere")
}
