//! `kbsec rules`: what kbsec looks for, and the self-test of rules.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use kbsec::detect::verify;
use kbsec::report::wrap;
use kbsec::rule::{Pair, Rule, RuleSet};

use super::error::Hinted;
use super::exit::Exit;
use super::{Context, output};

/// List, show and test the rules
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
    /// Add the rules of a file, or of all .toml files in a directory; may be repeated
    #[arg(long, value_name = "PATH", global = true, help_heading = "Detection")]
    rules: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// List all rules, one a line
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one rule: what it finds and what to do then
    Show {
        /// Name of the rule, such as github-classic-token
        rule: String,
    },
    /// Try every rule on its own examples and near misses
    Test,
}

/// Runs the subcommand.
pub(crate) fn run(args: &RulesArgs, context: &Context) -> anyhow::Result<Exit> {
    let width = context.environment.width();
    let rules = load(&args.rules)?;
    match &args.command {
        RulesCommand::List { json } => {
            let text = if *json { list_json(&rules)? } else { list(&rules, width) };
            output::print(&text).map(|()| Exit::Clean)
        }
        RulesCommand::Show { rule } => {
            let found = rules.get(rule).ok_or_else(|| unknown(&rules, rule))?;
            output::print(&page(found, width)).map(|()| Exit::Clean)
        }
        RulesCommand::Test => test(&rules),
    }
}

/// The embedded rules and those of the user's files.
pub(crate) fn load(paths: &[PathBuf]) -> anyhow::Result<RuleSet> {
    let mut rules = RuleSet::built_in()?;
    for path in paths {
        rules.load(path).with_context(|| format!("cannot use the rules of {}", path.display()))?;
    }
    Ok(rules)
}

/// The error for a name that no rule has.
pub(crate) fn unknown(rules: &RuleSet, name: &str) -> anyhow::Error {
    let known: Vec<&str> = rules.iter().map(|rule| rule.meta.id.name()).collect();
    let hint = match kbsec::toml_text::nearest(name, known) {
        Some(near) => format!("did you mean {near}? `kbsec rules list` shows all rules"),
        None => "`kbsec rules list` shows all rules".to_owned(),
    };
    Hinted::error(format!("there is no rule {name:?}"), hint)
}

fn list(rules: &RuleSet, width: usize) -> String {
    let name_width = rules.iter().map(|rule| rule.meta.id.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in rules.iter() {
        let mut name = rule.meta.id.name();
        for line in wrap(&rule.meta.title, width.saturating_sub(name_width + 2)) {
            let _ = writeln!(text, "{name:name_width$}  {line}");
            name = "";
        }
    }
    let _ = writeln!(text, "\n{} rules. `kbsec rules show NAME` tells more.", rules.iter().count());
    text
}

fn list_json(rules: &RuleSet) -> anyhow::Result<String> {
    let all: Vec<_> = rules
        .iter()
        .map(|rule| {
            serde_json::json!({
                "id": rule.meta.id.as_str(),
                "provider": rule.provider,
                "title": rule.meta.title,
                "severity": rule.meta.severity,
                "confidence": rule.meta.confidence,
                "shape": rule.shape.name(),
                "env": rule.env,
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

/// The title of the section whose paragraphs are numbered.
const STEPS: &str = "What to do";

fn page(rule: &Rule, width: usize) -> String {
    let meta = &rule.meta;
    let mut text = format!("{}\n{}\n", meta.title, meta.id);
    let mut section = |title: &str, body: &[String]| {
        let body: Vec<&String> = body.iter().filter(|paragraph| !paragraph.is_empty()).collect();
        if body.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n{title}");
        // The number of a step stands out.
        let hanging = if title == STEPS { "     " } else { "  " };
        for paragraph in body {
            for (number, line) in wrap(paragraph, width.saturating_sub(5)).iter().enumerate() {
                let _ = writeln!(text, "{}{line}", if number == 0 { "  " } else { hanging });
            }
        }
    };
    section("Level", &[format!("severity {}, confidence {}", meta.severity, meta.confidence)]);
    section("Found by", &[rule.shape.to_string()]);
    section("Usually in", &[rule.env.join(", ")]);
    let pair = |pair: &Pair| format!("{} stands within {} bytes", pair.with, pair.within);
    section("Surer when", &[rule.pair.as_ref().map(pair).unwrap_or_default()]);
    section("Impact", std::slice::from_ref(&meta.help.impact));
    let steps = meta.help.steps.iter().enumerate();
    section(STEPS, &steps.map(|(number, step)| format!("{}. {step}", number + 1)).collect::<Vec<_>>());
    section("Where", &[meta.help.uri.clone().unwrap_or_default()]);
    section("Audit log", &[meta.help.audit_log.clone().unwrap_or_default()]);
    text
}

fn test(rules: &RuleSet) -> anyhow::Result<Exit> {
    let verified = verify(rules)?.into_iter();
    let verified =
        verified.map(|found| format!("{}: {}\n    {}\n", found.rule, found.problem, found.template));
    let failures: Vec<String> = rules.iter().filter_map(untested).chain(verified).collect();
    let mut text = failures.concat();
    let examples: usize = rules.iter().map(|rule| rule.examples.len() + rule.non_examples.len()).sum();
    let verdict =
        if failures.is_empty() { "all pass".to_owned() } else { format!("{} fail", failures.len()) };
    let _ = writeln!(text, "{} rules, {examples} examples and near misses: {verdict}", rules.iter().count());
    output::print(&text)?;
    Ok(if failures.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// The complaint about a rule that too few examples would test.
fn untested(rule: &Rule) -> Option<String> {
    let enough = rule.examples.len() >= 2 && rule.non_examples.len() >= 2;
    let complaint = "write at least two `examples` and two `non-examples`, so that it can be tested";
    (!enough).then(|| format!("{}: {complaint}\n", rule.meta.id))
}
