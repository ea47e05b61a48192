//! The proof of a suggestion: the manifest with it is read and audited again.

use std::collections::{BTreeMap, BTreeSet};

use super::Block;
use super::narrow::Js;
use crate::plugin::check::Plugin;
use crate::plugin::checks;
use crate::plugin::manifest;
use crate::plugin::modules::Modules;
use crate::plugin::usage;
use crate::plugin::value::{Kind, Value};
use crate::plugin::workspace::Workspace;

/// Says why a block cannot stand in the place of what is there.
pub(super) fn verify(
    plugin: &Plugin,
    workspace: &Workspace,
    block: &Block,
    meant: &Js,
) -> Result<(), String> {
    let text = workspace.modules.text(&block.file).unwrap_or_default();
    let text = super::write::changed(&text, &[block]).ok_or("its place is not in the file")?;
    let modules = workspace.modules.with_text(&block.file, &text);
    let read = manifest::read(&plugin.package, &modules)
        .map_err(|unread| format!("the result is no manifest: {}", unread.why))?;
    // Copies of the manifest are made from it, so they are not compared with what is new.
    let mut other = Plugin::new(plugin.package.clone(), read);
    let own = other.manifest.value.get("permissions");
    let given = other.handlers.iter().filter_map(|handler| handler.entry.get("permissions"));
    let is_there = given.chain(own).any(|value| is_equal(value, meant));
    if !is_there {
        return Err("the result does not evaluate to what was meant".to_owned());
    }
    other.usage = usage::analyse(&[other.code()], &modules).into_iter().next();
    let (before, after) = (faults(plugin, workspace, None), faults(&other, workspace, Some(&modules)));
    for (rule, now) in after {
        let known = before.get(&rule).cloned().unwrap_or_default();
        // One literal may become two, and one sentence may become two; what is more in both counts is new.
        let is_more = now.places > known.places && now.sentences.len() > known.sentences.len();
        if is_more {
            let new = now.sentences.difference(&known.sentences).next().cloned().unwrap_or_default();
            return Err(format!("afterwards {rule} would say: {new}"));
        }
    }
    Ok(())
}

/// What a check has against a plugin.
#[derive(Clone, Default)]
struct Against {
    places: usize,
    sentences: BTreeSet<String>,
}

/// What the checks have against a plugin, by rule.
fn faults(plugin: &Plugin, workspace: &Workspace, modules: Option<&Modules>) -> BTreeMap<String, Against> {
    let modules = modules.unwrap_or(&workspace.modules);
    let mut faults: BTreeMap<String, Against> = BTreeMap::new();
    for finding in checks::ALL.iter().flat_map(|check| check.findings(plugin, modules, &workspace.base)) {
        let against = faults.entry(finding.rule().id.to_string()).or_default();
        against.places += 1;
        against.sentences.extend(finding.reasons().first().cloned());
    }
    faults
}

fn is_equal(value: &Value, meant: &Js) -> bool {
    match (&value.kind, meant) {
        (Kind::Null, Js::Null) => true,
        (Kind::Bool(one), Js::Bool(other)) => one == other,
        (Kind::Number(one), Js::Number(other)) => one == other,
        (Kind::Text(one), Js::Text(other)) => **one == **other,
        (Kind::List(values), Js::List(others)) => {
            values.len() == others.len() && values.iter().zip(others).all(|(one, other)| is_equal(one, other))
        }
        (Kind::Object(members), Js::Object(others)) => {
            members.len() == others.len()
                && members
                    .iter()
                    .zip(others)
                    .all(|((key, one), (name, other))| **key == **name && is_equal(one, other))
        }
        _ => false,
    }
}
