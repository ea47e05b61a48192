//! Files of the installation: logs, configuration, lists, and what variables look like.

use super::Collected;
use crate::check::bundle::masked;
use crate::check::context::Context;
use crate::check::services::Services;
use crate::check::variable::{self, Form};
use crate::check::{config_file, env_file, log};
use crate::secret::Secret;

/// Lines of a journal that are kept.
const JOURNAL_LINES: &str = "5000";

/// The last part of every log.
pub(super) fn logs(context: &Context) -> Collected {
    let mut collected = Collected::default();
    for text in log::texts(context, super::MOST as u64) {
        match text.content {
            Ok((content, is_cut)) => {
                collected.add(
                    format!("logs/{}", text.name.trim_start_matches(".kb/logs/")),
                    text.name,
                    content,
                );
                if let Some(piece) = collected.pieces.last_mut() {
                    piece.is_cut |= is_cut;
                }
            }
            Err(why) => collected.errors.push(format!("{}: {why}", text.name)),
        }
    }
    collected
}

/// The end of the journal of every service that has a unit.
pub(super) fn journals(context: &Context) -> Collected {
    let mut collected = Collected::default();
    for service in &Services::of(context).list {
        if variable::unit(context, &service.id).is_some() {
            let unit = format!("kb-{}", service.id);
            let words = ["journalctl", "--no-pager", "-o", "short-iso", "-n", JOURNAL_LINES, "-u", &unit];
            collected.add_program(context, &format!("journal/{}.txt", service.id), &words);
        }
    }
    collected
}

/// The configuration. One that cannot be parsed is kept as it is, with what is sensitive by its place taken out.
pub(super) fn configuration(context: &Context) -> Collected {
    let mut collected = Collected::default();
    for file in config_file::all(context) {
        match file.content {
            Ok(content) => {
                let name = format!("config/{}", file.name.trim_start_matches(".kb/"));
                let text = match &content.document.root {
                    Some(root) => {
                        serde_json::to_string_pretty(&masked::config(context, root)).unwrap_or_default()
                    }
                    None => {
                        let why = content.document.refused.first().map_or("", |fault| fault.what.as_str());
                        collected.errors.push(format!("{} is kept as text: {why}", file.name));
                        content.text
                    }
                };
                collected.add(name, file.name, text);
            }
            Err(why) => collected.errors.push(format!("{}: {why}", file.name)),
        }
    }
    collected
}

/// The list that `kb-dev` reads.
pub(super) fn services(context: &Context) -> Collected {
    let mut collected = Collected::default();
    let services = Services::of(context);
    collected.errors.extend(services.problem);
    if let Some(file) = services.file {
        collected.add_file(context, "config/devservices.yaml", &file);
    }
    collected
}

/// The lock of the marketplace and the versions of the project's own packages.
pub(super) fn lock(context: &Context) -> Collected {
    let mut collected = Collected::default();
    collected.add_file(context, "lock/marketplace.lock", &context.path(".kb/marketplace.lock"));
    collected.add_file(context, "lock/package.json", &context.path("package.json"));
    collected
}

/// Which variables there are, and what may be told of their values.
pub(super) fn variables(context: &Context) -> Collected {
    let mut text = String::new();
    let shell = context.variables.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_bytes())));
    section(context, &mut text, "your shell", shell);
    let mut collected = Collected::default();
    for name in [".env", ".env.local", ".env.production", ".kb/secrets.env"] {
        let path = context.path(name);
        if path.symlink_metadata().is_err() {
            continue;
        }
        match env_file::read(&path) {
            Ok(found) => {
                let found = found.into_iter().map(|one| (one.name, one.value));
                section(context, &mut text, name, found);
            }
            Err(why) => collected.errors.push(format!("{name}: {why}")),
        }
    }
    collected.add("variables.txt", "environment", text);
    collected
}

fn section(context: &Context, text: &mut String, title: &str, found: impl Iterator<Item = (String, Secret)>) {
    text.push_str(&format!("[{title}]\n"));
    for (name, value) in found {
        let form = Form::of(&value);
        let placeholder = if form.is_placeholder { ", a placeholder" } else { "" };
        let print = variable::fingerprint(context, &value);
        text.push_str(&format!("{name}  {}{placeholder}, fingerprint {print}\n", form.length_class()));
    }
    text.push('\n');
}
