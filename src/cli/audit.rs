//! `kbsec audit`: plugins examined, and the report.

use std::path::PathBuf;

use clap::Args;
use kbsec::plugin::audit::{self, Options};

use super::Context;
use super::environment::Environment;
use super::error::Hinted;
use super::exit::Exit;
use super::reporting::{Examined, ReportArgs};

/// Find plugins of the KB Labs platform that may do more than they should
///
/// Reads the manifests of all plugins in a folder, TypeScript too, without running any of them, and says what the
/// platform really makes of their permissions.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec audit                 every plugin below this folder\n  \
                        kbsec audit plugins/review  one of them\n  \
                        kbsec audit -f sarif -o audit.sarif")]
pub(super) struct AuditArgs {
    /// A folder with plugins, or with one
    #[arg(default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    report: ReportArgs,
}

/// Runs the audit and writes the report.
pub(super) fn run(args: &AuditArgs, context: &Context) -> anyhow::Result<Exit> {
    let started = Environment::now();
    args.report.check()?;
    let shown = args.path.display().to_string();
    if !args.path.is_dir() {
        return Err(Hinted::error(
            format!("{shown} is no folder"),
            "name the folder of a plugin or of a workspace",
        ));
    }
    let base = if shown == "." { PathBuf::new() } else { args.path.clone() };
    let options = Options { root: args.path.clone(), base };
    let outcome = audit::audit(&options)
        .map_err(|error| Hinted::error(format!("cannot read {shown}: {error}"), "check its permissions"))?;
    let examined = Examined {
        subject: shown,
        started,
        findings: outcome.findings,
        coverage: outcome.coverage,
        rules: audit::rules(),
    };
    args.report.write(&examined, context)
}
