//! Uses put together for people: one fault for all uses of a kind, with the places, the programs or hosts, and the way to
//! the first.

use std::collections::BTreeSet;

use crate::finding::Confidence;
use crate::plugin::check::{Fault, Plugin};
use crate::plugin::usage::grant::Grants;
use crate::plugin::usage::{Act, Shape, Used, Way};

/// Things that are named before the rest is counted.
const NAMED: usize = 4;

/// Places that are shown of one fault.
const PLACES: usize = 50;

/// The grants of all plugins, so that the language of each is made once.
pub(super) fn grants() -> &'static Grants {
    static GRANTS: std::sync::LazyLock<Grants> = std::sync::LazyLock::new(Grants::default);
    &GRANTS
}

/// The verb of an act.
pub(super) fn verb(act: Act) -> &'static str {
    match act {
        Act::Read => "reads",
        Act::Write => "writes",
        Act::Fetch => "connects to",
        Act::Listen => "waits for connections with",
        Act::Env => "reads the variables",
        Act::Run => "runs",
        Act::Service => "uses",
        Act::Invoke => "calls the plugin",
        Act::Code => "runs text as code:",
        Act::Patch => "replaces",
        Act::Decode => "decodes",
        Act::Disguise => "has the name",
    }
}

/// What uses are about: constant texts as they are, others with what is known of them.
pub(super) fn objects(uses: &[&Used]) -> String {
    let mut texts: BTreeSet<String> = BTreeSet::new();
    let mut is_open = false;
    for used in uses {
        for shape in &used.of.shapes {
            if shape.is_open() || (used.of.act == Act::Fetch && shape.beginning().is_empty()) {
                is_open = true;
            } else {
                texts.insert(short(&shown(used.of.act, shape)));
            }
        }
    }
    let rest = texts.len().saturating_sub(NAMED);
    let mut named: Vec<String> = texts.iter().take(NAMED).map(|text| format!("`{text}`")).collect();
    if rest > 0 {
        named.push(format!("{rest} more"));
    }
    if is_open {
        named.push(if named.is_empty() { "what is not known before it runs" } else { "others" }.to_owned());
    }
    joined(&named)
}

/// A shape for people: of a URL the host, of a folder its name.
fn shown(act: Act, shape: &Shape) -> String {
    let text = shape.shown();
    match (act, text.split_once("://")) {
        (Act::Fetch, Some((scheme, rest))) => {
            format!("{scheme}://{}", rest.split(['/', '?', '#']).next().unwrap_or(rest))
        }
        (Act::Write, _) => text.strip_suffix("/…").unwrap_or(&text).to_owned(),
        _ => text,
    }
}

/// The interfaces that uses go through.
pub(super) fn names(uses: &[&Used]) -> String {
    let texts: BTreeSet<&str> = uses.iter().map(|used| used.of.name.as_str()).collect();
    let rest = texts.len().saturating_sub(NAMED);
    let mut named: Vec<String> = texts.iter().take(NAMED).map(|text| format!("`{text}`")).collect();
    if rest > 0 {
        named.push(format!("{rest} more"));
    }
    joined(&named)
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// A text that fits into a line.
fn short(text: &str) -> String {
    let line: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// A fault about several uses: at the first of them, with the others and with the handlers.
pub(super) fn fault(plugin: &Plugin, uses: &[&Used], what: String) -> Option<Fault> {
    // The place that a report names first.
    let first = uses.iter().min_by_key(|used| (&used.at.file, used.at.span.start))?;
    let mut fault = Fault::at(first.at.clone(), what);
    if first.chain.len() > 1 {
        fault = fault.why(format!("reached by {}", way(first)));
    }
    let mut others: Vec<&&Used> = uses.iter().filter(|used| used.at != first.at).collect();
    others.sort_by_key(|used| (&used.at.file, used.at.span.start));
    others.dedup_by_key(|used| used.at.clone());
    if !others.is_empty() {
        fault = fault.why(format!("{} places", others.len() + 1));
    }
    fault.more = others.iter().take(PLACES).map(|used| used.at.clone()).collect();
    let handlers: BTreeSet<usize> = uses.iter().flat_map(|used| used.handlers.iter().copied()).collect();
    let mut names =
        handlers.iter().filter_map(|number| plugin.handlers.get(*number)).map(|it| it.name.clone());
    fault.handler = names.next();
    fault.others = names.collect();
    if uses.iter().all(|used| !used.of.is_sure) {
        fault = fault.confidence(Confidence::Medium);
    }
    Some(fault)
}

/// The files from a handler to a use, those in the middle counted.
fn way(used: &Used) -> String {
    match used.chain.as_slice() {
        [] => String::new(),
        [only] => only.to_string(),
        [first, last] => format!("{first}, then {last}"),
        [first, between @ .., last] => format!("{first}, then {} more, then {last}", between.len()),
    }
}

/// Whether the platform controls a way.
pub(super) fn is_controlled(way: Way) -> bool {
    way == Way::Platform
}

/// Who would stop a use that goes around the platform.
pub(super) fn barrier(uses: &[&Used]) -> &'static str {
    let has = |name: &str| uses.iter().any(|used| used.of.name.starts_with(name));
    if uses.iter().any(|used| used.of.way == Way::Inside) {
        "no execution mode stops it: these are the platform's services without their guard"
    } else if has("process.env") {
        "only a subprocess filters `process.env`; in-process and worker-pool hand out all of it"
    } else if has("fetch") {
        "only a subprocess in mode `enforce` stops it; in-process and worker-pool do not"
    } else {
        "no execution mode stops an `import` of it; only a subprocess stops `require`"
    }
}
