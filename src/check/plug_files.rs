//! `plug.files`: which files changed in the window, and whether the plugin in question may write them.
//!
//! The platform keeps no record of who wrote a file, so a change is a suspicion and no proof.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ignore::WalkBuilder;

use super::context::Context;
use super::verdict::Verdict;
use super::{Check, show};
use crate::plugin::audit::Options;
use crate::plugin::explain::Plugins;
use crate::plugin::permission::engine::fs::{Access, Decision, Fs};

pub(super) const CHECK: Check = Check {
    id: "plug.files",
    title: "Nothing was written that no plugin should write",
    why: "Files of shells, keys, hooks and locks that changed in the window are how a plugin stays.",
    needs: &[],
    answer,
};

/// Files whose change gives somebody control, relative to the installation.
const CONTROL: [&str; 13] = [
    ".kb/marketplace.lock",
    ".kb/marketplace.manifests.json",
    ".kb/kb.config.json",
    ".kb/kb.config.jsonc",
    "kb.config.json",
    "kb.config.jsonc",
    ".env",
    ".npmrc",
    "package.json",
    ".git/hooks",
    ".git/config",
    ".github/workflows",
    ".kb/workflows",
];
/// The same in the home of the user.
const HOME: [&str; 14] = [
    ".ssh",
    ".npmrc",
    ".gitconfig",
    ".bashrc",
    ".profile",
    ".bash_profile",
    ".zshrc",
    ".config/autostart",
    ".config/systemd/user",
    ".kb/agent.json",
    ".kb/credentials.json",
    ".netrc",
    ".aws",
    ".local/bin",
];
/// Folders in which the platform itself writes all the time.
const NOISE: [&str; 9] = [
    ".kb/logs",
    ".kb/tmp",
    ".kb/cache",
    ".kb/database",
    ".kb/analytics",
    ".kb/traces",
    ".kb/runtime",
    ".git",
    "node_modules",
];
/// Files that are looked at.
const MOST: usize = 200_000;

fn answer(context: &Context) -> Vec<Verdict> {
    let control = control(context);
    let mut verdicts = vec![match control.as_slice() {
        [] => {
            Verdict::pass("control files", format!("none changed in {}", show::milliseconds(context.window)))
        }
        some => {
            let value =
                format!("{} changed: {}", show::count(some.len() as u64, "file"), show::names(some, 4));
            let fix = "see who changed them (git diff, and who was logged in); take back what nobody claims";
            Verdict::warn("control files", value).expected("no change").fix(fix).seen_at(some.iter().cloned())
        }
    }];
    if let Some(plugin) = &context.only.plugin {
        verdicts.push(outside(context, plugin));
    }
    verdicts
}

/// Control files that changed in the window.
fn control(context: &Context) -> Vec<String> {
    let inside = CONTROL.iter().map(|name| context.path(name));
    let home = context.home.iter().flat_map(|home| HOME.iter().map(|name| home.join(name)));
    let mut found = Vec::new();
    for path in inside.chain(home) {
        let entries: Vec<PathBuf> = match path.is_dir() {
            true => {
                std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
            }
            false => vec![path],
        };
        found.extend(entries.iter().filter(|path| is_new(context, path)).map(|path| shown(context, path)));
    }
    found
}

/// A path as people write it.
fn shown(context: &Context, path: &Path) -> String {
    let home = context.home.as_ref().and_then(|home| path.strip_prefix(home).ok());
    match home.filter(|_| !path.starts_with(&context.root)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => context.name_of(path),
    }
}

fn is_new(context: &Context, path: &Path) -> bool {
    let time = path.symlink_metadata().ok().filter(std::fs::Metadata::is_file);
    let time = time.and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    time.and_then(|since| u64::try_from(since.as_millis()).ok())
        .is_some_and(|time| (context.since()..=context.now).contains(&time))
}

/// Files that changed and that the plugin was not granted to write.
fn outside(context: &Context, plugin: &str) -> Verdict {
    let options = Options { root: context.root.clone(), base: PathBuf::new() };
    let grants = match Plugins::read(&options).map(|plugins| plugins.grants(plugin)) {
        Ok(Some((grants, _))) => grants,
        Ok(None) => {
            let fix = "name it by its id, package or folder; kbsec audit lists those that are read";
            return Verdict::unknown(plugin, "no manifest of this plugin is below the folder").fix(fix);
        }
        Err(error) => return Verdict::unknown(plugin, error.to_string()),
    };
    let patterns: Vec<&str> =
        grants.iter().filter(|grant| grant.key == "fs.write").map(|grant| grant.value.as_str()).collect();
    let Ok(fs) = Fs::new(&context.root.to_string_lossy(), None) else {
        return Verdict::unknown(plugin, "what it may write cannot be decided for this folder");
    };
    let (changed, is_cut) = changed(context);
    let may_write = |path: &&PathBuf| {
        let decision = fs.decide(Access::Write, &patterns, &path.to_string_lossy());
        matches!(decision, Decision::Granted(_) | Decision::Always)
    };
    let (allowed, outside): (Vec<_>, Vec<_>) = changed.iter().partition(may_write);
    let cut = if is_cut { ", and not all were looked at" } else { "" };
    let extent = format!(
        "{} changed{cut}, {} within its grants",
        show::count(changed.len() as u64, "file"),
        allowed.len()
    );
    if outside.is_empty() {
        return match is_cut {
            true => Verdict::unknown(plugin, format!("{extent}, none outside so far")),
            false => Verdict::pass(plugin, extent),
        };
    }
    let names: Vec<String> = outside.iter().map(|path| shown(context, path)).collect();
    let value = format!("{extent}; {} outside: {}", outside.len(), show::names(&names, 3));
    let fix = "what it wrote outside of its grants went around the sandbox; most are changes of people, so ask first";
    Verdict::warn(plugin, value).expected("none outside").fix(fix).seen_at(names)
}

/// Files of the installation that changed in the window, and whether there were too many to look at all.
fn changed(context: &Context) -> (Vec<PathBuf>, bool) {
    let noise: Vec<PathBuf> = NOISE.iter().map(|name| context.path(name)).collect();
    let walk = WalkBuilder::new(&context.root)
        .standard_filters(false)
        .follow_links(false)
        .filter_entry(move |entry| {
            entry.file_name() != "node_modules" && !noise.iter().any(|folder| entry.path() == folder)
        })
        .build();
    let (mut found, mut seen) = (Vec::new(), 0);
    for entry in walk.flatten() {
        seen += 1;
        if seen > MOST {
            return (found, true);
        }
        if is_new(context, entry.path()) {
            found.push(entry.path().to_owned());
        }
    }
    (found, false)
}
