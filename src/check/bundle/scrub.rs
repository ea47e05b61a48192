//! The scrubber: takes out of a text what the scanner finds, what is sensitive by its place, and every value that the
//! installation itself is known to keep secret, in the forms in which texts carry it.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::Engine as _;

use crate::check::config_file;
use crate::check::context::Context;
use crate::check::json_text::{Kind, Node};
use crate::check::registry::Settings;
use crate::check::{env_file, metrics, sensitive};

/// Knows what must not be in a bundle.
pub(super) struct Scrubber<'c> {
    context: &'c Context,
    /// Finds known values; `None` if there are none.
    known: Option<AhoCorasick>,
}

const MARK: &str = "[redacted]";
/// Shorter values occur in texts by chance, and would tear them apart.
const SHORTEST: usize = 6;
/// Files of variables whose values are secrets where their names say so.
const FILES: [&str; 5] =
    [".env", ".env.local", ".env.production", ".kb/secrets.env", ".kb/generated/secrets.env"];

impl<'c> Scrubber<'c> {
    pub(super) fn new(context: &'c Context) -> Self {
        let mut values = BTreeSet::new();
        for (name, value) in &context.variables {
            if sensitive::is_sensitive(name) {
                values.insert(value.clone());
            }
        }
        for file in FILES {
            for one in env_file::read(&context.path(file)).unwrap_or_default() {
                if sensitive::is_sensitive(&one.name) {
                    values.insert(String::from_utf8_lossy(one.value.expose()).into_owned());
                }
            }
        }
        for file in config_file::all(context) {
            if let Some(root) = file.content.ok().and_then(|content| content.document.root) {
                from_config(&root, false, &mut values);
            }
        }
        values.extend(Settings::of(context).secrets());
        values.retain(|value| value.len() >= SHORTEST && !value.starts_with("${"));
        let forms: Vec<String> = values.iter().flat_map(|value| forms(value)).collect();
        let known = AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(&forms);
        Self { context, known: known.ok().filter(|_| !forms.is_empty()) }
    }

    /// The text without secrets, and how many values were taken out.
    pub(super) fn scrub(&self, text: &str) -> (String, u64) {
        let before = text.matches(MARK).count();
        let known = self.known.as_ref().map_or_else(
            || text.to_owned(),
            |known| {
                let mut out = String::new();
                known.replace_all_with(text, &mut out, |_, _, out| {
                    out.push_str(MARK);
                    true
                });
                out
            },
        );
        let clean = self.context.redact(&known);
        let taken = clean.matches(MARK).count().saturating_sub(before);
        (clean, taken as u64)
    }

    /// Whether anything is left that should not be there.
    pub(super) fn still_finds(&self, bytes: &[u8]) -> bool {
        let is_known = self.known.as_ref().is_some_and(|known| known.is_match(bytes));
        is_known || !self.context.detector.detect(bytes).is_empty()
    }
}

/// The values of sensitive keys, and the keys of `staticTokens`, which are tokens themselves.
fn from_config(node: &Node, is_token: bool, values: &mut BTreeSet<String>) {
    match &node.kind {
        Kind::Object(members) => {
            for member in members {
                if is_token {
                    values.insert(member.key.clone());
                }
                if let (true, Some(text)) = (sensitive::is_sensitive(&member.key), member.value.text()) {
                    values.insert(text.to_owned());
                }
                from_config(&member.value, member.key == "staticTokens", values);
            }
        }
        Kind::List(nodes) => nodes.iter().for_each(|node| from_config(node, false, values)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
}

/// A value as it is, as JSON has it, in an address, and in base64.
fn forms(value: &str) -> BTreeSet<String> {
    let quoted = serde_json::Value::from(value).to_string();
    let in_json = quoted.trim_matches('"').to_owned();
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(value);
    let for_urls = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value);
    let hexadecimal: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    [value.to_owned(), in_json, metrics::escape(value), base64, for_urls, hexadecimal].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::context;

    #[test]
    fn known_values_go_in_every_form_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), "DB_PASSWORD=sword fish/9\nPORT=40001234\n").unwrap();
        let config = r#"{"gateway": {"staticTokens": {"studio-key-7": {"hostId": "h"}}}, "x": {"apiKey": "plainkey7"}}"#;
        std::fs::write(folder.path().join("kb.config.json"), config).unwrap();
        let context = context(folder.path());
        let scrubber = Scrubber::new(&context);
        let base64 = base64::engine::general_purpose::STANDARD.encode("sword fish/9");
        let text =
            format!("a sword fish/9 b sword%20fish%2F9 c {base64} d studio-key-7 e plainkey7 f 40001234");
        let (clean, taken) = scrubber.scrub(&text);
        assert!(
            !clean.contains("sword") && !clean.contains("plainkey7") && !clean.contains("studio"),
            "{clean}"
        );
        assert!(clean.ends_with("f 40001234") && taken == 5, "{taken} {clean}");
        assert!(scrubber.still_finds(text.as_bytes()) && !scrubber.still_finds(clean.as_bytes()));
    }
}
