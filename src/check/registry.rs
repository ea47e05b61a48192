//! The registry of npm packages: where it is by the settings of npm, whether it asks for a token, and how to ask it.
//!
//! No token is ever sent: what a registry says to strangers is enough to tell that it is there.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::config_file;
use super::context::{Context, Network};
use super::http::{self, HttpError};
use super::program::{self, ProgramError};

/// Settings of npm that were found.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// Keys with their values, the strongest first.
    pairs: Vec<(String, String)>,
}

impl Settings {
    /// The settings of the installation and of the user, as npm looks for them.
    pub(super) fn of(context: &Context) -> Self {
        let mut pairs = Vec::new();
        for (name, value) in &context.variables {
            if let Some(key) = name.to_ascii_lowercase().strip_prefix("npm_config_") {
                pairs.push((key.replace('_', "-"), value.clone()));
            }
        }
        let files: Vec<PathBuf> =
            [Some(context.path(".npmrc")), context.home.as_ref().map(|home| home.join(".npmrc"))]
                .into_iter()
                .flatten()
                .collect();
        for file in files {
            for line in config_file::text(&file).unwrap_or_default().lines() {
                let line = line.trim();
                if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';'])) {
                    pairs.push((key.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
                }
            }
        }
        Self { pairs }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// The registry of a scope, such as `@acme`; that of npm itself is asked of npm.
    pub(super) fn registry(&self, context: &Context, scope: Option<&str>) -> Result<String, String> {
        let scoped = scope.and_then(|scope| self.get(&format!("{scope}:registry")));
        let told = scoped.map(str::to_owned).or_else(|| context.bases.get("registry").cloned());
        let told = told.or_else(|| self.get("registry").map(str::to_owned));
        let registry = match told {
            Some(told) => told,
            None => ask_npm(context)?,
        };
        Ok(registry.trim_end_matches('/').to_owned())
    }

    /// Every token and password.
    pub(super) fn secrets(&self) -> Vec<String> {
        let is_secret = |key: &str| ["_authToken", "_auth", "_password"].iter().any(|end| key.ends_with(end));
        self.pairs.iter().filter(|(key, _)| is_secret(key)).map(|(_, value)| value.clone()).collect()
    }

    /// Scopes that have a registry of their own.
    pub(super) fn scopes(&self) -> Vec<&str> {
        let mut scopes: Vec<&str> =
            self.pairs.iter().filter_map(|(key, _)| key.strip_suffix(":registry")).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// Whether there is a token for a registry, and whether it stands there or is taken from a variable that is set.
    pub(super) fn token(&self, context: &Context, registry: &str) -> &'static str {
        let place = registry.split_once(':').map_or(registry, |(_, rest)| rest);
        let key = |name: &str| [format!("{place}/:{name}"), format!("{place}:{name}")];
        let names = ["_authToken", "_auth"].map(key);
        let value = names.iter().flatten().find_map(|key| self.get(key));
        match value {
            None => "no token",
            Some(value) => match value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if context.variables.contains_key(name) => "a token from a variable",
                Some(_) => "a token from a variable that is not set",
                None => "a token in .npmrc",
            },
        }
    }
}

fn ask_npm(context: &Context) -> Result<String, String> {
    let limit = Duration::from_millis(1500).max(context.timeout);
    let arguments = ["config", "get", "registry", "--offline"];
    let output = program::run(context, "npm", arguments, limit).map_err(|error| error.to_string())?;
    let text = output.text();
    let told = text.trim();
    if told.starts_with("http") {
        Ok(told.to_owned())
    } else {
        Err("npm does not say where its registry is".to_owned())
    }
}

/// The status of a document and how long it took. TLS is spoken by curl, if the user allows other machines.
pub(super) fn status(context: &Context, url: &str) -> Result<(u16, Duration), String> {
    match http::get(context, url) {
        Ok(answer) => Ok((answer.status, answer.elapsed)),
        Err(HttpError::NeedsTls(_)) => match context.network {
            Network::Any => with_curl(context, url),
            Network::Local => Err("it is another machine; allow that with --online".to_owned()),
            Network::Off => Err(HttpError::Off.to_string()),
        },
        Err(error) => Err(error.to_string()),
    }
}

fn with_curl(context: &Context, url: &str) -> Result<(u16, Duration), String> {
    let seconds = format!("{:.1}", context.timeout.as_secs_f64().max(0.9));
    let arguments = [
        "--silent",
        "--show-error",
        "--disable",
        "--proto",
        "=https",
        "--max-redirs",
        "0",
        "--max-time",
        &seconds,
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--",
        url,
    ];
    let started = Instant::now();
    match program::run(context, "curl", arguments, context.timeout + Duration::from_secs(1)) {
        Ok(output) => match output.text().trim().parse() {
            Ok(status @ 100..) => Ok((status, started.elapsed())),
            _ => Err(output.complaint()),
        },
        Err(ProgramError::NotInstalled(_)) => Err("curl, which speaks TLS, is not installed".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
