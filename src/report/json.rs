//! JSON reports: one document, or one line per finding.

mod change;
mod escape;
mod v1;

use std::io::{self, Write};

pub(super) use escape::{write_compact, write_pretty};
pub(super) use v1::{Exposure, Trail};

use super::{Report, Reporter};
use crate::secret::Consent;

/// One document of the shape [`v1::Document`].
#[derive(Debug)]
pub(super) struct Json {
    pub(super) reveal: Option<Consent>,
}

impl Reporter for Json {
    fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        write_pretty(&v1::Document::new(report, self.reveal.as_ref()), out)
    }
}

/// One [`v1::Line`] per finding and one for the run, which comes last: a reader that saw it has seen everything.
#[derive(Debug)]
pub(super) struct Jsonl {
    pub(super) reveal: Option<Consent>,
}

impl Reporter for Jsonl {
    fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        for finding in report.findings {
            let finding = v1::Finding::new(finding, self.reveal.as_ref());
            write_compact(&v1::Line::Finding(finding), out)?;
        }
        write_compact(&v1::Line::Coverage(v1::Account::new(report)), out)
    }
}
