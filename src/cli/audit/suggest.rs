//! `kbsec audit suggest`: the permissions that the code of a plugin needs.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use kbsec::plugin::audit::Options;
use kbsec::plugin::suggest::{self, Block, Suggestion};
use kbsec::report::Sanitized;
use serde_json::{Value, json};

use super::super::Context;
use super::super::error::Hinted;
use super::super::exit::Exit;
use super::{answers, explain};

/// Show the permissions that a plugin's code needs, in place of those that it has
///
/// Looks at what the code of every handler uses and leaves out what nothing uses. Where it is not known before the code
/// runs, the grant stays. Nothing is written; `kbsec audit --fix` does that.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kbsec audit suggest                every plugin below this folder\n  \
                        kbsec audit suggest @acme/report   one of them\n\n\
                        Exit codes: 0 nothing to narrow, 1 something can be narrower")]
pub(super) struct SuggestArgs {
    /// The plugin: its id, the name of its package or its folder; all of them without it
    plugin: Option<String>,
    /// The folder of the workspace
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    root: PathBuf,
    /// Answer as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Shows suggestions.
pub(super) fn run(args: &SuggestArgs, _context: &Context) -> anyhow::Result<Exit> {
    let options = super::folder(&args.root)?;
    let suggestions = suggest::suggest(&options, args.plugin.as_deref())
        .map_err(|error| super::unreadable(&args.root, &error))?;
    if suggestions.is_empty() {
        let what = match &args.plugin {
            Some(name) => format!("there is no plugin {name} in {}", args.root.display()),
            None => format!("there is no plugin in {}", args.root.display()),
        };
        return Err(Hinted::error(what, "name another folder with --root"));
    }
    let (mut text, mut list) = (String::new(), Vec::new());
    for suggestion in &suggestions {
        told(suggestion, &mut text);
        list.push(as_json(suggestion));
    }
    let blocks: usize = suggestions.iter().map(|suggestion| suggestion.blocks.len()).sum();
    let _ = match blocks {
        0 => writeln!(text, "Nothing to narrow in {}", answers::count(suggestions.len(), "plugin")),
        _ => writeln!(
            text,
            "{} can be narrower. `kbsec audit --fix` writes that.\nComments inside of a block are lost; built and cached \
             manifests have to be made anew.",
            answers::count(blocks, "block"),
        ),
    };
    explain::print(args.json, &text, &Value::Array(list))?;
    Ok(if blocks == 0 { Exit::Clean } else { Exit::Findings })
}

/// Writes what is suggested; returns what was done, a line each.
pub(super) fn fix(options: &Options) -> anyhow::Result<Vec<String>> {
    let suggestions =
        suggest::suggest(options, None).map_err(|error| super::unreadable(&options.root, &error))?;
    let mut lines = Vec::new();
    for suggestion in &suggestions {
        let refused = suggestion.refused.iter();
        lines.extend(refused.map(|(place, why)| format!("left as it is: {place}: {why}")));
        let written = suggest::write(&options.root, suggestion)
            .map_err(|error| Hinted::error(error.to_string(), "run the command again"))?;
        let narrowed = written.iter();
        lines.extend(
            narrowed.map(|it| format!("narrowed: {}; as it was: {}", it.file.display(), it.backup.display())),
        );
    }
    Ok(lines)
}

fn told(suggestion: &Suggestion, text: &mut String) {
    if suggestion.blocks.is_empty() && suggestion.refused.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", Sanitized(&suggestion.plugin));
    for block in &suggestion.blocks {
        let (start, end) = block.places;
        let file = block.shown.display().to_string();
        let _ = writeln!(
            text,
            "  {}:{}:{} to {}:{}",
            Sanitized(&file),
            start.line,
            start.column,
            end.line,
            end.column
        );
        let old = block.old.lines().map(|line| ("- ", line));
        let new = block.new.lines().map(|line| ("+ ", line));
        let changes = block.changes.iter().map(|change| ("", change.as_str()));
        for (mark, line) in old.chain(new).chain(changes) {
            let _ = writeln!(text, "    {mark}{}", Sanitized(line));
        }
    }
    for (place, why) in &suggestion.refused {
        let _ = writeln!(text, "  {}\n    left as it is: {}", Sanitized(place), Sanitized(why));
    }
    text.push('\n');
}

fn as_json(suggestion: &Suggestion) -> Value {
    let block = |block: &Block| {
        let (start, end) = block.places;
        json!({
            "path": block.shown.display().to_string(),
            "start": { "line": start.line, "column": start.column, "offset": block.span.start },
            "end": { "line": end.line, "column": end.column, "offset": block.span.end },
            "old": block.old, "new": block.new, "changes": block.changes,
        })
    };
    let refused = suggestion.refused.iter().map(|(place, why)| json!({ "place": place, "why": why }));
    json!({
        "plugin": suggestion.plugin,
        "blocks": suggestion.blocks.iter().map(block).collect::<Vec<_>>(),
        "refused": refused.collect::<Vec<_>>(),
    })
}
