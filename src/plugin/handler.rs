//! A handler: code of a plugin that a host of the platform starts, with the permissions that it really gets there.

use std::sync::Arc;

use super::manifest::Manifest;
use super::value::{Kind, Value};

/// Who starts a handler. Each puts the permissions of plugin and handler together in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Host {
    /// The command line.
    Cli,
    /// The REST service.
    Rest,
    /// The WebSocket service.
    WebSocket,
    /// The workflow engine.
    Workflow,
    /// The receiver of webhooks.
    Webhook,
    /// The queue of jobs.
    Job,
    /// The timer.
    Cron,
    /// The set-up of a workspace.
    Setup,
}

/// A handler.
#[derive(Clone, Debug)]
pub(crate) struct Handler {
    /// Who starts it.
    pub(crate) host: Host,
    /// What it is called, such as `command policy:check`.
    pub(crate) name: String,
    /// What the manifest says of it.
    pub(crate) entry: Value,
    /// The permissions that it gets.
    pub(crate) permissions: Permissions,
}

/// What a handler is given, by section of the manifest.
#[derive(Clone, Debug)]
pub(crate) struct Permissions(pub(crate) Value);

/// Where a manifest lists handlers, and what names one there.
const PLACES: [(Host, &[&str], &str, &str); 7] = [
    (Host::Cli, &["cli", "commands"], "command", "id"),
    (Host::Rest, &["rest", "routes"], "route", "path"),
    (Host::WebSocket, &["ws", "channels"], "channel", "path"),
    (Host::Workflow, &["workflows", "handlers"], "workflow step", "id"),
    (Host::Webhook, &["webhooks", "handlers"], "webhook", "event"),
    (Host::Job, &["jobs", "handlers"], "job", "id"),
    (Host::Cron, &["cron", "schedules"], "schedule", "id"),
];

impl Host {
    /// Whether what a handler declares for itself counts at this host, and how.
    fn combine(self, plugin: Option<&Value>, own: Option<&Value>) -> Option<Value> {
        match self {
            // The route mounter reads the manifest's permissions only.
            Self::Rest => plugin.cloned(),
            Self::WebSocket => own.or(plugin).cloned(),
            Self::Job | Self::Cron => own.cloned(),
            Self::Cli | Self::Workflow | Self::Webhook | Self::Setup => match (plugin, own) {
                (Some(plugin), Some(own)) => Some(overlaid(plugin, own)),
                (plugin, own) => own.or(plugin).cloned(),
            },
        }
    }

    /// Whether permissions that a handler declares for itself are ignored.
    #[must_use]
    pub(crate) fn ignores_own(self) -> bool {
        self == Self::Rest
    }
}

/// The handlers of a manifest.
#[must_use]
pub(crate) fn handlers(manifest: &Manifest) -> Vec<Handler> {
    let plugin = manifest.value.get("permissions");
    let mut found = Vec::new();
    let mut add = |host: Host, name: String, entry: &Value| {
        let own = entry.get("permissions").filter(|own| own.is_defined());
        let empty = || Value::new(Kind::Object(Vec::new()), entry.at.clone());
        let permissions = Permissions(host.combine(plugin, own).unwrap_or_else(empty));
        found.push(Handler { host, name, entry: entry.clone(), permissions });
    };
    for (host, keys, what, key) in PLACES {
        for entry in manifest.value.path(keys).map(Value::list).unwrap_or_default() {
            let name = [key, "id", "name", "handler"].iter().find_map(|key| entry.get(key)?.text());
            add(host, format!("{what} {}", name.unwrap_or("without a name")), entry);
        }
    }
    if let Some(setup) = manifest.value.get("setup") {
        add(Host::Setup, "setup".to_owned(), setup);
    }
    found
}

/// The sections of the first, with those of the second in their stead.
fn overlaid(plugin: &Value, own: &Value) -> Value {
    let (Kind::Object(base), Kind::Object(next)) = (&plugin.kind, &own.kind) else { return own.clone() };
    let kept = base.iter().filter(|(key, _)| !next.iter().any(|(name, _)| name == key));
    let all: Vec<(Arc<str>, Value)> = kept.chain(next).cloned().collect();
    Value { kind: Kind::Object(all), ..own.clone() }
}

impl Permissions {
    /// The texts of a list such as `fs.write`; what is no text is left out.
    pub(crate) fn list(&self, section: &str, key: &str) -> impl Iterator<Item = (&str, &Value)> {
        let values = self.0.path(&[section, key]).map(Value::list).unwrap_or_default();
        values.iter().filter_map(|value| Some((value.text()?, value)))
    }
}
