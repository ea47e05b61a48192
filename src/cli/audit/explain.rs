//! `kbsec audit explain`: what a plugin may do, and by what.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use kbsec::plugin::explain::{Answer, Plugins, Question};
use kbsec::report::Sanitized;
use serde_json::{Value, json};

use super::answers;
use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::{Context, output};

/// Say whether a plugin may do one thing, which grant lets it, and where that is written
///
/// Without a question: everything that the plugin is granted, handler by handler, with the preset or call it comes from.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec audit explain @acme/report\n  \
                        kbsec audit explain @acme/report --path .github/workflows/ci.yml\n  \
                        kbsec audit explain plugins/report --cmd git push\n\n\
                        Exit codes: 0 it may not, or nothing was asked, 1 it may, 2 there is no such plugin.")]
pub(super) struct ExplainArgs {
    /// Its id, its package, or its folder
    plugin: String,
    /// May it read or write this file? `~/` is the home of whoever runs the platform
    #[arg(long)]
    path: Vec<String>,
    /// May it send a request to this URL?
    #[arg(long)]
    url: Vec<String>,
    /// May it read this environment variable?
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// May it run this command?
    #[arg(long, num_args = 1.., value_names = ["COMMAND", "ARGUMENT"], allow_hyphen_values = true)]
    cmd: Vec<String>,
    /// The workspace
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    root: PathBuf,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

impl ExplainArgs {
    fn questions(&self) -> Vec<Question> {
        let files =
            self.path.iter().flat_map(|path| [Question::Read(path.clone()), Question::Write(path.clone())]);
        let urls = self.url.iter().cloned().map(Question::Fetch);
        let names = self.env.iter().cloned().map(Question::Env);
        let command = self.cmd.split_first().map(|(word, rest)| Question::Run(word.clone(), rest.to_vec()));
        files.chain(urls).chain(names).chain(command).collect()
    }
}

/// Answers.
pub(super) fn run(args: &ExplainArgs, _context: &Context) -> anyhow::Result<Exit> {
    let options = super::folder(&args.root)?;
    let plugins = Plugins::read(&options).map_err(|error| super::unreadable(&args.root, &error))?;
    let questions = args.questions();
    if questions.is_empty() {
        return all(args, &plugins);
    }
    let (mut text, mut list, mut is_allowed) = (String::new(), Vec::new(), false);
    for question in &questions {
        let outcome = plugins.explain(Some(&args.plugin), question);
        let Some(name) = outcome.plugins.first() else { return Err(missing(args, &plugins)) };
        let wish = answers::wish(question);
        let _ = writeln!(text, "May {} {}?", Sanitized(name), Sanitized(&wish));
        text += &answers::text(&outcome.answers.iter().collect::<Vec<&Answer>>());
        text.push('\n');
        list.extend(outcome.answers.iter().map(|answer| answers::json(question, answer)));
        is_allowed |= outcome.answers.iter().any(|answer| answer.is_allowed);
    }
    text += answers::LIMITS;
    print(args.json, &text, &Value::Array(list))?;
    Ok(if is_allowed { Exit::Findings } else { Exit::Clean })
}

/// Everything that is granted.
fn all(args: &ExplainArgs, plugins: &Plugins) -> anyhow::Result<Exit> {
    let Some((grants, handlers)) = plugins.grants(&args.plugin) else { return Err(missing(args, plugins)) };
    let mut text = format!(
        "{}: {}, {}\n",
        Sanitized(&args.plugin),
        answers::count(grants.len(), "grant"),
        answers::count(handlers, "handler")
    );
    let mut list = Vec::new();
    let mut key = "";
    for grant in &grants {
        if grant.key != key {
            key = &grant.key;
            let _ = writeln!(text, "\n{}", Sanitized(key));
        }
        let who = match grant.handlers.len() == handlers {
            true => "every handler".to_owned(),
            false => answers::handlers(&grant.handlers),
        };
        let at = answers::place(&grant.place, &grant.origin);
        let _ =
            writeln!(text, "  {}  ({})\n      {}", Sanitized(&grant.value), Sanitized(&who), Sanitized(&at));
        list.push(json!({
            "key": grant.key, "value": grant.value, "handlers": grant.handlers, "origin": grant.origin,
            "path": grant.place.0.display().to_string(), "line": grant.place.1.line, "column": grant.place.1.column,
        }));
    }
    let _ = write!(text, "\n{}", answers::LIMITS);
    print(args.json, &text, &Value::Array(list))?;
    Ok(Exit::Clean)
}

/// Prints one or the other.
pub(super) fn print(is_json: bool, text: &str, list: &Value) -> anyhow::Result<()> {
    match is_json {
        true => output::print(&format!("{list:#}\n")),
        false => output::print(text),
    }
}

fn missing(args: &ExplainArgs, plugins: &Plugins) -> anyhow::Error {
    let known = plugins.ids();
    let hint = match known.as_slice() {
        [] => "there is no plugin at all below that folder; name another one with --root".to_owned(),
        known => format!("there are {}", known.join(", ")),
    };
    Hinted::error(format!("there is no plugin {} in {}", args.plugin, args.root.display()), hint)
}
