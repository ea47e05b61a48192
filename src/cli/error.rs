//! Errors as people read them: what, why, and what to do next, in one place.

use std::fmt;
use std::io::Write;

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
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
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
    if is_broken_pipe(error) {
        return Exit::Clean;
    }
    let mut text = format!("kbsec: {error}\n");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors repeat their cause in their own words.
        if !said.contains(&cause) {
            text += &format!("  because: {cause}\n");
        }
        said += &cause;
    }
    for cause in error.chain() {
        let hint = cause.downcast_ref::<Hinted>().map(|hinted| hinted.hint.as_str());
        if let Some(hint) =
            hint.or_else(|| cause.downcast_ref::<SourceError>().map(|source| source.hint.as_str()))
        {
            text += &format!("  {hint}\n");
        }
    }
    for line in text.lines() {
        let _ = writeln!(std::io::stderr(), "{}", Sanitized(line));
    }
    Exit::Failed
}

/// Prints what clap has to say: help to standard output, mistakes to standard error.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Failed } else { Exit::Clean }
}

/// A panic message may quote what was being parsed; say only where it happened.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "kbsec: internal error at {place}; please report it");
    }));
}

/// The reader of a pipe that closes early has all it wanted.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(broken))
}
