//! `kbsec rules`: what kbsec looks for, and the self-test of rules.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use kbsec::detect::verify;
use kbsec::rule::{Rule, RuleSet};

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
pub(crate) fn run(args: &RulesArgs, _context: &Context) -> anyhow::Result<Exit> {
    let rules = load(&args.rules)?;
    match &args.command {
        RulesCommand::List { json } => {
            let text = if *json { list_json(&rules)? } else { list(&rules) };
            output::print(&text).map(|()| Exit::Clean)
        }
        RulesCommand::Show { rule } => {
            let found = rules.get(rule).ok_or_else(|| unknown(&rules, rule))?;
            output::print(&page(found)).map(|()| Exit::Clean)
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
    Hinted::new(format!("there is no rule {name:?}"), hint)
}

fn list(rules: &RuleSet) -> String {
    let width = rules.iter().map(|rule| rule.meta.id.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in rules.iter() {
        let meta = &rule.meta;
        let _ = writeln!(text, "{:width$}  {:8}  {}", meta.id.name(), meta.severity, meta.title);
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

fn page(rule: &Rule) -> String {
    let meta = &rule.meta;
    let mut text = format!("{}\n{}\n\n", meta.title, meta.id);
    let _ = writeln!(
        text,
        "severity {}, confidence {}, provider {}",
        meta.severity, meta.confidence, rule.provider
    );
    let _ = writeln!(text, "found by {}", rule.shape);
    if !rule.env.is_empty() {
        let _ = writeln!(text, "usually in {}", rule.env.join(", "));
    }
    if let Some(pair) = &rule.pair {
        let _ = writeln!(text, "surer when {} stands within {} bytes", pair.with, pair.within);
    }
    let _ = writeln!(text, "\nImpact\n  {}", meta.help.impact);
    let _ = writeln!(text, "\nWhat to do");
    for (number, step) in meta.help.steps.iter().enumerate() {
        let _ = writeln!(text, "  {}. {step}", number + 1);
    }
    for (label, value) in [("Where", &meta.help.uri), ("Audit log", &meta.help.audit_log)] {
        if let Some(value) = value {
            let _ = writeln!(text, "\n{label}\n  {value}");
        }
    }
    text
}

fn test(rules: &RuleSet) -> anyhow::Result<Exit> {
    let failures = verify(rules)?;
    let mut text = String::new();
    for failure in &failures {
        let _ = writeln!(text, "{}: {}\n    {}", failure.rule, failure.problem, failure.template);
    }
    let examples: usize = rules.iter().map(|rule| rule.examples.len() + rule.non_examples.len()).sum();
    let verdict =
        if failures.is_empty() { "all pass".to_owned() } else { format!("{} fail", failures.len()) };
    let _ = writeln!(text, "{} rules, {examples} examples and near misses: {verdict}", rules.iter().count());
    output::print(&text)?;
    Ok(if failures.is_empty() { Exit::Clean } else { Exit::Findings })
}
