//! A suggestion: the permissions that the code of a plugin needs, in place of those that it has.
//!
//! Where it is not known what the code does, the grant stays. A suggestion is read again and audited again before anybody
//! sees it: it evaluates to what was meant, and no check has more against it than before.

mod narrow;
mod verify;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::check::Plugin;
use super::handler::Handler;
use super::value::{Kind, Place, Value};
use super::workspace::{Options, Workspace};
use crate::span::Position;
pub use write::{Unwritten, Written, write};

/// What is suggested for one plugin.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// The id of the plugin.
    pub plugin: String,
    /// Blocks of permissions that can be narrower.
    pub blocks: Vec<Block>,
    /// Blocks that are left as they are, and why.
    pub refused: Vec<(String, String)>,
}

/// A block of permissions: an expression of a manifest, and what is to stand in its place.
#[derive(Clone, Debug)]
pub struct Block {
    /// The file, relative to the root.
    pub file: String,
    /// The file as the report names it.
    pub shown: PathBuf,
    /// Its bytes there.
    pub span: crate::span::ByteSpan,
    /// Where it begins and ends.
    pub places: (Position, Position),
    /// What stands there.
    pub old: String,
    /// What is to stand there.
    pub new: String,
    /// What changes, a sentence each.
    pub changes: Vec<String>,
}

/// A block that a plugin has, and the handlers that get it.
struct Found<'p> {
    value: &'p Value,
    holders: Vec<usize>,
}

/// Suggestions for all plugins below a folder, or for one.
///
/// # Errors
/// When the folder cannot be read.
pub fn suggest(options: &Options, name: Option<&str>) -> std::io::Result<Vec<Suggestion>> {
    let mut workspace = Workspace::read(options)?;
    workspace.examine_code();
    let wanted = name.and_then(|name| workspace.plugin(name)).map(Plugin::name);
    let plugins = workspace.plugins.iter().filter(|plugin| match name {
        Some(_) => Some(plugin.name()) == wanted,
        None => true,
    });
    Ok(plugins.map(|plugin| of(plugin, &workspace)).collect())
}

fn of(plugin: &Plugin, workspace: &Workspace) -> Suggestion {
    let mut suggestion =
        Suggestion { plugin: plugin.name().to_owned(), blocks: Vec::new(), refused: Vec::new() };
    for found in blocks(plugin) {
        let at = &found.value.at;
        let place = workspace.modules.position(&at.file, at.span.start);
        let shown = workspace.base.join(&*at.file);
        match block(plugin, workspace, &found) {
            Ok(Some(block)) => suggestion.blocks.push(block),
            Ok(None) => {}
            Err(why) => {
                suggestion
                    .refused
                    .push((format!("{}:{}:{}", shown.display(), place.line, place.column), why));
            }
        }
    }
    suggestion
}

/// The blocks of a manifest, each once, with the handlers that get something of it.
fn blocks(plugin: &Plugin) -> Vec<Found<'_>> {
    let own = plugin.manifest.value.get("permissions");
    let given = plugin.handlers.iter().filter_map(|handler| handler.entry.get("permissions"));
    let mut found: Vec<Found<'_>> = Vec::new();
    for value in given.chain(own).filter(|value| value.is_defined()) {
        if found.iter().any(|known| known.value.at == value.at) {
            continue;
        }
        let places: BTreeSet<_> = value.leaves().iter().map(|(_, leaf)| key(&leaf.at)).collect();
        let gets = |handler: &Handler| {
            handler.permissions.0.leaves().iter().any(|(_, leaf)| places.contains(&key(&leaf.at)))
        };
        let holders = plugin.handlers.iter().enumerate().filter(|(_, handler)| gets(handler));
        found.push(Found { value, holders: holders.map(|(number, _)| number).collect() });
    }
    found
}

fn key(place: &Place) -> (Arc<str>, u64) {
    (Arc::clone(&place.file), place.span.start)
}

/// What can stand in the place of a block; `None` if it needs all that it grants.
fn block(plugin: &Plugin, workspace: &Workspace, found: &Found<'_>) -> Result<Option<Block>, String> {
    let Some(usage) = &plugin.usage else { return Err("its code was not looked at".to_owned()) };
    // What nobody gets does no harm, and is what a new handler would get.
    if found.holders.is_empty() {
        return Ok(None);
    }
    if let Some(unknown) = found.value.unknown().first() {
        return Err(match &unknown.kind {
            Kind::Unknown(why) => format!("a part of it is not known before it runs: {why}"),
            _ => "a part of it is not known before it runs".to_owned(),
        });
    }
    if found.holders.iter().any(|number| usage.missing.contains(number)) {
        return Err("the code of a handler that gets it is not here".to_owned());
    }
    let place = &found.value.at;
    if is_shared(plugin, workspace, place) {
        return Err("it is not the plugin's alone; narrow it where it is used".to_owned());
    }
    let mut narrow = narrow::Narrow::new(plugin, usage, found.value, &found.holders);
    let Some(new) = narrow.object(found.value) else {
        return Err("it holds something that is no constant".to_owned());
    };
    if narrow.changes.is_empty() {
        return Ok(None);
    }
    let text = workspace.modules.text(&place.file).unwrap_or_default();
    let module = workspace.modules.module(&place.file);
    let span = module.and_then(|module| module.expression_at(place.span.start));
    let Some(span) = span else { return Err("its expression is not a constant of the file".to_owned()) };
    let range = usize::try_from(span.start).unwrap_or(usize::MAX)..usize::try_from(span.end).unwrap_or(0);
    let Some(old) = text.get(range) else { return Err("its place is not in the file".to_owned()) };
    let indent = indent(&text, span.start);
    let position = |offset| workspace.modules.position(&place.file, offset);
    let block = Block {
        file: place.file.to_string(),
        shown: workspace.base.join(&*place.file),
        span,
        places: (position(span.start), position(span.end)),
        old: old.to_owned(),
        new: narrow::printed(&new, &indent),
        changes: narrow.changes,
    };
    verify::verify(plugin, workspace, &block, &new)?;
    Ok(Some(block))
}

/// Whether others may use what stands at a place.
fn is_shared(plugin: &Plugin, workspace: &Workspace, place: &Place) -> bool {
    let folder = &plugin.package.folder;
    let is_own = folder.is_empty()
        || place.file.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'));
    let mut others = workspace.plugins.iter().filter(|other| other.package.folder != plugin.package.folder);
    !is_own || others.any(|other| blocks(other).iter().any(|block| block.value.at == *place))
}

/// The white space before the line of an offset.
fn indent(text: &str, offset: u64) -> String {
    let before = text.get(..usize::try_from(offset).unwrap_or(0)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.chars().take_while(|one| matches!(one, ' ' | '\t')).collect()
}

/// The files that a suggestion changes.
pub(crate) fn files(blocks: &[Block]) -> BTreeSet<Arc<str>> {
    blocks.iter().map(|block| Arc::from(block.file.as_str())).collect()
}
