//! The text of a plugin's package.json: its members, and where they stand.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::plugin::check::Plugin;
use crate::plugin::modules::join;
use crate::plugin::value::Place;
use crate::span::ByteSpan;

/// A package.json that was read.
pub(super) struct PackageText<'p> {
    plugin: &'p Plugin,
    text: Arc<str>,
    pub(super) told: Json,
}

impl<'p> PackageText<'p> {
    /// That of a plugin; `None` before its code was looked at.
    pub(super) fn of(plugin: &'p Plugin) -> Option<Self> {
        let text = Arc::clone(&plugin.usage.as_ref()?.package);
        let told = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        Some(Self { plugin, text, told })
    }

    /// The texts of an object, such as `scripts`.
    pub(super) fn texts(&self, member: &str) -> Vec<(&str, &str)> {
        let members = self.told.get(member).and_then(Json::as_object);
        members
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect()
    }

    /// Where a key of an object stands; the object itself if it is written in an unusual way.
    pub(super) fn place(&self, member: &str, key: &str) -> Place {
        let quoted = |name: &str| format!("\"{name}\"");
        let start = self.text.find(&quoted(member)).unwrap_or(0);
        let inside = self.text.get(start..).and_then(|rest| rest.find(&quoted(key))).map(|at| start + at);
        let (at, length) = match inside {
            Some(at) => (at, key.len() + 2),
            None => (start, member.len() + 2),
        };
        let span = ByteSpan { start: at as u64, end: (at + length) as u64 };
        Place { file: join(&self.plugin.package.folder, "package.json").into(), span }
    }
}
