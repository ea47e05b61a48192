//! `git.deploy`: what changed shortly before: commits, configuration, locks, units, packages.

use std::path::PathBuf;

use super::context::Context;
use super::verdict::Verdict;
use super::{Check, program, show};
use crate::git::{GitEnvironment, Repository};

pub(super) const CHECK: Check = Check {
    id: "git.deploy",
    title: "Nothing was changed or deployed shortly before",
    why: "Most incidents begin with a change; what began minutes before the first error is the first suspect.",
    needs: &[],
    answer,
};

/// Files whose change is a deployment, relative to the installation.
const FILES: [&str; 14] = [
    ".kb/kb.config.json",
    ".kb/kb.config.jsonc",
    "kb.config.json",
    "kb.config.jsonc",
    ".kb/marketplace.lock",
    ".kb/devservices.yaml",
    ".kb/devservices.dev.yaml",
    ".env",
    ".env.local",
    ".npmrc",
    "package.json",
    "pnpm-lock.yaml",
    "package-lock.json",
    "node_modules/.modules.yaml",
];
/// Commits that are told.
const TOLD: usize = 3;

fn answer(context: &Context) -> Vec<Verdict> {
    let mut verdicts = changed(context);
    match commits(context) {
        Ok(found) => verdicts.extend(found),
        Err(why) => verdicts.push(Verdict::unknown("commits", why)),
    }
    if verdicts.is_empty() {
        let value =
            format!("no commit and no change of configuration in {}", show::milliseconds(context.window));
        verdicts.push(Verdict::pass("", value));
    }
    verdicts
}

/// Files of the platform that were written in the window.
fn changed(context: &Context) -> Vec<Verdict> {
    let units = ["gateway", "rest", "workflow", "marketplace", "state-daemon"];
    let units = units.iter().filter_map(|id| super::variable::unit(context, id));
    let files: Vec<PathBuf> = FILES.iter().map(|name| context.path(name)).chain(units).collect();
    let mut verdicts = Vec::new();
    for file in files {
        let Some(time) = written(&file) else { continue };
        if time < context.since() || time > context.now {
            continue;
        }
        let ago = show::milliseconds(context.now - time);
        let value = format!("changed {} ({ago} ago)", show::time(time));
        let fix =
            "see what changed (git diff, git log -p -- FILE); take it back if the trouble began with it";
        verdicts.push(Verdict::warn(context.name_of(&file), value).expected("no change").fix(fix));
    }
    verdicts
}

/// When a file was last written, in milliseconds of Unix time.
fn written(file: &std::path::Path) -> Option<u64> {
    let time = file.symlink_metadata().ok()?.modified().ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

fn commits(context: &Context) -> Result<Vec<Verdict>, String> {
    let repository =
        Repository::discover(&context.root, &GitEnvironment::default()).map_err(|error| error.to_string())?;
    let Some(repository) = repository else { return Err("there is no git repository here".to_owned()) };
    if repository.head().map_err(|error| error.to_string())?.is_none() {
        return Ok(Vec::new());
    }
    let since = format!("--since=@{}", context.since() / 1000);
    let arguments =
        ["--no-pager", "-c", "core.fsmonitor=false", "log", "-n", "100", "--format=%h%x09%ct%x09%s", &since];
    let output =
        program::run(context, "git", arguments, context.timeout).map_err(|error| error.to_string())?;
    if output.code != Some(0) {
        return Err(output.complaint());
    }
    let text = output.text();
    let commits: Vec<&str> = text.lines().collect();
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let told: Vec<String> = commits.iter().take(TOLD).map(|line| describe(context, line)).collect();
    let value = format!("{}: {}", show::count(commits.len() as u64, "commit"), told.join("; "));
    let fix = "when in doubt, roll back first: deploy the commit before them";
    Ok(vec![Verdict::warn("commits", value).expected("none in the time that was asked for").fix(fix)])
}

/// `abc1234 12:00:00Z subject`.
fn describe(context: &Context, line: &str) -> String {
    let mut parts = line.splitn(3, '\t');
    let mut next = || parts.next().unwrap_or_default();
    let (id, time, subject) = (next(), next(), next());
    let time = time.parse::<u64>().map_or_else(|_| String::new(), |seconds| show::time(seconds * 1000));
    format!("{id} {time} {}", context.shorten(subject, 50))
}
