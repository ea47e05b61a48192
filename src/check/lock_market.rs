//! `lock.market`: whether the list of installed packages can be read, and whether it tells the truth.

use std::path::Path;

use base64::Engine as _;
use serde_json::Value;
use sha2::Digest as _;

use super::context::Context;
use super::json_text::{self, Kind, Member, Node};
use super::verdict::Verdict;
use super::{Check, config_file, program, show};

pub(super) const CHECK: Check = Check {
    id: "lock.market",
    title: "The lock of the marketplace is read, complete and true",
    why: "With a lock that cannot be parsed the platform finds no plugin at all, and says so nowhere a user looks.",
    needs: &[],
    answer,
};

const NAME: &str = ".kb/marketplace.lock";
const SCHEMA: &str = "kb.marketplace/2";

fn answer(context: &Context) -> Vec<Verdict> {
    let path = context.path(NAME);
    let mut verdicts = leftovers(context);
    if path.symlink_metadata().is_err() {
        verdicts.push(Verdict::warn(NAME, "there is none: no package is installed").fix(restorable(context)));
        return verdicts;
    }
    let text = match config_file::text(&path) {
        Ok(text) => text,
        Err(why) => {
            verdicts.push(Verdict::fail(NAME, format!("cannot be read: {why}")).fix(restorable(context)));
            return verdicts;
        }
    };
    let document = json_text::parse(&text, false);
    let refused = document.refused.first().map(|fault| {
        let at = json_text::position(&text, fault.at);
        let value = format!("{NAME}:{}:{} {}", at.line, at.column, fault.what);
        Verdict::fail(NAME, value).expected(SCHEMA).fix(restorable(context))
    });
    let root = document.root.as_ref().filter(|_| refused.is_none());
    verdicts.extend(refused);
    if let Some(root) = root {
        verdicts.extend(contents(context, &text, root));
    }
    verdicts
}

/// Drafts that a crash left behind.
fn leftovers(context: &Context) -> Vec<Verdict> {
    let entries = std::fs::read_dir(context.path(".kb")).into_iter().flatten().flatten();
    let names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("marketplace.lock.tmp"))
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    let value = format!(
        "{} of a cut-off install: {}",
        show::count(names.len() as u64, "draft"),
        show::names(&names, 2)
    );
    vec![Verdict::warn(NAME, value).fix("compare it with the lock, then remove it and repeat the install")]
}

/// Where a good one could come from.
fn restorable(context: &Context) -> String {
    let run = |arguments: &[&str]| {
        let arguments = ["--no-pager", "-c", "core.fsmonitor=false"].iter().chain(arguments);
        let output = program::run(context, "git", arguments, context.timeout).ok()?;
        (output.code == Some(0)).then(|| output.text())
    };
    let Some(commits) = run(&["log", "-n", "5", "--format=%h", "--", NAME]) else {
        return "it is in no git history here: restore it from a backup, or link each plugin again"
            .to_owned();
    };
    let good = commits.lines().enumerate().find(|(_, commit)| {
        let text = run(&["show", &format!("{commit}:./{NAME}")]);
        text.is_some_and(|text| {
            serde_json::from_str::<Value>(&text).is_ok_and(|lock| lock["schema"] == SCHEMA)
        })
    });
    match good {
        Some((_, commit)) => {
            format!("git show {commit}:./{NAME} has a good one: look at it, then restore it")
        }
        None => "no commit has a good one: restore it from a backup, or link each plugin again".to_owned(),
    }
}

fn contents(context: &Context, text: &str, root: &Node) -> Vec<Verdict> {
    let schema = root.get("schema").and_then(Node::text).unwrap_or_default();
    if schema != SCHEMA {
        let value = format!("its schema is {schema:?}: the platform ignores the whole file");
        return vec![Verdict::fail(NAME, value).expected(SCHEMA).fix(restorable(context))];
    }
    let Some(Kind::Object(entries)) = root.get("installed").map(|node| &node.kind) else {
        let value = "it has no object `installed`";
        return vec![Verdict::fail(NAME, value).expected(SCHEMA).fix(restorable(context))];
    };
    let mut verdicts = Vec::new();
    for entry in entries {
        let at = json_text::position(text, entry.at);
        let place = format!("{NAME}:{}:{}", at.line, at.column);
        verdicts.extend(judge(context, entry).map(|verdict| verdict.at(place)));
    }
    if verdicts.is_empty() {
        let disabled = entries.iter().filter(|entry| is_disabled(entry)).count();
        let told = if disabled > 0 { format!(", {disabled} disabled") } else { String::new() };
        let value = format!("{}{told}, all as recorded", show::count(entries.len() as u64, "package"));
        verdicts.push(Verdict::pass(NAME, value));
    }
    verdicts
}

fn is_disabled(entry: &Member) -> bool {
    matches!(entry.value.get("enabled").map(|node| &node.kind), Some(Kind::Bool(false)))
}

/// What is wrong with one entry.
fn judge(context: &Context, entry: &Member) -> Option<Verdict> {
    let text = |key: &str| entry.value.get(key).and_then(Node::text);
    let fields = ["version", "resolvedPath", "installedAt", "source", "primaryKind"];
    if let Some(missing) = fields.iter().find(|field| text(field).is_none()) {
        let value = format!("{} has no {missing}", entry.key);
        return Some(Verdict::fail(&entry.key, value).expected(SCHEMA).fix("install or link it again"));
    }
    let written = text("resolvedPath").unwrap_or_default();
    let folder = context.path(written.trim_start_matches("./"));
    let real = match folder.canonicalize() {
        Ok(real) => real,
        Err(_) => {
            let value = format!("{} is not at {written}", entry.key);
            return Some(Verdict::fail(&entry.key, value).fix("install or link it again, or uninstall it"));
        }
    };
    let inside = context.root.canonicalize().is_ok_and(|root| real.starts_with(root));
    if !inside && text("source") != Some("local") {
        let value = format!("{} lies outside of the installation: {written}", entry.key);
        return Some(
            Verdict::warn(&entry.key, value).fix("see who wrote that: git log -p -- .kb/marketplace.lock"),
        );
    }
    integrity(entry, &real)
}

/// The hash in the lock is that of package.json alone; the code of the plugin is not covered by it.
fn integrity(entry: &Member, folder: &Path) -> Option<Verdict> {
    let recorded = entry.value.get("integrity").and_then(Node::text).unwrap_or_default();
    let bytes = match std::fs::read(folder.join("package.json")) {
        Ok(bytes) => bytes,
        Err(error) => {
            let value = format!("{} has no package.json that can be read: {error}", entry.key);
            return Some(Verdict::fail(&entry.key, value).fix("install or link it again"));
        }
    };
    let name = serde_json::from_slice::<Value>(&bytes).ok();
    let name = name.as_ref().and_then(|package| package.get("name")?.as_str());
    if name.is_some_and(|name| name != entry.key) {
        let value = format!("{} holds the package {}", entry.key, name.unwrap_or_default());
        return Some(Verdict::fail(&entry.key, value).fix("disable it and see where the package came from"));
    }
    let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(&bytes));
    if recorded.is_empty() {
        let value = format!("{} has no integrity: what is installed is not checked", entry.key);
        return Some(Verdict::warn(&entry.key, value).fix("kbsec audit lock records the whole tree"));
    }
    if recorded != format!("sha256-{digest}") {
        let value = format!("{}: its package.json is not the one that was installed", entry.key);
        let is_local = entry.value.get("source").and_then(Node::text) == Some("local");
        let fix = "compare it with the package of that version before anything runs it";
        return Some(match is_local {
            true => {
                Verdict::warn(&entry.key, format!("{value} (linked, so the platform accepts it)")).fix(fix)
            }
            false => Verdict::fail(&entry.key, value).expected(recorded).fix(fix),
        });
    }
    None
}
