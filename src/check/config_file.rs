//! The configuration of the platform: the files that may hold it, and the one that counts.

use std::path::Path;

use super::context::Context;
use super::json_text::{self, Document, Node};

/// A configuration file that is there.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// How it is named in reports.
    pub(super) name: String,
    pub(super) content: Result<Content, String>,
}

/// What stands in it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) text: String,
    pub(super) document: Document,
}

/// Where the gateway looks, in this order.
const PLACES: [&str; 4] = [".kb/kb.config.jsonc", ".kb/kb.config.json", "kb.config.jsonc", "kb.config.json"];
/// A configuration is a few kilobytes; what is larger is something else.
const MOST_BYTES: u64 = 8 << 20;

/// Every configuration file of the installation, in the order in which the platform looks.
pub(super) fn all(context: &Context) -> Vec<ConfigFile> {
    let files = PLACES.iter().map(|place| (context.path(place), (*place).to_owned()));
    files.filter(|(path, _)| path.symlink_metadata().is_ok()).map(|(path, name)| read(&path, name)).collect()
}

/// A value of the first file that has it, as the platform reads it.
pub(super) fn value(context: &Context, keys: &[&str]) -> Option<Node> {
    all(context).into_iter().find_map(|file| file.content.ok()?.document.root?.path(keys).cloned())
}

/// Why no value of the configuration is known; `None` when it can be read.
pub(super) fn problem(context: &Context) -> Option<String> {
    let files = all(context);
    if files.is_empty() {
        return Some("there is no configuration".to_owned());
    }
    let broken = files.iter().find(|file| match &file.content {
        Ok(content) => !content.document.refused.is_empty() || content.document.root.is_none(),
        Err(_) => true,
    });
    broken.map(|file| format!("{} cannot be read (kbsec check cfg.parse)", file.name))
}

fn read(path: &Path, name: String) -> ConfigFile {
    let content =
        text(path).map(|text| Content { document: json_text::parse(&text, name.ends_with(".jsonc")), text });
    ConfigFile { name, content }
}

/// The text of a small file, or why it has none.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let about = path.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no file".to_owned());
    }
    if about.len() > MOST_BYTES {
        return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
        format!("line {line} is not UTF-8")
    })
}
