//! `cfg.parse`: whether the configuration is read at all, whether its gateway section is valid, and whether every
//! variable that it refers to is set.

use std::collections::BTreeSet;

use super::Check;
use super::config_file::{self, ConfigFile, Content};
use super::context::Context;
use super::env_file;
use super::json_text::{Fault, Kind, Node, position};
use super::show;
use super::verdict::Verdict;

pub(super) const CHECK: Check = Check {
    id: "cfg.parse",
    title: "The configuration is read, valid, and its variables are set",
    why: "With a configuration that cannot be parsed the platform starts with adapters that do nothing, and tells nobody.",
    needs: &[],
    answer,
};

fn answer(context: &Context) -> Vec<Verdict> {
    let files = config_file::all(context);
    if files.is_empty() {
        let value = "there is no kb.config.json or kb.config.jsonc; the platform runs on defaults";
        return vec![
            Verdict::warn("kb.config.json", value)
                .fix("name the folder of the installation with --root, or restore the file from git"),
        ];
    }
    files.iter().flat_map(|file| judge(context, file)).collect()
}

fn judge(context: &Context, file: &ConfigFile) -> Vec<Verdict> {
    let content = match &file.content {
        Ok(content) => content,
        Err(why) => return vec![Verdict::fail(&file.name, format!("cannot be read: {why}"))],
    };
    let place = |fault: &Fault| {
        let at = position(&content.text, fault.at);
        format!("{}:{}:{}", file.name, at.line, at.column)
    };
    if let Some(fault) = content.document.refused.first() {
        let more = content.document.refused.len() - 1;
        let more = if more > 0 {
            format!(" (and {})", show::count(more as u64, "more fault"))
        } else {
            String::new()
        };
        let verdict = Verdict::fail(&file.name, format!("{} {}{more}", place(fault), fault.what));
        let verdict = verdict.expected("JSON that the platform can parse");
        let all = content.document.refused.iter().map(place);
        return vec![verdict.fix("mend it there, then restart the service").seen_at(all)];
    }
    let mut verdicts = Vec::new();
    for fault in content.document.doubtful.iter().chain(&unknown_types(content)) {
        let verdict = Verdict::fail(&file.name, format!("{} {}", place(fault), fault.what));
        verdicts.push(verdict.fix("mend it there, then restart the service").at(place(fault)));
    }
    verdicts.extend(unset(context, file, content));
    if verdicts.is_empty() {
        let keys = content.document.root.as_ref().map_or(0, |root| root.members().len());
        verdicts.push(Verdict::pass(&file.name, format!("read, {}", show::count(keys as u64, "section"))));
    }
    verdicts
}

/// What the gateway's own schema refuses; it parses no other section.
fn unknown_types(content: &Content) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Some(root) = &content.document.root else { return faults };
    let mut fault = |node: &Node, what: String| faults.push(Fault { at: node.at, what });
    if !matches!(root.kind, Kind::Object(_)) {
        fault(root, format!("the configuration has to be an object, not {}", root.kind_name()));
    }
    let Some(gateway) = root.get("gateway") else { return faults };
    if let Some(port) = gateway.get("port")
        && !matches!(port.kind, Kind::Number(port) if (1.0..65536.0).contains(&port) && port.fract() == 0.0)
    {
        fault(port, format!("gateway.port has to be a port, and is {}", port.kind_name()));
    }
    for upstream in gateway.get("upstreams").map_or(&[][..], Node::members) {
        let name = format!("gateway.upstreams.{}", upstream.key);
        let url = upstream.value.get("url").and_then(Node::text);
        if !url.is_some_and(|url| url.contains("://")) {
            fault(&upstream.value, format!("{name}.url has to be an address"));
        }
        if !upstream.value.get("prefix").and_then(Node::text).is_some_and(|prefix| prefix.starts_with('/')) {
            fault(&upstream.value, format!("{name}.prefix has to begin with /"));
        }
    }
    for token in gateway.get("staticTokens").map_or(&[][..], Node::members) {
        // The key is the token itself.
        for key in ["hostId", "namespaceId"] {
            if token.value.get(key).and_then(Node::text).is_none() {
                fault(&token.value, format!("an entry of gateway.staticTokens has no {key}"));
            }
        }
    }
    faults
}

/// References to variables that are set neither in the shell nor in the files that services read.
fn unset(context: &Context, file: &ConfigFile, content: &Content) -> Vec<Verdict> {
    let mut known: BTreeSet<String> = context.variables.keys().cloned().collect();
    for name in [".env", ".env.local", ".kb/secrets.env", ".kb/generated/secrets.env"] {
        let assignments = env_file::read(&context.path(name)).unwrap_or_default();
        known.extend(assignments.into_iter().map(|one| one.name));
    }
    let mut missing: Vec<(String, usize)> = Vec::new();
    if let Some(root) = &content.document.root {
        root.each_text(&mut |text, at| {
            for piece in text.split("${").skip(1) {
                let Some((name, _)) = piece.split_once('}') else { continue };
                if env_file::is_name(name) && !known.contains(name) {
                    missing.push((name.to_owned(), at));
                }
            }
        });
    }
    let place = |at: usize| {
        let at = position(&content.text, at);
        format!("{}:{}:{}", file.name, at.line, at.column)
    };
    let verdict = |(name, at): &(String, usize)| {
        Verdict::warn(&file.name, format!("{} refers to {name}, which is not set here", place(*at)))
            .expected("set in the environment of the service, or in .env")
            .fix(format!("set {name} where the service gets its variables; then restart it"))
            .at(place(*at))
    };
    missing.iter().map(verdict).collect()
}
