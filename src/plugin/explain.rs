//! An explanation: whether a handler may do one thing, what lets it or does not, and where that is written.

use std::path::PathBuf;

use super::check::Plugin;
use super::handler::Handler;
use super::permission::engine::fs::{Access, Decision, files};
use super::permission::engine::{env, fetch, hardener, shell};
use super::value::Value;
use super::workspace::{Options, Workspace};
use crate::coverage::Coverage;
use crate::span::Position;

/// What somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// May it read this file? Relative to the workspace, or absolute; `~/` is the home of whoever runs the platform.
    Read(String),
    /// May it write it?
    Write(String),
    /// May it send a request to this URL?
    Fetch(String),
    /// May it read this environment variable?
    Env(String),
    /// May it run this command with these arguments?
    Run(String, Vec<String>),
}

/// The same answer for some handlers of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The id of the plugin.
    pub plugin: String,
    /// Its handlers, such as `command qa:run`.
    pub handlers: Vec<String>,
    /// Whether the platform lets them.
    pub is_allowed: bool,
    /// Why, as a sentence without a full stop.
    pub why: String,
    /// Where the grant is written, if there is one.
    pub place: Option<(PathBuf, Position)>,
    /// How the grant came there, the first step first.
    pub origin: Vec<String>,
}

/// All answers.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By plugin, those that are allowed first.
    pub answers: Vec<Answer>,
    /// The ids of all plugins that were asked about.
    pub plugins: Vec<String>,
}

/// What a handler is told.
struct Told<'v> {
    is_allowed: bool,
    why: String,
    grant: Option<&'v Value>,
}

/// A home that nothing grants by itself.
const HOME: &str = "/home/someone/";

/// Something that the manifest grants, and the handlers that get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The key in the manifest, such as `fs.write` or `platform.llm`.
    pub key: String,
    /// The pattern or value, as it is written.
    pub value: String,
    /// Its handlers.
    pub handlers: Vec<String>,
    /// Where it is written.
    pub place: (PathBuf, Position),
    /// How it came there, the first step first.
    pub origin: Vec<String>,
}

/// The plugins of a folder, read once for all that is asked about them.
pub struct Plugins(Workspace);

impl Plugins {
    /// Reads every plugin below the folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn read(options: &Options) -> std::io::Result<Self> {
        Workspace::read(options).map(Self)
    }

    /// Their ids.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.0.plugins.iter().map(|plugin| plugin.name().to_owned()).collect()
    }

    /// What was read, and what could not be.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.0.coverage
    }

    /// Asks the handlers of one plugin, named by id, package or folder, or of all. A plugin that is not there leaves
    /// `plugins` empty.
    #[must_use]
    pub fn explain(&self, plugin: Option<&str>, question: &Question) -> Outcome {
        let asked: Vec<&Plugin> = match plugin {
            Some(name) => self.0.plugin(name).into_iter().collect(),
            None => self.0.plugins.iter().collect(),
        };
        let mut outcome = Outcome::default();
        for plugin in asked {
            outcome.plugins.push(plugin.name().to_owned());
            let mut answers = answers(plugin, question, &self.0);
            answers.sort_by_key(|answer| !answer.is_allowed);
            outcome.answers.append(&mut answers);
        }
        outcome
    }

    /// Everything that one plugin is granted, by key; `None` if there is no such plugin. The second is how many handlers
    /// it has.
    #[must_use]
    pub fn grants(&self, plugin: &str) -> Option<(Vec<Grant>, usize)> {
        let plugin = self.0.plugin(plugin)?;
        let mut grants: Vec<Grant> = Vec::new();
        for handler in &plugin.handlers {
            for (key, leaf) in handler.permissions.0.leaves() {
                let (place, origin) = written(leaf, &self.0);
                let value = leaf.shown();
                let same = |one: &&mut Grant| (&one.key, &one.value, &one.place) == (&key, &value, &place);
                match grants.iter_mut().find(same) {
                    Some(known) => known.handlers.push(handler.name.clone()),
                    None => {
                        grants.push(Grant {
                            key,
                            value,
                            handlers: vec![handler.name.clone()],
                            place,
                            origin,
                        });
                    }
                }
            }
        }
        grants.sort_by(|one, other| one.key.cmp(&other.key));
        Some((grants, plugin.handlers.len()))
    }
}

/// Where a value is written, and how it came to its place, the first step first.
fn written(value: &Value, workspace: &Workspace) -> ((PathBuf, Position), Vec<String>) {
    let at = workspace.modules.position(&value.at.file, value.at.span.start);
    let mut origin: Vec<String> = value.steps().map(|step| step.what.to_string()).collect();
    origin.reverse();
    ((workspace.base.join(&*value.at.file), at), origin)
}

fn answers(plugin: &Plugin, question: &Question, workspace: &Workspace) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    for handler in &plugin.handlers {
        let told = answer(handler, question);
        let (place, origin) = told.grant.map(|grant| written(grant, workspace)).unzip();
        let answer = Answer {
            plugin: plugin.name().to_owned(),
            handlers: vec![handler.name.clone()],
            is_allowed: told.is_allowed,
            why: told.why,
            place,
            origin: origin.unwrap_or_default(),
        };
        let same = |other: &&mut Answer| (&other.why, &other.place) == (&answer.why, &answer.place);
        match answers.iter_mut().find(same) {
            Some(known) => known.handlers.extend(answer.handlers),
            None => answers.push(answer),
        }
    }
    answers
}

fn answer<'h>(handler: &'h Handler, question: &Question) -> Told<'h> {
    match question {
        Question::Read(path) => file(handler, Access::Read, path),
        Question::Write(path) => file(handler, Access::Write, path),
        Question::Fetch(url) => request(handler, url),
        Question::Env(name) => variable(handler, name),
        Question::Run(command, arguments) => run(handler, command, arguments),
    }
}

/// What is granted, of a list of the manifest.
fn granted<'h>(handler: &'h Handler, (section, key): (&str, &str), pattern: &str) -> Option<&'h Value> {
    handler.permissions.list(section, key).find(|(text, _)| *text == pattern).map(|(_, value)| value)
}

fn refused<'h>(why: impl Into<String>) -> Told<'h> {
    Told { is_allowed: false, why: why.into(), grant: None }
}

fn allowed<'h>(why: impl Into<String>, grant: Option<&'h Value>) -> Told<'h> {
    Told { is_allowed: true, why: why.into(), grant }
}

fn file<'h>(handler: &'h Handler, access: Access, path: &str) -> Told<'h> {
    let key = if access == Access::Read { "read" } else { "write" };
    let patterns: Vec<&str> = handler.permissions.list("fs", key).map(|(text, _)| text).collect();
    let Ok(files) = files() else { return refused("this cannot be decided") };
    let at_home = path.strip_prefix("~/").map(|rest| format!("{HOME}{rest}"));
    let path = at_home.as_deref().unwrap_or(path);
    match files.decide(access, &patterns, path) {
        Decision::Granted(pattern) => {
            allowed(format!("fs.{key} has `{pattern}`"), granted(handler, ("fs", key), pattern))
        }
        Decision::Always if access == Access::Read => {
            allowed("every plugin may read what is in the folder of the workspace", None)
        }
        Decision::Always => allowed("every plugin may write its output folder", None),
        Decision::Denied(text) => {
            refused(format!("the platform denies everybody paths with `{text}`, whatever is declared"))
        }
        Decision::Unlisted => refused(format!("nothing in fs.{key} matches")),
    }
}

fn request<'h>(handler: &'h Handler, url: &str) -> Told<'h> {
    let patterns = || handler.permissions.list("network", "fetch");
    if let Some((pattern, value)) = patterns().find(|(pattern, _)| fetch::matches(pattern, url)) {
        return allowed(format!("network.fetch has `{pattern}`"), Some(value));
    }
    match patterns().find(|(pattern, _)| hardener::matches(pattern, url)) {
        Some((pattern, _)) => refused(format!(
            "`{pattern}` does not match for ctx.runtime.fetch; the global fetch of a hardened subprocess would pass"
        )),
        None => refused("nothing in network.fetch matches"),
    }
}

fn variable<'h>(handler: &'h Handler, name: &str) -> Told<'h> {
    let mut patterns = handler.permissions.list("env", "read");
    match patterns.find(|(pattern, _)| env::matches(pattern, name)) {
        Some((pattern, value)) => allowed(format!("env.read has `{pattern}`"), Some(value)),
        None if env::ALWAYS.contains(&name) => allowed("every plugin may read it", None),
        None => match handler.permissions.list("shell", "allow").next() {
            Some((command, value)) => allowed(
                format!("shell.allow has `{command}`, and commands get the whole environment"),
                Some(value),
            ),
            None => refused("nothing in env.read matches"),
        },
    }
}

fn run<'h>(handler: &'h Handler, command: &str, arguments: &[String]) -> Told<'h> {
    let patterns: Vec<&str> = handler.permissions.list("shell", "allow").map(|(text, _)| text).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match shell::decide(&patterns, command, &arguments) {
        shell::Decision::Granted(pattern) => allowed(
            format!("shell.allow has `{pattern}`, with any arguments"),
            granted(handler, ("shell", "allow"), pattern),
        ),
        shell::Decision::Blocked(text) => refused(format!("the platform blocks lines with `{text}`")),
        shell::Decision::Unlisted if patterns.is_empty() => refused("shell.allow is empty"),
        shell::Decision::Unlisted => refused("nothing in shell.allow is that command"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::sample;

    fn ask(permissions: &str, question: Question) -> Vec<(bool, String, Option<u64>)> {
        let folder = sample::folder(&format!("permissions: {{ {permissions} }}"));
        let options = Options { root: folder.path().to_owned(), base: PathBuf::new() };
        let outcome = Plugins::read(&options).unwrap().explain(Some("@acme/sample"), &question);
        assert_eq!(outcome.plugins, ["@acme/sample"]);
        let answers = outcome.answers.into_iter();
        answers.map(|answer| (answer.is_allowed, answer.why, answer.place.map(|(_, at)| at.line))).collect()
    }

    #[test]
    fn a_grant_is_named_with_its_place() {
        let write = |path: &str| ask("fs: { write: ['docs/**', '**'] }", Question::Write(path.into()));
        assert_eq!(write("docs/a.md"), [(true, "fs.write has `docs/**`".into(), Some(4))]);
        assert_eq!(write("~/.bashrc"), [(true, "fs.write has `**`".into(), Some(4))]);
        assert!(!write(".git/config")[0].0);
        let read = |path: &str| ask("", Question::Read(path.into()));
        assert!(read("package.json")[0].0 && !read("/home/x")[0].0 && !read(".env")[0].0);
    }

    #[test]
    fn other_questions() {
        let one = |permissions: &str, question| ask(permissions, question).remove(0);
        let url = "https://api.vendor.io/v1";
        assert!(one("network: { fetch: ['https://api.vendor.io/*'] }", Question::Fetch(url.into())).0);
        let bare = one("network: { fetch: ['api.vendor.io'] }", Question::Fetch(url.into()));
        assert!(!bare.0 && bare.1.contains("hardened subprocess"), "{bare:?}");
        assert!(one("env: { read: ['KB_*'] }", Question::Env("KB_TOKEN".into())).0);
        assert!(!one("env: { read: ['KB_*'] }", Question::Env("TOKEN".into())).0);
        assert!(one("shell: { allow: ['git'] }", Question::Env("TOKEN".into())).0);
        assert!(one("shell: { allow: ['git'] }", Question::Run("git".into(), vec!["log".into()])).0);
        assert!(!one("shell: { allow: ['git log'] }", Question::Run("git".into(), vec!["log".into()])).0);
    }

    #[test]
    fn who_is_not_there_is_not_asked() {
        let folder = sample::folder("permissions: {}");
        let options = Options { root: folder.path().to_owned(), base: PathBuf::new() };
        let plugins = Plugins::read(&options).unwrap();
        let outcome = plugins.explain(Some("@acme/other"), &Question::Env("A".into()));
        assert!(outcome.plugins.is_empty() && outcome.answers.is_empty());
        assert_eq!(plugins.ids(), ["@acme/sample"]);
    }
}
