//! `kbsec leak-response`: a secret has leaked; its value reaches the session without being seen.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::Context;
use super::error::Hinted;
use super::exit::Exit;
use super::respond::leak::Request;
use super::respond::{SessionArgs, session};

/// A secret has leaked: revoke it, find every copy, clean up, and write it up
///
/// Begins with how to revoke it. Asks for the value on the terminal and does not show it, unless it is given with
/// --value-file, --stdin or --finding. It is never stored; when you go on with an incident it is asked for again, or
/// read where it was before.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec leak-response                          asks for the value\n  \
                        kbsec leak-response --finding 3fa94c1d       the value of a finding of `kbsec scan`\n  \
                        kbsec leak-response --resume INC-20261125-7f3a\n  \
                        pass show old/key | kbsec leak-response --stdin --no-input --answers a.toml --allow edit,hook\n\n\
                        Exit codes: 0 closed, 2 usage, 10 steps left, 20 a proof fails, 30 blocked,\n\
                        40 evidence incomplete, 130 interrupted.")]
pub(crate) struct LeakArgs {
    /// The value of a finding, named by the beginning of its fingerprint
    #[arg(long, value_name = "FINGERPRINT", help_heading = "Value", group = "what")]
    finding: Option<String>,
    /// Take the finding from this report (JSON or SARIF); without --finding it must have just one
    #[arg(long, value_name = "FILE", help_heading = "Value")]
    report: Option<PathBuf>,
    /// Read the value from this file
    #[arg(long, value_name = "FILE", help_heading = "Value", group = "what")]
    value_file: Option<PathBuf>,
    /// Read the value from standard input
    #[arg(long, help_heading = "Value", group = "what")]
    stdin: bool,
    /// What kind of secret it is, when its looks do not tell: the name of a rule
    #[arg(long, value_name = "RULE", help_heading = "Value")]
    rule: Option<String>,
    /// Put the value of this file in its place in .env files; otherwise you do that
    #[arg(long, value_name = "FILE", help_heading = "Value")]
    replacement_file: Option<PathBuf>,
    /// Call the API of the provider at this address, such as that of your own GitHub Enterprise server
    #[arg(long, value_name = "URL", help_heading = "Session")]
    api_base: Option<String>,
    #[command(flatten)]
    session: SessionArgs,
}

/// Runs the command.
pub(crate) fn run(args: &LeakArgs, context: &Context) -> anyhow::Result<Exit> {
    let playbooks = session::playbooks(context)?;
    let finding = match &args.report {
        Some(path) => Some(reported(path, args.finding.as_deref())?),
        None => args.finding.clone(),
    };
    let request = Request {
        finding,
        value_file: args.value_file.as_deref(),
        stdin: args.stdin,
        rule: args.rule.as_deref(),
        replacement_file: args.replacement_file.as_deref(),
        api_base: args.api_base.as_deref(),
    };
    let wanted = session::Wanted {
        incident: Some("secret-leak"),
        facts: kbsec::playbook::Facts::new(),
        leak: Some(request),
    };
    session::run(&args.session, wanted, (&playbooks, context))
}

/// The fingerprint of a finding of a report.
fn reported(path: &Path, digits: Option<&str>) -> anyhow::Result<String> {
    let hint = "make one with `kbsec scan -f json -o report.json`";
    let failed = |what: String| Hinted::error(format!("report {}: {what}", path.display()), hint);
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let ours = report.get("findings").and_then(Value::as_array).into_iter().flatten();
    let ours = ours.filter_map(|finding| finding.get("fingerprint").and_then(Value::as_str));
    let sarif = report.pointer("/runs/0/results").and_then(Value::as_array).into_iter().flatten();
    let sarif = sarif.filter_map(|result| {
        let all = [result.get("fingerprints"), result.get("partialFingerprints")];
        let texts = all.into_iter().flatten().filter_map(Value::as_object).flat_map(|map| map.values());
        texts.filter_map(Value::as_str).find(|text| text.parse::<kbsec::secret::Fingerprint>().is_ok())
    });
    let all: Vec<&str> = ours.chain(sarif).collect();
    let fits: Vec<&&str> =
        all.iter().filter(|one| digits.is_none_or(|digits| one.starts_with(digits))).collect();
    match fits[..] {
        [one] => Ok((*one).to_owned()),
        [] => Err(failed("it has no such finding".into())),
        _ => Err(Hinted::error(
            format!("report {} has {} findings that fit", path.display(), fits.len()),
            "name one of them with --finding and the beginning of its fingerprint",
        )),
    }
}
