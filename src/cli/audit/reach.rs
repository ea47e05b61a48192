//! `kbsec audit reach`: which plugins can get at something.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use kbsec::plugin::explain::{Answer, Plugins, Question};
use kbsec::report::Sanitized;
use serde_json::Value;

use super::answers;
use super::explain::print;
use crate::cli::Context;
use crate::cli::exit::Exit;

/// List the plugins that can read a variable, read or write a file, or reach a URL
///
/// Answers what a leaked secret or a rogue plugin makes you ask: who could have got at it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec audit reach OPENAI_API_KEY\n  \
                        kbsec audit reach .kb/marketplace.lock\n  \
                        kbsec audit reach https://hooks.slack.com/services/x\n\n\
                        Exit codes: 0 no plugin, 1 at least one, 3 none, but not every manifest could be read.")]
pub(super) struct ReachArgs {
    /// A variable in capitals, a URL, or a file
    what: String,
    /// The workspace
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    root: PathBuf,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// What the name of a thing makes one ask.
fn questions(what: &str) -> Vec<Question> {
    let is_variable = |sign: char| sign.is_ascii_uppercase() || sign.is_ascii_digit() || sign == '_';
    if what.contains("://") {
        vec![Question::Fetch(what.to_owned())]
    } else if what.chars().all(is_variable) {
        vec![Question::Env(what.to_owned())]
    } else {
        vec![Question::Write(what.to_owned()), Question::Read(what.to_owned())]
    }
}

/// Looks for them.
pub(super) fn run(args: &ReachArgs, context: &Context) -> anyhow::Result<Exit> {
    let options = super::folder(&args.root)?;
    let plugins = Plugins::read(&options).map_err(|error| super::unreadable(&args.root, &error))?;
    for gap in &plugins.coverage().missed {
        context.note(&format!("not examined: {}: {}", gap.subject, gap.reason));
    }
    let (mut text, mut list) = (String::new(), Vec::new());
    for question in questions(&args.what) {
        let outcome = plugins.explain(None, &question);
        let reached: Vec<&Answer> = outcome.answers.iter().filter(|answer| answer.is_allowed).collect();
        let names = |all: &[&Answer]| {
            let mut names: Vec<String> = all.iter().map(|answer| answer.plugin.clone()).collect();
            names.dedup();
            names
        };
        let (able, all) = (names(&reached), outcome.plugins.len());
        let wish = answers::wish(&question);
        let _ = writeln!(text, "{} of {all} plugins may {}", able.len(), Sanitized(&wish));
        for plugin in &able {
            let own: Vec<&Answer> =
                reached.iter().filter(|answer| answer.plugin == *plugin).copied().collect();
            let _ = write!(text, "{}\n{}", Sanitized(plugin), answers::text(&own));
        }
        text.push('\n');
        list.extend(reached.iter().map(|answer| answers::json(&question, answer)));
    }
    text += answers::LIMITS;
    let is_reached = !list.is_empty();
    print(args.json, &text, &Value::Array(list))?;
    Ok(match (is_reached, plugins.coverage().is_incomplete()) {
        (true, _) => Exit::Findings,
        (false, true) => Exit::Incomplete,
        (false, false) => Exit::Clean,
    })
}
