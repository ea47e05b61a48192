//! The report of an examination: its format, where it goes, and the exit code that it means.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use kbsec::coverage::Coverage;
use kbsec::finding::{Finding, RuleMeta};
use kbsec::report::{Format, Report, Run, Style};

use super::environment::Environment;
use super::exit::Exit;
use super::{Context, output};

/// How to report.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Format of the report
    #[arg(long, short, default_value = "text", help_heading = "Output")]
    #[arg(value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>()))]
    format: Format,
    /// Write the report to a file
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Exit with 0 even when there are findings
    #[arg(long, help_heading = "Output")]
    exit_zero: bool,
}

/// What was examined, and what came of it.
pub(super) struct Examined {
    pub(super) subject: String,
    /// Seconds since 1970.
    pub(super) started: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) coverage: Coverage,
    /// Every rule that was applied.
    pub(super) rules: Vec<Arc<RuleMeta>>,
}

impl ReportArgs {
    /// Refuses a place that cannot be written, before the work is done.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.output.as_deref().map(output::check).transpose().map(drop)
    }

    /// Writes the report, and tells the exit code.
    pub(super) fn write(&self, examined: &Examined, context: &Context) -> anyhow::Result<Exit> {
        let is_clean = examined.findings.is_empty() || self.exit_zero;
        let exit = match (is_clean, examined.coverage.is_incomplete()) {
            (false, _) => Exit::Findings,
            (true, true) => Exit::Incomplete,
            (true, false) => Exit::Clean,
        };
        let here = context.environment.directory.clone();
        let run = Run {
            version: env!("CARGO_PKG_VERSION"),
            subject: examined.subject.clone(),
            root: here.clone(),
            base: here,
            repository: None,
            interrupted: false,
            exit_code: exit as u8,
            time: (examined.started, Environment::now()),
        };
        let report = Report {
            findings: &examined.findings,
            coverage: &examined.coverage,
            rules: &examined.rules,
            run: &run,
        };
        let style = Style {
            color: self.output.is_none() && context.environment.wants_color(context.color),
            width: context.environment.width(),
            reveal: None,
        };
        let reporter = self.format.reporter(style);
        output::write(self.output.as_deref(), |out| reporter.write(&report, out))?;
        Ok(exit)
    }
}
